/**
 * What stands in a segment file, byte for byte: docs/segment-format.md shows it to people.
 *
 *     header, 64 bytes
 *     batch records (`wal-record.ts`), sorted by topic id, partition and offset
 *     rows of each range (`batch-index.ts`), in the same order
 *     zeroes, so that the file ends aligned
 *     directory: 88 bytes for each range
 *     footer, 64 bytes
 *
 * All integers are little endian. A file is written in one go, read back and compared, and only then does the log say that
 * it exists: what a crash leaves before that is nobody's.
 */
import { crc32c } from "../base/crc32c.ts";
import { UUID_BYTES, type Uuid, uuidFromBytes } from "../base/uuid.ts";
import { BYTES_PER_ROW } from "../log/batch-index.ts";
import { SEGMENT_HEADER_BYTES } from "../log/segment.ts";

export const SEGMENT_VERSION = 1;
export const FOOTER_BYTES = 64;
export const DIRECTORY_ROW_BYTES = 88;

const HEADER_MAGIC = Buffer.from("CHSEGMNT");
const FOOTER_MAGIC = Buffer.from("CHSEGEND");
const HEADER_CRC_AT = SEGMENT_HEADER_BYTES - 4;
const FOOTER_CRC_AT = FOOTER_BYTES - 12;

/** A range as the directory has it: what the segment holds of one partition. */
export interface DirectoryRow {
  readonly topicId: Uuid;
  readonly partition: number;
  readonly firstOffset: number;
  readonly endOffset: number;
  /** Bytes of its batches. */
  readonly sizeBytes: number;
  readonly maxTimestamp: number;
  /** Where its records begin, and their bytes. */
  readonly dataAt: number;
  readonly dataBytes: number;
  /** Where its rows are, how many, and their CRC-32C. */
  readonly rowsAt: number;
  readonly rows: number;
  readonly rowsCrc: number;
  readonly batches: number;
}

export interface SegmentIdentity {
  readonly id: Uuid;
  readonly walPosition: number;
}

export interface Directory extends SegmentIdentity {
  readonly rows: readonly DirectoryRow[];
}

export function encodeHeader({ id, walPosition }: SegmentIdentity): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  HEADER_MAGIC.copy(header);
  header.writeUInt16LE(SEGMENT_VERSION, 8);
  header.write(id, 16, UUID_BYTES, "latin1");
  writeU64(header, 32, walPosition);
  header.writeUInt32LE(crc32c(header.subarray(0, HEADER_CRC_AT)), HEADER_CRC_AT);
  return header;
}

/** Whether a segment begins with these bytes, damaged behind the first of them or not. */
export function isSegmentHeader(header: Buffer): boolean {
  return header.subarray(0, HEADER_MAGIC.length).equals(HEADER_MAGIC);
}

/** Undefined when it is no whole header. */
export function decodeHeader(header: Buffer): (SegmentIdentity & { readonly version: number }) | undefined {
  if (header.length < SEGMENT_HEADER_BYTES || !isSegmentHeader(header)) return undefined;
  if (crc32c(header.subarray(0, HEADER_CRC_AT)) !== header.readUInt32LE(HEADER_CRC_AT)) return undefined;
  return { id: uuidFromBytes(header, 16), walPosition: readU64(header, 32), version: header.readUInt16LE(8) };
}

/** The directory and the footer behind it. `directoryAt` is where they will stand. */
export function encodeTail({ id, walPosition, rows }: Directory, directoryAt: number): Buffer {
  const tail = Buffer.alloc(rows.length * DIRECTORY_ROW_BYTES + FOOTER_BYTES);
  rows.forEach((row, index) => encodeDirectoryRow(tail, index * DIRECTORY_ROW_BYTES, row));
  const footerAt = rows.length * DIRECTORY_ROW_BYTES;
  tail.write(id, footerAt, UUID_BYTES, "latin1");
  writeU64(tail, footerAt + 16, walPosition);
  writeU64(tail, footerAt + 24, directoryAt);
  tail.writeUInt32LE(rows.length, footerAt + 32);
  tail.writeUInt16LE(SEGMENT_VERSION, footerAt + 36);
  const crcAt = footerAt + FOOTER_CRC_AT;
  tail.writeUInt32LE(crc32c(tail.subarray(0, crcAt)), crcAt);
  FOOTER_MAGIC.copy(tail, crcAt + 4);
  return tail;
}

/** What the footer says: where the directory begins and how many rows it has. Undefined when it is no footer. */
export function decodeFooter(
  footer: Buffer,
): { readonly directoryAt: number; readonly rows: number; readonly version: number } | undefined {
  if (!footer.subarray(FOOTER_CRC_AT + 4).equals(FOOTER_MAGIC)) return undefined;
  return { directoryAt: readU64(footer, 24), rows: footer.readUInt32LE(32), version: footer.readUInt16LE(36) };
}

/** Takes the directory and footer apart; undefined when they do not match their checksum. */
export function decodeTail(tail: Buffer): Directory | undefined {
  const footerAt = tail.length - FOOTER_BYTES;
  const crcAt = footerAt + FOOTER_CRC_AT;
  if (footerAt < 0 || footerAt % DIRECTORY_ROW_BYTES !== 0) return undefined;
  if (crc32c(tail.subarray(0, crcAt)) !== tail.readUInt32LE(crcAt)) return undefined;
  const rows = Array.from({ length: footerAt / DIRECTORY_ROW_BYTES }, (_, row) =>
    decodeDirectoryRow(tail, row * DIRECTORY_ROW_BYTES),
  );
  return { id: uuidFromBytes(tail, footerAt), walPosition: readU64(tail, footerAt + 16), rows };
}

/** Bytes of zeroes before the directory that make the file end at a multiple of `alignmentBytes`. */
export function paddingBytes(at: number, rows: number, alignmentBytes: number): number {
  const over = (at + rows * DIRECTORY_ROW_BYTES + FOOTER_BYTES) % alignmentBytes;
  return over === 0 ? 0 : alignmentBytes - over;
}

export function rowsBytes(rows: number): number {
  return rows * BYTES_PER_ROW;
}

function encodeDirectoryRow(buffer: Buffer, at: number, row: DirectoryRow): void {
  buffer.write(row.topicId, at, UUID_BYTES, "latin1");
  buffer.writeInt32LE(row.partition, at + 16);
  buffer.writeUInt32LE(row.batches, at + 20);
  writeU64(buffer, at + 24, row.firstOffset);
  writeU64(buffer, at + 32, row.endOffset);
  writeU64(buffer, at + 40, row.sizeBytes);
  buffer.writeBigInt64LE(BigInt(row.maxTimestamp), at + 48);
  writeU64(buffer, at + 56, row.dataAt);
  writeU64(buffer, at + 64, row.dataBytes);
  writeU64(buffer, at + 72, row.rowsAt);
  buffer.writeUInt32LE(row.rows, at + 80);
  buffer.writeUInt32LE(row.rowsCrc, at + 84);
}

function decodeDirectoryRow(buffer: Buffer, at: number): DirectoryRow {
  return {
    topicId: uuidFromBytes(buffer, at),
    partition: buffer.readInt32LE(at + 16),
    batches: buffer.readUInt32LE(at + 20),
    firstOffset: readU64(buffer, at + 24),
    endOffset: readU64(buffer, at + 32),
    sizeBytes: readU64(buffer, at + 40),
    maxTimestamp: Number(buffer.readBigInt64LE(at + 48)),
    dataAt: readU64(buffer, at + 56),
    dataBytes: readU64(buffer, at + 64),
    rowsAt: readU64(buffer, at + 72),
    rows: buffer.readUInt32LE(at + 80),
    rowsCrc: buffer.readUInt32LE(at + 84),
  };
}

function writeU64(buffer: Buffer, at: number, value: number): void {
  buffer.writeBigUInt64LE(BigInt(value), at);
}

function readU64(buffer: Buffer, at: number): number {
  return Number(buffer.readBigUInt64LE(at));
}
