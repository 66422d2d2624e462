/**
 * A group of the consumer protocol (KIP-848): the broker divides the work, and leads each member to its share with the
 * answers to its heartbeats.
 *
 * The group's epoch grows with every change of members, subscriptions and topics. When it has grown, the next heartbeat of
 * any member has the work divided anew: a target for every member, of that epoch. Each member then gets there at its own
 * pace (`consumer-member.ts`), and nobody waits for anybody but for a partition to be given up.
 *
 * Members of the classic protocol may be in it too while a group moves from one protocol to the other. They learn from
 * their heartbeats that they should join again, and JoinGroup and SyncGroup take the part of the new heartbeat. The group
 * becomes a classic one when the last member of the consumer protocol is gone.
 *
 * Everything but the deadlines is stored as it changes, so a restart is not noticed by the members.
 */
import type { Uuid } from "../base/uuid.ts";
import { groupSetting } from "../config/group-config.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { RESOURCE_GROUP } from "../state/state.ts";
import { type Assignment, difference, isEqual, NOTHING, toAssignment, toTopicPartitions, union } from "./assignment.ts";
import { ASSIGNORS, type AssignorMember, type PartitionCounts } from "./assignors.ts";
import { ClassicGroup, type JoinRequest, type MemberClaim, type SyncRequest } from "./classic-group.ts";
import type { JoinReply, SyncReply } from "./classic-member.ts";
import {
  type ConsumerHeartbeat,
  type ConsumerReply,
  epochProblem,
  fencing,
  groupIsFull,
  type Refusal,
} from "./consumer-heartbeat.ts";
import {
  AWAY_EPOCH,
  type ConsumerMember,
  isReconciled,
  isSameMember,
  isSameSubscription,
  JOIN_EPOCH,
  MemberState,
  newMember,
  profileBytes,
  reconcile,
  toStored,
} from "./consumer-member.ts";
import {
  CONSUMER_PROTOCOL_TYPE,
  type NamedPartitions,
  readAssignment,
  readSubscription,
  writeAssignment,
} from "./consumer-protocol.ts";
import { Deadline } from "./deadlines.ts";
import type { Caller, Effects, Moment } from "./effects.ts";
import type { Committer, Group, GroupContext } from "./group.ts";
import type { CommittedOffset, StoredGroup } from "./group-fold.ts";
import { PartitionHolders } from "./partition-holders.ts";
import { compileTopicRegex, type TopicPattern } from "./topic-regex.ts";

export type ConsumerState = "Empty" | "Assigning" | "Reconciling" | "Stable";

/** What all members of one group may say of themselves together. */
const MAX_GROUP_BYTES = 8 * 1024 * 1024;
/** From here on a commit carries a member epoch. */
const MEMBER_EPOCH_SINCE = 9;
/** From here on a new member of the classic protocol is first told its id (KIP-394). */
const MEMBER_ID_REQUIRED_SINCE = 4;

/** A member in its place, with what is not stored of it. */
class Seat {
  member: ConsumerMember;
  /** When it is out if nothing is heard of it. */
  readonly session: Deadline;
  /** When it must have given up what it was told to. */
  readonly revocation: Deadline;
  /** Classic protocol: when it must have joined again, and when it must have asked for its assignment. */
  readonly join: Deadline;
  readonly sync: Deadline;
  #topics: ReadonlySet<Uuid> = new Set();
  #topicsVersion = -1;

  constructor(member: ConsumerMember, isOver: (now: Moment, effects: Effects) => void) {
    this.member = member;
    this.session = new Deadline(isOver);
    this.revocation = new Deadline(isOver);
    this.join = new Deadline(isOver);
    this.sync = new Deadline(isOver);
  }

  get deadlines(): readonly Deadline[] {
    return [this.session, this.revocation, this.join, this.sync];
  }

  /** The topics it reads; found anew when the topics there are have changed. */
  topics(version: number, find: (member: ConsumerMember) => ReadonlySet<Uuid>): ReadonlySet<Uuid> {
    if (this.#topicsVersion !== version) {
      this.#topics = find(this.member);
      this.#topicsVersion = version;
    }
    return this.#topics;
  }

  forgetTopics(): void {
    this.#topicsVersion = -1;
  }
}

export class ConsumerGroup implements Group {
  readonly type = "consumer";
  readonly protocolType = CONSUMER_PROTOCOL_TYPE;
  readonly groupId: string;
  epoch = 0;
  /** The epoch that the targets belong to. */
  assignmentEpoch = 0;
  readonly #context: GroupContext;
  readonly #seats = new Map<string, Seat>();
  /** Static members: member id by instance id. */
  readonly #statics = new Map<string, string>();
  readonly #targets = new Map<string, Assignment>();
  readonly #holders = new PartitionHolders();
  /** What the topics were like when they were looked at last: `State.topicsVersion`. */
  #topicsVersion = -1;
  readonly #patterns = new Map<string, TopicPattern>();
  readonly #matches = new Map<string, readonly Uuid[]>();
  #matchesVersion = -1;

  constructor(groupId: string, context: GroupContext) {
    this.groupId = groupId;
    this.#context = context;
  }

  /** The group as it was stored. Every member has its full session timeout from now on. */
  static restore(stored: StoredGroup, context: GroupContext, now: Moment): ConsumerGroup {
    const group = new ConsumerGroup(stored.groupId, context);
    const { consumer } = stored;
    if (consumer === undefined) return group;
    group.epoch = consumer.epoch;
    group.assignmentEpoch = consumer.assignmentEpoch;
    for (const member of consumer.members.values()) {
      group.#startTimes(group.#seat(undefined, member), now);
      const target = consumer.targets.get(member.memberId);
      if (target !== undefined) group.#targets.set(member.memberId, target);
    }
    return group;
  }

  /**
   * Takes over a classic group with its members, which go on as members of the classic protocol (KIP-848, online upgrade).
   * Answers why when that cannot be.
   */
  static fromClassic(
    classic: ClassicGroup,
    context: GroupContext,
    now: Moment,
    effects: Effects,
  ): ConsumerGroup | Refusal {
    const members = classicMembers(classic, context);
    if ("errorCode" in members) return members;
    classic.abandon(effects);
    const group = new ConsumerGroup(classic.groupId, context);
    group.epoch = classic.lastGeneration;
    group.assignmentEpoch = classic.lastGeneration;
    for (const member of members) group.#targets.set(member.memberId, member.assigned);
    group.#storeTargets(new Map(group.#targets), effects);
    for (const member of members) group.#startTimes(group.#store(undefined, member, effects), now);
    return group;
  }

  get state(): ConsumerState {
    if (this.#seats.size === 0) return "Empty";
    if (this.epoch > this.assignmentEpoch) return "Assigning";
    for (const { member } of this.#seats.values()) {
      if (!isReconciled(member, this.assignmentEpoch)) return "Reconciling";
    }
    return "Stable";
  }

  get isEmpty(): boolean {
    return this.#seats.size === 0;
  }

  get isIdle(): boolean {
    return this.isEmpty;
  }

  *members(): Iterable<ConsumerMember> {
    for (const { member } of this.#seats.values()) yield member;
  }

  target(memberId: string): Assignment {
    return this.#targets.get(memberId) ?? NOTHING;
  }

  /** The assignor that most members ask for, the broker's first one when none does. */
  get assignorName(): string {
    return this.#preferredAssignor([...this.members()]);
  }

  /** A member joins, lives, or takes over what it was told. The request has been checked (`heartbeatProblem`). */
  consumerHeartbeat(request: ConsumerHeartbeat, now: Moment, effects: Effects): ConsumerReply {
    const { memberEpoch, topicPartitions } = request;
    if (this.#isFullFor(request.memberId)) return groupIsFull(this.#maxSize);
    const owned = topicPartitions === null ? undefined : toAssignment(topicPartitions);
    const known = request.instanceId === null ? this.#dynamic(request, owned) : this.#static(request, owned, effects);
    if (known !== undefined && "errorCode" in known) return known;
    const said = this.#told(known, request);
    if (!this.#hasRoomFor(known, said)) return groupIsFull(this.#maxSize);
    const updated = this.#advance(known, said, owned, now, effects);
    this.#startSession(this.#seats.get(updated.memberId)!, now);
    const isFull =
      memberEpoch === JOIN_EPOCH ||
      (request.rebalanceTimeoutMs !== -1 && request.subscribedTopicNames !== null && topicPartitions !== null);
    const isNews = isFull || known === undefined || !isEqual(known.assigned, updated.assigned);
    return {
      memberId: updated.memberId,
      memberEpoch: updated.memberEpoch,
      heartbeatIntervalMs: this.#setting("consumer.heartbeat.interval.ms"),
      assignment: isNews ? { topicPartitions: toTopicPartitions(updated.assigned) } : null,
    };
  }

  /** A member leaves, a static one perhaps for a while only. */
  consumerLeave(
    { memberId, memberEpoch, instanceId }: ConsumerHeartbeat,
    now: Moment,
    effects: Effects,
  ): ConsumerReply {
    const member = instanceId === null ? this.#known(memberId) : this.#knownStatic(memberId, instanceId);
    if ("errorCode" in member) return member;
    if (instanceId !== null && memberEpoch === AWAY_EPOCH) {
      this.#store(member, { ...member, memberEpoch: AWAY_EPOCH, pendingRevocation: NOTHING }, effects);
      this.#context.deadlines.cancel(this.#seats.get(member.memberId)!.revocation);
    } else {
      this.#remove([member.memberId], now, effects);
    }
    return { memberId: member.memberId, memberEpoch };
  }

  /** JoinGroup of a member of the classic protocol. */
  join(request: JoinRequest, caller: Caller<JoinReply>, now: Moment, effects: Effects): void {
    const refuse = (errorCode: ErrorCode, memberId = ""): void => effects.answer(caller, { errorCode, memberId });
    const { instanceId, protocols, version } = request;
    if (this.#isFullFor(request.memberId)) return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED);
    const subscription = readSubscription(protocols[0]?.metadata ?? Buffer.alloc(0));
    if (subscription === undefined || !this.#supports(request)) return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    const isUnnamed = request.memberId === "";
    const memberId = isUnnamed ? this.#context.newId() : request.memberId;
    if (isUnnamed && instanceId === null && version >= MEMBER_ID_REQUIRED_SINCE) {
      return refuse(ErrorCode.MEMBER_ID_REQUIRED, memberId);
    }
    const replaced = instanceId === null ? undefined : this.#statics.get(instanceId);
    let known = this.#seats.get(memberId)?.member;
    if (instanceId !== null && isUnnamed && replaced !== undefined) {
      known = this.#replace(this.#seats.get(replaced)!.member, memberId, effects);
    } else if (instanceId !== null && !isUnnamed) {
      const claimed = this.#knownStatic(memberId, instanceId);
      if ("errorCode" in claimed) return refuse(claimed.errorCode);
      known = claimed;
    }
    // Out already, and does not know: it uses what others may have by now. Kafka lets it in; so it has to let go first.
    if (known === undefined && subscription.owned.length > 0) return refuse(ErrorCode.UNKNOWN_MEMBER_ID);
    const said: ConsumerMember = {
      ...(known ?? newMember(memberId)),
      instanceId: instanceId ?? known?.instanceId ?? null,
      rackId: subscription.rackId ?? known?.rackId ?? null,
      clientId: request.clientId,
      clientHost: request.clientHost,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      subscribedTopicNames: sortedNames(subscription.topics),
      classic: { sessionTimeoutMs: request.sessionTimeoutMs, protocols },
    };
    if (!this.#hasRoomFor(known, said)) return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED);
    const updated = this.#advance(known, said, this.#byId(subscription.owned), now, effects);
    const seat = this.#seats.get(memberId)!;
    this.#context.deadlines.cancel(seat.join);
    this.#startSession(seat, now);
    this.#context.deadlines.arm(seat.sync, now.nowMs + request.rebalanceTimeoutMs);
    if (replaced !== undefined) this.#becomeClassicIfAllAre(now, effects);
    effects.answer(caller, {
      memberId,
      generationId: updated.memberEpoch,
      protocolType: CONSUMER_PROTOCOL_TYPE,
      protocolName: protocols[0]!.name,
      leader: "",
      members: [],
    });
  }

  /** SyncGroup of a member of the classic protocol: nobody else is waited for. */
  sync(request: SyncRequest, caller: Caller<SyncReply>, now: Moment, effects: Effects): void {
    const refuse = (errorCode: ErrorCode): void => effects.answer(caller, { errorCode });
    const seat = this.#classicSeat(request);
    if (typeof seat === "number") return refuse(seat);
    const { member } = seat;
    const { protocolType, protocolName } = request;
    const [first] = member.classic!.protocols;
    if (request.generation !== member.memberEpoch) return refuse(ErrorCode.ILLEGAL_GENERATION);
    if (
      (protocolType !== null && protocolType !== CONSUMER_PROTOCOL_TYPE) ||
      (protocolName !== null && protocolName !== first?.name)
    ) {
      return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    }
    if (this.epoch > member.memberEpoch && member.state !== MemberState.UNREVOKED_PARTITIONS) {
      this.#mustJoin(seat, now);
      return refuse(ErrorCode.REBALANCE_IN_PROGRESS);
    }
    this.#context.deadlines.cancel(seat.sync);
    this.#startSession(seat, now);
    const assignment = writeAssignment(subscriptionVersion(member), this.#byName(member.assigned));
    effects.answer(caller, { protocolType, protocolName, assignment });
  }

  /** Heartbeat of a member of the classic protocol. */
  heartbeat(claim: MemberClaim & { readonly generation: number }, now: Moment): ErrorCode {
    const seat = this.#classicSeat(claim);
    if (typeof seat === "number") return seat;
    const { member } = seat;
    if (claim.generation !== member.memberEpoch) return ErrorCode.ILLEGAL_GENERATION;
    this.#startSession(seat, now);
    const isBehind = member.memberEpoch < this.epoch || member.state === MemberState.UNREVOKED_PARTITIONS;
    const canGetMore = member.state === MemberState.UNRELEASED_PARTITIONS && !this.#waitsForOthers(member);
    if (!isBehind && !canGetMore) return ErrorCode.NONE;
    this.#mustJoin(seat, now);
    return ErrorCode.REBALANCE_IN_PROGRESS;
  }

  /** LeaveGroup, which takes out members of either protocol. */
  leave(claims: readonly MemberClaim[], now: Moment, effects: Effects): ErrorCode[] {
    const gone = new Set<string>();
    const errorCodes = claims.map(({ memberId, instanceId }) => {
      const present = instanceId === null ? undefined : this.#statics.get(instanceId);
      const isByAdministrator = memberId === "" && present !== undefined;
      const member = isByAdministrator ? this.#known(present) : this.#claimed({ memberId, instanceId });
      if ("errorCode" in member) return member.errorCode;
      if (gone.has(member.memberId)) return ErrorCode.UNKNOWN_MEMBER_ID;
      gone.add(member.memberId);
      return ErrorCode.NONE;
    });
    if (gone.size > 0) this.#remove([...gone], now, effects);
    return errorCodes;
  }

  commitProblem(by: Committer, version: number): ErrorCode {
    if (by.generation < 0 && this.isEmpty) return ErrorCode.NONE;
    const member = this.#seats.get(by.memberId)?.member;
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    if (member.classic === null && version < MEMBER_EPOCH_SINCE) return ErrorCode.UNSUPPORTED_VERSION;
    return epochProblem(member, by.generation);
  }

  fetchProblem(memberId: string | null, memberEpoch: number): ErrorCode {
    if (memberId === null && memberEpoch < 0) return ErrorCode.NONE;
    const member = this.#seats.get(memberId ?? "")?.member;
    return member === undefined ? ErrorCode.UNKNOWN_MEMBER_ID : epochProblem(member, memberEpoch);
  }

  offsetDeleteProblem(): ErrorCode {
    return ErrorCode.NONE;
  }

  isSubscribedTo(topicName: string): boolean {
    for (const { subscribedTopicNames, subscribedTopicRegex } of this.members()) {
      if (subscribedTopicNames.includes(topicName)) return true;
      if (subscribedTopicRegex !== null && this.#pattern(subscribedTopicRegex)(topicName)) return true;
    }
    return false;
  }

  unusedSince({ commitTimestamp }: CommittedOffset): number {
    return Number(commitTimestamp);
  }

  /** Only heartbeats count. */
  heardFrom(): void {}

  close(): void {
    for (const seat of this.#seats.values())
      for (const deadline of seat.deadlines) this.#context.deadlines.cancel(deadline);
  }

  #setting(key: "consumer.heartbeat.interval.ms" | "consumer.session.timeout.ms"): number {
    const { state } = this.#context;
    return groupSetting(key, state.overrides(RESOURCE_GROUP, this.groupId), state.layers);
  }

  get #maxSize(): number {
    return this.#context.state.broker["group.consumer.max.size"];
  }

  #isFullFor(memberId: string): boolean {
    return this.#seats.size >= this.#maxSize && !this.#seats.has(memberId);
  }

  #hasRoomFor(known: ConsumerMember | undefined, said: ConsumerMember): boolean {
    if (known !== undefined && profileBytes(said) <= profileBytes(known)) return true;
    let bytes = profileBytes(said);
    for (const member of this.members()) if (member !== known) bytes += profileBytes(member);
    return bytes <= MAX_GROUP_BYTES;
  }

  /** The member that a heartbeat comes from: none yet when it joins. */
  #dynamic(request: ConsumerHeartbeat, owned: Assignment | undefined): ConsumerMember | Refusal | undefined {
    const { memberId, memberEpoch } = request;
    const known = this.#seats.get(memberId)?.member;
    if (known === undefined) return memberEpoch === JOIN_EPOCH ? undefined : this.#unknown(memberId);
    return fencing(known, memberEpoch, owned) ?? known;
  }

  #static(
    request: ConsumerHeartbeat,
    owned: Assignment | undefined,
    effects: Effects,
  ): ConsumerMember | Refusal | undefined {
    const { memberId, memberEpoch } = request;
    const instanceId = request.instanceId!;
    if (memberEpoch !== JOIN_EPOCH) {
      const known = this.#knownStatic(memberId, instanceId);
      return "errorCode" in known ? known : (fencing(known, memberEpoch, owned) ?? known);
    }
    const present = this.#statics.get(instanceId);
    if (present === undefined) return this.#seats.get(memberId)?.member;
    const { member } = this.#seats.get(present)!;
    if (present === memberId && member.classic === null && member.memberEpoch !== AWAY_EPOCH) return member;
    if (member.classic === null && member.memberEpoch !== AWAY_EPOCH) {
      return {
        errorCode: ErrorCode.UNRELEASED_INSTANCE_ID,
        errorMessage:
          `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is ` +
          `owned by ${present} member.`,
      };
    }
    return this.#replace(member, memberId, effects);
  }

  #known(memberId: string): ConsumerMember | Refusal {
    return this.#seats.get(memberId)?.member ?? this.#unknown(memberId);
  }

  #knownStatic(memberId: string, instanceId: string): ConsumerMember | Refusal {
    const present = this.#statics.get(instanceId);
    if (present === undefined) {
      return { errorCode: ErrorCode.UNKNOWN_MEMBER_ID, errorMessage: `Instance id ${instanceId} is unknown.` };
    }
    if (present === memberId) return this.#seats.get(present)!.member;
    return {
      errorCode: ErrorCode.FENCED_INSTANCE_ID,
      errorMessage: `Static member ${memberId} with instance id ${instanceId} was fenced by member ${present}.`,
    };
  }

  #claimed({ memberId, instanceId }: MemberClaim): ConsumerMember | Refusal {
    return instanceId === null ? this.#known(memberId) : this.#knownStatic(memberId, instanceId);
  }

  #unknown(memberId: string): Refusal {
    return {
      errorCode: ErrorCode.UNKNOWN_MEMBER_ID,
      errorMessage: `Member ${memberId} is not a member of group ${this.groupId}.`,
    };
  }

  #classicSeat(claim: MemberClaim): Seat | ErrorCode {
    const member = this.#claimed(claim);
    if ("errorCode" in member) return member.errorCode;
    return member.classic === null ? ErrorCode.UNKNOWN_MEMBER_ID : this.#seats.get(member.memberId)!;
  }

  /** A static member has started again, or comes with the other protocol, and takes its place under a new id. */
  #replace(old: ConsumerMember, memberId: string, effects: Effects): ConsumerMember {
    const target = this.target(old.memberId);
    this.#unseat(old.memberId);
    effects.append({ type: 26, value: { groupId: this.groupId, memberIds: [old.memberId] } });
    this.#targets.set(memberId, target);
    this.#storeTargets(new Map([[memberId, target]]), effects);
    const successor = { ...old, memberId, memberEpoch: JOIN_EPOCH, previousMemberEpoch: JOIN_EPOCH };
    this.#store(undefined, successor, effects);
    return successor;
  }

  /** The member after what the request says of it. */
  #told(known: ConsumerMember | undefined, request: ConsumerHeartbeat): ConsumerMember {
    const { subscribedTopicNames: names, subscribedTopicRegex: regex, rebalanceTimeoutMs } = request;
    const member = known ?? newMember(request.memberId);
    return {
      ...member,
      instanceId: request.instanceId ?? member.instanceId,
      rackId: request.rackId ?? member.rackId,
      clientId: request.clientId,
      clientHost: request.clientHost,
      rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : rebalanceTimeoutMs,
      serverAssignor: request.serverAssignor ?? member.serverAssignor,
      subscribedTopicNames: names === null ? member.subscribedTopicNames : sortedNames(names),
      subscribedTopicRegex: regex === null ? member.subscribedTopicRegex : regex || null,
      classic: null,
    };
  }

  /** Has the work divided anew where that is called for, leads the member on, and stores what is new. */
  #advance(
    known: ConsumerMember | undefined,
    said: ConsumerMember,
    owned: Assignment | undefined,
    now: Moment,
    effects: Effects,
  ): ConsumerMember {
    const seat = this.#seat(known, said);
    const isChanged = known === undefined || !isSameSubscription(known, said);
    if (isChanged) seat.forgetTopics();
    const isOther = this.#topicsHaveChanged();
    if (isChanged || (isOther && this.epoch === this.assignmentEpoch)) this.epoch += 1;
    if (this.epoch > this.assignmentEpoch) this.#divide(effects);
    const { memberId } = said;
    const isFree = (topicId: Uuid, partition: number): boolean =>
      (this.#holders.of(topicId, partition) ?? memberId) === memberId;
    const target = { epoch: this.assignmentEpoch, partitions: this.target(memberId), isFree };
    const updated = reconcile(said, target, owned);
    this.#store(known, updated, effects);
    this.#watchRevocation(seat, known, now);
    return updated;
  }

  /** A member that has to give up partitions has its rebalance timeout for it. */
  #watchRevocation(seat: Seat, known: ConsumerMember | undefined, now: Moment): void {
    const { deadlines } = this.#context;
    const { member } = seat;
    if (member.classic !== null || member.state !== MemberState.UNREVOKED_PARTITIONS) {
      deadlines.cancel(seat.revocation);
    } else if (!seat.revocation.armed || known === undefined || !isSameMember(known, member)) {
      deadlines.arm(seat.revocation, now.nowMs + member.rebalanceTimeoutMs);
    }
  }

  /**
   * Whether topics that members read have come, gone or grown since the work was divided. What it was divided from can be
   * seen in the targets: each partition of each topic that somebody reads is in one of them.
   */
  #topicsHaveChanged(): boolean {
    const { topicsVersion } = this.#context.state;
    if (this.#topicsVersion === topicsVersion) return false;
    this.#topicsVersion = topicsVersion;
    const divided = new Map<Uuid, number>();
    for (const target of this.#targets.values()) {
      for (const [topicId, { length }] of target) divided.set(topicId, (divided.get(topicId) ?? 0) + length);
    }
    const present = this.#partitionCounts();
    if (present.size !== divided.size) return true;
    for (const [topicId, count] of present) if (divided.get(topicId) !== count) return true;
    return false;
  }

  #partitionCounts(): PartitionCounts {
    const { state } = this.#context;
    const counts = new Map<Uuid, number>();
    for (const seat of this.#seats.values()) {
      for (const topicId of this.#topicsOf(seat)) counts.set(topicId, state.topicById(topicId)!.partitions.length);
    }
    return counts;
  }

  #topicsOf(seat: Seat): ReadonlySet<Uuid> {
    const { state } = this.#context;
    return seat.topics(state.topicsVersion, ({ subscribedTopicNames, subscribedTopicRegex }) => {
      const ids = new Set<Uuid>();
      for (const name of subscribedTopicNames) {
        const topic = state.topic(name);
        if (topic !== undefined) ids.add(topic.id);
      }
      if (subscribedTopicRegex !== null) for (const id of this.#matching(subscribedTopicRegex)) ids.add(id);
      return ids;
    });
  }

  /** The topics that an expression matches: found once, however many members give it, until there are other topics. */
  #matching(regex: string): readonly Uuid[] {
    const { state } = this.#context;
    const isOld = this.#matchesVersion !== state.topicsVersion;
    if (isOld || this.#matches.size > this.#seats.size) this.#matches.clear(); // or some are not used any more
    this.#matchesVersion = state.topicsVersion;
    let ids = this.#matches.get(regex);
    if (ids === undefined) {
      const matches = this.#pattern(regex);
      ids = [...state.topics()].filter(({ name }) => matches(name)).map(({ id }) => id);
      this.#matches.set(regex, ids);
    }
    return ids;
  }

  /** An expression that does not compile is refused before it gets here. */
  #pattern(regex: string): TopicPattern {
    let pattern = this.#patterns.get(regex);
    if (pattern === undefined) {
      const compiled = compileTopicRegex(regex);
      pattern = typeof compiled === "function" ? compiled : () => false;
      if (this.#patterns.size > this.#seats.size) this.#patterns.clear(); // some are not used any more
      this.#patterns.set(regex, pattern);
    }
    return pattern;
  }

  /** Finds a target for every member, and stores those that are new. */
  #divide(effects: Effects): void {
    const seats = [...this.#seats.values()];
    const members = seats.map((seat): AssignorMember => {
      const { memberId, instanceId } = seat.member;
      return { memberId, instanceId, topics: this.#topicsOf(seat), previous: this.target(memberId) };
    });
    const assign = ASSIGNORS.get(this.#preferredAssignor(seats.map(({ member }) => member)))!;
    const changed = new Map<string, Assignment>();
    for (const [memberId, target] of assign(members, this.#partitionCounts())) {
      const before = this.#targets.get(memberId);
      if (before !== undefined && isEqual(before, target)) continue;
      this.#targets.set(memberId, target);
      changed.set(memberId, target);
    }
    this.assignmentEpoch = this.epoch;
    this.#storeTargets(changed, effects);
  }

  #preferredAssignor(members: readonly ConsumerMember[]): string {
    const offered: readonly string[] = this.#context.state.broker["group.consumer.assignors"];
    const votes = new Map<string, number>();
    for (const { serverAssignor } of members) {
      if (serverAssignor !== null && offered.includes(serverAssignor)) {
        votes.set(serverAssignor, (votes.get(serverAssignor) ?? 0) + 1);
      }
    }
    let chosen = offered[0]!;
    for (const [name, count] of votes) if (count > (votes.get(chosen) ?? 0)) chosen = name;
    return chosen;
  }

  #storeTargets(changed: ReadonlyMap<string, Assignment>, effects: Effects): void {
    const { groupId, epoch, assignmentEpoch } = this;
    const targets = [...changed].map(([memberId, target]) => ({ memberId, partitions: toTopicPartitions(target) }));
    effects.append({ type: 27, value: { groupId, epoch, assignmentEpoch, targets } });
  }

  #store(known: ConsumerMember | undefined, member: ConsumerMember, effects: Effects): Seat {
    const seat = this.#seat(known, member);
    if (known === undefined || !isSameMember(known, member)) {
      effects.append({ type: 25, value: { groupId: this.groupId, ...toStored(member) } });
    }
    return seat;
  }

  /** Gives a member its place, or what it has become the place of what it was. */
  #seat(known: ConsumerMember | undefined, member: ConsumerMember): Seat {
    const { memberId, instanceId } = member;
    let seat = this.#seats.get(memberId);
    if (seat === undefined) {
      seat = new Seat(member, (now, effects) => this.#remove([memberId], now, effects));
      this.#seats.set(memberId, seat);
    } else {
      this.#holders.release(seat.member);
    }
    this.#holders.hold(member);
    seat.member = member;
    const formerly = known?.instanceId ?? null;
    if (formerly !== null && formerly !== instanceId) this.#statics.delete(formerly);
    if (instanceId !== null) this.#statics.set(instanceId, memberId);
    return seat;
  }

  #unseat(memberId: string): void {
    const seat = this.#seats.get(memberId);
    if (seat === undefined) return;
    const { instanceId } = seat.member;
    for (const deadline of seat.deadlines) this.#context.deadlines.cancel(deadline);
    this.#holders.release(seat.member);
    this.#seats.delete(memberId);
    this.#targets.delete(memberId);
    if (instanceId !== null && this.#statics.get(instanceId) === memberId) this.#statics.delete(instanceId);
  }

  #remove(memberIds: readonly string[], now: Moment, effects: Effects): void {
    const hadConsumers = memberIds.some((memberId) => this.#seats.get(memberId)?.member.classic === null);
    for (const memberId of memberIds) this.#unseat(memberId);
    this.epoch += 1;
    effects.append({ type: 26, value: { groupId: this.groupId, memberIds } });
    this.#storeTargets(new Map(), effects);
    if (hadConsumers) this.#becomeClassicIfAllAre(now, effects);
  }

  /** The last member of the consumer protocol is gone: those that are left go on as a classic group. */
  #becomeClassicIfAllAre(now: Moment, effects: Effects): void {
    if (this.isEmpty || !this.#context.mayBecomeClassic(this.#seats.size)) return;
    for (const { classic } of this.members()) if (classic === null) return;
    this.close();
    const isComplete = this.state === "Stable";
    const members = [...this.members()].map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      sessionTimeoutMs: member.classic!.sessionTimeoutMs,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      protocols: member.classic!.protocols,
      // What it uses, and not what it was meant to: the group may be taken over again before it has let go.
      assignment: writeAssignment(
        subscriptionVersion(member),
        this.#byName(union(member.assigned, member.pendingRevocation)),
      ),
    }));
    const group = ClassicGroup.fromMembers(
      { groupId: this.groupId, generation: this.epoch, members },
      this.#context,
      now,
    );
    this.#context.replace(group);
    effects.append(group.stored());
    if (!isComplete) group.rebalance(now, effects);
  }

  /** Whether an assignor is left that all members of the classic protocol have. */
  #supports({ protocolType, protocols }: JoinRequest): boolean {
    if (protocolType !== CONSUMER_PROTOCOL_TYPE) return false;
    const sides = [...this.members()].flatMap(({ classic }) => (classic === null ? [] : [classic]));
    return protocols.some(({ name }) => sides.every((side) => side.protocols.some((own) => own.name === name)));
  }

  #waitsForOthers({ memberId, assigned }: ConsumerMember): boolean {
    for (const [topicId, partitions] of this.target(memberId)) {
      const own = new Set(assigned.get(topicId));
      const isHeld = (partition: number): boolean => this.#holders.of(topicId, partition) !== undefined;
      if (partitions.some((partition) => !own.has(partition) && isHeld(partition))) return true;
    }
    return false;
  }

  /** A member of the classic protocol was told to join again, or is about to be: from the first time on it has its rebalance timeout. */
  #mustJoin(seat: Seat, now: Moment): void {
    if (!seat.join.armed) this.#context.deadlines.arm(seat.join, now.nowMs + seat.member.rebalanceTimeoutMs);
  }

  #startSession(seat: Seat, now: Moment): void {
    const timeoutMs = seat.member.classic?.sessionTimeoutMs ?? this.#setting("consumer.session.timeout.ms");
    this.#context.deadlines.arm(seat.session, now.nowMs + timeoutMs);
  }

  #startTimes(seat: Seat, now: Moment): void {
    this.#startSession(seat, now);
    this.#watchRevocation(seat, undefined, now);
  }

  #byId(topics: readonly NamedPartitions[]): Assignment {
    return byId(topics, this.#context);
  }

  #byName(assignment: Assignment): NamedPartitions[] {
    return [...assignment].flatMap(([topicId, partitions]) => {
      const topic = this.#context.state.topicById(topicId);
      return topic === undefined ? [] : [{ topic: topic.name, partitions }];
    });
  }
}

/** The members of a classic group as those of a consumer group, or why they cannot be that. */
function classicMembers(classic: ClassicGroup, context: GroupContext): ConsumerMember[] | Refusal {
  const { generation, protocolName } = classic;
  const members: ConsumerMember[] = [];
  // In the middle of a rebalance what members had before may have been given to others: nothing is counted twice.
  let taken = NOTHING;
  for (const each of classic.members.values()) {
    const subscription = readSubscription(each.metadata(protocolName) ?? each.protocols[0]!.metadata);
    const assignment = readAssignment(each.assignment);
    if (subscription === undefined || assignment === undefined) {
      return {
        errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
        errorMessage: `Cannot upgrade classic group ${classic.groupId} to consumer group: a member's metadata cannot be read.`,
      };
    }
    const assigned = difference(byId(assignment, context), taken);
    taken = union(taken, assigned);
    members.push({
      ...newMember(each.memberId),
      instanceId: each.instanceId,
      rackId: subscription.rackId,
      clientId: each.clientId,
      clientHost: each.clientHost,
      rebalanceTimeoutMs: each.rebalanceTimeoutMs,
      subscribedTopicNames: sortedNames(subscription.topics),
      classic: { sessionTimeoutMs: each.sessionTimeoutMs, protocols: each.protocols },
      memberEpoch: generation,
      previousMemberEpoch: generation,
      assigned,
    });
  }
  return members;
}

/** A topic that there is not any more is left out. */
function byId(topics: readonly NamedPartitions[], { state }: GroupContext): Assignment {
  return toAssignment(
    topics.flatMap(({ topic, partitions }) => {
      const topicId = state.topic(topic)?.id;
      return topicId === undefined ? [] : [{ topicId, partitions }];
    }),
  );
}

function subscriptionVersion({ classic }: ConsumerMember): number {
  const [first] = classic?.protocols ?? [];
  return (first === undefined ? undefined : readSubscription(first.metadata))?.version ?? 0;
}

function sortedNames(names: readonly string[]): readonly string[] {
  return [...new Set(names)].toSorted();
}
