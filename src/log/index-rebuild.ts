/**
 * Indexes are derived data: when the rows of one partition are damaged, or their file is gone, they are found again in
 * the log itself. That reads the whole WAL file: for the rare case only.
 */
import type { Disk } from "../ports/disk.ts";
import { batchBaseOffset, batchMaxTimestamp, batchOffsetCount } from "../protocol/record-batch.ts";
import { BatchIndex, clampTimestamp } from "./batch-index.ts";
import { CorruptionError } from "./corruption.ts";
import { GroupScanner, type ScannedGroup } from "./group-scanner.ts";
import type { FileRange } from "./wal-file.ts";
import { GROUP_HEADER_BYTES, readBatchRecord, VERSION_BATCH, verifiedRecordBytes } from "./wal-record.ts";

/**
 * The rows of a range whose file is sealed.
 * @throws CorruptionError when there are fewer than there were: a reader must not pass over records without a word.
 */
export async function rebuildIndex(disk: Disk, range: FileRange): Promise<BatchIndex> {
  const { file, stored } = range;
  const source = await disk.open(file.name, "read");
  try {
    const index = new BatchIndex();
    const scanner = new GroupScanner(file, source, file.end - file.base);
    for (let at = await scanner.findGroup(0); at !== undefined; ) {
      const group = await scanner.groupAt(at);
      if (group === undefined) {
        at = await scanner.findGroup(at + 1);
        continue;
      }
      pushRows(index, range, group);
      at += GROUP_HEADER_BYTES + group.header.lengthBytes;
    }
    if (index.count === stored?.rows) return index;
    throw new CorruptionError(file.indexName, 0, "index rows are damaged, and the file that they are of is too");
  } finally {
    await source.close();
  }
}

function pushRows(index: BatchIndex, range: FileRange, { header, buffer, recordsAt, end }: ScannedGroup): void {
  const groupAt = recordsAt - GROUP_HEADER_BYTES;
  for (let at = recordsAt; at < end; ) {
    const bytes = verifiedRecordBytes(buffer, at, end);
    if (bytes === 0) return;
    const record = buffer[at + 2] === VERSION_BATCH ? readBatchRecord(buffer, at, bytes) : undefined;
    if (record?.topicId === range.topicId && record.partition === range.partition) {
      const { dataAt, dataBytes: sizeBytes } = record;
      const baseOffset = batchBaseOffset(buffer, dataAt);
      index.push({
        baseOffset,
        endOffset: baseOffset + batchOffsetCount(buffer, dataAt),
        position: header.position + (at - groupAt),
        sizeBytes,
        maxTimestamp: clampTimestamp(batchMaxTimestamp(buffer, dataAt)),
      });
    }
    at += bytes;
  }
}
