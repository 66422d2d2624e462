/**
 * One batch, cleaned: what is left of it once newer records of its keys are known. The second half of log compaction, with
 * what Kafka promises of it:
 *
 * - A record stays when the map knows no newer one of its key. Records without a key go; those the map does not reach stay.
 * - Offsets and order stay. Of the header stay base offset, last offset delta, leader epoch, producer id, epoch and sequence
 *   (the producer's next batch must follow), codec, timestamp type. Record count, base and maximum timestamp become those of
 *   the records left; with log append time the maximum stays.
 * - A tombstone (a record without a value) that stays when it is first seen puts a delete horizon, that time and
 *   `delete.retention.ms`, in the place of the base timestamp of its batch (KIP-534). From then on it may go: whoever began
 *   to read when the deleted record was still there had that long to come by the tombstone.
 * - A batch of which nothing is left goes, unless somebody needs its header: that of a producer's last batch holds the
 *   sequence that its next one has to follow.
 * - Where all records stay, so do the bytes.
 *
 * Timestamps of records are exact, in all 64 bits: moving the base timestamp moves their deltas.
 */
import { addInt64, type Int64, subtractInt64 } from "../base/int64.ts";
import { MalformedMessage } from "../protocol/codec/reader.ts";
import { uvarintBytes, uvarlongBytes, writeUvarlong, zigzag32, zigzag64 } from "../protocol/codec/varint.ts";
import { compress } from "../protocol/compression.ts";
import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchBaseTimestamp,
  batchCompression,
  batchDeleteHorizon,
  batchIsControl,
  batchIsLogAppendTime,
  batchMaxTimestamp,
  batchOffsetCount,
  batchRecordCount,
  type CompressionName,
  setBatchCompacted,
} from "../protocol/record-batch.ts";
import type { CompactionOffsetMap } from "./compaction-offset-map.ts";
import { assertWholeBatch, RecordCursor, unpackStored } from "./compaction-records.ts";

export interface CleaningRules {
  readonly map: CompactionOffsetMap;
  /** The map knows no records from here on, so they all stay. */
  readonly endOffset: number;
  readonly nowMs: number;
  /** `delete.retention.ms`. */
  readonly deleteRetentionMs: number;
  /** Whether tombstones stay although their time has come. */
  readonly keepsTombstones: boolean;
  /** Whether the header of this batch is needed when its records are gone. */
  readonly keepsWhenEmpty: (batch: Buffer) => boolean;
  /** What the records of a batch may unpack to. */
  readonly limitBytes: number;
}

export interface CleanedBatch {
  readonly kind: "same" | "gone" | "rewritten";
  /** What is left, the batch itself when it is the same; nothing when it is gone. */
  readonly bytes: Buffer;
  /** As the header says it when the batch was not opened. */
  readonly recordsRead: number;
  readonly recordsKept: number;
  /** Of the records that went: those that had no key. */
  readonly keylessRecords: number;
  /** When tombstones that stayed may go; undefined when there are none, or they stay for ever. */
  readonly tombstonesDueMs: number | undefined;
  /** Why the batch stayed as it is although its records could not be read. */
  readonly unreadable: string | undefined;
}

const NOTHING = Buffer.alloc(0);
const NO_TIMESTAMP = -1;

/** `batch`: one whole batch as it is stored. It is never changed. */
export function cleanBatch(batch: Buffer, rules: CleaningRules): CleanedBatch {
  assertWholeBatch(batch);
  // Markers of transactions stay so far. What the map does not reach need not be opened.
  if (batchIsControl(batch, 0) || batchBaseOffset(batch, 0) >= rules.endOffset) return unopened(batch);
  let unpacked: Buffer;
  let kept: KeptRecords;
  try {
    unpacked = unpackStored(batch, rules.limitBytes);
    kept = chooseRecords(batch, unpacked, rules);
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    return unopened(batch, error.message);
  }
  const recordsRead = batchRecordCount(batch, 0);
  const horizon = batchDeleteHorizon(batch, 0);
  const newHorizon = kept.tombstones > 0 && horizon === undefined ? firstHorizon(batch, rules) : undefined;
  const due = kept.tombstones > 0 && !rules.keepsTombstones ? (horizon ?? newHorizon) : undefined;
  const outcome = {
    recordsRead,
    recordsKept: kept.count,
    keylessRecords: kept.keylessRecords,
    tombstonesDueMs: typeof due === "number" ? due : undefined,
    unreadable: undefined,
  };
  if (kept.count === 0) {
    if (!rules.keepsWhenEmpty(batch)) return { kind: "gone", bytes: NOTHING, ...outcome };
    if (recordsRead > 0) return { kind: "rewritten", bytes: headerOnly(batch), ...outcome };
  }
  if (kept.count === recordsRead && newHorizon === undefined) return { kind: "same", bytes: batch, ...outcome };
  return { kind: "rewritten", bytes: rewrite(batch, { unpacked, kept, newHorizon }), ...outcome };
}

function unopened(batch: Buffer, unreadable?: string): CleanedBatch {
  const records = batchRecordCount(batch, 0);
  return {
    kind: "same",
    bytes: batch,
    recordsRead: records,
    recordsKept: records,
    keylessRecords: 0,
    tombstonesDueMs: undefined,
    unreadable,
  };
}

/** Which records of a batch stay, and what is to be known of them all. */
interface KeptRecords {
  /** A bit for each record of the batch. */
  readonly bits: Uint8Array;
  count: number;
  /** Bytes of these records, not packed. */
  sizeBytes: number;
  /** Tombstones among them that the map reaches. */
  tombstones: number;
  firstTimestamp: Int64;
  maxTimestamp: Int64;
  keylessRecords: number;
}

/** @throws MalformedMessage */
function chooseRecords(batch: Buffer, unpacked: Buffer, rules: CleaningRules): KeptRecords {
  const { map, endOffset, nowMs } = rules;
  const baseOffset = batchBaseOffset(batch, 0);
  const baseTimestamp = batchBaseTimestamp(batch, 0);
  const horizon = batchDeleteHorizon(batch, 0);
  const dropsTombstones = horizon !== undefined && nowMs >= horizon && !rules.keepsTombstones;
  const kept: KeptRecords = {
    bits: new Uint8Array((batchRecordCount(batch, 0) + 7) >>> 3),
    count: 0,
    sizeBytes: 0,
    tombstones: 0,
    firstTimestamp: NO_TIMESTAMP,
    maxTimestamp: NO_TIMESTAMP,
    keylessRecords: 0,
  };
  const record = new RecordCursor(batch, unpacked);
  for (let index = 0; record.next(); index += 1) {
    const offset = baseOffset + record.offsetDelta;
    if (offset < endOffset) {
      if (!record.hasKey) {
        kept.keylessRecords += 1;
        continue;
      }
      if (!record.hasValue && dropsTombstones) continue;
      if (map.get(unpacked, record.keyStart, record.keyEnd) > offset) continue;
      if (!record.hasValue) kept.tombstones += 1;
    }
    const timestamp = addInt64(baseTimestamp, record.timestampDelta);
    if (kept.count === 0) kept.firstTimestamp = timestamp;
    if (kept.count === 0 || timestamp > kept.maxTimestamp) kept.maxTimestamp = timestamp;
    kept.bits[index >>> 3]! |= 1 << (index & 7);
    kept.count += 1;
    kept.sizeBytes += record.end - record.start;
  }
  return kept;
}

/**
 * The delete horizon of a batch whose tombstones are seen for the first time. None for a batch that the map reaches in
 * part only: of its other tombstones the older records are still there. None when they stay for ever.
 */
function firstHorizon(batch: Buffer, { endOffset, nowMs, deleteRetentionMs }: CleaningRules): number | undefined {
  if (batchBaseOffset(batch, 0) + batchOffsetCount(batch, 0) > endOffset) return undefined;
  const horizon = nowMs + deleteRetentionMs;
  return Number.isSafeInteger(horizon) ? horizon : undefined;
}

/** As Kafka writes it: no base timestamp, no codec, no horizon; the maximum timestamp stays. */
function headerOnly(batch: Buffer): Buffer {
  const bytes = Buffer.from(batch.subarray(0, BATCH_HEADER_BYTES));
  setBatchCompacted(bytes, {
    codec: "none",
    recordCount: 0,
    baseTimestamp: NO_TIMESTAMP,
    maxTimestamp: batchMaxTimestamp(batch, 0),
    hasDeleteHorizon: false,
  });
  return bytes;
}

interface Rewriting {
  readonly unpacked: Buffer;
  readonly kept: KeptRecords;
  readonly newHorizon: number | undefined;
}

function rewrite(batch: Buffer, { unpacked, kept, newHorizon }: Rewriting): Buffer {
  const codec = batchCompression(batch, 0);
  const oldBase = batchBaseTimestamp(batch, 0);
  const hasHorizon = batchDeleteHorizon(batch, 0) !== undefined;
  const appendTime = batchIsLogAppendTime(batch, 0) ? batchMaxTimestamp(batch, 0) : undefined;
  const newBase = newHorizon ?? (hasHorizon ? oldBase : (appendTime ?? kept.firstTimestamp));
  const rebase: Rebase = {
    shift: subtractInt64(oldBase, newBase),
    delta: appendTime === undefined ? undefined : subtractInt64(appendTime, newBase),
  };
  const moves = newBase !== oldBase || (appendTime !== undefined && !hasHorizon);
  const choice = { batch, unpacked, kept };
  const plain = moves ? rebasedRecords(choice, rebase) : sameRecords(choice);
  const bytes = codec === "none" ? plain : packed(plain, codec);
  setBatchCompacted(bytes, {
    codec,
    recordCount: kept.count,
    baseTimestamp: newBase,
    maxTimestamp: appendTime ?? kept.maxTimestamp,
    hasDeleteHorizon: hasHorizon || newHorizon !== undefined,
  });
  return bytes;
}

function packed(plain: Buffer, codec: CompressionName): Buffer {
  const header = plain.subarray(0, BATCH_HEADER_BYTES);
  return Buffer.concat([header, compress(codec, plain.subarray(BATCH_HEADER_BYTES))]);
}

interface Choice {
  readonly batch: Buffer;
  readonly unpacked: Buffer;
  readonly kept: KeptRecords;
}

/** The batch's header, to be mended, and behind it the kept records as they are. */
function sameRecords({ batch, unpacked, kept }: Choice): Buffer {
  const bytes = Buffer.allocUnsafeSlow(BATCH_HEADER_BYTES + kept.sizeBytes);
  let at = batch.copy(bytes, 0, 0, BATCH_HEADER_BYTES);
  const record = new RecordCursor(batch, unpacked);
  // Neighbours are copied in one go.
  let from = 0;
  let to = 0;
  for (let index = 0; record.next(); index += 1) {
    if (!isKept(kept, index)) continue;
    if (record.start !== to) {
      at += unpacked.copy(bytes, at, from, to);
      from = record.start;
    }
    to = record.end;
  }
  unpacked.copy(bytes, at, from, to);
  return bytes;
}

/** What becomes of timestamp deltas: the same one for all with log append time, otherwise they move by `shift`. */
interface Rebase {
  readonly shift: Int64;
  readonly delta: Int64 | undefined;
}

/** As `sameRecords`, each with its new timestamp delta. */
function rebasedRecords({ batch, unpacked, kept }: Choice, { shift, delta }: Rebase): Buffer {
  let sizeBytes = BATCH_HEADER_BYTES;
  const sizes = new RecordCursor(batch, unpacked);
  for (let index = 0; sizes.next(); index += 1) {
    if (!isKept(kept, index)) continue;
    const bodyBytes = rebasedBytes(sizes, zigzag64(delta ?? addInt64(sizes.timestampDelta, shift)));
    sizeBytes += uvarintBytes(zigzag32(bodyBytes)) + bodyBytes;
  }
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  let at = batch.copy(bytes, 0, 0, BATCH_HEADER_BYTES);
  const record = new RecordCursor(batch, unpacked);
  for (let index = 0; record.next(); index += 1) {
    if (!isKept(kept, index)) continue;
    const zigzag = zigzag64(delta ?? addInt64(record.timestampDelta, shift));
    at = writeUvarlong(bytes, at, zigzag32(rebasedBytes(record, zigzag)));
    bytes[at++] = 0; // the attributes, of which there are none
    at = writeUvarlong(bytes, at, zigzag);
    at += unpacked.copy(bytes, at, record.restStart, record.end);
  }
  return bytes;
}

/** Size of a record with this timestamp delta, not counting the length before it. */
function rebasedBytes(record: RecordCursor, zigzag: Int64): number {
  return 1 + uvarlongBytes(zigzag) + record.end - record.restStart;
}

function isKept(kept: KeptRecords, index: number): boolean {
  return (kept.bits[index >>> 3]! & (1 << (index & 7))) !== 0;
}
