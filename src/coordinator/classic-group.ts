/**
 * A group of the classic protocol: members meet, one of them divides the work, all learn their share.
 *
 *     Empty ──join──▶ PreparingRebalance ──all there, or time is over──▶ CompletingRebalance ──leader's sync──▶ Stable
 *                        ▲      │ nobody left ▶ Empty                          │                                 │
 *                        └──────┴──────────── a member comes, goes, changes ───┴─────────────────────────────────┘
 *
 * A JoinGroup waits until the join phase is over, and its answer begins a generation. A SyncGroup waits for the one of
 * the leader, which carries all assignments. Whoever is not heard of for its session timeout is out, unless one of its
 * requests waits here.
 *
 * Stored are the group as it becomes Stable or Empty, and the number of a generation before members are told of it. So
 * after a restart the last complete generation goes on where it was: its members need not rejoin, each has its full
 * session timeout again, and whoever had been told of a later generation is refused and rejoins. A request that waits here
 * is always answered, because answers of a connection go out in the order of its requests.
 */
import { assert } from "../base/assert.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { StateRecord } from "../state/state-record.ts";
import { ClassicMember, type JoinReply, type MemberFields, type Protocol, type SyncReply } from "./classic-member.ts";
import { CONSUMER_PROTOCOL_TYPE, subscribedTopics } from "./consumer-protocol.ts";
import { Deadline } from "./deadlines.ts";
import type { Caller, Effects, Moment } from "./effects.ts";
import type { Committer, Group, GroupContext } from "./group.ts";
import type { CommittedOffset, StoredClassicGroup, StoredGroup } from "./group-fold.ts";

export type ClassicState = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable";

export interface JoinRequest {
  readonly version: number;
  readonly groupId: string;
  /** "" for one that is not a member yet. */
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly Protocol[];
}

export interface SyncRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generation: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[];
}

/** Whoever says to be a member. */
export interface MemberClaim {
  readonly memberId: string;
  readonly instanceId: string | null;
}

/** From here on a new member is told its id first, and joins with it then (KIP-394). */
const MEMBER_ID_REQUIRED_SINCE = 4;
/** From here on a static leader can be told to keep the assignment that is there (KIP-814). */
const SKIP_ASSIGNMENT_SINCE = 9;
/** A member that joins for the first time sends no heartbeats while it waits, so a join phase is all the time it has. */
const NEW_MEMBER_TIMEOUT_MS = 5 * 60_000;
/** Members that were told their id and have not joined with it, of one group. */
const MAX_PENDING_MEMBERS = 10_000;
/** What all members of one group may say of themselves, and be assigned, together. */
const MAX_GROUP_BYTES = 8 * 1024 * 1024;

/** How much of a client's name goes into its member id: enough to know it by, and always fitting into an answer. */
const MEMBER_ID_PREFIX_LENGTH = 249;
const NO_ASSIGNMENT = Buffer.alloc(0);

export class ClassicGroup implements Group {
  readonly type = "classic";
  readonly groupId: string;
  state: ClassicState = "Empty";
  protocolType = "";
  protocolName: string | null = null;
  leader: string | null = null;
  generation = 0;
  readonly members = new Map<string, ClassicMember>();
  readonly #context: GroupContext;
  #lastGeneration = 0;
  #stateTimestamp: number;
  /** Static members: member id by instance id. */
  readonly #statics = new Map<string, string>();
  /** Ids that were given out and have not come back with a JoinGroup. */
  readonly #pending = new Map<string, Deadline>();
  /** Members of the generation that have not asked for their assignment yet. */
  readonly #unsynced = new Set<string>();
  /** Of a group of consumers: what it reads; undefined when a member's metadata cannot be understood. */
  #topics: ReadonlySet<string> | undefined;
  /** While the first rebalance of a group waits for more members: how long this time, and how long after that at most. */
  #initialDelay: { delayMs: number; remainingMs: number; memberAdded: boolean } | undefined;
  readonly #joinDeadline = new Deadline((now, effects) => this.#joinTimeIsOver(now, effects));
  readonly #syncDeadline = new Deadline((now, effects) => this.#syncTimeIsOver(now, effects));

  constructor(groupId: string, context: GroupContext, now: Moment) {
    this.groupId = groupId;
    this.#context = context;
    this.#stateTimestamp = now.wallMs;
  }

  /** The group as it was stored. Every member has its full session timeout from now on. */
  static restore({ groupId, classic, lastGeneration }: StoredGroup, context: GroupContext, now: Moment): ClassicGroup {
    const group = new ClassicGroup(groupId, context, now);
    group.#lastGeneration = lastGeneration;
    if (classic !== undefined) group.#take(classic, now);
    return group;
  }

  /** A stable group of members that come from somewhere else. It chooses its assignor and its leader itself. */
  static fromMembers(
    from: { readonly groupId: string; readonly generation: number; readonly members: readonly MemberFields[] },
    context: GroupContext,
    now: Moment,
  ): ClassicGroup {
    const group = new ClassicGroup(from.groupId, context, now);
    group.#lastGeneration = from.generation;
    group.#take(
      {
        ...from,
        protocolType: CONSUMER_PROTOCOL_TYPE,
        protocolName: null,
        leader: from.members[0]?.memberId ?? null,
        stateTimestamp: now.wallMs,
        members: [...from.members],
      },
      now,
    );
    group.protocolName = group.#choose();
    group.#readTopics();
    return group;
  }

  get isEmpty(): boolean {
    return this.state === "Empty";
  }

  /** The highest generation that members have been told of. */
  get lastGeneration(): number {
    return this.#lastGeneration;
  }

  get usesConsumerProtocol(): boolean {
    return this.#isOfConsumers;
  }

  /** The group goes on as one of another type: whoever waits is told to come again. */
  abandon(effects: Effects): void {
    for (const member of this.members.values()) {
      answerJoin(member, { errorCode: ErrorCode.REBALANCE_IN_PROGRESS, memberId: member.memberId }, effects);
      answerSync(member, ErrorCode.REBALANCE_IN_PROGRESS, effects);
    }
    this.close();
  }

  /** Has all members join again. */
  rebalance(now: Moment, effects: Effects): void {
    this.#rebalance(now, effects);
  }

  get isIdle(): boolean {
    return this.isEmpty && this.#pending.size === 0;
  }

  /** A new group, as it has to be stored. */
  stored(): StateRecord {
    return { type: 23, value: this.image() };
  }

  image(): StoredClassicGroup {
    return {
      groupId: this.groupId,
      generation: this.generation,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      leader: this.leader,
      stateTimestamp: this.#stateTimestamp,
      members: [...this.members.values()].map((member) => ({
        memberId: member.memberId,
        instanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        sessionTimeoutMs: member.sessionTimeoutMs,
        rebalanceTimeoutMs: member.rebalanceTimeoutMs,
        protocols: member.protocols,
        assignment: member.assignment,
      })),
    };
  }

  /** A group that has become too large while the broker was away rebalances, so that it can be cut down. */
  checkSize(now: Moment, effects: Effects): void {
    if (this.members.size > this.#context.state.broker["group.max.size"]) this.#prepareRebalance(now, effects);
  }

  join(request: JoinRequest, caller: Caller<JoinReply>, now: Moment, effects: Effects): void {
    const { memberId } = request;
    if (!this.#hasRoomFor(request)) {
      this.#forget(memberId, effects);
      refuseJoin(effects, caller, "", ErrorCode.GROUP_MAX_SIZE_REACHED);
      this.#completeJoinIfAllAreThere(now, effects);
    } else if (!this.#supports(request)) {
      refuseJoin(effects, caller, memberId, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    } else if (memberId === "") {
      this.#joinNew(request, caller, now, effects);
    } else if (this.#pending.has(memberId)) {
      if (request.instanceId !== null) return refuseJoin(effects, caller, memberId, ErrorCode.UNKNOWN_MEMBER_ID);
      this.#add(request, memberId, caller, now, effects);
    } else {
      this.#joinKnown(request, caller, now, effects);
    }
  }

  sync(request: SyncRequest, caller: Caller<SyncReply>, now: Moment, effects: Effects): void {
    const problem = this.#syncProblem(request);
    if (problem !== ErrorCode.NONE) return effects.answer(caller, { errorCode: problem });
    const member = this.members.get(request.memberId)!;
    switch (this.state) {
      case "PreparingRebalance":
        return effects.answer(caller, { errorCode: ErrorCode.REBALANCE_IN_PROGRESS });
      case "Stable":
        this.#hasSynced(member);
        return effects.answer(caller, this.#syncReply(member));
      case "CompletingRebalance":
        answerSync(member, ErrorCode.REBALANCE_IN_PROGRESS, effects); // it asked again without waiting
        member.sync = caller;
        this.#hasSynced(member);
        if (this.leader === member.memberId) this.#assign(request, now, effects);
        return;
      case "Empty":
        assert(false, "an empty group has no member that could sync");
    }
  }

  heartbeat(claim: MemberClaim & { readonly generation: number }, now: Moment): ErrorCode {
    const problem = this.#memberProblem(claim);
    if (problem !== ErrorCode.NONE) return problem;
    if (claim.generation !== this.generation) return ErrorCode.ILLEGAL_GENERATION;
    this.heardFrom(claim.memberId, now);
    return this.state === "PreparingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  /** Takes members out. Answers an error code for each. */
  leave(claims: readonly MemberClaim[], now: Moment, effects: Effects): ErrorCode[] {
    const errorCodes = claims.map((claim) => this.#leaveOne(claim, effects));
    if (errorCodes.includes(ErrorCode.NONE)) this.#rebalance(now, effects);
    return errorCodes;
  }

  commitProblem({ memberId, instanceId, generation }: Committer): ErrorCode {
    if (generation < 0 && this.isEmpty) return ErrorCode.NONE;
    if (generation >= 0 || memberId !== "" || instanceId !== null) {
      const problem = this.#memberProblem({ memberId, instanceId });
      if (problem !== ErrorCode.NONE) return problem;
      if (generation !== this.generation) return ErrorCode.ILLEGAL_GENERATION;
    } else if (!this.isEmpty) {
      return ErrorCode.UNKNOWN_MEMBER_ID;
    }
    return this.state === "CompletingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  /** Whoever reads offsets of a classic group does not have to be in it. */
  fetchProblem(): ErrorCode {
    return ErrorCode.NONE;
  }

  offsetDeleteProblem(): ErrorCode {
    return this.isEmpty || this.#isOfConsumers ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP;
  }

  isSubscribedTo(topicName: string): boolean {
    return this.#topics?.has(topicName) ?? this.#isOfConsumers;
  }

  unusedSince({ commitTimestamp }: CommittedOffset): number | undefined {
    if (this.protocolType === "") return Number(commitTimestamp);
    if (this.isEmpty) return this.#stateTimestamp;
    if (this.#topics !== undefined && this.state === "Stable") return Number(commitTimestamp);
    return undefined;
  }

  heardFrom(memberId: string, now: Moment): void {
    const member = this.members.get(memberId);
    if (member !== undefined) this.#startSession(member, now);
  }

  close(): void {
    const { deadlines } = this.#context;
    for (const { session } of this.members.values()) deadlines.cancel(session);
    for (const deadline of this.#pending.values()) deadlines.cancel(deadline);
    deadlines.cancel(this.#joinDeadline);
    deadlines.cancel(this.#syncDeadline);
  }

  get #isOfConsumers(): boolean {
    return this.protocolType === CONSUMER_PROTOCOL_TYPE;
  }

  get #rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const { rebalanceTimeoutMs } of this.members.values()) longest = Math.max(longest, rebalanceTimeoutMs);
    return longest;
  }

  get #allHaveJoined(): boolean {
    if (this.#pending.size > 0) return false;
    for (const { join } of this.members.values()) if (join === undefined) return false;
    return true;
  }

  #take(stored: StoredClassicGroup, now: Moment): void {
    this.generation = stored.generation;
    this.protocolType = stored.protocolType;
    this.protocolName = stored.protocolName;
    this.leader = stored.leader;
    this.#stateTimestamp = Number(stored.stateTimestamp);
    this.state = stored.members.length === 0 ? "Empty" : "Stable";
    for (const fields of stored.members) this.#startSession(this.#newMember(fields), now);
    this.#readTopics();
  }

  /**
   * Members that are there are let in. While a group rebalances the first to come are: so a group that has become too
   * large loses those who come last.
   */
  #hasRoomFor({ memberId, protocols }: JoinRequest): boolean {
    const settings = this.#context.state.broker;
    const member = this.members.get(memberId);
    if (this.state !== "Empty") {
      let others = this.members.size;
      if (this.state === "PreparingRebalance") {
        others = 0;
        for (const { join } of this.members.values()) if (join !== undefined) others += 1;
        if (member?.join === undefined && others >= settings["group.max.size"]) return false;
      } else if (member === undefined && others >= settings["group.max.size"]) {
        return false;
      }
    }
    if (memberId === "" && this.#pending.size >= MAX_PENDING_MEMBERS) return false;
    let bytes = protocolBytes(protocols);
    for (const other of this.members.values()) if (other !== member) bytes += protocolBytes(other.protocols);
    return bytes <= MAX_GROUP_BYTES;
  }

  /** Whether there is an assignor that all members would have in common. */
  #supports({ protocolType, protocols }: JoinRequest): boolean {
    if (this.isEmpty) return protocolType !== "" && protocols.length > 0;
    if (protocolType !== this.protocolType) return false;
    return protocols.some(({ name }) => this.#isCommon(name));
  }

  #isCommon(protocol: string): boolean {
    for (const member of this.members.values()) if (!member.supports(protocol)) return false;
    return true;
  }

  #joinNew(request: JoinRequest, caller: Caller<JoinReply>, now: Moment, effects: Effects): void {
    const { instanceId, clientId, version } = request;
    const prefix = (instanceId ?? clientId).slice(0, MEMBER_ID_PREFIX_LENGTH).toWellFormed();
    const memberId = `${prefix}-${this.#context.newId()}`;
    if (instanceId !== null) {
      const present = this.#statics.get(instanceId);
      if (present === undefined) return this.#add(request, memberId, caller, now, effects);
      return this.#replaceStatic(request, this.members.get(present)!, memberId, caller, now, effects);
    }
    if (version < MEMBER_ID_REQUIRED_SINCE) return this.#add(request, memberId, caller, now, effects);
    const deadline = new Deadline((then, later) => {
      this.#pending.delete(memberId);
      this.#completeJoinIfAllAreThere(then, later);
    });
    this.#pending.set(memberId, deadline);
    this.#context.deadlines.arm(deadline, now.nowMs + request.sessionTimeoutMs);
    refuseJoin(effects, caller, memberId, ErrorCode.MEMBER_ID_REQUIRED);
  }

  #joinKnown(request: JoinRequest, caller: Caller<JoinReply>, now: Moment, effects: Effects): void {
    const problem = this.#memberProblem(request);
    if (problem !== ErrorCode.NONE) return refuseJoin(effects, caller, request.memberId, problem);
    const member = this.members.get(request.memberId)!;
    const isLeader = this.leader === member.memberId;
    switch (this.state) {
      case "PreparingRebalance":
        return this.#rejoin(member, request, caller, now, effects);
      case "CompletingRebalance":
        // The answer to its first JoinGroup was lost on the way.
        if (member.offers(request.protocols)) return effects.answer(caller, this.#joinReply(member));
        return this.#rejoin(member, request, caller, now, effects);
      case "Stable":
        // A leader that rejoins wants the work divided anew. Any other member only wants to know where it stands.
        if (!isLeader && member.offers(request.protocols)) return effects.answer(caller, this.#joinReply(member));
        return this.#rejoin(member, request, caller, now, effects);
      case "Empty":
        assert(false, "an empty group has no member that could rejoin");
    }
  }

  #rejoin(member: ClassicMember, request: JoinRequest, caller: Caller<JoinReply>, now: Moment, effects: Effects): void {
    update(member, request);
    wait(member, caller, effects);
    this.#rebalance(now, effects);
  }

  #add(request: JoinRequest, memberId: string, caller: Caller<JoinReply>, now: Moment, effects: Effects): void {
    this.#forget(memberId, effects);
    if (this.members.size === 0) this.protocolType = request.protocolType;
    const member = this.#newMember({ ...request, memberId, assignment: NO_ASSIGNMENT });
    member.isNew = true;
    member.join = caller;
    this.leader ??= memberId;
    if (this.#initialDelay !== undefined) this.#initialDelay.memberAdded = true;
    this.#startSession(member, now, NEW_MEMBER_TIMEOUT_MS);
    this.#rebalance(now, effects);
  }

  #newMember(fields: MemberFields): ClassicMember {
    const session = new Deadline((now, effects) => this.#sessionIsOver(member, now, effects));
    const member = new ClassicMember(fields, session);
    this.members.set(member.memberId, member);
    if (member.instanceId !== null) this.#statics.set(member.instanceId, member.memberId);
    return member;
  }

  /**
   * A static member has started again, and takes its place under a new id. Whoever holds the old id is fenced. The work
   * need not be divided anew as long as the group would choose the same assignor.
   */
  #replaceStatic(
    request: JoinRequest,
    old: ClassicMember,
    memberId: string,
    caller: Caller<JoinReply>,
    now: Moment,
    effects: Effects,
  ): void {
    const { leader: oldLeader } = this;
    answerJoin(old, { errorCode: ErrorCode.FENCED_INSTANCE_ID, memberId: old.memberId }, effects);
    answerSync(old, ErrorCode.FENCED_INSTANCE_ID, effects);
    this.members.delete(old.memberId);
    this.#unsynced.delete(old.memberId);
    this.#context.deadlines.cancel(old.session);
    const { clientId, clientHost, protocols, assignment, sessionTimeoutMs, rebalanceTimeoutMs } = old;
    const { instanceId } = request;
    const member = this.#newMember({
      memberId,
      instanceId,
      clientId,
      clientHost,
      protocols,
      assignment,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
    });
    if (oldLeader === old.memberId) this.leader = memberId;
    update(member, request);
    this.#startSession(member, now);
    if (this.state === "Stable" && this.#choose() === this.protocolName) {
      effects.append(this.stored());
      const reply = this.#joinReply(member);
      if (request.version < SKIP_ASSIGNMENT_SINCE) {
        // It must not divide the work although it leads, so it is told the id it had before.
        return effects.answer(caller, { ...reply, leader: oldLeader ?? "", members: [] });
      }
      return effects.answer(caller, { ...reply, skipAssignment: this.leader === memberId });
    }
    wait(member, caller, effects);
    this.#rebalance(now, effects);
  }

  #memberProblem({ memberId, instanceId }: MemberClaim): ErrorCode {
    if (instanceId !== null) {
      const present = this.#statics.get(instanceId);
      if (present === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      if (present !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
    }
    return this.members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
  }

  #syncProblem(request: SyncRequest): ErrorCode {
    const problem = this.#memberProblem(request);
    if (problem !== ErrorCode.NONE) return problem;
    if (request.generation !== this.generation) return ErrorCode.ILLEGAL_GENERATION;
    const differs = (asked: string | null, own: string | null): boolean =>
      asked !== null && own !== null && asked !== own;
    if (differs(request.protocolType, this.protocolType) || differs(request.protocolName, this.protocolName)) {
      return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
    }
    return ErrorCode.NONE;
  }

  /** Begins a rebalance, or goes on with the one that is under way. */
  #rebalance(now: Moment, effects: Effects): void {
    if (this.state === "PreparingRebalance") this.#completeJoinIfAllAreThere(now, effects);
    else if (this.members.size > 0 || this.state !== "Empty") this.#prepareRebalance(now, effects);
  }

  #prepareRebalance(now: Moment, effects: Effects): void {
    if (this.state === "CompletingRebalance") {
      for (const member of this.members.values()) {
        member.assignment = NO_ASSIGNMENT;
        if (answerSync(member, ErrorCode.REBALANCE_IN_PROGRESS, effects)) this.#startSession(member, now);
      }
    }
    this.#unsynced.clear();
    this.#context.deadlines.cancel(this.#syncDeadline);
    const isFirst = this.isEmpty;
    this.#enter("PreparingRebalance", now);
    if (isFirst) {
      const delayMs = this.#context.state.broker["group.initial.rebalance.delay.ms"];
      const remainingMs = Math.max(this.#rebalanceTimeoutMs - delayMs, 0);
      this.#initialDelay = { delayMs, remainingMs, memberAdded: false };
      this.#context.deadlines.arm(this.#joinDeadline, now.nowMs + delayMs);
    } else if (this.#allHaveJoined) {
      this.#completeJoin(now, effects);
    } else {
      this.#context.deadlines.arm(this.#joinDeadline, now.nowMs + this.#rebalanceTimeoutMs);
    }
  }

  #joinTimeIsOver(now: Moment, effects: Effects): void {
    const initial = this.#initialDelay;
    if (initial === undefined || !initial.memberAdded || initial.remainingMs === 0) {
      return this.#completeJoin(now, effects);
    }
    // More members have come in the meantime, so there may be still more.
    const delayMs = Math.min(this.#context.state.broker["group.initial.rebalance.delay.ms"], initial.remainingMs);
    const remainingMs = Math.max(initial.remainingMs - initial.delayMs, 0);
    this.#initialDelay = { delayMs, remainingMs, memberAdded: false };
    this.#context.deadlines.arm(this.#joinDeadline, now.nowMs + delayMs);
  }

  #completeJoinIfAllAreThere(now: Moment, effects: Effects): void {
    if (this.state !== "PreparingRebalance" || this.#initialDelay !== undefined) return;
    if (this.#allHaveJoined) this.#completeJoin(now, effects);
  }

  /** Ends the join phase: who has not come is out, static members excepted, and a generation begins. */
  #completeJoin(now: Moment, effects: Effects): void {
    const { deadlines } = this.#context;
    deadlines.cancel(this.#joinDeadline);
    this.#initialDelay = undefined;
    for (const member of [...this.members.values()]) {
      if (member.join === undefined && member.instanceId === null) this.#forget(member.memberId, effects);
    }
    if (this.members.size > 0 && !this.#electJoinedLeader()) {
      deadlines.arm(this.#joinDeadline, now.nowMs + this.#rebalanceTimeoutMs); // only static members, and none has come
      return;
    }
    this.#lastGeneration += 1;
    this.generation = this.#lastGeneration;
    this.protocolName = this.members.size === 0 ? null : this.#choose();
    this.#readTopics();
    if (this.members.size === 0) {
      this.#enter("Empty", now);
      return effects.append(this.stored());
    }
    this.#enter("CompletingRebalance", now);
    effects.append({ type: 24, value: { groupId: this.groupId, generation: this.generation } });
    for (const member of this.members.values()) {
      answerJoin(member, this.#joinReply(member), effects);
      member.isNew = false;
      this.#startSession(member, now);
      this.#unsynced.add(member.memberId);
    }
    deadlines.arm(this.#syncDeadline, now.nowMs + this.#rebalanceTimeoutMs);
  }

  /** The leader stays as long as it comes. */
  #electJoinedLeader(): boolean {
    if (this.leader !== null && this.members.get(this.leader)?.join !== undefined) return true;
    for (const { memberId, join } of this.members.values()) {
      if (join === undefined) continue;
      this.leader = memberId;
      return true;
    }
    return false;
  }

  /** The leader has divided the work. */
  #assign({ assignments }: SyncRequest, now: Moment, effects: Effects): void {
    const byMember = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]));
    let bytes = 0;
    for (const member of this.members.values()) {
      member.assignment = byMember.get(member.memberId) ?? NO_ASSIGNMENT;
      bytes += protocolBytes(member.protocols) + member.assignment.length;
    }
    if (bytes > MAX_GROUP_BYTES) return this.#refuseAssignment(now, effects);
    this.#enter("Stable", now);
    effects.append(this.stored());
    for (const member of this.members.values()) {
      const { sync } = member;
      if (sync === undefined) continue;
      member.sync = undefined;
      effects.answer(sync, this.#syncReply(member));
      this.#startSession(member, now);
    }
  }

  /** As Kafka answers to an assignment that is too large for a record. */
  #refuseAssignment(now: Moment, effects: Effects): void {
    for (const member of this.members.values()) {
      member.assignment = NO_ASSIGNMENT;
      answerSync(member, ErrorCode.UNKNOWN_SERVER_ERROR, effects);
    }
    this.#prepareRebalance(now, effects);
  }

  #hasSynced({ memberId }: ClassicMember): void {
    this.#unsynced.delete(memberId);
    if (this.#unsynced.size === 0) this.#context.deadlines.cancel(this.#syncDeadline);
  }

  #syncTimeIsOver(now: Moment, effects: Effects): void {
    if (this.#unsynced.size === 0) return; // the last one was a static member that has been replaced
    for (const memberId of [...this.#unsynced]) this.#forget(memberId, effects);
    this.#prepareRebalance(now, effects);
  }

  #sessionIsOver(member: ClassicMember, now: Moment, effects: Effects): void {
    const waits = member.join !== undefined || member.sync !== undefined;
    if (waits && !member.isNew) return; // it gets a new session with its answer
    this.#forget(member.memberId, effects);
    this.#afterRemoval(now, effects);
  }

  #afterRemoval(now: Moment, effects: Effects): void {
    if (this.state !== "PreparingRebalance") this.#rebalance(now, effects);
    else if (this.#allHaveJoined) this.#completeJoin(now, effects);
  }

  #leaveOne({ memberId, instanceId }: MemberClaim, effects: Effects): ErrorCode {
    if (memberId === "") {
      // An administrator takes out a static member by the name that it was given.
      const present = instanceId === null ? undefined : this.#statics.get(instanceId);
      if (present === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      this.#forget(present, effects);
      return ErrorCode.NONE;
    }
    const problem = this.#pending.has(memberId) ? ErrorCode.NONE : this.#memberProblem({ memberId, instanceId });
    if (problem === ErrorCode.NONE) this.#forget(memberId, effects);
    return problem;
  }

  /** Takes out a member, or one that was about to join; whatever request of it waits is refused. */
  #forget(memberId: string, effects: Effects): void {
    const { deadlines } = this.#context;
    const pending = this.#pending.get(memberId);
    if (pending !== undefined) deadlines.cancel(pending);
    this.#pending.delete(memberId);
    const member = this.members.get(memberId);
    if (member === undefined) return;
    answerJoin(member, { errorCode: ErrorCode.UNKNOWN_MEMBER_ID }, effects);
    answerSync(member, ErrorCode.UNKNOWN_MEMBER_ID, effects);
    deadlines.cancel(member.session);
    this.members.delete(memberId);
    this.#unsynced.delete(memberId);
    if (member.instanceId !== null) this.#statics.delete(member.instanceId);
    if (this.leader === memberId) this.leader = this.members.keys().next().value ?? null;
  }

  #startSession(member: ClassicMember, now: Moment, timeoutMs = member.sessionTimeoutMs): void {
    this.#context.deadlines.arm(member.session, now.nowMs + timeoutMs);
  }

  #enter(state: ClassicState, now: Moment): void {
    this.state = state;
    this.#stateTimestamp = now.wallMs;
  }

  /** The assignor that most members prefer among those that all have; the one of an earlier member in a tie. */
  #choose(): string {
    const [first] = this.members.values();
    const common = new Set(first?.protocols.map(({ name }) => name).filter((name) => this.#isCommon(name)));
    const votes = new Map<string, number>();
    for (const { protocols } of this.members.values()) {
      const vote = protocols.find(({ name }) => common.has(name));
      assert(vote !== undefined, `the members of group ${this.groupId} have no assignor in common`);
      votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1);
    }
    let chosen = "";
    let most = 0;
    for (const [name, count] of votes) {
      if (count <= most) continue;
      chosen = name;
      most = count;
    }
    return chosen;
  }

  #readTopics(): void {
    this.#topics = undefined;
    if (!this.#isOfConsumers) return;
    const topics = new Set<string>();
    for (const member of this.members.values()) {
      const own = subscribedTopics(member.metadata(this.protocolName) ?? NO_ASSIGNMENT);
      if (own === undefined) return;
      for (const topic of own) topics.add(topic);
    }
    this.#topics = topics;
  }

  #joinReply({ memberId }: ClassicMember): JoinReply {
    const members = [...(this.leader === memberId ? this.members.values() : [])].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      metadata: member.metadata(this.protocolName) ?? NO_ASSIGNMENT,
    }));
    const { generation: generationId, protocolType, protocolName } = this;
    return { generationId, protocolType, protocolName, leader: this.leader ?? "", memberId, members };
  }

  #syncReply({ assignment }: ClassicMember): SyncReply {
    return { protocolType: this.protocolType, protocolName: this.protocolName, assignment };
  }
}

function update(member: ClassicMember, { protocols, sessionTimeoutMs, rebalanceTimeoutMs }: JoinRequest): void {
  member.protocols = protocols;
  member.sessionTimeoutMs = sessionTimeoutMs;
  member.rebalanceTimeoutMs = rebalanceTimeoutMs;
}

/** Lets a JoinGroup wait. One that waits already was given up by its client, or the client does not wait for answers. */
function wait(member: ClassicMember, caller: Caller<JoinReply>, effects: Effects): void {
  answerJoin(member, { errorCode: ErrorCode.REBALANCE_IN_PROGRESS, memberId: member.memberId }, effects);
  member.join = caller;
}

function answerJoin(member: ClassicMember, reply: JoinReply, effects: Effects): void {
  if (member.join !== undefined) effects.answer(member.join, reply);
  member.join = undefined;
}

function answerSync(member: ClassicMember, errorCode: ErrorCode, effects: Effects): boolean {
  const { sync } = member;
  member.sync = undefined;
  if (sync !== undefined) effects.answer(sync, { errorCode });
  return sync !== undefined;
}

function refuseJoin(effects: Effects, caller: Caller<JoinReply>, memberId: string, errorCode: ErrorCode): void {
  effects.answer(caller, { errorCode, memberId });
}

function protocolBytes(protocols: readonly Protocol[]): number {
  let bytes = 0;
  for (const { name, metadata } of protocols) bytes += name.length + metadata.length;
  return bytes;
}
