/** A member of a classic group: what it said of itself, and which request of it waits. */
import type { MessageInput } from "../protocol/codec/message.ts";
import type { joinGroupResponse } from "../protocol/schema/11-join-group.ts";
import type { syncGroupResponse } from "../protocol/schema/14-sync-group.ts";
import type { Deadline } from "./deadlines.ts";
import type { Caller } from "./effects.ts";

export type JoinReply = MessageInput<typeof joinGroupResponse>;
export type SyncReply = MessageInput<typeof syncGroupResponse>;

/** An assignor that a member offers, with what it tells the others about itself. Its bytes are the member's own. */
export interface Protocol {
  readonly name: string;
  readonly metadata: Buffer;
}

/** What a member tells of itself when it joins. */
export interface MemberFields {
  readonly memberId: string;
  /** Set for a static member (KIP-345). */
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** In order of preference. */
  readonly protocols: readonly Protocol[];
  readonly assignment: Buffer;
}

export class ClassicMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: readonly Protocol[];
  assignment: Buffer;
  /** A JoinGroup that waits for the others. */
  join: Caller<JoinReply> | undefined;
  /** A SyncGroup that waits for the leader. */
  sync: Caller<SyncReply> | undefined;
  /** It has not seen a generation begin yet, so it does not know its id for sure and sends no heartbeats. */
  isNew = false;
  readonly session: Deadline;

  constructor(fields: MemberFields, session: Deadline) {
    this.memberId = fields.memberId;
    this.instanceId = fields.instanceId;
    this.clientId = fields.clientId;
    this.clientHost = fields.clientHost;
    this.sessionTimeoutMs = fields.sessionTimeoutMs;
    this.rebalanceTimeoutMs = fields.rebalanceTimeoutMs;
    this.protocols = fields.protocols;
    this.assignment = fields.assignment;
    this.session = session;
  }

  supports(protocol: string): boolean {
    return this.protocols.some(({ name }) => name === protocol);
  }

  metadata(protocol: string | null): Buffer | undefined {
    return this.protocols.find(({ name }) => name === protocol)?.metadata;
  }

  /** Whether it offered the very same before. */
  offers(protocols: readonly Protocol[]): boolean {
    if (protocols.length !== this.protocols.length) return false;
    return protocols.every(({ name, metadata }, index) => {
      const own = this.protocols[index]!;
      return own.name === name && own.metadata.equals(metadata);
    });
  }
}
