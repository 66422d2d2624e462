/**
 * Offsets by timestamp, exact: the index says in which batch the record must be, and the batch is opened to see which of
 * its records it is. Timestamps need not grow with offsets; as in Kafka the first record that is late enough counts.
 *
 * The index knows what the headers of batches say, and nobody checks that when they are produced. Where a header claims a
 * later timestamp than its records have, the batch is opened in vain. So one request opens so many of them and no more,
 * and the index is told the truth: whoever asks again gets further.
 */
import type { Int64 } from "../base/int64.ts";
import { clampTimestamp } from "../log/batch-index.ts";
import type { BatchReader } from "../log/batch-reader.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { MalformedMessage } from "../protocol/codec/reader.ts";
import { readRecords } from "../protocol/record.ts";

const NO_TIMESTAMP = -1;
/** Batches with false headers that one request opens. */
export const MAX_FALSE_BATCHES = 16;

/** How many such batches a request may still open, for all partitions that it asks about. */
export interface Patience {
  falseBatches: number;
}

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

/**
 * The first record at or after the log start whose timestamp is at least `timestamp`.
 * @throws MalformedMessage when the records of a batch cannot be read, or too many headers are false.
 */
export async function findTimestamp(
  search: TimestampSearch,
  timestamp: Int64,
  patience: Patience,
): Promise<FoundRecord | undefined> {
  const { partition, limitOffset } = search;
  const wanted = clampTimestamp(timestamp);
  for (const range of [...partition.ranges]) {
    if (range.maxTimestamp < wanted || range.firstOffset >= limitOffset) continue;
    const index = await search.reader.index(range);
    for (let from = index.find(partition.logStartOffset); ; from += 1) {
      from = index.findTimestamp(wanted, from);
      if (from === index.count || index.endOffsetAt(from) > limitOffset) break;
      const baseOffset = index.baseOffsetAt(from);
      const { found, largest } = await openBatch(search, baseOffset, (records) => firstFrom(records, timestamp));
      if (found !== undefined) return found;
      if (baseOffset < partition.logStartOffset) continue; // what its header says is of a record that is gone
      index.correctMaxTimestamp(from, clampTimestamp(largest));
      if (patience.falseBatches === 0) throw new MalformedMessage("too many batches have false timestamps");
      patience.falseBatches -= 1;
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

/** The first record that is late enough, or how late they are at most. */
function firstFrom(
  records: Iterable<FoundRecord>,
  timestamp: Int64,
): { readonly found: FoundRecord | undefined; readonly largest: Int64 } {
  let largest: Int64 = NO_TIMESTAMP;
  for (const record of records) {
    if (record.timestamp >= timestamp) return { found: record, largest };
    if (record.timestamp > largest) largest = record.timestamp;
  }
  return { found: undefined, largest };
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
