/** Which topic is to be compacted next, and what of it. Decides, and does nothing. */
import type { FileRange } from "../log/log-file.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { Segment } from "../log/segment.ts";
import type { State, Topic } from "../state/state.ts";
import type { Attempts } from "./attempts.ts";
import { type CompactionRange, compactionDue } from "./compaction-due.ts";
import type { OldestDirty } from "./oldest-dirty.ts";

/** What one job takes in at most, unless one partition alone is larger. */
const MAX_INPUT_BYTES = 1024 * 1024 * 1024;
/** What is written before it counts, unless one range is larger: so much room there has to be. */
export const COMPACTION_PART_BYTES = 256 * 1024 * 1024;

export interface PartitionToCompact {
  readonly partition: PartitionLog;
  /** Oldest first, up to what must not be touched yet. */
  readonly ranges: readonly FileRange<Segment>[];
  readonly firstDirtyOffset: number;
}

export interface CompactionPlan {
  readonly topic: Topic;
  /** In the order of their numbers. */
  readonly partitions: readonly (PartitionToCompact & { readonly groups: readonly CompactionGroup[] })[];
  /** Bytes of the ranges of each part. */
  readonly parts: readonly number[];
}

/** Neighbouring ranges that become one, in a part of the job. */
export interface CompactionGroup {
  readonly part: number;
  readonly ranges: readonly FileRange<Segment>[];
}

interface Candidate extends PartitionToCompact {
  readonly topic: Topic;
  readonly dirtyRatio: number;
}

/**
 * The topic of the partition that is dirtiest, with its other partitions that are due. `busy` segments are left alone. A
 * partition that could not be compacted comes behind all others, and by itself: so it holds up none of them.
 */
export function planCompaction(
  state: State,
  options: {
    readonly busy: Pick<ReadonlySet<Segment>, "has">;
    readonly nowMs: number;
    readonly partBytes: number;
    readonly oldestDirty: Pick<OldestDirty, "timestampOf">;
    readonly attempts: Pick<Attempts, "failuresOf" | "isResting" | "needsWorkerAlone">;
  },
): CompactionPlan | undefined {
  const { attempts, partBytes } = options;
  const due: Candidate[] = [];
  for (const topic of state.topics()) {
    if (!topic.config["cleanup.policy"].includes("compact")) continue;
    for (const partition of topic.partitions) {
      if (attempts.isResting(partition)) continue;
      const candidate = candidateOf(topic, partition, options);
      if (candidate !== undefined) due.push(candidate);
    }
  }
  const failuresOf = (candidate: Candidate): number => attempts.failuresOf(candidate.partition);
  due.sort((a, b) => failuresOf(a) - failuresOf(b) || b.dirtyRatio - a.dirtyRatio);
  const first = due[0];
  if (first === undefined) return undefined;
  const isAlone = ({ partition }: Candidate): boolean =>
    attempts.failuresOf(partition) > 0 || attempts.needsWorkerAlone([partition]);
  if (isAlone(first)) return inParts(first.topic, [first], partBytes);
  let bytes = 0;
  const partitions = due.filter((candidate) => {
    const { topic, partition, ranges } = candidate;
    if (topic !== first.topic || isAlone(candidate)) return false;
    bytes += ranges.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return partition === first.partition || bytes <= MAX_INPUT_BYTES;
  });
  return inParts(first.topic, partitions, partBytes);
}

function candidateOf(
  topic: Topic,
  partition: PartitionLog,
  {
    busy,
    nowMs,
    oldestDirty,
  }: {
    readonly busy: Pick<ReadonlySet<Segment>, "has">;
    readonly nowMs: number;
    readonly oldestDirty: Pick<OldestDirty, "timestampOf">;
  },
): Candidate | undefined {
  const stored = segmentRanges(partition);
  if (stored.length === 0 || stored.some(({ file }) => busy.has(file))) return undefined;
  const firstDirtyOffset = firstDirtyOffsetOf(partition);
  const { reason, uncleanableFrom, dirtyRatio } = compactionDue(
    {
      ranges: factsOf(stored, firstDirtyOffset, oldestDirty.timestampOf(partition)),
      firstDirtyOffset,
      limitOffset: partition.lastStableOffset,
      tombstonesDueMs: partition.horizonMs === -1 ? undefined : partition.horizonMs,
      nowMs,
    },
    topic.config,
  );
  const ranges = stored.filter(({ endOffset }) => endOffset <= uncleanableFrom);
  if (reason === undefined || ranges.length === 0) return undefined;
  return { topic, partition, ranges, firstDirtyOffset, dirtyRatio };
}

/** What has left the write-ahead log. */
export function segmentRanges({ ranges }: PartitionLog): FileRange<Segment>[] {
  const stored: FileRange<Segment>[] = [];
  for (const range of ranges) {
    if (!(range.file instanceof Segment)) break;
    stored.push(range as FileRange<Segment>);
  }
  return stored;
}

/** Compaction has not gone over what lies from here on. */
export function firstDirtyOffsetOf({ cleanedTo, logStartOffset }: PartitionLog): number {
  return Math.max(cleanedTo, logStartOffset);
}

/**
 * Of the first dirty range the time of its oldest dirty batch counts, once it was looked up. Of those behind it is only known
 * that they hardly begin before the one before has ended.
 */
function factsOf(
  ranges: readonly FileRange[],
  firstDirtyOffset: number,
  oldestDirtyMs: number | undefined,
): CompactionRange[] {
  let isDirtyBefore = false;
  return ranges.map(({ firstOffset, endOffset, sizeBytes, maxTimestamp }, index) => {
    const facts = { firstOffset, endOffset, sizeBytes, maxTimestamp };
    if (endOffset <= firstDirtyOffset) return facts;
    const firstTimestamp = isDirtyBefore ? ranges[index - 1]!.maxTimestamp : (oldestDirtyMs ?? maxTimestamp);
    isDirtyBefore = true;
    return { ...facts, firstTimestamp };
  });
}

/** Puts groups together, in their order, to parts of the job. */
function inParts(topic: Topic, due: readonly PartitionToCompact[], partBytes: number): CompactionPlan {
  const parts: number[] = [];
  const partitions = due
    .toSorted((a, b) => a.partition.partition - b.partition.partition)
    .map((partition) => ({
      ...partition,
      groups: groupsOf(topic, partition.ranges, partBytes).map(({ ranges, bytes }) => {
        const last = parts.length - 1;
        if (last >= 0 && parts[last]! + bytes <= partBytes) parts[last]! += bytes;
        else parts.push(bytes);
        return { part: parts.length - 1, ranges };
      }),
    }));
  return { topic, partitions, parts };
}

/** Neighbouring ranges that become one: no more together than segment.bytes, segment.ms and the size of a part allow. */
function groupsOf(
  { config: { "segment.bytes": segmentBytes, "segment.ms": maxMs } }: Topic,
  ranges: readonly FileRange<Segment>[],
  partBytes: number,
): { readonly ranges: readonly FileRange<Segment>[]; readonly bytes: number }[] {
  const maxBytes = Math.min(segmentBytes, partBytes);
  const groups: { readonly ranges: FileRange<Segment>[]; bytes: number }[] = [];
  for (const range of ranges) {
    const { sizeBytes, maxTimestamp } = range;
    const group = groups.at(-1);
    if (
      group !== undefined &&
      group.bytes + sizeBytes <= maxBytes &&
      maxTimestamp - group.ranges[0]!.maxTimestamp <= maxMs
    ) {
      group.ranges.push(range);
      group.bytes += sizeBytes;
    } else {
      groups.push({ ranges: [range], bytes: sizeBytes });
    }
  }
  return groups;
}
