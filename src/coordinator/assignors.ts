/**
 * How the partitions of what a consumer group reads are divided between its members when the broker does it (KIP-848).
 *
 * `uniform` gives all members as equal a number of partitions as their subscriptions allow, and leaves with each as much
 * as it has. `range` gives each a run of neighbouring partitions of each topic, the same of topics with equal partitions,
 * so that joins by partition work.
 */
import type { Uuid } from "../base/uuid.ts";
import { type Assignment, fromSets } from "./assignment.ts";

export interface AssignorMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** The topics it reads, those that exist. */
  readonly topics: ReadonlySet<Uuid>;
  /** What was meant for it before. */
  readonly previous: Assignment;
}

/** Partitions by topic: all topics that any member reads. */
export type PartitionCounts = ReadonlyMap<Uuid, number>;

/** Answers what is meant for each member, by member id. Every partition that somebody reads goes to one of its readers. */
export type Assignor = (members: readonly AssignorMember[], topics: PartitionCounts) => Map<string, Assignment>;

export const ASSIGNORS: ReadonlyMap<string, Assignor> = new Map([
  ["uniform", uniform],
  ["range", range],
]);

/** A member while the work is being divided. */
class Share {
  readonly member: AssignorMember;
  readonly partitions = new Map<Uuid, Set<number>>();
  count = 0;

  constructor(member: AssignorMember) {
    this.member = member;
  }

  of(topicId: Uuid): ReadonlySet<number> {
    return this.partitions.get(topicId) ?? NONE;
  }

  add(topicId: Uuid, partition: number): void {
    let partitions = this.partitions.get(topicId);
    if (partitions === undefined) {
      partitions = new Set();
      this.partitions.set(topicId, partitions);
    }
    partitions.add(partition);
    this.count += 1;
  }

  remove(topicId: Uuid, partition: number): void {
    this.partitions.get(topicId)?.delete(partition);
    this.count -= 1;
  }
}

/** Partitions that somebody has, by topic. */
type Taken = ReadonlyMap<Uuid, ReadonlySet<number>>;

const NONE: ReadonlySet<number> = new Set();

function uniform(members: readonly AssignorMember[], topics: PartitionCounts): Map<string, Assignment> {
  const shares = members.map((member) => new Share(member));
  const taken = keepPrevious(shares, topics);
  if (members.every(({ topics: its }) => its.size === topics.size)) divideEqually(shares, topics, taken);
  else divideByTopic(shares, topics, taken);
  return new Map(shares.map(({ member, partitions }) => [member.memberId, fromSets(partitions)]));
}

/** All members read the same: who has most keeps most, and what is beyond a member's share goes to those with less. */
function divideEqually(shares: readonly Share[], topics: PartitionCounts, taken: Taken): void {
  let total = 0;
  for (const count of topics.values()) total += count;
  const inOrder = shares.toSorted((one, other) => other.count - one.count);
  const least = Math.floor(total / shares.length);
  const more = total % shares.length;
  const quota = (index: number): number => (index < more ? least + 1 : least);
  const free: (readonly [Uuid, number])[] = [];
  for (const [index, share] of inOrder.entries()) {
    for (const [topicId, partitions] of [...share.partitions].toReversed()) {
      for (const partition of [...partitions].toSorted((one, other) => other - one)) {
        if (share.count <= quota(index)) break;
        share.remove(topicId, partition);
        free.push([topicId, partition]);
      }
    }
  }
  free.reverse();
  for (const [topicId, count] of topics) {
    const present = taken.get(topicId) ?? NONE;
    for (let partition = 0; partition < count; partition += 1)
      if (!present.has(partition)) free.push([topicId, partition]);
  }
  let next = 0;
  for (const [index, share] of inOrder.entries()) {
    for (; share.count < quota(index); next += 1) share.add(...free[next]!);
  }
}

/** Members read different topics: what is free goes to the reader with least, and then it is evened out topic by topic. */
function divideByTopic(shares: readonly Share[], topics: PartitionCounts, taken: Taken): void {
  const readers = readersOf(shares, topics);
  // Topics with few readers first: the others have more choice.
  const inOrder = [...topics].toSorted(([one], [other]) => readers.get(one)!.length - readers.get(other)!.length);
  for (const [topicId, count] of inOrder) {
    const ranked = new Ranking(readers.get(topicId)!);
    const present = taken.get(topicId) ?? NONE;
    for (let partition = 0; partition < count; partition += 1) {
      if (!present.has(partition)) ranked.addToLeast(topicId, partition);
    }
  }
  while (evenOut(inOrder, readers)); // what one topic has moved may let another move
}

function readersOf(shares: readonly Share[], topics: PartitionCounts): ReadonlyMap<Uuid, Share[]> {
  const readers = new Map<Uuid, Share[]>([...topics.keys()].map((topicId) => [topicId, []]));
  for (const share of shares) for (const topicId of share.member.topics) readers.get(topicId)!.push(share);
  return readers;
}

/** Leaves with each what it has and still reads. Answers what is not free any more. */
function keepPrevious(shares: readonly Share[], topics: PartitionCounts): Taken {
  const taken = new Map<Uuid, Set<number>>([...topics.keys()].map((topicId) => [topicId, new Set()]));
  for (const share of shares) {
    for (const [topicId, partitions] of share.member.previous) {
      if (!share.member.topics.has(topicId)) continue;
      const present = taken.get(topicId)!;
      for (const partition of partitions) {
        if (partition >= topics.get(topicId)! || present.has(partition)) continue;
        present.add(partition);
        share.add(topicId, partition);
      }
    }
  }
  return taken;
}

/** Shares by how much they have, the least first: a heap. In a tie the earlier member comes first. */
class Ranking {
  readonly #heap: { readonly share: Share; readonly index: number }[];

  constructor(shares: readonly Share[]) {
    this.#heap = shares.map((share, index) => ({ share, index }));
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at -= 1) this.#siftDown(at);
  }

  addToLeast(topicId: Uuid, partition: number): void {
    this.#heap[0]?.share.add(topicId, partition);
    this.#siftDown(0);
  }

  #siftDown(from: number): void {
    const heap = this.#heap;
    for (let at = from; ; ) {
      const left = 2 * at + 1;
      let least = at;
      for (const child of [left, left + 1]) if (child < heap.length && this.#precedes(child, least)) least = child;
      if (least === at) return;
      [heap[at], heap[least]] = [heap[least]!, heap[at]!];
      at = least;
    }
  }

  #precedes(one: number, other: number): boolean {
    const [a, b] = [this.#heap[one]!, this.#heap[other]!];
    return a.share.count < b.share.count || (a.share.count === b.share.count && a.index < b.index);
  }
}

/**
 * Moves partitions between readers of the same topic, from who has most to who has least. Answers whether anything was
 * moved. Each move makes the sum of squares of all counts smaller, so this comes to an end.
 */
function evenOut(topics: Iterable<readonly [Uuid, number]>, readers: ReadonlyMap<Uuid, readonly Share[]>): boolean {
  let moved = false;
  for (const [topicId] of topics) {
    for (;;) {
      const [most, least] = extremes(topicId, readers.get(topicId)!);
      if (most === undefined || least === undefined || most.count - least.count < 2) break;
      let partition = -1;
      for (const each of most.of(topicId)) partition = Math.max(partition, each);
      most.remove(topicId, partition);
      least.add(topicId, partition);
      moved = true;
    }
  }
  return moved;
}

/** Of the readers of a topic, who has most and can give one of the topic, and who has least; the earlier in a tie. */
function extremes(topicId: Uuid, readers: readonly Share[]): readonly [Share | undefined, Share | undefined] {
  let most: Share | undefined;
  let least: Share | undefined;
  for (const share of readers) {
    if (least === undefined || share.count < least.count) least = share;
    if ((most === undefined || share.count > most.count) && share.of(topicId).size > 0) most = share;
  }
  return [most, least];
}

function range(members: readonly AssignorMember[], topics: PartitionCounts): Map<string, Assignment> {
  const shares = members.toSorted(byIdentity).map((member) => new Share(member));
  const readers = readersOf(shares, topics);
  for (const [topicId, count] of topics) {
    const its = readers.get(topicId)!;
    const least = Math.floor(count / its.length);
    const more = count % its.length;
    let partition = 0;
    for (const [index, share] of its.entries()) {
      const end = partition + least + (index < more ? 1 : 0);
      for (; partition < end; partition += 1) share.add(topicId, partition);
    }
  }
  return new Map(shares.map(({ member, partitions }) => [member.memberId, fromSets(partitions)]));
}

/** Static members first, by the name that they keep. */
function byIdentity(one: AssignorMember, other: AssignorMember): number {
  if (one.instanceId !== null && other.instanceId !== null) return compare(one.instanceId, other.instanceId);
  if (one.instanceId !== null) return -1;
  if (other.instanceId !== null) return 1;
  return compare(one.memberId, other.memberId);
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
