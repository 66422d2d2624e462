/**
 * What the log knows of groups: offsets, and each group as its last completed rebalance has left it. `apply` is the only
 * mutator. What groups do between two records (who has joined, whose session ends when) is not here but in `Group`s.
 */
import { unreachable } from "../base/assert.ts";
import type { Position } from "../base/brands.ts";
import type { Int64 } from "../base/int64.ts";
import type { Uuid } from "../base/uuid.ts";
import type { Message } from "../protocol/codec/message.ts";
import type { Fold } from "../state/fold.ts";
import type {
  classicGroupStored,
  consumerGroupAssigned,
  groupSlice,
  offsetsCommitted,
  offsetsDeleted,
} from "../state/group-records.ts";
import type { Slice, StateRecord } from "../state/state-record.ts";
import { type Assignment, toAssignment, toTopicPartitions } from "./assignment.ts";
import type { Protocol } from "./classic-member.ts";
import { type ConsumerMember, fromStored, type StoredMember, toStored } from "./consumer-member.ts";

export interface CommittedOffset {
  offset: Int64;
  leaderEpoch: number;
  metadata: string;
  /** Wall clock. */
  commitTimestamp: Int64;
  /** Wall clock; -1 when the retention of the broker counts. */
  expireTimestamp: Int64;
}

/** By topic id and partition. */
export type Offsets = ReadonlyMap<Uuid, ReadonlyMap<number, CommittedOffset>>;

/** A group of the classic protocol as it is stored. */
export type StoredClassicGroup = Message<typeof classicGroupStored>;

/** A group of the consumer protocol as it is stored. */
export interface StoredConsumerGroup {
  readonly epoch: number;
  readonly assignmentEpoch: number;
  /** By member id. */
  readonly members: ReadonlyMap<string, ConsumerMember>;
  /** What the members are led to, by member id. */
  readonly targets: ReadonlyMap<string, Assignment>;
}

export interface StoredGroup {
  readonly groupId: string;
  /** Without this and `consumer` nothing but offsets is known of it. There is never both. */
  readonly classic: StoredClassicGroup | undefined;
  readonly consumer: StoredConsumerGroup | undefined;
  /** The highest generation that members may have been told of. */
  readonly lastGeneration: number;
  readonly offsets: Offsets;
}

/** More rebalances than any group gets to. Generations are int32. */
const MOST_LOST_GENERATIONS = 1_000_000;

class StoredConsumers implements StoredConsumerGroup {
  epoch = 0;
  assignmentEpoch = 0;
  readonly members = new Map<string, ConsumerMember>();
  readonly targets = new Map<string, Assignment>();

  setTargets(targets: Message<typeof consumerGroupAssigned>["targets"]): void {
    for (const { memberId, partitions } of targets) this.targets.set(memberId, toAssignment(partitions));
  }

  setMember(stored: StoredMember): void {
    this.members.set(stored.memberId, fromStored(ownedMember(stored)));
  }
}

/** Records before `stampedAt` are in it already. */
class Stored implements StoredGroup {
  readonly groupId: string;
  readonly stampedAt: number;
  classic: StoredClassicGroup | undefined;
  consumer: StoredConsumers | undefined;
  lastGeneration = 0;
  readonly offsets = new Map<Uuid, Map<number, CommittedOffset>>();

  constructor(groupId: string, stampedAt: number) {
    this.groupId = groupId;
    this.stampedAt = stampedAt;
  }
}

export class GroupFold implements Fold {
  readonly #groups = new Map<string, Stored>();

  group(groupId: string): StoredGroup | undefined {
    return this.#groups.get(groupId);
  }

  groups(): IterableIterator<StoredGroup> {
    return this.#groups.values();
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  apply(record: StateRecord, position: number): void {
    switch (record.type) {
      case 4:
        // An id never returns, so this holds for groups with any stamp.
        for (const { offsets } of this.#groups.values()) offsets.delete(record.value.topicId);
        return;
      case 20:
        return this.#commit(record.value, position);
      case 21:
        return this.#deleteOffsets(record.value, position);
      case 22: {
        const group = this.#groups.get(record.value.groupId);
        if (group !== undefined && position >= group.stampedAt) this.#groups.delete(group.groupId);
        return;
      }
      case 23: {
        const group = this.#groupAt(record.value.groupId, position);
        if (group === undefined) return;
        group.classic = owned(record.value);
        group.consumer = undefined;
        group.lastGeneration = Math.max(group.lastGeneration, record.value.generation);
        return;
      }
      case 24: {
        const group = this.#groupAt(record.value.groupId, position);
        if (group !== undefined) group.lastGeneration = Math.max(group.lastGeneration, record.value.generation);
        return;
      }
      case 25: {
        const { groupId, ...member } = record.value;
        this.#consumersAt(groupId, position)?.setMember(member);
        return;
      }
      case 26: {
        const consumers = this.#consumersAt(record.value.groupId, position);
        if (consumers === undefined) return;
        for (const memberId of record.value.memberIds) {
          consumers.members.delete(memberId);
          consumers.targets.delete(memberId);
        }
        return;
      }
      case 27: {
        const { groupId, epoch, assignmentEpoch, targets } = record.value;
        const consumers = this.#consumersAt(groupId, position);
        if (consumers === undefined) return;
        consumers.epoch = epoch;
        consumers.assignmentEpoch = assignmentEpoch;
        consumers.setTargets(targets);
        return;
      }
      case 1:
      case 2:
      case 3:
      case 5:
      case 6:
      case 7:
      case 8:
      case 9:
      case 10:
        return; // nothing to do with groups
      default:
        unreachable(record);
    }
  }

  *slices(now: () => Position): Iterable<Slice> {
    for (const group of [...this.#groups.values()]) {
      if (this.#groups.get(group.groupId) === group) yield { type: 20, value: sliceOf(group, now()) };
    }
  }

  restore(slice: Slice): void {
    if (slice.type !== 20) return;
    const { groupId, lastGeneration, classic, consumer, offsets, stampedAt } = slice.value;
    const group = new Stored(groupId, Number(stampedAt));
    for (const stored of classic) group.classic = owned({ groupId, ...stored });
    for (const { epoch, assignmentEpoch, targets, members } of consumer) {
      const consumers = new StoredConsumers();
      consumers.epoch = epoch;
      consumers.assignmentEpoch = assignmentEpoch;
      consumers.setTargets(targets);
      for (const member of members) consumers.setMember(member);
      group.consumer = consumers;
    }
    group.lastGeneration = lastGeneration;
    for (const { topicId, partitions } of offsets) {
      const byPartition = new Map<number, CommittedOffset>();
      for (const { partition, ...committed } of partitions) byPartition.set(partition, committed);
      group.offsets.set(topicId, byPartition);
    }
    this.#groups.set(groupId, group);
  }

  skipLost(): void {
    for (const group of this.#groups.values()) {
      group.lastGeneration += MOST_LOST_GENERATIONS;
      if (group.consumer !== undefined) group.consumer.epoch += MOST_LOST_GENERATIONS;
    }
  }

  /** The group to apply a record to, made when there is none; undefined when the record is in it already. */
  #groupAt(groupId: string, position: number): Stored | undefined {
    let group = this.#groups.get(groupId);
    if (group === undefined) {
      group = new Stored(groupId, position);
      this.#groups.set(groupId, group);
    }
    return position >= group.stampedAt ? group : undefined;
  }

  /** The same of a group of the consumer protocol, which the group becomes if it is another. */
  #consumersAt(groupId: string, position: number): StoredConsumers | undefined {
    const group = this.#groupAt(groupId, position);
    if (group === undefined) return undefined;
    group.classic = undefined;
    group.consumer ??= new StoredConsumers();
    return group.consumer;
  }

  #commit(value: Message<typeof offsetsCommitted>, position: number): void {
    const group = this.#groupAt(value.groupId, position);
    if (group === undefined) return;
    const { commitTimestamp, expireTimestamp } = value;
    for (const { topicId, partitions } of value.topics) {
      let byPartition = group.offsets.get(topicId);
      if (byPartition === undefined) {
        byPartition = new Map();
        group.offsets.set(topicId, byPartition);
      }
      for (const { partition, offset, leaderEpoch, metadata } of partitions) {
        const committed = byPartition.get(partition);
        if (committed === undefined) {
          byPartition.set(partition, { offset, leaderEpoch, metadata, commitTimestamp, expireTimestamp });
        } else {
          committed.offset = offset;
          committed.leaderEpoch = leaderEpoch;
          committed.metadata = metadata;
          committed.commitTimestamp = commitTimestamp;
          committed.expireTimestamp = expireTimestamp;
        }
      }
    }
  }

  #deleteOffsets(value: Message<typeof offsetsDeleted>, position: number): void {
    const group = this.#groups.get(value.groupId);
    if (group === undefined || position < group.stampedAt) return;
    for (const { topicId, partitions } of value.topics) {
      const byPartition = group.offsets.get(topicId);
      if (byPartition === undefined) continue;
      for (const partition of partitions) byPartition.delete(partition);
      if (byPartition.size === 0) group.offsets.delete(topicId);
    }
  }
}

/** Byte fields of a decoded record are views on the buffer it was read from, which is used again. */
function owned(group: StoredClassicGroup): StoredClassicGroup {
  const members = group.members.map((member) => ({
    ...member,
    protocols: member.protocols.map(ownedProtocol),
    assignment: Buffer.from(member.assignment),
  }));
  return { ...group, members };
}

function ownedMember(member: StoredMember): StoredMember {
  const { classic } = member;
  if (classic === null) return member;
  return { ...member, classic: { ...classic, protocols: classic.protocols.map(ownedProtocol) } };
}

function ownedProtocol({ name, metadata }: Protocol): Protocol {
  return { name, metadata: Buffer.from(metadata) };
}

function sliceOf(
  { groupId, lastGeneration, classic, consumer, offsets }: Stored,
  stampedAt: Position,
): Message<typeof groupSlice> {
  return {
    groupId,
    lastGeneration,
    classic: classic === undefined ? [] : [classic],
    consumer: consumer === undefined ? [] : [consumerSlice(consumer)],
    offsets: [...offsets].map(([topicId, byPartition]) => ({
      topicId,
      partitions: [...byPartition].map(([partition, committed]) => ({ partition, ...committed })),
    })),
    stampedAt,
  };
}

function consumerSlice({
  epoch,
  assignmentEpoch,
  members,
  targets,
}: StoredConsumers): Message<typeof groupSlice>["consumer"][number] {
  return {
    epoch,
    assignmentEpoch,
    targets: [...targets].map(([memberId, partitions]) => ({ memberId, partitions: toTopicPartitions(partitions) })),
    members: [...members.values()].map(toStored),
  };
}
