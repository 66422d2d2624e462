/**
 * Reads a whole segment and checks everything that can be checked: the checksum of each part, record and batch, that
 * batches lie where the index says, in order, and within their ranges.
 */

import { crc32c } from "../base/crc32c.ts";
import { BatchIndex, BYTES_PER_ROW, indexedTimestamp } from "../log/batch-index.ts";
import { CorruptionError } from "../log/corruption.ts";
import { SEGMENT_HEADER_BYTES } from "../log/segment.ts";
import { RECORD_HEADER_BYTES, readBatchRecord, recordBytesClaimed, verifiedRecordBytes } from "../log/wal-record.ts";
import type { Disk, DiskFile } from "../ports/disk.ts";
import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchCrcMatches,
  batchOffsetCount,
  batchSizeBytes,
} from "../protocol/record-batch.ts";
import { bySegmentOrder } from "./convert.ts";
import {
  DIRECTORY_ROW_BYTES,
  type Directory,
  type DirectoryRow,
  decodeFooter,
  decodeHeader,
  decodeTail,
  FOOTER_BYTES,
  SEGMENT_VERSION,
} from "./segment-format.ts";
import { SequentialReader } from "./sequential-reader.ts";

export interface VerifiedSegment {
  readonly directory: Directory;
  readonly sizeBytes: number;
  readonly crc: number;
  readonly batches: number;
  /** Of each range of the directory: offsets in it that no batch takes up. */
  readonly missingOffsets: readonly number[];
}

/**
 * Verifies a segment to its last byte. Memory: its directory, its index, one record.
 * @throws CorruptionError where something is not as it was written.
 */
export async function verifySegment(
  disk: Pick<Disk, "open">,
  name: string,
  progress: () => void,
): Promise<VerifiedSegment> {
  const file = await disk.open(name, "read");
  try {
    const sizeBytes = await file.sizeBytes();
    const { directory, directoryAt } = await readDirectory(file, name);
    const reader = new SequentialReader(file, 0, sizeBytes, progress);
    const header = decodeHeader(await reader.view(0, SEGMENT_HEADER_BYTES));
    if (header === undefined || header.id !== directory.id || header.walPosition !== directory.walPosition) {
      throw new CorruptionError(name, 0, "the header of the segment is not what was written");
    }
    checkPlaces(name, directory.rows, directoryAt);
    let batches = 0;
    const found: BatchIndex[] = [];
    const missingOffsets: number[] = [];
    for (const row of directory.rows) {
      const range = await verifyRange(reader, name, row);
      found.push(range.index);
      missingOffsets.push(range.missingOffsets);
      batches += range.batches;
    }
    let at = endOfData(directory.rows);
    for (const [index, row] of directory.rows.entries()) {
      const rows = await reader.view(row.rowsAt, row.rows * BYTES_PER_ROW);
      const expected = Buffer.allocUnsafe(found[index]!.count * BYTES_PER_ROW);
      found[index]!.writeTo(expected, 0);
      if (crc32c(rows) !== row.rowsCrc || !rows.equals(expected)) {
        throw new CorruptionError(name, row.rowsAt, "the index of a range is not that of its batches");
      }
      at = row.rowsAt + rows.length;
    }
    const padding = await reader.view(at, directoryAt - at);
    if (padding.some((byte) => byte !== 0)) throw new CorruptionError(name, at, "the padding is not empty");
    await reader.view(directoryAt, sizeBytes - directoryAt);
    return { directory, sizeBytes, crc: reader.crc, batches, missingOffsets };
  } finally {
    await file.close();
  }
}

/** Reads where everything is. @throws CorruptionError when the file is no whole segment. */
export async function readDirectory(
  file: DiskFile,
  name: string,
): Promise<{ readonly directory: Directory; readonly directoryAt: number }> {
  const sizeBytes = await file.sizeBytes();
  const footer = Buffer.alloc(FOOTER_BYTES);
  if (sizeBytes >= FOOTER_BYTES) await file.read(footer, sizeBytes - FOOTER_BYTES);
  const end = decodeFooter(footer);
  if (end === undefined) throw new CorruptionError(name, Math.max(0, sizeBytes - FOOTER_BYTES), "no segment ends here");
  if (end.version > SEGMENT_VERSION) {
    throw new CorruptionError(name, 8, `version ${end.version} of the format: a newer program has written it`);
  }
  const tailBytes = end.rows * DIRECTORY_ROW_BYTES + FOOTER_BYTES;
  const isThere = end.directoryAt >= SEGMENT_HEADER_BYTES && end.directoryAt + tailBytes === sizeBytes;
  const directory = isThere ? decodeTail(await readBytes(file, end.directoryAt, tailBytes)) : undefined;
  if (directory === undefined) {
    throw new CorruptionError(name, end.directoryAt, "the directory does not match its checksum");
  }
  return { directory, directoryAt: end.directoryAt };
}

async function readBytes(file: DiskFile, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  await file.read(buffer, at);
  return buffer;
}

/** Ranges follow one another in order and without a gap, then their rows, and all of it comes before the directory. */
function checkPlaces(name: string, rows: readonly DirectoryRow[], directoryAt: number): void {
  let at = SEGMENT_HEADER_BYTES;
  let before: DirectoryRow | undefined;
  for (const row of rows) {
    if (row.dataAt !== at) throw new CorruptionError(name, at, "a range does not begin where the one before ends");
    const isBehind = before === undefined || bySegmentOrder({ ...before, firstOffset: before.endOffset - 1 }, row) < 0;
    if (!isBehind || row.firstOffset >= row.endOffset) throw new CorruptionError(name, at, "ranges are out of order");
    at += row.dataBytes;
    before = row;
  }
  for (const row of rows) {
    if (row.rowsAt !== at) throw new CorruptionError(name, at, "an index does not begin where the one before ends");
    at += row.rows * BYTES_PER_ROW;
  }
  if (at > directoryAt) throw new CorruptionError(name, directoryAt, "the directory lies within what it tells of");
}

function endOfData(rows: readonly DirectoryRow[]): number {
  const last = rows.at(-1);
  return last === undefined ? SEGMENT_HEADER_BYTES : last.dataAt + last.dataBytes;
}

async function verifyRange(
  reader: SequentialReader,
  name: string,
  row: DirectoryRow,
): Promise<{ readonly index: BatchIndex; readonly batches: number; readonly missingOffsets: number }> {
  const index = new BatchIndex();
  const end = row.dataAt + row.dataBytes;
  let [nextOffset, batches, sizeBytes, newest] = [row.firstOffset, 0, 0, Number.NEGATIVE_INFINITY];
  let missingOffsets = 0;
  for (let at = row.dataAt; at < end; ) {
    const claimedBytes = recordBytesClaimed(await reader.view(at, RECORD_HEADER_BYTES), 0);
    const bytes = claimedBytes > 0 && claimedBytes <= end - at ? await reader.view(at, claimedBytes) : undefined;
    const isWhole = bytes !== undefined && verifiedRecordBytes(bytes, 0, bytes.length) === claimedBytes;
    const record = isWhole ? readBatchRecord(bytes, 0, claimedBytes) : undefined;
    if (bytes === undefined || record?.topicId !== row.topicId || record.partition !== row.partition) {
      throw new CorruptionError(name, at, "a record is not what was written");
    }
    const baseOffset = batchBaseOffset(bytes, record.dataAt);
    let maxTimestamp = Number.NEGATIVE_INFINITY;
    const dataEnd = record.dataAt + record.dataBytes;
    for (let batchAt = record.dataAt; batchAt < dataEnd || batchAt === record.dataAt; ) {
      const batchBytes = dataEnd - batchAt < BATCH_HEADER_BYTES ? 0 : batchSizeBytes(bytes, batchAt);
      const isGood =
        batchBytes >= BATCH_HEADER_BYTES &&
        batchBytes <= dataEnd - batchAt &&
        batchCrcMatches(bytes, batchAt, batchBytes) &&
        batchBaseOffset(bytes, batchAt) >= nextOffset;
      if (!isGood) throw new CorruptionError(name, at, `a batch at offset ${nextOffset} or behind it is damaged`);
      missingOffsets += batchBaseOffset(bytes, batchAt) - nextOffset;
      nextOffset = batchBaseOffset(bytes, batchAt) + batchOffsetCount(bytes, batchAt);
      maxTimestamp = Math.max(maxTimestamp, indexedTimestamp(bytes, batchAt));
      batches += 1;
      batchAt += batchBytes;
    }
    sizeBytes += record.dataBytes;
    newest = Math.max(newest, maxTimestamp);
    index.push({ baseOffset, endOffset: nextOffset, position: at, sizeBytes: record.dataBytes, maxTimestamp });
    at += claimedBytes;
  }
  const isAsTold =
    nextOffset <= row.endOffset &&
    batches === row.batches &&
    sizeBytes === row.sizeBytes &&
    newest === row.maxTimestamp &&
    index.count === row.rows;
  if (!isAsTold) {
    throw new CorruptionError(name, row.dataAt, "a range does not hold what the directory says");
  }
  return { index, batches, missingOffsets: missingOffsets + row.endOffset - nextOffset };
}
