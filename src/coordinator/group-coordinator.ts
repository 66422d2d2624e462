/**
 * All groups of a broker: finds the group of a request, has it decide, and looks after offsets.
 *
 * Nothing here waits, does I/O, or knows a clock: the time comes in with each call, records and answers go out in
 * `Effects`, and deadlines are kept in `deadlines` until somebody says what time it is (`expire`). Whoever calls appends
 * the records at once and before anything else is decided: the fold is always that of all decisions so far.
 */
import type { Uuid } from "../base/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { State } from "../state/state.ts";
import { ClassicGroup, type JoinRequest, type MemberClaim, type SyncRequest } from "./classic-group.ts";
import type { JoinReply, SyncReply } from "./classic-member.ts";
import { ConsumerGroup } from "./consumer-group.ts";
import {
  type ConsumerHeartbeat,
  type ConsumerReply,
  heartbeatProblem,
  isLeaving,
  noConsumerGroup,
  noGroup,
  notOfConsumers,
  type Refusal,
} from "./consumer-heartbeat.ts";
import { JOIN_EPOCH } from "./consumer-member.ts";
import { Deadlines } from "./deadlines.ts";
import type { Caller, Effects, Moment } from "./effects.ts";
import type { Committer, Group, GroupContext } from "./group.ts";
import type { CommittedOffset, GroupFold, Offsets, StoredGroup } from "./group-fold.ts";

/** An offset to commit, as it is stored. */
export type OffsetToCommit = Pick<CommittedOffset, "offset" | "leaderEpoch" | "metadata"> & {
  readonly partition: number;
};

export interface CommitRequest {
  readonly version: number;
  readonly groupId: string;
  readonly committer: Committer;
  /** How long to keep the offsets, from versions that could say; -1: as long as the broker's settings say. */
  readonly retentionMs: number;
  readonly topics: readonly { readonly topicId: Uuid; readonly partitions: readonly OffsetToCommit[] }[];
}

export interface TopicToForget {
  readonly topicId: Uuid;
  readonly name: string;
  readonly partitions: readonly number[];
}

/** From here on a commit can be told that there is no such group. */
const GROUP_NOT_FOUND_SINCE = 9;
const MS_PER_MINUTE = 60_000;
const NO_OFFSETS: Offsets = new Map();

export class GroupCoordinator {
  readonly #state: State;
  readonly #fold: GroupFold;
  readonly #context: GroupContext;
  readonly #deadlines = new Deadlines();
  readonly #groups = new Map<string, Group>();

  /** `state` is read only. `newId` gives an id that nobody can guess, in the form of a UUID. */
  constructor(options: { readonly state: State; readonly fold: GroupFold; readonly newId: () => string }) {
    this.#state = options.state;
    this.#fold = options.fold;
    this.#context = {
      deadlines: this.#deadlines,
      state: options.state,
      newId: options.newId,
      mayBecomeClassic: (members) => this.#may("DOWNGRADE") && members <= options.state.broker["group.max.size"],
      replace: (group) => void this.#groups.set(group.groupId, group),
    };
  }

  /** Takes up the groups that the log knows. Call it once, before anything else. */
  restore(now: Moment, effects: Effects): void {
    for (const stored of this.#fold.groups()) {
      if (stored.consumer !== undefined) {
        this.#groups.set(stored.groupId, ConsumerGroup.restore(stored, this.#context, now));
        continue;
      }
      const group = ClassicGroup.restore(stored, this.#context, now);
      this.#groups.set(stored.groupId, group);
      group.checkSize(now, effects);
    }
  }

  /** When `expire` has something to do; undefined: not before the next request. */
  get nextDeadlineMs(): number | undefined {
    return this.#deadlines.nextMs;
  }

  /** Does what is due. Requests that have arrived until now should have been handled before. */
  expire(now: Moment, effects: Effects): void {
    for (let due = this.#deadlines.takeDue(now.nowMs); due !== undefined; due = this.#deadlines.takeDue(now.nowMs)) {
      due.reached(now, effects);
    }
  }

  newMemberId(): string {
    return this.#context.newId();
  }

  group(groupId: string): Group | undefined {
    return this.#groups.get(groupId);
  }

  classicGroup(groupId: string): ClassicGroup | undefined {
    const group = this.#groups.get(groupId);
    return group instanceof ClassicGroup ? group : undefined;
  }

  consumerGroup(groupId: string): ConsumerGroup | undefined {
    const group = this.#groups.get(groupId);
    return group instanceof ConsumerGroup ? group : undefined;
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  /** In order of creation. */
  groups(): IterableIterator<Group> {
    return this.#groups.values();
  }

  join(request: JoinRequest, caller: Caller<JoinReply>, now: Moment, effects: Effects): void {
    const refuse = (errorCode: ErrorCode): void => effects.answer(caller, { errorCode, memberId: request.memberId });
    if (request.groupId === "") return refuse(ErrorCode.INVALID_GROUP_ID);
    const settings = this.#state.broker;
    const { sessionTimeoutMs } = request;
    if (
      sessionTimeoutMs < settings["group.min.session.timeout.ms"] ||
      sessionTimeoutMs > settings["group.max.session.timeout.ms"]
    ) {
      return refuse(ErrorCode.INVALID_SESSION_TIMEOUT);
    }
    const present = this.#groups.get(request.groupId);
    if (present !== undefined && (present.type === "classic" || !present.isEmpty)) {
      return present.join(request, caller, now, effects);
    }
    if (request.memberId !== "") return refuse(ErrorCode.UNKNOWN_MEMBER_ID);
    const group = new ClassicGroup(request.groupId, this.#context, now);
    this.#groups.set(group.groupId, group);
    effects.append(group.stored());
    group.join(request, caller, now, effects);
  }

  /** The one request of the consumer protocol (KIP-848). */
  consumerHeartbeat(request: ConsumerHeartbeat, now: Moment, effects: Effects): ConsumerReply {
    const settings = this.#state.broker;
    if (!settings["group.coordinator.rebalance.protocols"].includes("consumer")) {
      return { errorCode: ErrorCode.UNSUPPORTED_VERSION };
    }
    const problem = heartbeatProblem(request, settings["group.consumer.assignors"]);
    if (problem !== undefined) return problem;
    const group = this.#groups.get(request.groupId);
    if (isLeaving(request)) {
      if (group instanceof ConsumerGroup) return group.consumerLeave(request, now, effects);
      return group === undefined ? noGroup(request.groupId) : notOfConsumers(request.groupId);
    }
    if (group instanceof ConsumerGroup) return group.consumerHeartbeat(request, now, effects);
    if (request.memberEpoch !== JOIN_EPOCH) {
      return group === undefined ? noConsumerGroup(request.groupId) : notOfConsumers(request.groupId);
    }
    const made = this.#newConsumerGroup(request.groupId, group, now, effects);
    return made instanceof ConsumerGroup ? made.consumerHeartbeat(request, now, effects) : made;
  }

  sync(request: SyncRequest, caller: Caller<SyncReply>, now: Moment, effects: Effects): void {
    const group = this.#withMembers(request.groupId);
    if (typeof group === "number") return effects.answer(caller, { errorCode: group });
    group.sync(request, caller, now, effects);
  }

  heartbeat(groupId: string, claim: MemberClaim & { readonly generation: number }, now: Moment): ErrorCode {
    const group = this.#withMembers(groupId);
    return typeof group === "number" ? group : group.heartbeat(claim, now);
  }

  /** Answers an error code for each member, or one for all. */
  leave(groupId: string, claims: readonly MemberClaim[], now: Moment, effects: Effects): ErrorCode[] | ErrorCode {
    if (groupId === "") return ErrorCode.INVALID_GROUP_ID;
    const group = this.#groups.get(groupId);
    if (group === undefined) return claims.map(() => ErrorCode.UNKNOWN_MEMBER_ID);
    return group.leave(claims, now, effects);
  }

  /** All offsets of a group, none for one that there is not. */
  offsets(groupId: string): Offsets {
    return this.#fold.group(groupId)?.offsets ?? NO_OFFSETS;
  }

  /** Whether somebody who says to be this member may read the group's offsets. Anybody may who is none: null, -1. */
  fetchProblem(groupId: string, memberId: string | null, memberEpoch: number): ErrorCode {
    return this.#groups.get(groupId)?.fetchProblem(memberId, memberEpoch) ?? ErrorCode.NONE;
  }

  /** Commits all offsets of a request, or none. */
  commit(request: CommitRequest, now: Moment, effects: Effects): ErrorCode {
    const { groupId, committer, topics, retentionMs } = request;
    const group = this.#groups.get(groupId);
    if (group === undefined && committer.generation >= 0) {
      return request.version >= GROUP_NOT_FOUND_SINCE ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION;
    }
    const problem = group?.commitProblem(committer, request.version) ?? ErrorCode.NONE;
    if (problem !== ErrorCode.NONE) return problem;
    group?.heardFrom(committer.memberId, now);
    if (topics.length === 0) return ErrorCode.NONE;
    if (group === undefined) this.#groups.set(groupId, new ClassicGroup(groupId, this.#context, now));
    const commitTimestamp = now.wallMs;
    // Clients give any int64: beyond what a number holds is for ever, before 1970 is at once.
    const latest = Math.min(Math.max(commitTimestamp + retentionMs, 0), Number.MAX_SAFE_INTEGER);
    const expireTimestamp = retentionMs === -1 ? -1 : latest;
    effects.append({ type: 20, value: { groupId, commitTimestamp, expireTimestamp, topics } });
    return ErrorCode.NONE;
  }

  /** Deletes offsets of topics that the group is not subscribed to. Answers an error code for each topic, or one for all. */
  deleteOffsets(groupId: string, topics: readonly TopicToForget[], effects: Effects): ErrorCode[] | ErrorCode {
    if (groupId === "") return ErrorCode.INVALID_GROUP_ID;
    const group = this.#groups.get(groupId);
    if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
    const problem = group.offsetDeleteProblem();
    if (problem !== ErrorCode.NONE) return problem;
    const free = topics.filter(({ name }) => !group.isSubscribedTo(name));
    const committed = this.offsets(groupId);
    const deleted = free.flatMap(({ topicId, partitions }) => {
      const there = partitions.filter((partition) => committed.get(topicId)?.has(partition));
      return there.length === 0 ? [] : [{ topicId, partitions: there }];
    });
    if (deleted.length > 0) effects.append({ type: 21, value: { groupId, topics: deleted } });
    return topics.map((topic) => (free.includes(topic) ? ErrorCode.NONE : ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC));
  }

  /** Deletes a group without members, with its offsets. */
  deleteGroup(groupId: string, effects: Effects): ErrorCode {
    const group = this.#groups.get(groupId);
    if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
    if (!group.isEmpty) return ErrorCode.NON_EMPTY_GROUP;
    this.#delete(group, effects);
    return ErrorCode.NONE;
  }

  /** Lets go of offsets that nobody has needed for `offsets.retention.minutes`, and of groups that are left with none. */
  expireOffsets(now: Moment, effects: Effects): void {
    for (const stored of this.#fold.groups()) {
      const group = this.#groups.get(stored.groupId)!;
      const expired = this.#expiredOffsets(group, stored, now);
      if (expired === undefined && group.isIdle) this.#delete(group, effects);
      else if (expired !== undefined && expired.length > 0) {
        effects.append({ type: 21, value: { groupId: stored.groupId, topics: expired } });
      }
    }
  }

  #delete(group: Group, effects: Effects): void {
    group.close();
    this.#groups.delete(group.groupId);
    effects.append({ type: 22, value: { groupId: group.groupId } });
  }

  /** The offsets to let go of; undefined when these are all. */
  #expiredOffsets(
    group: Group,
    { offsets }: StoredGroup,
    { wallMs }: Moment,
  ): { readonly topicId: Uuid; readonly partitions: number[] }[] | undefined {
    const retentionMs = this.#state.broker["offsets.retention.minutes"] * MS_PER_MINUTE;
    const expired: { readonly topicId: Uuid; readonly partitions: number[] }[] = [];
    let all = true;
    for (const [topicId, byPartition] of offsets) {
      const partitions: number[] = [];
      if (!group.isSubscribedTo(this.#state.topicById(topicId)?.name ?? "")) {
        for (const [partition, committed] of byPartition) {
          const sinceMs = group.unusedSince(committed);
          if (sinceMs === undefined) continue;
          const { expireTimestamp } = committed;
          const isOver = expireTimestamp === -1 ? wallMs - sinceMs >= retentionMs : wallMs >= expireTimestamp;
          if (isOver) partitions.push(partition);
        }
      }
      if (partitions.length > 0) expired.push({ topicId, partitions });
      if (partitions.length < byPartition.size) all = false;
    }
    return all ? undefined : expired;
  }

  #withMembers(groupId: string): Group | ErrorCode {
    if (groupId === "") return ErrorCode.INVALID_GROUP_ID;
    const group = this.#groups.get(groupId);
    return group === undefined || group.isEmpty ? ErrorCode.UNKNOWN_MEMBER_ID : group;
  }

  /** A group for the first member of the consumer protocol: a new one, or what there is taken over. */
  #newConsumerGroup(
    groupId: string,
    present: Group | undefined,
    now: Moment,
    effects: Effects,
  ): ConsumerGroup | Refusal {
    let group: ConsumerGroup | Refusal;
    if (present instanceof ClassicGroup && !present.isEmpty) {
      const isTooLarge = present.members.size > this.#state.broker["group.consumer.max.size"];
      if (!this.#may("UPGRADE") || !present.usesConsumerProtocol || isTooLarge) return notOfConsumers(groupId);
      group = ConsumerGroup.fromClassic(present, this.#context, now, effects);
      if (!(group instanceof ConsumerGroup)) return group;
    } else {
      present?.close();
      group = new ConsumerGroup(groupId, this.#context);
    }
    this.#groups.set(groupId, group);
    return group;
  }

  /** Whether groups may change their protocol while they have members (`group.consumer.migration.policy`). */
  #may(direction: "UPGRADE" | "DOWNGRADE"): boolean {
    const policy = this.#state.broker["group.consumer.migration.policy"].toUpperCase();
    return policy === "BIDIRECTIONAL" || policy === direction;
  }
}
