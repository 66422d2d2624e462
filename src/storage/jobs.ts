/**
 * What the broker asks of the storage worker, and what it is answered: plain data, since it crosses from one thread to
 * another. The broker decides and remembers; the worker only turns files into files.
 */
import type { Uuid } from "../base/uuid.ts";
import type { StoredIndex } from "../log/log-file.ts";
import type { SegmentIdentity } from "./segment-format.ts";
import type { WrittenSegment } from "./segment-writer.ts";

/** A range to be read: its rows in the index of the file. */
export interface RangeSource extends StoredIndex {
  readonly firstOffset: number;
  readonly endOffset: number;
}

export interface PartitionPlace {
  readonly topicId: Uuid;
  readonly topicName: string;
  readonly partition: number;
}

/** A sealed file of the write-ahead log becomes a segment. */
export interface ConvertJob {
  readonly kind: "convert";
  readonly wal: { readonly base: number; readonly incarnation: number; readonly end: number };
  readonly output: SegmentIdentity;
  readonly ranges: readonly (PartitionPlace & RangeSource)[];
}

export interface SegmentSource extends SegmentIdentity {
  readonly sizeBytes: number;
}

/** A range in a segment. */
export interface SegmentRangeSource extends RangeSource {
  /** Place of the segment in the job's `inputs`. */
  readonly input: number;
}

/** Segments become others: each range of the outputs is put together of ranges of the inputs. */
export interface MergeJob {
  readonly kind: "merge";
  readonly inputs: readonly SegmentSource[];
  readonly outputs: readonly {
    readonly identity: SegmentIdentity;
    readonly ranges: readonly (PartitionPlace & { readonly from: readonly SegmentRangeSource[] })[];
  }[];
}

/**
 * Partitions of one topic are compacted: their ranges become fewer and smaller ones, in a segment for each part of the work. A
 * part counts by itself when it is done; so neither the room that is needed nor what a crash costs grows with a partition.
 */
export interface CompactJob {
  readonly kind: "compact";
  readonly inputs: readonly SegmentSource[];
  /** What each part becomes, and at most how many bytes of batches. */
  readonly parts: readonly { readonly output: SegmentIdentity; readonly sizeBytes: number }[];
  /** What has to stay free of the disk: a part that would leave less is not begun. */
  readonly minFreeBytes: number;
  readonly nowMs: number;
  /** Memory for keys at most, and 16 random bytes that their hashes depend on. */
  readonly mapBytes: number;
  readonly secret: Uint8Array;
  /** In the order of their numbers. */
  readonly partitions: readonly CompactPartition[];
}

export interface CompactPartition extends PartitionPlace {
  /**
   * What lies before the part of the log that must not be touched, oldest first. A group becomes one range at most, in the
   * segment of its part of the job; parts follow one another.
   */
  readonly groups: readonly { readonly part: number; readonly ranges: readonly SegmentRangeSource[] }[];
  /** What lies before was compacted before. */
  readonly cleanedTo: number;
  readonly deleteRetentionMs: number;
  /** Base offsets of the batches with the newest sequences of producers that are remembered. */
  readonly newestBatches: readonly number[];
}

export type Job = ConvertJob | MergeJob | CompactJob;

/** What a part of a compaction did with a partition. */
export interface CompactedPartition {
  readonly topicId: Uuid;
  readonly partition: number;
  /** The groups between these offsets were cleaned. */
  readonly from: number;
  readonly to: number;
  /** With the partition's last group everything before it is clean; until then, what was before. */
  readonly cleanedTo: number;
  readonly isLast: boolean;
  /** When the first of the tombstones may go that the groups so far still have; -1: there are none. */
  readonly horizonMs: number;
  /** The first batch whose records could not be read, and why. */
  readonly unreadable: string | undefined;
}

/** A part of a compaction that is done. */
export interface CompactedPart {
  readonly part: number;
  /** Undefined when nothing was left to write, or all of it was as it was before (`isSame`). */
  readonly segment: WrittenSegment | undefined;
  /** The ranges stay where they are. */
  readonly isSame: boolean;
  readonly partitions: readonly CompactedPartition[];
}

export interface JobResult {
  /** In the order of the outputs; undefined where nothing was left to write. */
  readonly segments: readonly (WrittenSegment | undefined)[];
}

/**
 * `damaged`: what was to be read is not what was written, and never will be. `failed`: another time it may work.
 * `starved`: the machine lacks something (room on the disk, threads, open files) that any other job needs too.
 */
export interface JobFailure {
  readonly kind: "damaged" | "failed" | "starved";
  readonly message: string;
  /** The one that is damaged, or that the disk does not give. */
  readonly file?: string | undefined;
}

export type Answer =
  | { readonly job: number; readonly type: "progress" }
  | { readonly job: number; readonly type: "part"; readonly part: CompactedPart }
  | { readonly job: number; readonly type: "done"; readonly result: JobResult }
  | { readonly job: number; readonly type: "failed"; readonly failure: JobFailure };

/** A job, or how much longer than its work on the disk each pause is from now on (0: no pauses). */
export type Request = JobRequest | { readonly paceFactor: number };

export interface JobRequest {
  readonly job: number;
  readonly work: Job;
}
