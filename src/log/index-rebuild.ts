/**
 * Indexes are derived data: when the rows of ranges are damaged, or their file is gone, they are found again in the batches
 * themselves. That reads the whole file, once for all the ranges that are wanted of it: for the rare case only.
 */
import type { Disk, DiskFile } from "../ports/disk.ts";
import { batchBaseOffset, batchOffsetCount, batchSizeBytes } from "../protocol/record-batch.ts";
import { BatchIndex, indexedTimestamp } from "./batch-index.ts";
import { CorruptionError } from "./corruption.ts";
import { GroupScanner, type ScannedGroup } from "./group-scanner.ts";
import type { FileRange, LogFile } from "./log-file.ts";
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

/** A range whose rows are wanted. */
export type LostRange = Pick<FileRange, "topicId" | "partition" | "firstOffset" | "endOffset" | "stored">;

/** The rows of one range of a closed file. @throws CorruptionError as `rebuildIndexes` does. */
export async function rebuildIndex(disk: Pick<Disk, "open">, range: FileRange): Promise<BatchIndex> {
  const indexes = await rebuildIndexes(disk, range.file, [range]);
  return rebuiltIndex(indexes, range.file, range);
}

/** What was found of a range. @throws CorruptionError when it is less than there was: no reader may pass over records unaware. */
export function rebuiltIndex(indexes: ReadonlyMap<LostRange, BatchIndex>, file: LogFile, range: LostRange): BatchIndex {
  const index = indexes.get(range);
  if (index !== undefined && index.count === range.stored?.rows) return index;
  throw new CorruptionError(file.indexName, 0, "index rows are damaged, and the file that they are of is too");
}

/** All rows that a closed file has of these ranges: they may be fewer than there were (`rebuiltIndex`). */
export async function rebuildIndexes<Range extends LostRange>(
  disk: Pick<Disk, "open">,
  file: LogFile,
  ranges: Iterable<Range>,
  progress: () => void = () => undefined,
): Promise<ReadonlyMap<Range, BatchIndex>> {
  const rows = new RowCollector(ranges);
  const source = await disk.open(file.name, "read");
  try {
    if (file instanceof WalFile) await scanGroups(rows, new GroupScanner(file, source, file.end - file.base), progress);
    else await scanRecords(rows, file, source, progress);
    return rows.indexes;
  } finally {
    await source.close();
  }
}

/** Gives each record to the range that it is of. */
class RowCollector<Range extends LostRange> {
  readonly indexes = new Map<Range, BatchIndex>();
  readonly #ranges: Map<string, Range[]>;

  constructor(ranges: Iterable<Range>) {
    this.#ranges = Map.groupBy(ranges, ({ topicId, partition }) => `${topicId}/${partition}`);
  }

  push(record: BatchRecord, buffer: Buffer, position: number): void {
    const baseOffset = batchBaseOffset(buffer, record.dataAt);
    const ranges = this.#ranges.get(`${record.topicId}/${record.partition}`);
    const range = ranges?.find(({ firstOffset, endOffset }) => baseOffset >= firstOffset && baseOffset < endOffset);
    if (range === undefined) return;
    let index = this.indexes.get(range);
    if (index === undefined) this.indexes.set(range, (index = new BatchIndex()));
    pushRow(index, record, buffer, position);
  }
}

async function scanGroups(rows: RowCollector<LostRange>, scanner: GroupScanner, progress: () => void): Promise<void> {
  for (let at = await scanner.findGroup(0); at !== undefined; ) {
    const group = await scanner.groupAt(at);
    progress();
    if (group === undefined) {
      at = await scanner.findGroup(at + 1);
      continue;
    }
    pushGroup(rows, group);
    at += GROUP_HEADER_BYTES + group.header.lengthBytes;
  }
}

function pushGroup(rows: RowCollector<LostRange>, { header, buffer, recordsAt, end }: ScannedGroup): void {
  const groupAt = recordsAt - GROUP_HEADER_BYTES;
  for (let at = recordsAt; at < end; ) {
    const bytes = verifiedRecordBytes(buffer, at, end);
    if (bytes === 0) return;
    const record = buffer[at + 2] === VERSION_BATCH ? readBatchRecord(buffer, at, bytes) : undefined;
    if (record !== undefined) rows.push(record, buffer, header.position + (at - groupAt));
    at += bytes;
  }
}

/** A segment's records stand one behind the other, up to the first bytes that are none. */
async function scanRecords(
  rows: RowCollector<LostRange>,
  file: LogFile,
  source: DiskFile,
  progress: () => void,
): Promise<void> {
  const head = Buffer.allocUnsafe(RECORD_HEADER_BYTES);
  for (let at = SEGMENT_HEADER_BYTES; at < file.end; ) {
    await source.read(head, at);
    const claimedBytes = recordBytesClaimed(head, 0);
    if (claimedBytes === 0 || claimedBytes > file.end - at) return;
    const buffer = Buffer.allocUnsafe(claimedBytes);
    await source.read(buffer, at);
    progress();
    const record =
      verifiedRecordBytes(buffer, 0, claimedBytes) === 0 ? undefined : readBatchRecord(buffer, 0, claimedBytes);
    if (record !== undefined) rows.push(record, buffer, at);
    at += claimedBytes;
  }
}

function pushRow(
  index: BatchIndex,
  { dataAt, dataBytes: sizeBytes }: BatchRecord,
  buffer: Buffer,
  position: number,
): void {
  const baseOffset = batchBaseOffset(buffer, dataAt);
  let endOffset = baseOffset;
  let maxTimestamp = -Number.MAX_SAFE_INTEGER;
  for (let at = dataAt; at < dataAt + sizeBytes; at += batchSizeBytes(buffer, at)) {
    endOffset = batchBaseOffset(buffer, at) + batchOffsetCount(buffer, at);
    maxTimestamp = Math.max(maxTimestamp, indexedTimestamp(buffer, at));
  }
  index.push({ baseOffset, endOffset, position, sizeBytes, maxTimestamp });
}
