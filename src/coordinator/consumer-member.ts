/**
 * A member of a group of the consumer protocol (KIP-848), as it is stored, and the steps by which it gets from what it has
 * to what is meant for it. A value: whoever changes a member makes another.
 *
 *     Stable ──a newer target──▶ UnrevokedPartitions ──it has given them up──▶ Stable, if all that is meant for it is free
 *        └───────────────── nothing to give up ──────────────────────────────▶ UnreleasedPartitions, as long as it is not
 *
 * A member is at the epoch of the assignment that it has reached. It stays at its old one until it has given up what is
 * no longer meant for it, and no partition is given out before the member that had it has given it up.
 */
import type { Uuid } from "../base/uuid.ts";
import type { Message } from "../protocol/codec/message.ts";
import type { consumerMemberStored } from "../state/group-records.ts";
import {
  type Assignment,
  difference,
  intersection,
  isEqual,
  NOTHING,
  select,
  toAssignment,
  toTopicPartitions,
  union,
} from "./assignment.ts";
import type { Protocol } from "./classic-member.ts";

export const MemberState = { STABLE: 1, UNREVOKED_PARTITIONS: 2, UNRELEASED_PARTITIONS: 3 } as const;
export type MemberState = (typeof MemberState)[keyof typeof MemberState];

/** Member epochs with a meaning of their own, as requests have them. */
export const JOIN_EPOCH = 0;
export const LEAVE_EPOCH = -1;
/** A static member leaves and will be back. */
export const AWAY_EPOCH = -2;

/** What a member that speaks the classic protocol has joined with. */
export interface ClassicSide {
  readonly sessionTimeoutMs: number;
  readonly protocols: readonly Protocol[];
}

export interface ConsumerMember {
  readonly memberId: string;
  /** Set for a static member. */
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** How long it may take to give up partitions. */
  readonly rebalanceTimeoutMs: number;
  readonly serverAssignor: string | null;
  /** In ascending order, each once. */
  readonly subscribedTopicNames: readonly string[];
  /** null or not empty. */
  readonly subscribedTopicRegex: string | null;
  /** null: it speaks the consumer protocol. */
  readonly classic: ClassicSide | null;
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly state: MemberState;
  /** What it may use. */
  readonly assigned: Assignment;
  /** What it has been told to give up and may still use. */
  readonly pendingRevocation: Assignment;
}

/** One that has said nothing of itself yet. */
export function newMember(memberId: string): ConsumerMember {
  return {
    memberId,
    instanceId: null,
    rackId: null,
    clientId: "",
    clientHost: "",
    rebalanceTimeoutMs: -1,
    serverAssignor: null,
    subscribedTopicNames: [],
    subscribedTopicRegex: null,
    classic: null,
    memberEpoch: JOIN_EPOCH,
    previousMemberEpoch: JOIN_EPOCH,
    state: MemberState.STABLE,
    assigned: NOTHING,
    pendingRevocation: NOTHING,
  };
}

export type StoredMember = Omit<Message<typeof consumerMemberStored>, "groupId">;

export function toStored(member: ConsumerMember): StoredMember {
  const { assigned, pendingRevocation } = member;
  return {
    ...member,
    assigned: toTopicPartitions(assigned),
    pendingRevocation: toTopicPartitions(pendingRevocation),
  };
}

export function fromStored(stored: StoredMember): ConsumerMember {
  return {
    ...stored,
    state: stored.state as MemberState,
    assigned: toAssignment(stored.assigned),
    pendingRevocation: toAssignment(stored.pendingRevocation),
  };
}

export function isSameMember(one: ConsumerMember, other: ConsumerMember): boolean {
  return (
    one === other ||
    (isSameProfile(one, other) &&
      one.memberEpoch === other.memberEpoch &&
      one.previousMemberEpoch === other.previousMemberEpoch &&
      one.state === other.state &&
      isEqual(one.assigned, other.assigned) &&
      isEqual(one.pendingRevocation, other.pendingRevocation))
  );
}

export function isSameSubscription(one: ConsumerMember, other: ConsumerMember): boolean {
  if (one.subscribedTopicRegex !== other.subscribedTopicRegex) return false;
  const { subscribedTopicNames: names } = one;
  const { subscribedTopicNames: others } = other;
  return names === others || (names.length === others.length && names.every((name, index) => name === others[index]));
}

export function isReconciled(member: ConsumerMember, assignmentEpoch: number): boolean {
  return member.state === MemberState.STABLE && member.memberEpoch === assignmentEpoch;
}

/** What a member is led to. */
export interface Target {
  readonly epoch: number;
  readonly partitions: Assignment;
  /** Whether no other member has the partition. */
  readonly isFree: (topicId: Uuid, partition: number) => boolean;
}

/** One step of a member towards its target. `owned` is what it says to have; undefined when it does not say. */
export function reconcile(member: ConsumerMember, target: Target, owned: Assignment | undefined): ConsumerMember {
  const { state, memberEpoch, pendingRevocation } = member;
  if (isReconciled(member, target.epoch)) return member;
  if (state !== MemberState.UNREVOKED_PARTITIONS) return next(member, memberEpoch, target, owned);
  if (hasAnyOf(owned, pendingRevocation)) return member;
  return next(member, memberEpoch + 1, target, owned);
}

function next(member: ConsumerMember, epoch: number, target: Target, owned: Assignment | undefined): ConsumerMember {
  const assigned = intersection(member.assigned, target.partitions);
  const pendingRevocation = difference(member.assigned, assigned);
  if (pendingRevocation.size > 0 && hasAnyOf(owned, pendingRevocation)) {
    return at(member, epoch, { state: MemberState.UNREVOKED_PARTITIONS, assigned, pendingRevocation });
  }
  const missing = difference(target.partitions, assigned);
  const free = select(missing, target.isFree);
  const isComplete = isEqual(free, missing);
  return at(member, target.epoch, {
    state: isComplete ? MemberState.STABLE : MemberState.UNRELEASED_PARTITIONS,
    assigned: union(assigned, free),
    pendingRevocation: NOTHING,
  });
}

/** Whether the member may still use one of `partitions`: also when it does not say what it has. */
function hasAnyOf(owned: Assignment | undefined, partitions: Assignment): boolean {
  return owned === undefined || intersection(partitions, owned).size > 0;
}

function at(
  member: ConsumerMember,
  memberEpoch: number,
  changes: Pick<ConsumerMember, "state" | "assigned" | "pendingRevocation">,
): ConsumerMember {
  const previousMemberEpoch = memberEpoch === member.memberEpoch ? member.previousMemberEpoch : member.memberEpoch;
  return { ...member, ...changes, memberEpoch, previousMemberEpoch };
}

function isSameProfile(one: ConsumerMember, other: ConsumerMember): boolean {
  return (
    isSameSubscription(one, other) &&
    one.memberId === other.memberId &&
    one.instanceId === other.instanceId &&
    one.rackId === other.rackId &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    one.rebalanceTimeoutMs === other.rebalanceTimeoutMs &&
    one.serverAssignor === other.serverAssignor &&
    isSameClassicSide(one.classic, other.classic)
  );
}

function isSameClassicSide(one: ClassicSide | null, other: ClassicSide | null): boolean {
  if (one === null || other === null) return one === other;
  if (one.sessionTimeoutMs !== other.sessionTimeoutMs || one.protocols.length !== other.protocols.length) return false;
  return one.protocols.every(({ name, metadata }, index) => {
    const its = other.protocols[index]!;
    return its.name === name && its.metadata.equals(metadata);
  });
}

/** What it says of itself takes so much memory, about. */
export function profileBytes({ subscribedTopicNames, subscribedTopicRegex, classic }: ConsumerMember): number {
  let bytes = subscribedTopicRegex?.length ?? 0;
  for (const name of subscribedTopicNames) bytes += name.length;
  for (const { name, metadata } of classic?.protocols ?? []) bytes += name.length + metadata.length;
  return bytes;
}
