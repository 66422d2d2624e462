/**
 * Offsets by timestamp, exact: the index says in which batch the record must be, and the batch is opened to see which of
 * its records it is. Timestamps need not grow with offsets; as in Kafka the first record that is late enough counts.
 */
import type { Int64 } from "../base/int64.ts";
import { clampTimestamp } from "../log/batch-index.ts";
import type { BatchReader } from "../log/batch-reader.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import type { FileRange } from "../log/wal-file.ts";
import { readRecords } from "../protocol/record.ts";

export interface TimestampSearch {
  readonly reader: BatchReader;
  readonly partition: PartitionLog;
  readonly topicBytes: number;
  /** Records from here on do not count. */
  readonly limitOffset: number;
}

export interface FoundRecord {
  readonly offset: number;
  readonly timestamp: Int64;
}

/** The first record at or after the log start whose timestamp is at least `timestamp`. */
export async function findTimestamp(search: TimestampSearch, timestamp: Int64): Promise<FoundRecord | undefined> {
  const wanted = clampTimestamp(timestamp);
  for (const range of [...search.partition.ranges]) {
    if (range.maxTimestamp < wanted || range.firstOffset >= search.limitOffset) continue;
    const index = await search.reader.index(range);
    for (let row = index.findTimestamp(wanted); row < index.count; row = index.findTimestamp(wanted, row + 1)) {
      const found = await searchBatch(search, index.baseOffsetAt(row), (record) => record.timestamp >= timestamp);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** The first of the records with the largest timestamp. */
export async function findLargestTimestamp(search: TimestampSearch): Promise<FoundRecord | undefined> {
  let best: FileRange | undefined;
  for (const range of search.partition.ranges) {
    if (range.firstOffset >= search.limitOffset) break;
    if (best === undefined || range.maxTimestamp > best.maxTimestamp) best = range;
  }
  if (best === undefined) return undefined;
  const index = await search.reader.index(best);
  let bestRow: number | undefined;
  for (let row = 0; row < index.count && index.endOffsetAt(row) <= search.limitOffset; row += 1) {
    if (bestRow === undefined || index.maxTimestampAt(row) > index.maxTimestampAt(bestRow)) bestRow = row;
  }
  if (bestRow === undefined) return undefined;
  const largest = index.maxTimestampAt(bestRow);
  return searchBatch(search, index.baseOffsetAt(bestRow), (record) => clampTimestamp(record.timestamp) >= largest);
}

/** The first record of the batch at `baseOffset` that counts and that `matches`. */
async function searchBatch(
  search: TimestampSearch,
  baseOffset: number,
  matches: (record: FoundRecord) => boolean,
): Promise<FoundRecord | undefined> {
  const { reader, partition, topicBytes, limitOffset } = search;
  const [result] = await reader.readStored([
    { partition, topicBytes, offset: baseOffset, limitOffset, maxBytes: 0, atLeastOne: true },
  ]);
  try {
    const part = result!.parts[0];
    if (part === undefined) return undefined;
    const batch = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    for (const { offset, timestamp } of readRecords(batch)) {
      const record = { offset, timestamp };
      if (offset >= partition.logStartOffset && matches(record)) return record;
    }
    return undefined;
  } finally {
    result!.release();
  }
}
