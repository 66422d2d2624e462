/**
 * The records inside a record batch of format version 2 (KIP-98), read and written.
 *
 * A record, all numbers but the attributes being zigzag varints:
 *
 *     length · attributes i8 (unused) · timestamp delta · offset delta · key length (-1 is null) · key ·
 *     value length (-1 is null) · value · header count · headers
 *
 * and a header: key length · key (UTF-8) · value length (-1 is null) · value. Deltas count from the base timestamp and
 * base offset of the batch. The records of a compressed batch are packed together, as one block of data behind the
 * batch header.
 *
 * The broker moves batches whole. This is for the exceptions (compacted topics, limits on timestamps), for tools and
 * tests.
 */
import { assert } from "../base/assert.ts";
import { addInt64, type Int64, subtractInt64 } from "../base/int64.ts";
import { MAX_ELEMENTS, MalformedMessage, Reader } from "./codec/reader.ts";
import { type EncodedMessage, Writer } from "./codec/writer.ts";
import { compress, decompress, MAX_DECOMPRESSED_BYTES } from "./compression.ts";
import {
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_OVERHEAD,
  batchBaseOffset,
  batchBaseTimestamp,
  batchCompression,
  batchIsLogAppendTime,
  batchMaxTimestamp,
  batchRecordCount,
  batchSizeBytes,
  COMPRESSION_NAMES,
  type CompressionName,
  setBatchCrc,
} from "./record-batch.ts";

export interface RecordHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

/** A record as a consumer sees it. Bytes are views on the batch or on what it unpacked to. */
export interface BatchRecord {
  readonly offset: number;
  /** Milliseconds since 1970 from the producer, or in a batch with log append time from the broker. -1: none. */
  readonly timestamp: Int64;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

const MAGIC = 2;
const LOG_APPEND_TIME_BIT = 0x08;
const TRANSACTIONAL_BIT = 0x10;
const CONTROL_BIT = 0x20;
const NO_TIMESTAMP = -1;
/** Stands in the batch until everything that the CRC covers is there. */
const CRC_TO_COME = 0;

/** Of a header: an empty key, no value. */
const SMALLEST_HEADER_BYTES = 2;

/**
 * The records of one batch, in order. `batch` begins with the batch header, whose format version, length and CRC have
 * been checked; what lies behind the batch is not looked at. Unpacks the whole batch at the first record.
 * @throws MalformedMessage when the records cannot be read: some may have been given out before.
 * @throws DecompressedTooLarge, which is a MalformedMessage too, when they unpack to more than `limitBytes`.
 */
export function readRecords(batch: Buffer, limitBytes?: number): Generator<BatchRecord, void, void> {
  return readUnpacked(batch, () => unpackRecords(batch, limitBytes));
}

/**
 * What the records of a batch unpack to: themselves when they are not compressed.
 * @throws MalformedMessage, or DecompressedTooLarge, as `readRecords`.
 */
export function unpackRecords(batch: Buffer, limitBytes = MAX_DECOMPRESSED_BYTES): Buffer {
  const packed = batch.subarray(BATCH_HEADER_BYTES, batchSizeBytes(batch, 0));
  return decompress(batchCompression(batch, 0), packed, limitBytes);
}

/** As `readRecords`, with what the records unpack to. */
export function* readUnpacked(batch: Buffer, unpack: () => Buffer): Generator<BatchRecord, void, void> {
  const reader = new Reader(unpack());
  const baseOffset = batchBaseOffset(batch, 0);
  const baseTimestamp = batchBaseTimestamp(batch, 0);
  const logAppendTime = batchIsLogAppendTime(batch, 0) ? batchMaxTimestamp(batch, 0) : undefined;
  for (let left = batchRecordCount(batch, 0); left > 0; left--) {
    const sizeBytes = reader.varint();
    const end = reader.position + sizeBytes;
    reader.int8();
    const timestamp = addInt64(baseTimestamp, reader.varlong());
    const offset = baseOffset + reader.varint();
    const key = reader.varintBytes();
    const value = reader.varintBytes();
    const headers = readHeaders(reader);
    if (reader.position !== end)
      throw new MalformedMessage(`a record of ${sizeBytes} bytes does not end where it should`);
    yield { offset, timestamp: logAppendTime ?? timestamp, key, value, headers };
  }
  reader.expectEnd();
}

function readHeaders(reader: Reader): RecordHeader[] {
  const count = reader.varint();
  if (count < 0 || count > MAX_ELEMENTS || count * SMALLEST_HEADER_BYTES > reader.remaining) {
    throw new MalformedMessage(`${count} headers announced in ${reader.remaining} bytes`);
  }
  const headers: RecordHeader[] = [];
  for (let i = 0; i < count; i++) {
    const key = reader.varintBytes();
    if (key === null) throw new MalformedMessage("a header without a key");
    headers.push({ key: key.toString("utf8"), value: reader.varintBytes() });
  }
  return headers;
}

/** A record to be written. Strings are written as UTF-8. */
export interface RecordInput {
  /** -1, none, when left out. */
  readonly timestamp?: Int64;
  readonly key?: Uint8Array | string | null;
  readonly value?: Uint8Array | string | null;
  readonly headers?: readonly { readonly key: string; readonly value: Uint8Array | string | null }[];
  /** The place in the batch when left out. Compacted batches have gaps. */
  readonly offsetDelta?: number;
}

/** The rest of a batch. What is left out is what a plain producer sends. */
export interface BatchOptions {
  readonly compression?: CompressionName;
  readonly compressionLevel?: number;
  readonly baseOffset?: number;
  readonly leaderEpoch?: number;
  readonly producerId?: Int64;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly transactional?: boolean;
  readonly control?: boolean;
  /** Marks the batch as stamped by the broker at this time. */
  readonly logAppendTime?: Int64;
}

/** A whole record batch of at least one record, its CRC included. */
export function encodeBatch(records: readonly RecordInput[], options: BatchOptions = {}): Buffer {
  const [first] = records;
  assert(first !== undefined, "a batch has at least one record");
  const { compression = "none" } = options;
  const baseTimestamp = first.timestamp ?? NO_TIMESTAMP;
  const writer = new Writer();
  const recordWriter = new Writer();
  let lastOffsetDelta = 0;
  let maxTimestamp = baseTimestamp;
  for (const [index, record] of records.entries()) {
    const offsetDelta = record.offsetDelta ?? index;
    const { parts, sizeBytes } = encodeRecord(recordWriter, record, { offsetDelta, baseTimestamp });
    writer.varint(sizeBytes);
    for (const part of parts) writer.raw(part);
    lastOffsetDelta = Math.max(lastOffsetDelta, offsetDelta);
    const timestamp = record.timestamp ?? NO_TIMESTAMP;
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
  }
  const packed = compress(compression, Buffer.concat(writer.finish().parts), options.compressionLevel);

  const sizeBytes = BATCH_HEADER_BYTES + packed.length;
  writer.offset64(options.baseOffset ?? 0);
  writer.int32(sizeBytes - BATCH_LENGTH_OVERHEAD);
  writer.int32(options.leaderEpoch ?? -1);
  writer.int8(MAGIC);
  writer.uint32(CRC_TO_COME);
  writer.int16(attributesOf(compression, options));
  writer.int32(lastOffsetDelta);
  writer.int64(baseTimestamp);
  writer.int64(options.logAppendTime ?? maxTimestamp);
  writer.int64(options.producerId ?? -1);
  writer.int16(options.producerEpoch ?? -1);
  writer.int32(options.baseSequence ?? -1);
  writer.int32(records.length);
  const batch = Buffer.concat([...writer.finish().parts, packed]);
  setBatchCrc(batch, 0, sizeBytes);
  return batch;
}

function attributesOf(compression: CompressionName, options: BatchOptions): number {
  let attributes = COMPRESSION_NAMES.indexOf(compression);
  if (options.logAppendTime !== undefined) attributes |= LOG_APPEND_TIME_BIT;
  if (options.transactional === true) attributes |= TRANSACTIONAL_BIT;
  if (options.control === true) attributes |= CONTROL_BIT;
  return attributes;
}

/** One record without the length before it. */
function encodeRecord(
  writer: Writer,
  { timestamp = NO_TIMESTAMP, key = null, value = null, headers = [] }: RecordInput,
  { offsetDelta, baseTimestamp }: { readonly offsetDelta: number; readonly baseTimestamp: Int64 },
): EncodedMessage {
  writer.int8(0);
  writer.varlong(subtractInt64(timestamp, baseTimestamp));
  writer.varint(offsetDelta);
  writer.varintBytes(toBytes(key));
  writer.varintBytes(toBytes(value));
  writer.varint(headers.length);
  for (const header of headers) {
    writer.varintBytes(toBytes(header.key));
    writer.varintBytes(toBytes(header.value));
  }
  return writer.finish();
}

function toBytes(value: Uint8Array | string | null): Uint8Array | null {
  return typeof value === "string" ? Buffer.from(value) : value;
}
