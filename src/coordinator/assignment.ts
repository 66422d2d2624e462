/** Sets of partitions, of several topics: what a member has, gives back, or is meant to get. */
import type { Uuid } from "../base/uuid.ts";

/** By topic id: partitions in ascending order. A topic without partitions is not in it. */
export type Assignment = ReadonlyMap<Uuid, readonly number[]>;

export const NOTHING: Assignment = new Map();

/** As messages have it. */
export interface TopicPartitions {
  readonly topicId: Uuid;
  readonly partitions: readonly number[];
}

/** Takes partitions as a message names them: in any order, and perhaps more than once. */
export function toAssignment(topics: readonly TopicPartitions[]): Assignment {
  const sets = new Map<Uuid, Set<number>>();
  for (const { topicId, partitions } of topics) {
    const set = sets.get(topicId) ?? new Set();
    sets.set(topicId, set);
    for (const partition of partitions) set.add(partition);
  }
  return fromSets(sets);
}

export function toTopicPartitions(assignment: Assignment): TopicPartitions[] {
  return [...assignment].map(([topicId, partitions]) => ({ topicId, partitions }));
}

export function fromSets(sets: ReadonlyMap<Uuid, ReadonlySet<number>>): Assignment {
  const assignment = new Map<Uuid, readonly number[]>();
  for (const [topicId, set] of sets) {
    if (set.size > 0) assignment.set(topicId, [...set].toSorted(ascending));
  }
  return assignment;
}

/** The partitions of `assignment` for which `keep` says true. */
export function select(assignment: Assignment, keep: (topicId: Uuid, partition: number) => boolean): Assignment {
  const selected = new Map<Uuid, readonly number[]>();
  for (const [topicId, partitions] of assignment) {
    const kept = partitions.filter((partition) => keep(topicId, partition));
    if (kept.length > 0) selected.set(topicId, kept);
  }
  return selected;
}

export function intersection(one: Assignment, other: Assignment): Assignment {
  return select(one, contains(other));
}

/** What is in `one` and not in `other`. */
export function difference(one: Assignment, other: Assignment): Assignment {
  const isInOther = contains(other);
  return select(one, (topicId, partition) => !isInOther(topicId, partition));
}

/** Of assignments that have no partition in common. */
export function union(one: Assignment, other: Assignment): Assignment {
  const both = new Map(one);
  for (const [topicId, partitions] of other) {
    const present = both.get(topicId);
    both.set(topicId, present === undefined ? partitions : [...present, ...partitions].toSorted(ascending));
  }
  return both;
}

export function isSubset(part: Assignment, whole: Assignment): boolean {
  return difference(part, whole).size === 0;
}

export function isEqual(one: Assignment, other: Assignment): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others?.length !== partitions.length) return false;
    if (!partitions.every((partition, index) => others[index] === partition)) return false;
  }
  return true;
}

export function partitionCount(assignment: Assignment): number {
  let count = 0;
  for (const partitions of assignment.values()) count += partitions.length;
  return count;
}

function contains(assignment: Assignment): (topicId: Uuid, partition: number) => boolean {
  const sets = new Map<Uuid, ReadonlySet<number>>();
  return (topicId, partition) => {
    let set = sets.get(topicId);
    if (set === undefined) {
      set = new Set(assignment.get(topicId));
      sets.set(topicId, set);
    }
    return set.has(partition);
  };
}

function ascending(one: number, other: number): number {
  return one - other;
}
