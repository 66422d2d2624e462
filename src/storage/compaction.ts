/**
 * Log compaction of one partition (`cleanup.policy=compact`), as two passes over its batches:
 *
 * 1. `buildMap` goes over the dirty part, what was appended since the last cleaning, and learns the newest offset of each key.
 * 2. `cleanPass` goes over everything from the log's start on and leaves out what the map knows a newer record for.
 *
 * When the map is full before the dirty part ends, the part behind its end stays dirty and is for the next round. What the
 * passes read and write is the caller's business. A pass holds one batch at a time, unpacked to at most `limitBytes`.
 */
import { clampTimestamp } from "../log/batch-index.ts";
import { MAX_DECOMPRESSED_BYTES } from "../protocol/compression.ts";
import { batchBaseOffset, batchMaxTimestamp, batchOffsetCount, batchRecordCount } from "../protocol/record-batch.ts";
import { type CleanedBatch, type CleaningRules, cleanBatch } from "./compaction-clean-batch.ts";
import { mapBatch } from "./compaction-map-builder.ts";
import type { CompactionOffsetMap } from "./compaction-offset-map.ts";

/** Batches of one partition in order of offsets, each whole and alone in its buffer. */
export type Batches = AsyncIterable<Buffer> | Iterable<Buffer>;

export interface MapOptions {
  readonly map: CompactionOffsetMap;
  /** Where the dirty part begins, possibly in the middle of a batch. */
  readonly firstDirtyOffset: number;
  /** No batch that reaches beyond this is mapped. */
  readonly uncleanableFrom: number;
  /** What the records of one batch may unpack to. */
  readonly limitBytes?: number;
}

export interface BuiltMap {
  /** The map knows all records of the dirty part before this offset: it is where the next round's dirty part begins. */
  readonly endOffset: number;
  readonly recordsRead: number;
  readonly bytesRead: number;
}

/** Fills the map, which is cleared first. `batches`: from the one that holds the first dirty offset on. */
export async function buildMap(batches: Batches, options: MapOptions): Promise<BuiltMap> {
  const { map, firstDirtyOffset, uncleanableFrom, limitBytes = MAX_DECOMPRESSED_BYTES } = options;
  map.clear();
  let recordsRead = 0;
  let bytesRead = 0;
  for await (const batch of batches) {
    const baseOffset = batchBaseOffset(batch, 0);
    const endOffset = baseOffset + batchOffsetCount(batch, 0);
    if (endOffset <= firstDirtyOffset) continue;
    if (endOffset > uncleanableFrom) {
      return { endOffset: Math.max(firstDirtyOffset, Math.min(baseOffset, uncleanableFrom)), recordsRead, bytesRead };
    }
    recordsRead += batchRecordCount(batch, 0);
    bytesRead += batch.length;
    const mapped = mapBatch(map, batch, { fromOffset: firstDirtyOffset, limitBytes });
    if (mapped.kind === "full") return { endOffset: mapped.endOffset, recordsRead, bytesRead };
  }
  return { endOffset: Math.max(firstDirtyOffset, uncleanableFrom), recordsRead, bytesRead };
}

export interface CleanOptions {
  readonly map: CompactionOffsetMap;
  /** What `buildMap` answered. */
  readonly endOffset: number;
  readonly nowMs: number;
  /** `delete.retention.ms`. */
  readonly deleteRetentionMs: number;
  /**
   * Whether a batch is kept as an empty header when no record of it is left. Kafka does so for the batch that holds the
   * newest sequence of a producer that it still remembers, and for the last batch before the uncleanable part.
   */
  readonly keepsWhenEmpty: (batch: Buffer) => boolean;
  /** Whether tombstones stay from the first batch on: a pass over what lies before has met one that cannot be read. */
  readonly keepsTombstones?: boolean;
  /** What the records of one batch may unpack to. */
  readonly limitBytes?: number;
}

/** Takes what is left, batch by batch. A promise is waited for before the next batch is read. */
export interface CleanSink {
  /** `isSame`: the very bytes that were read. */
  write(batch: Buffer, isSame: boolean): Promise<void> | undefined;
}

export interface CleanStatistics {
  readonly batchesRead: number;
  readonly batchesKept: number;
  readonly batchesRewritten: number;
  readonly recordsRead: number;
  readonly recordsKept: number;
  /** Records that went because they had no key: of a time when the topic was not compacted. */
  readonly keylessRecords: number;
  readonly bytesRead: number;
  readonly bytesKept: number;
  /** Batches that stayed as they were because their records could not be read, and what was wrong with the first. */
  readonly unreadableBatches: number;
  readonly firstUnreadable: { readonly baseOffset: number; readonly reason: string } | undefined;
  /** Of the headers of the batches that stayed; -1 when none did. */
  readonly maxTimestamp: number;
  /** When a later pass may drop the first of the tombstones that stayed: the partition is due then, dirty or not. */
  readonly tombstonesDueMs: number | undefined;
}

/**
 * Cleans all that the map reaches. `batches`: from the log's start on; those beyond the map are passed through. Several passes
 * may do it with one map, if each takes up where the one before has ended: when a tombstone may go, or is marked with the time
 * from which it may, older records of its key must be gone for good.
 *
 * A batch that cannot be read stays, and from then on tombstones do too: older records of their keys may be in it for
 * readers with more memory, and would be back from the dead.
 */
export async function cleanPass(batches: Batches, options: CleanOptions, sink: CleanSink): Promise<CleanStatistics> {
  const { limitBytes = MAX_DECOMPRESSED_BYTES, keepsTombstones = false } = options;
  const rules: Mutable<CleaningRules> = { ...options, limitBytes, keepsTombstones };
  const totals: Mutable<CleanStatistics> = { ...NOTHING_CLEANED };
  for await (const batch of batches) {
    const cleaned = cleanBatch(batch, rules);
    if (cleaned.unreadable !== undefined) rules.keepsTombstones = true;
    count(totals, batch, cleaned);
    if (cleaned.kind === "gone") continue;
    const written = sink.write(cleaned.bytes, cleaned.kind === "same");
    if (written !== undefined) await written;
  }
  return totals;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const NOTHING_CLEANED: CleanStatistics = {
  batchesRead: 0,
  batchesKept: 0,
  batchesRewritten: 0,
  recordsRead: 0,
  recordsKept: 0,
  keylessRecords: 0,
  bytesRead: 0,
  bytesKept: 0,
  unreadableBatches: 0,
  firstUnreadable: undefined,
  maxTimestamp: -1,
  tombstonesDueMs: undefined,
};

function count(totals: Mutable<CleanStatistics>, batch: Buffer, cleaned: CleanedBatch): void {
  totals.batchesRead += 1;
  totals.recordsRead += cleaned.recordsRead;
  totals.recordsKept += cleaned.recordsKept;
  totals.keylessRecords += cleaned.keylessRecords;
  totals.bytesRead += batch.length;
  if (cleaned.unreadable !== undefined) {
    totals.unreadableBatches += 1;
    totals.firstUnreadable ??= { baseOffset: batchBaseOffset(batch, 0), reason: cleaned.unreadable };
  }
  const { tombstonesDueMs = Infinity } = cleaned;
  if (tombstonesDueMs < (totals.tombstonesDueMs ?? Infinity)) totals.tombstonesDueMs = tombstonesDueMs;
  if (cleaned.kind === "gone") return;
  totals.batchesKept += 1;
  totals.bytesKept += cleaned.bytes.length;
  if (cleaned.kind === "rewritten") totals.batchesRewritten += 1;
  totals.maxTimestamp = Math.max(totals.maxTimestamp, clampTimestamp(batchMaxTimestamp(cleaned.bytes, 0)));
}
