/**
 * The index of a sealed WAL file: for every partition in it, where each batch lies. Written once, after sealing, beside
 * the file; read back a partition at a time through a bounded cache.
 *
 * Little endian:
 *
 *     rows of each partition (see `BatchIndex`), one partition behind the other
 *     directory: a row per partition: topic id 16 bytes, partition i32, rows u32, at u64, crc u32 of the rows,
 *                first offset f64, end offset f64, bytes of batches f64, maximum timestamp f64
 *     footer, 44 bytes: base u64, end u64, incarnation u64, directory at u64, directory rows u32, crc u32 of the directory
 *                and the footer before it, magic u32
 *
 * Write order: the whole file under a temporary name, sync, rename, sync the folder. Nothing refers to it before that: recovery
 * replays every file from the snapshot on and writes its index anew, and a snapshot is published only when the index of every
 * file before it is durable.
 */
import { crc32c } from "../base/crc32c.ts";
import { type Disk, type DiskFile, ignoreMissing, isMissing } from "../ports/disk.ts";
import { BatchIndex, BYTES_PER_ROW } from "./batch-index.ts";
import { CorruptionError } from "./corruption.ts";
import type { FileRange, LogFile, StoredIndex } from "./log-file.ts";
import { WAL_FOLDER, type WalFile } from "./wal-file.ts";

const INDEX_MAGIC = 0x58494843; // "CHIX"
const FOOTER_BYTES = 44;
const DIRECTORY_ROW_BYTES = 68;
const WRITE_CHUNK_BYTES = 1024 * 1024;
/** They are written one after the other. */
export const NEXT_INDEX = `${WAL_FOLDER}/next.tmp`;

/** A partition's row in the directory: what the file holds of it. */
export interface DirectoryRow {
  /** 16 latin1 characters. */
  readonly topicId: string;
  readonly partition: number;
  readonly stored: StoredIndex;
  readonly firstOffset: number;
  readonly endOffset: number;
}

export interface FileDirectory {
  /** Position behind the file's last byte. */
  readonly end: number;
  readonly rows: readonly DirectoryRow[];
}

/** Writes the index of a sealed file and makes it durable. Ranges then carry where their rows are. */
export async function writeFileIndex(disk: Disk, file: WalFile): Promise<void> {
  await disk.remove(NEXT_INDEX).catch(ignoreMissing);
  const target = await disk.create(NEXT_INDEX);
  let at = 0;
  let chunk: Buffer[] = [];
  let chunkBytes = 0;
  const flush = async (): Promise<void> => {
    if (chunkBytes > 0) await target.write(chunk, at - chunkBytes);
    chunk = [];
    chunkBytes = 0;
  };
  const stored: StoredIndex[] = [];
  for (const range of file.ranges) {
    const index = range.index!;
    const entries = Buffer.allocUnsafe(index.count * BYTES_PER_ROW);
    index.writeTo(entries, 0);
    stored.push({ at, rows: index.count, crc: crc32c(entries) });
    chunk.push(entries);
    chunkBytes += entries.length;
    at += entries.length;
    if (chunkBytes >= WRITE_CHUNK_BYTES) await flush();
  }
  const tail = encodeDirectory(file, stored, at);
  chunk.push(tail);
  chunkBytes += tail.length;
  at += tail.length;
  await flush();
  await target.sync();
  await target.close();
  await disk.rename(NEXT_INDEX, file.indexName);
  await disk.syncFolder(WAL_FOLDER);
  file.ranges.forEach((range, row) => {
    range.stored = stored[row];
    range.index = undefined;
  });
  file.ranges = [];
  file.indexed = true;
}

/** Reads the rows of one range. @throws CorruptionError when they are not what was written. */
export async function readStoredIndex(
  disk: Pick<Disk, "open">,
  file: LogFile,
  stored: StoredIndex,
): Promise<BatchIndex> {
  const source = await disk.open(file.indexName, "read");
  try {
    return await readRows(source, file.indexName, stored);
  } finally {
    await source.close();
  }
}

/** As `readStoredIndex`, from an open file. */
export async function readRows(source: DiskFile, name: string, stored: StoredIndex): Promise<BatchIndex> {
  const entries = Buffer.allocUnsafe(stored.rows * BYTES_PER_ROW);
  const got = await source.read(entries, stored.at);
  if (got !== entries.length || crc32c(entries) !== stored.crc) {
    throw new CorruptionError(name, stored.at, "index rows do not match their checksum");
  }
  return BatchIndex.read(entries, 0, stored.rows);
}

/** Reads an index file's directory; undefined when there is no intact index of this file. */
export async function readFileDirectory(disk: Pick<Disk, "open">, file: WalFile): Promise<FileDirectory | undefined> {
  let source;
  try {
    source = await disk.open(file.indexName, "read");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const size = await source.sizeBytes();
    if (size < FOOTER_BYTES) return undefined;
    const footer = Buffer.allocUnsafe(FOOTER_BYTES);
    await source.read(footer, size - FOOTER_BYTES);
    const rows = footer.readUInt32LE(32);
    const directoryAt = size - FOOTER_BYTES - rows * DIRECTORY_ROW_BYTES;
    if (footer.readUInt32LE(40) !== INDEX_MAGIC || directoryAt !== readU64(footer, 24)) return undefined;
    if (readU64(footer, 0) !== file.base || readU64(footer, 16) !== file.incarnation) return undefined;
    const directory = Buffer.allocUnsafe(rows * DIRECTORY_ROW_BYTES);
    await source.read(directory, directoryAt);
    const crc = crc32c(footer.subarray(0, 36), crc32c(directory));
    if (crc !== footer.readUInt32LE(36)) return undefined;
    return { end: readU64(footer, 8), rows: decodeDirectory(directory, rows) };
  } finally {
    await source.close();
  }
}

function encodeDirectory(file: WalFile, stored: readonly StoredIndex[], directoryAt: number): Buffer {
  const rows = file.ranges.length;
  const buffer = Buffer.alloc(rows * DIRECTORY_ROW_BYTES + FOOTER_BYTES);
  file.ranges.forEach((range, row) => encodeDirectoryRow(buffer, row * DIRECTORY_ROW_BYTES, range, stored[row]!));
  const footerAt = rows * DIRECTORY_ROW_BYTES;
  writeU64(buffer, footerAt, file.base);
  writeU64(buffer, footerAt + 8, file.end);
  writeU64(buffer, footerAt + 16, file.incarnation);
  writeU64(buffer, footerAt + 24, directoryAt);
  buffer.writeUInt32LE(rows, footerAt + 32);
  buffer.writeUInt32LE(crc32c(buffer.subarray(0, footerAt + 36)), footerAt + 36);
  buffer.writeUInt32LE(INDEX_MAGIC, footerAt + 40);
  return buffer;
}

function encodeDirectoryRow(buffer: Buffer, at: number, range: FileRange, stored: StoredIndex): void {
  buffer.write(range.topicId, at, 16, "latin1");
  buffer.writeInt32LE(range.partition, at + 16);
  buffer.writeUInt32LE(stored.rows, at + 20);
  writeU64(buffer, at + 24, stored.at);
  buffer.writeUInt32LE(stored.crc, at + 32);
  buffer.writeDoubleLE(range.firstOffset, at + 36);
  buffer.writeDoubleLE(range.endOffset, at + 44);
  buffer.writeDoubleLE(range.sizeBytes, at + 52);
  buffer.writeDoubleLE(range.maxTimestamp, at + 60);
}

function decodeDirectory(buffer: Buffer, rows: number): DirectoryRow[] {
  return Array.from({ length: rows }, (_, row) => {
    const at = row * DIRECTORY_ROW_BYTES;
    return {
      topicId: buffer.toString("latin1", at, at + 16),
      partition: buffer.readInt32LE(at + 16),
      stored: { rows: buffer.readUInt32LE(at + 20), at: readU64(buffer, at + 24), crc: buffer.readUInt32LE(at + 32) },
      firstOffset: buffer.readDoubleLE(at + 36),
      endOffset: buffer.readDoubleLE(at + 44),
    };
  });
}

function writeU64(buffer: Buffer, at: number, value: number): void {
  buffer.writeBigUInt64LE(BigInt(value), at);
}

function readU64(buffer: Buffer, at: number): number {
  return Number(buffer.readBigUInt64LE(at));
}
