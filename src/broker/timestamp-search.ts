/**
 * Offsets by timestamp, exact: the index says in which batch the record must be, and the batch is opened to see which of
 * its records it is. Timestamps need not grow with offsets; as in Kafka the first record that is late enough counts.
 *
 * The index knows what the headers of batches say, and nobody checks that when they are produced. Where a header claims a
 * later timestamp than its records have, the batch is opened in vain. So one request opens so many of them and no more,
 * and the index is told the truth: whoever asks again gets further.
 */
import type { Int64 } from "../base/int64.ts";
import { type BatchIndex, clampTimestamp } from "../log/batch-index.ts";
import type { BatchReader } from "../log/batch-reader.ts";
import type { FileRange } from "../log/log-file.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { MalformedMessage } from "../protocol/codec/reader.ts";
import { readRecords } from "../protocol/record.ts";
import { batchMaxTimestamp, batchSizeBytes } from "../protocol/record-batch.ts";

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
  for (const range of partition.ranges.slice(partition.findTimestamp(wanted))) {
    if (range.maxTimestamp < wanted || range.firstOffset >= limitOffset) continue;
    const found = await holding(search, range, () => findInRange(search, range, timestamp, patience));
    if (found === MOVED) return findTimestamp(search, timestamp, patience);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function findInRange(
  search: TimestampSearch,
  range: FileRange,
  timestamp: Int64,
  patience: Patience,
): Promise<FoundRecord | undefined> {
  const { partition, limitOffset } = search;
  const wanted = clampTimestamp(timestamp);
  const index = await search.reader.index(range);
  for (let row = index.find(partition.logStartOffset); ; row += 1) {
    row = index.findTimestamp(wanted, row);
    if (row === index.count || index.baseOffsetAt(row) >= limitOffset) return undefined;
    const { found, largest } = await openRow(search, { range, index, row }, (batches) =>
      firstFrom(recordsOf(batches, partition.logStartOffset, wanted), timestamp),
    );
    if (found !== undefined) return found;
    // What its header says may be of a record that is gone, or not to be seen yet.
    if (isCut(search, index, row)) continue;
    index.correctMaxTimestamp(row, range.file.hasBlocks ? wanted - 1 : clampTimestamp(largest));
    if (patience.falseBatches === 0) throw new MalformedMessage("too many batches have false timestamps");
    patience.falseBatches -= 1;
  }
}

/** The first of the records with the largest timestamp. */
export async function findLargestTimestamp(search: TimestampSearch): Promise<FoundRecord | undefined> {
  const { reader, partition, limitOffset } = search;
  let best: (Row & { readonly maxTimestamp: number }) | undefined;
  const found: (FoundRecord | undefined)[] = [];
  const open = async (row: Row): Promise<void> => {
    const largest = await openRow(search, row, (batches) =>
      largestOf(recordsOf(batches, partition.logStartOffset, Number.NEGATIVE_INFINITY)),
    );
    found.push(largest);
  };
  /** Opens the rows that are cut, and answers which of the others is the newest. */
  const newestOf = async (range: FileRange): Promise<Row | undefined> => {
    const index = await reader.index(range);
    let newest: number | undefined;
    const first = index.find(partition.logStartOffset);
    for (let row = first; row < index.count && index.baseOffsetAt(row) < limitOffset; row += 1) {
      // What such a row says is of all its records, and some do not count: only they themselves tell.
      if (isCut(search, index, row)) await open({ range, index, row });
      else if (newest === undefined || index.maxTimestampAt(row) > index.maxTimestampAt(newest)) newest = row;
    }
    return newest === undefined ? undefined : { range, index, row: newest };
  };
  // Timestamps mostly grow: from the newest on, the first range decides, and no other index has to be read.
  for (const range of partition.ranges.toReversed()) {
    if (range.firstOffset >= limitOffset || (best !== undefined && range.maxTimestamp < best.maxTimestamp)) continue;
    const newest = await holding(search, range, () => newestOf(range));
    if (newest === MOVED) return findLargestTimestamp(search);
    if (newest === undefined) continue;
    const maxTimestamp = newest.index.maxTimestampAt(newest.row);
    if (best === undefined || maxTimestamp >= best.maxTimestamp) best = { ...newest, maxTimestamp };
  }
  const row = best;
  if (row !== undefined) {
    const opened = await holding(search, row.range, () => open(row));
    if (opened === MOVED) return findLargestTimestamp(search);
  }
  const records = found.filter((record) => record !== undefined);
  return largestOf(records.toSorted((a, b) => a.offset - b.offset));
}

/** A row in the index of a range. */
interface Row {
  readonly range: FileRange;
  readonly index: BatchIndex;
  readonly row: number;
}

const MOVED = Symbol("the batches have moved");

/**
 * Does `work` on a range, whose file stays meanwhile. `MOVED` when the range is not one of the partition any more: while
 * another was read its batches moved to a segment, or went. Then the search has to begin anew.
 */
async function holding<T>(
  { partition }: TimestampSearch,
  range: FileRange,
  work: () => Promise<T>,
): Promise<T | typeof MOVED> {
  if (!partition.ranges.includes(range)) return MOVED;
  range.file.readers += 1;
  try {
    return await work();
  } finally {
    range.file.readers -= 1;
  }
}

/** Whether the log start, or the end of what may be seen, lies within the row's batches. */
function isCut({ partition, limitOffset }: TimestampSearch, index: BatchIndex, row: number): boolean {
  return index.baseOffsetAt(row) < partition.logStartOffset || index.endOffsetAt(row) > limitOffset;
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

/** Shows `use` those batches of a row that may be seen. */
async function openRow<T>(
  search: TimestampSearch,
  { range, index, row }: Row,
  use: (batches: readonly Uint8Array[]) => T,
): Promise<T> {
  const { reader, partition, topicBytes, limitOffset } = search;
  const [offset, maxBytes] = [index.baseOffsetAt(row), index.sizeAt(row)];
  const [result] = await reader.readStored([
    { partition, topicBytes, offset, limitOffset, maxBytes, atLeastOne: true, range },
  ]);
  try {
    return use(result!.parts);
  } finally {
    result!.release();
  }
}

/** The records that count, one by one: there can be millions of them. Batches that end before `timestamp` are not opened. */
function* recordsOf(parts: readonly Uint8Array[], logStartOffset: number, timestamp: number): Generator<FoundRecord> {
  for (const part of parts) {
    const bytes = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    for (let at = 0; at < bytes.length; at += batchSizeBytes(bytes, at)) {
      if (clampTimestamp(batchMaxTimestamp(bytes, at)) < timestamp) continue;
      for (const record of readRecords(bytes.subarray(at, at + batchSizeBytes(bytes, at)))) {
        if (record.offset >= logStartOffset) yield { offset: record.offset, timestamp: record.timestamp };
      }
    }
  }
}
