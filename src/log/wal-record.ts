/**
 * The write-ahead log's records: what stands in a WAL file, byte for byte, little endian.
 *
 *     0 magic u16 = 0xCA7E | 2 version u8 | 3 flags u8 | 4 length u32 | 8 crc32 u32 | 12 body
 *
 * Versions 2, 3 and 4: `length` counts the body; `crc32` is CRC-32C over bytes 0..7 and the body.
 *
 * - version 2, a record batch: topic_len u16, topic, partition i32, data_len u32, data, and with flag bit 1 the topic id
 *   (16 bytes). Flag bit 0: data is a Kafka record batch. This program always writes both flags. Flag bit 2, in segments:
 *   data is several Kafka record batches of the partition, one behind the other.
 * - version 3, a state record: type u16, then its schema-encoded fields. Type 0 is filler and says nothing: it makes groups
 *   end, and their parts begin, where the device wants them to.
 * - version 4, a group header, followed by the group's records:
 *   position u64 of the header itself, incarnation u64, durable position u64 when it was written, position u64 of the
 *   last group before this one that holds state records (2^53-1 when there is none), byte length u32 and CRC-32C u32 of
 *   the records that follow. The chain of state positions tells recovery whether damage has swallowed state records.
 *   Flag bit 0: the file is written over another one (`recycled-files.ts`), of which some may stand behind the last group.
 *
 * Version 1 is read by `wal-record-v1.ts` and never written.
 */
import { crc32c, crc32cCombine, crc32cShort } from "../base/crc32c.ts";
import { BATCH_CRC_START, BATCH_HEADER_BYTES, batchCrc } from "../protocol/record-batch.ts";

export const WAL_MAGIC = 0xca7e;
export const RECORD_HEADER_BYTES = 12;

export const VERSION_SINGLE_RECORD = 1;
export const VERSION_BATCH = 2;
export const VERSION_STATE = 3;
export const VERSION_GROUP = 4;

export const FLAG_KAFKA_BATCH = 0x01;
export const FLAG_TOPIC_ID = 0x02;
/** Data is several batches, one behind the other: in segments only. */
export const FLAG_SEVERAL = 0x04;

/** Of a group header: the file was another one before. */
const FLAG_WAS_OTHER = 0x01;

/** Type of the state record that only fills room. */
export const FILLER_TYPE = 0;
/** The smallest filler. */
export const FILLER_MIN_BYTES = RECORD_HEADER_BYTES + 2;

export const GROUP_HEADER_BYTES = RECORD_HEADER_BYTES + 40;
/** What a group header says when no state record was ever written before it. */
export const NO_STATE_POSITION = Number.MAX_SAFE_INTEGER;

const CRC_AT = 8;
const TOPIC_ID_BYTES = 16;
const BATCH_FIXED_BYTES = RECORD_HEADER_BYTES + 2 + 4 + 4;

/** Bytes before a batch's data in its WAL record, for a topic name of `topicBytes` bytes. */
export function batchDataOffset(topicBytes: number): number {
  return BATCH_FIXED_BYTES + topicBytes;
}

/** Bytes of the whole WAL record of a batch. */
export function batchRecordBytes(topicBytes: number, dataBytes: number): number {
  return BATCH_FIXED_BYTES + topicBytes + dataBytes + TOPIC_ID_BYTES;
}

export interface BatchRecordFields {
  readonly topicName: Buffer;
  readonly topicId: Buffer;
  readonly partition: number;
  readonly dataBytes: number;
  /** The data is several batches. */
  readonly several?: boolean;
}

/** Writes everything of a batch record but its data and CRC. The data belongs at `at + batchDataOffset(…)`. */
export function writeBatchRecordFrame(buffer: Buffer, at: number, fields: BatchRecordFields): void {
  const { topicName, topicId, partition, dataBytes } = fields;
  const flags = FLAG_KAFKA_BATCH | FLAG_TOPIC_ID | (fields.several === true ? FLAG_SEVERAL : 0);
  const total = batchRecordBytes(topicName.length, dataBytes);
  writeHeader(buffer, at, VERSION_BATCH, flags, total - RECORD_HEADER_BYTES);
  let next = at + RECORD_HEADER_BYTES;
  next = buffer.writeUInt16LE(topicName.length, next);
  buffer.set(topicName, next);
  next += topicName.length;
  next = buffer.writeInt32LE(partition, next);
  next = buffer.writeUInt32LE(dataBytes, next);
  buffer.set(topicId, next + dataBytes);
}

/** Whose a batch record is. `topicId`: a character a byte. */
export interface BatchOwner {
  readonly topicId: string;
  readonly partition: number;
}

/** Whether the record at `at`, which is whole and has a name and data of these sizes, is this owner's. */
export function isBatchRecordOf(
  buffer: Buffer,
  at: number,
  { topicId, partition }: BatchOwner,
  { topicBytes, sizeBytes }: { readonly topicBytes: number; readonly sizeBytes: number },
): boolean {
  const partitionAt = at + RECORD_HEADER_BYTES + 2 + topicBytes;
  if (buffer.readInt32LE(partitionAt) !== partition) return false;
  const idAt = partitionAt + 8 + sizeBytes;
  for (let index = 0; index < TOPIC_ID_BYTES; index += 1) {
    if (buffer[idAt + index] !== topicId.charCodeAt(index)) return false;
  }
  return true;
}

/** Bytes of the whole WAL record of a state record with `fieldBytes` bytes of fields. */
export function stateRecordBytes(fieldBytes: number): number {
  return RECORD_HEADER_BYTES + 2 + fieldBytes;
}

/** Writes a filler record of `totalBytes` bytes, at least `FILLER_MIN_BYTES`. */
export function writeFiller(buffer: Buffer, at: number, totalBytes: number): void {
  buffer.fill(0, at + RECORD_HEADER_BYTES, at + totalBytes); // the type, 0, included
  writeHeader(buffer, at, VERSION_STATE, 0, totalBytes - RECORD_HEADER_BYTES);
  sealRecord(buffer, at, totalBytes);
}

/** Writes a complete state record. */
export function writeStateRecord(buffer: Buffer, at: number, type: number, fields: readonly Uint8Array[]): void {
  let next = at + RECORD_HEADER_BYTES;
  next = buffer.writeUInt16LE(type, next);
  for (const part of fields) {
    buffer.set(part, next);
    next += part.length;
  }
  writeHeader(buffer, at, VERSION_STATE, 0, next - at - RECORD_HEADER_BYTES);
  sealRecord(buffer, at, next - at);
}

export interface GroupHeader {
  /** Whether behind the last group of the file there may stand something of the file that it was before. */
  readonly wasOther: boolean;
  readonly position: number;
  readonly incarnation: number;
  readonly durablePosition: number;
  readonly previousStatePosition: number;
  /** Bytes of the records behind the header. */
  readonly lengthBytes: number;
  readonly crc: number;
}

/** Writes a complete group header. */
export function writeGroupHeader(buffer: Buffer, at: number, header: GroupHeader): void {
  const flags = header.wasOther ? FLAG_WAS_OTHER : 0;
  writeHeader(buffer, at, VERSION_GROUP, flags, GROUP_HEADER_BYTES - RECORD_HEADER_BYTES);
  let next = at + RECORD_HEADER_BYTES;
  next = writeU64(buffer, next, header.position);
  next = writeU64(buffer, next, header.incarnation);
  next = writeU64(buffer, next, header.durablePosition);
  next = writeU64(buffer, next, header.previousStatePosition);
  next = buffer.writeUInt32LE(header.lengthBytes, next);
  buffer.writeUInt32LE(header.crc, next);
  sealRecord(buffer, at, GROUP_HEADER_BYTES);
}

/** Reads a group header whose record has been verified. Undefined when a field is no safe integer. */
export function readGroupHeader(buffer: Buffer, at: number): GroupHeader | undefined {
  const body = at + RECORD_HEADER_BYTES;
  const position = readU64(buffer, body);
  const incarnation = readU64(buffer, body + 8);
  const durablePosition = readU64(buffer, body + 16);
  const previousStatePosition = readU64(buffer, body + 24);
  const safe =
    Number.isSafeInteger(position) &&
    Number.isSafeInteger(incarnation) &&
    Number.isSafeInteger(durablePosition) &&
    Number.isSafeInteger(previousStatePosition);
  if (!safe) return undefined;
  const lengthBytes = buffer.readUInt32LE(body + 32);
  return {
    wasOther: (buffer[at + 3]! & FLAG_WAS_OTHER) !== 0,
    position,
    incarnation,
    durablePosition,
    previousStatePosition,
    lengthBytes,
    crc: buffer.readUInt32LE(body + 36),
  };
}

/**
 * Puts the CRC into a batch record that is otherwise complete, without going over the batch again: its own CRC, which has
 * been verified, is put together with those of the few bytes around it. Answers the CRC of the whole record.
 */
export function sealBatchRecord(buffer: Buffer, at: number, totalBytes: number, topicBytes: number): number {
  const dataAt = at + batchDataOffset(topicBytes);
  const end = at + totalBytes;
  const checkedAt = dataAt + BATCH_CRC_START;
  const checkedEnd = end - TOPIC_ID_BYTES;
  const before = crc32cShort(buffer, at + RECORD_HEADER_BYTES, checkedAt);
  const withBatch = crc32cCombine(before, batchCrc(buffer, dataAt), checkedEnd - checkedAt);
  const body = crc32cShort(buffer, checkedEnd, end, withBatch);
  return sealWithBody(buffer, at, body, totalBytes - RECORD_HEADER_BYTES);
}

/** CRC-32C of a whole batch at `at`, put together from the one that it carries, which has been verified. */
export function wholeBatchCrc(buffer: Buffer, at: number, sizeBytes: number): number {
  const before = crc32cShort(buffer, at, at + BATCH_CRC_START);
  return crc32cCombine(before, batchCrc(buffer, at), sizeBytes - BATCH_CRC_START);
}

/** As `sealBatchRecord`, for a record whose data has the CRC `dataCrc`, be it one batch or several. */
export function sealBlockRecord(
  buffer: Buffer,
  at: number,
  block: { readonly totalBytes: number; readonly topicBytes: number; readonly dataCrc: number },
): number {
  const { totalBytes, topicBytes, dataCrc } = block;
  const dataAt = at + batchDataOffset(topicBytes);
  const end = at + totalBytes;
  const dataEnd = end - TOPIC_ID_BYTES;
  const before = crc32cShort(buffer, at + RECORD_HEADER_BYTES, dataAt);
  const body = crc32cShort(buffer, dataEnd, end, crc32cCombine(before, dataCrc, dataEnd - dataAt));
  return sealWithBody(buffer, at, body, totalBytes - RECORD_HEADER_BYTES);
}

/** Puts the CRC into a record whose body has the CRC `body`. Answers the CRC of the whole record. */
function sealWithBody(buffer: Buffer, at: number, body: number, bodyBytes: number): number {
  const head = crc32cShort(buffer, at, at + CRC_AT);
  buffer.writeUInt32LE(crc32cCombine(head, body, bodyBytes), at + CRC_AT);
  return crc32cCombine(crc32cShort(buffer, at + CRC_AT, at + RECORD_HEADER_BYTES, head), body, bodyBytes);
}

/** Puts the CRC into a record of `totalBytes` bytes whose header and body are complete. */
export function sealRecord(buffer: Buffer, at: number, totalBytes: number): void {
  buffer.writeUInt32LE(recordCrc(buffer, at, totalBytes), at + CRC_AT);
}

/** What the header at `at` says of the record's size in bytes; 0 when it is no record's. */
export function recordBytesClaimed(buffer: Buffer, at: number): number {
  return buffer.readUInt16LE(at) === WAL_MAGIC ? RECORD_HEADER_BYTES + buffer.readUInt32LE(at + 4) : 0;
}

/**
 * Whether a whole, intact record of version 2, 3 or 4 stands at `at`, not reaching beyond `end`.
 * Answers its size in bytes, or 0.
 */
export function verifiedRecordBytes(buffer: Buffer, at: number, end: number): number {
  if (end - at < RECORD_HEADER_BYTES || buffer.readUInt16LE(at) !== WAL_MAGIC) return 0;
  const version = buffer[at + 2]!;
  if (version < VERSION_BATCH || version > VERSION_GROUP) return 0;
  const totalBytes = RECORD_HEADER_BYTES + buffer.readUInt32LE(at + 4);
  if (totalBytes > end - at) return 0;
  if (version === VERSION_STATE && totalBytes < STATE_FIELDS_OFFSET) return 0;
  if (version === VERSION_GROUP && totalBytes !== GROUP_HEADER_BYTES) return 0;
  return recordCrc(buffer, at, totalBytes) === buffer.readUInt32LE(at + CRC_AT) ? totalBytes : 0;
}

/** Where the last of the whole, intact records ends that stand one behind the other from `at` on, not reaching beyond `end`. */
export function verifiedRecordsEnd(buffer: Buffer, at: number, end: number): number {
  let verifiedTo = at;
  for (;;) {
    const totalBytes = verifiedRecordBytes(buffer, verifiedTo, end);
    if (totalBytes === 0) return verifiedTo;
    verifiedTo += totalBytes;
  }
}

/**
 * As `verifiedRecordBytes`, of the record of one batch, without going over the batch: the checksum that its producer gave it
 * is taken for its bytes. So the record is what was written if they match that checksum, which is for the caller to see.
 */
export function claimedBatchRecordBytes(buffer: Buffer, at: number, end: number): number {
  if (end - at < BATCH_FIXED_BYTES || buffer.readUInt16LE(at) !== WAL_MAGIC) return 0;
  if (buffer[at + 2] !== VERSION_BATCH || (buffer[at + 3]! & FLAG_SEVERAL) !== 0) return 0;
  const totalBytes = RECORD_HEADER_BYTES + buffer.readUInt32LE(at + 4);
  const dataAt = at + batchDataOffset(buffer.readUInt16LE(at + RECORD_HEADER_BYTES));
  if (totalBytes > end - at || dataAt > at + totalBytes) return 0;
  const dataBytes = buffer.readUInt32LE(dataAt - 4);
  const dataEnd = dataAt + dataBytes;
  if (dataBytes < BATCH_HEADER_BYTES || dataEnd > at + totalBytes) return 0;
  const before = crc32cShort(buffer, at + RECORD_HEADER_BYTES, dataAt);
  const upToData = crc32cCombine(before, wholeBatchCrc(buffer, dataAt, dataBytes), dataBytes);
  const body = crc32cShort(buffer, dataEnd, at + totalBytes, upToData);
  const crc = crc32cCombine(crc32cShort(buffer, at, at + CRC_AT), body, totalBytes - RECORD_HEADER_BYTES);
  return crc === buffer.readUInt32LE(at + CRC_AT) ? totalBytes : 0;
}

/** A batch record, taken apart in place. `dataAt` and `dataBytes` delimit the Kafka batch in the same buffer. */
export interface BatchRecord {
  readonly topicName: string;
  /** 16 latin1 characters, or undefined when the record carries no topic id. */
  readonly topicId: string | undefined;
  readonly partition: number;
  readonly dataAt: number;
  readonly dataBytes: number;
  readonly isKafkaBatch: boolean;
}

/** Reads a verified batch record. Undefined when its lengths do not add up: written by no version of this program. */
export function readBatchRecord(buffer: Buffer, at: number, totalBytes: number): BatchRecord | undefined {
  const flags = buffer[at + 3]!;
  const end = at + totalBytes;
  const idBytes = (flags & FLAG_TOPIC_ID) !== 0 ? TOPIC_ID_BYTES : 0;
  if (totalBytes < BATCH_FIXED_BYTES + idBytes) return undefined;
  const topicBytes = buffer.readUInt16LE(at + RECORD_HEADER_BYTES);
  const topicAt = at + RECORD_HEADER_BYTES + 2;
  if (topicAt + topicBytes + 8 + idBytes > end) return undefined;
  const partition = buffer.readInt32LE(topicAt + topicBytes);
  const dataBytes = buffer.readUInt32LE(topicAt + topicBytes + 4);
  const dataAt = topicAt + topicBytes + 8;
  if (dataAt + dataBytes + idBytes !== end) return undefined;
  return {
    topicName: buffer.toString("utf8", topicAt, topicAt + topicBytes),
    topicId: idBytes === 0 ? undefined : buffer.toString("latin1", end - TOPIC_ID_BYTES, end),
    partition,
    dataAt,
    dataBytes,
    isKafkaBatch: (flags & FLAG_KAFKA_BATCH) !== 0,
  };
}

/** The type of a verified state record; its fields lie from `at + STATE_FIELDS_OFFSET` to the record's end. */
export function stateRecordType(buffer: Buffer, at: number): number {
  return buffer.readUInt16LE(at + RECORD_HEADER_BYTES);
}

export const STATE_FIELDS_OFFSET = RECORD_HEADER_BYTES + 2;

function writeHeader(buffer: Buffer, at: number, version: number, flags: number, bodyBytes: number): void {
  buffer.writeUInt16LE(WAL_MAGIC, at);
  buffer[at + 2] = version;
  buffer[at + 3] = flags;
  buffer.writeUInt32LE(bodyBytes, at + 4);
}

function recordCrc(buffer: Buffer, at: number, totalBytes: number): number {
  const head = crc32cShort(buffer, at, at + CRC_AT);
  return crc32c(buffer.subarray(at + RECORD_HEADER_BYTES, at + totalBytes), head);
}

function writeU64(buffer: Buffer, at: number, value: number): number {
  buffer.writeUInt32LE(value >>> 0, at);
  return buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

function readU64(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at + 4) * 0x1_0000_0000 + buffer.readUInt32LE(at);
}
