/**
 * Offsets by timestamp, exact: the index says in which batch the record must be, and the batch is opened to see which of
 * its records it is. Timestamps need not grow with offsets; as in Kafka the first record that is late enough counts.
 */
import type { Int64 } from "../base/int64.ts";
import { clampTimestamp } from "../log/batch-index.ts";
import type { BatchReader } from "../log/batch-reader.ts";
import type { PartitionLog } from "../log/partition-log.ts";
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
      const found = await openBatch(search, index.baseOffsetAt(row), (records) => firstFrom(records, timestamp));
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** The first of the records with the largest timestamp. */
export async function findLargestTimestamp(search: TimestampSearch): Promise<FoundRecord | undefined> {
  const { reader, partition, limitOffset } = search;
  const { logStartOffset } = partition;
  let best: { readonly baseOffset: number; readonly maxTimestamp: number } | undefined;
  let cutBatch: number | undefined;
  // Timestamps mostly grow: from the newest on, the first range decides, and no other index has to be read.
  for (const range of partition.ranges.toReversed()) {
    if (range.firstOffset >= limitOffset || (best !== undefined && range.maxTimestamp < best.maxTimestamp)) continue;
    const index = await reader.index(range);
    let newest: number | undefined;
    for (let row = index.find(logStartOffset); row < index.count && index.endOffsetAt(row) <= limitOffset; row += 1) {
      if (index.baseOffsetAt(row) < logStartOffset) cutBatch = index.baseOffsetAt(row);
      else if (newest === undefined || index.maxTimestampAt(row) > index.maxTimestampAt(newest)) newest = row;
    }
    if (newest === undefined) continue;
    const maxTimestamp = index.maxTimestampAt(newest);
    if (best === undefined || maxTimestamp >= best.maxTimestamp) {
      best = { baseOffset: index.baseOffsetAt(newest), maxTimestamp };
    }
  }
  // The log start can lie in a batch: then its largest timestamp may be that of a record that is gone.
  const cut = cutBatch === undefined ? undefined : await openBatch(search, cutBatch, largestOf);
  const whole = best === undefined ? undefined : await openBatch(search, best.baseOffset, largestOf);
  return largestOf([cut, whole].filter((record) => record !== undefined));
}

function firstFrom(records: Iterable<FoundRecord>, timestamp: Int64): FoundRecord | undefined {
  for (const record of records) if (record.timestamp >= timestamp) return record;
  return undefined;
}

/** The first of those with the largest timestamp. */
function largestOf(records: Iterable<FoundRecord>): FoundRecord | undefined {
  let largest: FoundRecord | undefined;
  for (const record of records) if (largest === undefined || record.timestamp > largest.timestamp) largest = record;
  return largest;
}

/** Shows `use` those records of the batch at `baseOffset` that count, one by one: there can be millions of them. */
async function openBatch<T>(
  search: TimestampSearch,
  baseOffset: number,
  use: (records: Iterable<FoundRecord>) => T,
): Promise<T> {
  const { reader, partition, topicBytes, limitOffset } = search;
  const [result] = await reader.readStored([
    { partition, topicBytes, offset: baseOffset, limitOffset, maxBytes: 0, atLeastOne: true },
  ]);
  try {
    return use(recordsFrom(result!.parts[0], partition.logStartOffset));
  } finally {
    result!.release();
  }
}

function* recordsFrom(batch: Uint8Array | undefined, logStartOffset: number): Generator<FoundRecord> {
  if (batch === undefined) return;
  for (const { offset, timestamp } of readRecords(Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength))) {
    if (offset >= logStartOffset) yield { offset, timestamp };
  }
}
