/**
 * Indexes are derived data: when the rows of a range are damaged, or their file is gone, they are found again in the
 * batches themselves. That reads the whole file: for the rare case only.
 */
import type { Disk, DiskFile } from "../ports/disk.ts";
import { batchBaseOffset, batchOffsetCount, batchSizeBytes } from "../protocol/record-batch.ts";
import { BatchIndex, indexedTimestamp } from "./batch-index.ts";
import { CorruptionError } from "./corruption.ts";
import { GroupScanner, type ScannedGroup } from "./group-scanner.ts";
import type { FileRange } from "./log-file.ts";
import { SEGMENT_HEADER_BYTES } from "./segment.ts";
import { WalFile } from "./wal-file.ts";
import {
  type BatchRecord,
  GROUP_HEADER_BYTES,
  RECORD_HEADER_BYTES,
  readBatchRecord,
  recordBytesClaimed,
  VERSION_BATCH,
  verifiedRecordBytes,
} from "./wal-record.ts";

/**
 * The rows of a range of a closed file.
 * @throws CorruptionError when there are fewer than there were: a reader must not pass over records without a word.
 */
export async function rebuildIndex(disk: Pick<Disk, "open">, range: FileRange): Promise<BatchIndex> {
  const { file, stored } = range;
  const source = await disk.open(file.name, "read");
  try {
    const index = new BatchIndex();
    if (file instanceof WalFile) await scanGroups(index, range, new GroupScanner(file, source, file.end - file.base));
    else await scanRecords(index, range, source);
    if (index.count === stored?.rows) return index;
    throw new CorruptionError(file.indexName, 0, "index rows are damaged, and the file that they are of is too");
  } finally {
    await source.close();
  }
}

async function scanGroups(index: BatchIndex, range: FileRange, scanner: GroupScanner): Promise<void> {
  for (let at = await scanner.findGroup(0); at !== undefined; ) {
    const group = await scanner.groupAt(at);
    if (group === undefined) {
      at = await scanner.findGroup(at + 1);
      continue;
    }
    pushGroup(index, range, group);
    at += GROUP_HEADER_BYTES + group.header.lengthBytes;
  }
}

function pushGroup(index: BatchIndex, range: FileRange, { header, buffer, recordsAt, end }: ScannedGroup): void {
  const groupAt = recordsAt - GROUP_HEADER_BYTES;
  for (let at = recordsAt; at < end; ) {
    const bytes = verifiedRecordBytes(buffer, at, end);
    if (bytes === 0) return;
    const record = buffer[at + 2] === VERSION_BATCH ? readBatchRecord(buffer, at, bytes) : undefined;
    if (record !== undefined) pushRow(index, range, record, buffer, header.position + (at - groupAt));
    at += bytes;
  }
}

/** A segment's records stand one behind the other, up to the first bytes that are none. */
async function scanRecords(index: BatchIndex, range: FileRange, source: DiskFile): Promise<void> {
  const head = Buffer.allocUnsafe(RECORD_HEADER_BYTES);
  for (let at = SEGMENT_HEADER_BYTES; at < range.file.end; ) {
    await source.read(head, at);
    const claimedBytes = recordBytesClaimed(head, 0);
    if (claimedBytes === 0 || claimedBytes > range.file.end - at) return;
    const buffer = Buffer.allocUnsafe(claimedBytes);
    await source.read(buffer, at);
    const record =
      verifiedRecordBytes(buffer, 0, claimedBytes) === 0 ? undefined : readBatchRecord(buffer, 0, claimedBytes);
    if (record !== undefined) pushRow(index, range, record, buffer, at);
    at += claimedBytes;
  }
}

function pushRow(index: BatchIndex, range: FileRange, record: BatchRecord, buffer: Buffer, position: number): void {
  if (record.topicId !== range.topicId || record.partition !== range.partition) return;
  const { dataAt, dataBytes: sizeBytes } = record;
  const baseOffset = batchBaseOffset(buffer, dataAt);
  if (baseOffset < range.firstOffset || baseOffset >= range.endOffset) return; // another range of the same file
  let endOffset = baseOffset;
  let maxTimestamp = -Number.MAX_SAFE_INTEGER;
  for (let at = dataAt; at < dataAt + sizeBytes; at += batchSizeBytes(buffer, at)) {
    endOffset = batchBaseOffset(buffer, at) + batchOffsetCount(buffer, at);
    maxTimestamp = Math.max(maxTimestamp, indexedTimestamp(buffer, at));
  }
  index.push({ baseOffset, endOffset, position, sizeBytes, maxTimestamp });
}
