/**
 * The least that a load driver must know of Kafka's record batch, version 2: build one, and walk over those of a fetch
 * answer. Kept apart from the broker's own code on purpose: a mistake there must not cancel itself out here.
 *
 *     0 base offset i64 | 8 length i32 | 12 leader epoch i32 | 16 magic i8 | 17 CRC-32C u32 | 21 attributes i16
 *     23 last offset delta i32 | 27 base timestamp i64 | 35 max timestamp i64 | 43 producer id i64 | 51 epoch i16
 *     53 base sequence i32 | 57 record count i32 | 61 records
 *
 * `length` counts what follows it, the CRC covers everything from the attributes on.
 */
import { crc32c } from "@node-rs/crc32";

export const BATCH_HEADER_BYTES = 61;
export const LENGTH_PREFIX_BYTES = 12;

const CRC_AT = 17;
const CRC_FROM = 21;
const MAGIC = 2;

export interface EncodedBatch {
  readonly bytes: Buffer;
  readonly recordCount: number;
}

/**
 * A batch filled as a producer fills it: as many records as fit into `batchSizeBytes`, but at least one. The records have
 * no key, a value of `recordSizeBytes` letters, and the time of now; the batch has no producer id.
 */
export function encodeBatch(size: { readonly recordSizeBytes: number; readonly batchSizeBytes: number }): EncodedBatch {
  const records: Buffer[] = [];
  let lengthBytes = BATCH_HEADER_BYTES;
  for (;;) {
    const record = encodeRecord(records.length, size.recordSizeBytes);
    if (records.length > 0 && lengthBytes + record.length > size.batchSizeBytes) break;
    records.push(record);
    lengthBytes += record.length;
  }
  const header = Buffer.alloc(BATCH_HEADER_BYTES);
  const nowMs = BigInt(Date.now());
  header.writeInt32BE(lengthBytes - LENGTH_PREFIX_BYTES, 8);
  header.writeInt32BE(-1, 12);
  header.writeInt8(MAGIC, 16);
  header.writeInt32BE(records.length - 1, 23);
  header.writeBigInt64BE(nowMs, 27);
  header.writeBigInt64BE(nowMs, 35);
  header.writeBigInt64BE(-1n, 43);
  header.writeInt16BE(-1, 51);
  header.writeInt32BE(-1, 53);
  header.writeInt32BE(records.length, 57);
  const bytes = Buffer.concat([header, ...records]);
  bytes.writeUInt32BE(crc32c(bytes.subarray(CRC_FROM)) >>> 0, CRC_AT);
  return { bytes, recordCount: records.length };
}

/** Length, attributes, timestamp delta 0, offset delta, no key, value, no headers. */
function encodeRecord(offsetDelta: number, valueSizeBytes: number): Buffer {
  const value = Buffer.alloc(valueSizeBytes);
  for (let at = 0; at < valueSizeBytes; at++) value[at] = 65 + Math.floor(Math.random() * 26);
  const body = Buffer.concat([
    Buffer.from([0, 0]),
    zigzag(offsetDelta),
    zigzag(-1),
    zigzag(valueSizeBytes),
    value,
    zigzag(0),
  ]);
  return Buffer.concat([zigzag(body.length), body]);
}

function zigzag(value: number): Buffer {
  const bytes: number[] = [];
  let left = value >= 0 ? value * 2 : -value * 2 - 1;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  bytes.push(left);
  return Buffer.from(bytes);
}

export interface BatchRun {
  /** Offset behind the last whole batch. */
  readonly nextOffset: number;
  readonly recordCount: number;
  readonly batchCount: number;
}

/**
 * Walks over the whole batches in `bytes[from, to)`. The last may be cut off, as Kafka allows, and is left out.
 * @throws Error when the offsets have a gap, or a CRC is wrong (checked only when `checkCrc`).
 */
export function walkBatches(
  bytes: Buffer,
  range: { readonly from: number; readonly to: number; readonly expectedOffset: number; readonly checkCrc: boolean },
): BatchRun {
  let at = range.from;
  let nextOffset = range.expectedOffset;
  let recordCount = 0;
  let batchCount = 0;
  while (at + BATCH_HEADER_BYTES <= range.to) {
    const end = at + LENGTH_PREFIX_BYTES + bytes.readInt32BE(at + 8);
    if (end > range.to) break;
    const baseOffset = bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
    if (baseOffset !== nextOffset) throw new Error(`a batch at offset ${baseOffset} where ${nextOffset} comes next`);
    if (range.checkCrc && crc32c(bytes.subarray(at + CRC_FROM, end)) >>> 0 !== bytes.readUInt32BE(at + CRC_AT)) {
      throw new Error(`wrong CRC in the batch at offset ${baseOffset}`);
    }
    nextOffset = baseOffset + bytes.readInt32BE(at + 23) + 1;
    recordCount += bytes.readInt32BE(at + 57);
    batchCount++;
    at = end;
  }
  return { nextOffset, recordCount, batchCount };
}
