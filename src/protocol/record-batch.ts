/**
 * The header of a record batch, format version 2 (KIP-98), read in place. Nothing here touches the records themselves.
 *
 * Big endian:
 *
 *      0 base offset i64            21 attributes i16            43 producer id i64
 *      8 batch length i32           23 last offset delta i32     51 producer epoch i16
 *     12 partition leader epoch i32 27 base timestamp i64        53 base sequence i32
 *     16 magic i8                   35 max timestamp i64         57 record count i32
 *     17 CRC-32C u32, of byte 21 on                              61 records
 *
 * `batch length` counts from byte 12. The base offset and the leader epoch lie outside the CRC: the broker sets them.
 */
import { crc32c } from "../base/crc32c.ts";
import { type Int64, readInt64, writeInt64 } from "../base/int64.ts";

export const BATCH_HEADER_BYTES = 61;
/** Bytes before what `batch length` counts. */
export const BATCH_LENGTH_OVERHEAD = 12;

const AT_LENGTH = 8;
const AT_LEADER_EPOCH = 12;
export const BATCH_MAGIC_AT = 16;
const AT_CRC = 17;
const AT_ATTRIBUTES = 21;
/** The batch's CRC covers what lies from here to its end. */
export const BATCH_CRC_START = AT_ATTRIBUTES;
const AT_LAST_OFFSET_DELTA = 23;
const AT_BASE_TIMESTAMP = 27;
const AT_MAX_TIMESTAMP = 35;
const AT_PRODUCER_ID = 43;
const AT_PRODUCER_EPOCH = 51;
const AT_BASE_SEQUENCE = 53;
const AT_RECORD_COUNT = 57;

const CODEC_MASK = 0x07;
const LOG_APPEND_TIME_BIT = 0x08;
const TRANSACTIONAL_BIT = 0x10;
const CONTROL_BIT = 0x20;
const DELETE_HORIZON_BIT = 0x40;
const KNOWN_ATTRIBUTES = 0x7f;
const HIGHEST_CODEC = 4;
/** The smallest record: length, attributes, two deltas, null key, null value, no headers, a byte each. */
const SMALLEST_RECORD_BYTES = 7;

export const COMPRESSION_NAMES = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export type CompressionName = (typeof COMPRESSION_NAMES)[number];

/** What is wrong with a batch. Each maps to one Kafka error code in the produce handler. */
export type BatchProblem =
  | "truncated"
  | "magic"
  | "crc"
  | "counts"
  | "attributes"
  | "timestamps"
  | "producer"
  | "sequence";

/** Size of the whole batch at `at`, from its own length field; may exceed what is there. */
export function batchSizeBytes(buffer: Buffer, at: number): number {
  return BATCH_LENGTH_OVERHEAD + buffer.readInt32BE(at + AT_LENGTH);
}

export function batchMagic(buffer: Buffer, at: number): number {
  return buffer.readInt8(at + BATCH_MAGIC_AT);
}

/** The base offset of a batch this broker stored. Exact: offsets are safe integers. */
export function batchBaseOffset(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4);
}

export function batchLeaderEpoch(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + AT_LEADER_EPOCH);
}

/** The CRC-32C that the batch carries, of everything from `BATCH_CRC_START` on. */
export function batchCrc(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at + AT_CRC);
}

export function batchAttributes(buffer: Buffer, at: number): number {
  return buffer.readInt16BE(at + AT_ATTRIBUTES);
}

export function batchCompression(buffer: Buffer, at: number): CompressionName {
  return COMPRESSION_NAMES[batchAttributes(buffer, at) & CODEC_MASK] ?? "none";
}

export function batchIsTransactional(buffer: Buffer, at: number): boolean {
  return (batchAttributes(buffer, at) & TRANSACTIONAL_BIT) !== 0;
}

export function batchIsControl(buffer: Buffer, at: number): boolean {
  return (batchAttributes(buffer, at) & CONTROL_BIT) !== 0;
}

export function batchIsLogAppendTime(buffer: Buffer, at: number): boolean {
  return (batchAttributes(buffer, at) & LOG_APPEND_TIME_BIT) !== 0;
}

/**
 * From when on log compaction may drop the tombstones of this batch (KIP-534); undefined when it has not seen them yet.
 * It stands in the place of the base timestamp, and the records' deltas count from it.
 */
export function batchDeleteHorizon(buffer: Buffer, at: number): Int64 | undefined {
  return (batchAttributes(buffer, at) & DELETE_HORIZON_BIT) === 0 ? undefined : batchBaseTimestamp(buffer, at);
}

/** Number of offsets the batch takes up: last offset delta + 1. */
export function batchOffsetCount(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + AT_LAST_OFFSET_DELTA) + 1;
}

export function batchRecordCount(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + AT_RECORD_COUNT);
}

export function batchBaseTimestamp(buffer: Buffer, at: number): Int64 {
  return readInt64(buffer, at + AT_BASE_TIMESTAMP);
}

export function batchMaxTimestamp(buffer: Buffer, at: number): Int64 {
  return readInt64(buffer, at + AT_MAX_TIMESTAMP);
}

/** -1 when the producer is not idempotent. */
export function batchProducerId(buffer: Buffer, at: number): Int64 {
  return readInt64(buffer, at + AT_PRODUCER_ID);
}

export function batchProducerEpoch(buffer: Buffer, at: number): number {
  return buffer.readInt16BE(at + AT_PRODUCER_EPOCH);
}

export function batchBaseSequence(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + AT_BASE_SEQUENCE);
}

export function setBatchBaseOffset(buffer: Buffer, at: number, offset: number): void {
  buffer.writeInt32BE(Math.floor(offset / 0x1_0000_0000), at);
  buffer.writeUInt32BE(offset >>> 0, at + 4);
}

export function setBatchLeaderEpoch(buffer: Buffer, at: number, epoch: number): void {
  buffer.writeInt32BE(epoch, at + AT_LEADER_EPOCH);
}

/** Makes `batch`, which is one whole batch, say that its records are packed with `codec`, and mends its length and CRC. */
export function setBatchCompression(batch: Buffer, codec: CompressionName): void {
  batch.writeInt32BE(batch.length - BATCH_LENGTH_OVERHEAD, AT_LENGTH);
  const attributes = (batchAttributes(batch, 0) & ~CODEC_MASK) | COMPRESSION_NAMES.indexOf(codec);
  batch.writeInt16BE(attributes, AT_ATTRIBUTES);
  setBatchCrc(batch, 0, batch.length);
}

/** What log compaction changes of a header. All else stays, the base offset and the last offset delta too. */
export interface CompactedHeader {
  readonly codec: CompressionName;
  readonly recordCount: number;
  readonly baseTimestamp: Int64;
  readonly maxTimestamp: Int64;
  /** Whether the base timestamp is a delete horizon. */
  readonly hasDeleteHorizon: boolean;
}

/** Makes `batch`, one whole batch, say this about the records behind its header, and mends its length and CRC. */
export function setBatchCompacted(batch: Buffer, header: CompactedHeader): void {
  const attributes = batchAttributes(batch, 0) & ~DELETE_HORIZON_BIT;
  batch.writeInt16BE(header.hasDeleteHorizon ? attributes | DELETE_HORIZON_BIT : attributes, AT_ATTRIBUTES);
  writeInt64(batch, AT_BASE_TIMESTAMP, header.baseTimestamp);
  writeInt64(batch, AT_MAX_TIMESTAMP, header.maxTimestamp);
  batch.writeInt32BE(header.recordCount, AT_RECORD_COUNT);
  setBatchCompression(batch, header.codec);
}

/** Makes the batch carry the broker's time (`message.timestamp.type=LogAppendTime`) and mends its CRC. */
export function setBatchLogAppendTime(buffer: Buffer, at: number, timestampMs: number): void {
  buffer.writeInt16BE(batchAttributes(buffer, at) | LOG_APPEND_TIME_BIT, at + AT_ATTRIBUTES);
  buffer.writeInt32BE(Math.floor(timestampMs / 0x1_0000_0000), at + AT_MAX_TIMESTAMP);
  buffer.writeUInt32BE(timestampMs >>> 0, at + AT_MAX_TIMESTAMP + 4);
  setBatchCrc(buffer, at, batchSizeBytes(buffer, at));
}

export function setBatchCrc(buffer: Buffer, at: number, sizeBytes: number): void {
  buffer.writeUInt32BE(crc32c(buffer.subarray(at + AT_ATTRIBUTES, at + sizeBytes)), at + AT_CRC);
}

/** Whether the CRC in the header is that of the bytes. `sizeBytes` must lie inside the buffer. */
export function batchCrcMatches(buffer: Buffer, at: number, sizeBytes: number): boolean {
  return crc32c(buffer.subarray(at + AT_ATTRIBUTES, at + sizeBytes)) === buffer.readUInt32BE(at + AT_CRC);
}

/**
 * Checks one batch as it came from a producer, from its header and CRC alone: the records stay closed.
 * `end` bounds the bytes that belong to it. Answers undefined when all is well.
 */
export function findBatchProblem(buffer: Buffer, at: number, end: number): BatchProblem | undefined {
  if (end - at < BATCH_HEADER_BYTES) {
    // An older message set is shorter than a V2 header; its magic lies in the same place.
    return end - at > BATCH_MAGIC_AT && batchMagic(buffer, at) !== 2 ? "magic" : "truncated";
  }
  if (batchMagic(buffer, at) !== 2) return "magic";
  const sizeBytes = batchSizeBytes(buffer, at);
  if (sizeBytes < BATCH_HEADER_BYTES || sizeBytes > end - at) return "truncated";
  if (!batchCrcMatches(buffer, at, sizeBytes)) return "crc";
  const attributes = batchAttributes(buffer, at);
  if ((attributes & CODEC_MASK) > HIGHEST_CODEC || (attributes & ~KNOWN_ATTRIBUTES) !== 0) return "attributes";
  const offsets = batchOffsetCount(buffer, at);
  const records = batchRecordCount(buffer, at);
  if (records < 1 || records !== offsets) return "counts";
  if ((attributes & CODEC_MASK) === 0 && records * SMALLEST_RECORD_BYTES > sizeBytes - BATCH_HEADER_BYTES) {
    return "counts";
  }
  // A delete horizon lies behind all timestamps. Producers have no reason to send one; Kafka takes it as it comes.
  const hasHorizon = (attributes & DELETE_HORIZON_BIT) !== 0;
  if (!hasHorizon && batchMaxTimestamp(buffer, at) < batchBaseTimestamp(buffer, at)) return "timestamps";
  const producerId = batchProducerId(buffer, at);
  if (producerId < -1) return "producer";
  if (producerId === -1) return batchIsTransactional(buffer, at) ? "producer" : undefined;
  if (batchProducerEpoch(buffer, at) < 0) return "producer";
  return batchBaseSequence(buffer, at) < 0 ? "sequence" : undefined;
}
