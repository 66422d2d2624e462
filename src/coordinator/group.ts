/**
 * What the coordinator has to know of a group, whatever protocol its members speak. Each protocol has a file of its own:
 * `classic-group.ts`, and others beside it.
 */
import type { BrokerConfig } from "../config/tables.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Moment } from "./effects.ts";
import type { CommittedOffset } from "./group-fold.ts";

/** Kafka's names, as ListGroups answers them. */
export type GroupType = "classic" | "consumer";

/** What all groups of a coordinator share. */
export interface GroupContext {
  readonly deadlines: Deadlines;
  /** The broker's settings as they are now. */
  readonly settings: () => BrokerConfig;
  /** A new id that nobody can guess, in the form of a UUID. */
  readonly newId: () => string;
}

/** Who commits offsets. */
export interface Committer {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** Generation, or member epoch of a consumer group; -1 for whoever is no member. */
  readonly generation: number;
}

export interface Group {
  readonly groupId: string;
  readonly type: GroupType;
  /** Kafka's name of the state it is in. */
  readonly state: string;
  /** "consumer", "connect", …; "" for a group that only ever committed offsets. */
  readonly protocolType: string;
  /** No members, and nobody about to join. */
  readonly isIdle: boolean;
  /** No members. */
  readonly isEmpty: boolean;
  commitProblem(by: Committer): ErrorCode;
  offsetDeleteProblem(): ErrorCode;
  isSubscribedTo(topicName: string): boolean;
  /** Since when (wall clock) nobody needs the offset of a topic that the group is not subscribed to; undefined: somebody may. */
  unusedSince(committed: CommittedOffset): number | undefined;
  /** A commit shows that the member is alive. */
  heardFrom(memberId: string, now: Moment): void;
  /** The group is gone: lets go of its deadlines. */
  close(): void;
}
