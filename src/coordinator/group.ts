/**
 * What the coordinator has to know of a group, whatever protocol its members speak. Each protocol has a file of its own:
 * `classic-group.ts`, and others beside it.
 */
import type { ErrorCode } from "../protocol/errors.ts";
import type { State } from "../state/state.ts";
import type { JoinRequest, MemberClaim, SyncRequest } from "./classic-group.ts";
import type { JoinReply, SyncReply } from "./classic-member.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Caller, Effects, Moment } from "./effects.ts";
import type { CommittedOffset } from "./group-fold.ts";

/** Kafka's names, as ListGroups answers them. */
export type GroupType = "classic" | "consumer";

/** What all groups of a coordinator share. */
export interface GroupContext {
  readonly deadlines: Deadlines;
  /** Read only. */
  readonly state: State;
  /** A new id that nobody can guess, in the form of a UUID. */
  readonly newId: () => string;
  /** Whether a consumer group may become a classic one of so many members (KIP-848, online downgrade). */
  readonly mayBecomeClassic: (members: number) => boolean;
  /** The group of this name is this one from now on. The other has let go of its deadlines. */
  readonly replace: (group: Group) => void;
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
  join(request: JoinRequest, caller: Caller<JoinReply>, now: Moment, effects: Effects): void;
  sync(request: SyncRequest, caller: Caller<SyncReply>, now: Moment, effects: Effects): void;
  heartbeat(claim: MemberClaim & { readonly generation: number }, now: Moment): ErrorCode;
  /** Takes members out. Answers an error code for each. */
  leave(claims: readonly MemberClaim[], now: Moment, effects: Effects): ErrorCode[];
  commitProblem(by: Committer, version: number): ErrorCode;
  fetchProblem(memberId: string | null, memberEpoch: number): ErrorCode;
  offsetDeleteProblem(): ErrorCode;
  isSubscribedTo(topicName: string): boolean;
  /** Since when (wall clock) nobody needs the offset of a topic that the group is not subscribed to; undefined: somebody may. */
  unusedSince(committed: CommittedOffset): number | undefined;
  /** A commit shows that the member is alive. */
  heardFrom(memberId: string, now: Moment): void;
  /** The group is gone: lets go of its deadlines. */
  close(): void;
}
