/** `chronik storage locate`: where one offset lies, or why it lies nowhere. */
import { CorruptionError, isReadFailure } from "../log/corruption.ts";
import type { FileRange } from "../log/log-file.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import type { Topic } from "../state/state.ts";
import { BatchLookup, type FoundBatch } from "./batch-lookup.ts";
import type { DataFolder } from "./data-folder.ts";
import { toJson } from "./exact-json.ts";
import type { StoredRecord } from "./record.ts";
import { rangeJson } from "./storage-lines.ts";
import { tierOf } from "./storage-report.ts";
import { storedRecords, UnreadableRecords } from "./stored-batches.ts";
import { headerText, timeText } from "./wal-lines.ts";

/**
 * - `found`: the record is in the batch; `unreadable`: the batch holds the offset, and its records cannot be read.
 * - `compacted`: compaction has removed the record. Where the next one is may be known.
 * - `beforeStart`, `beyondEnd`: of the partition. `missing`: it should be there; `damaged`: its file cannot be read.
 */
export type Whereabouts = "found" | "compacted" | "unreadable" | "beforeStart" | "beyondEnd" | "missing" | "damaged";

export interface Located {
  readonly topic: Topic;
  readonly partition: PartitionLog;
  readonly offset: number;
  readonly is: Whereabouts;
  /** The range that holds the offset, whether or not a record is left for it. */
  readonly range: FileRange | undefined;
  /** The batch that holds it, or the next one of the range. */
  readonly batch: FoundBatch | undefined;
  readonly record: StoredRecord | undefined;
  /** What is wrong, where something is. */
  readonly problem: string | undefined;
}

export async function locate(
  { disk }: DataFolder,
  topic: Topic,
  partition: PartitionLog,
  offset: number,
  lost: ReadonlySet<string>,
): Promise<Located> {
  const { logStartOffset, endOffset, cleanedTo } = partition;
  const nothing = {
    topic,
    partition,
    offset,
    range: undefined,
    batch: undefined,
    record: undefined,
    problem: undefined,
  };
  if (offset < logStartOffset) return { ...nothing, is: "beforeStart" };
  if (offset >= endOffset) return { ...nothing, is: "beyondEnd" };
  const range = partition.findRange(offset);
  if (range === undefined || range.firstOffset > offset) {
    return { ...nothing, is: offset < cleanedTo ? "compacted" : "missing" };
  }
  const { file } = range;
  if (lost.has(file.name)) return { ...nothing, is: "damaged", range, problem: `${file.name} is missing` };
  const lookup = new BatchLookup(disk);
  try {
    const batch = await lookup.find(range, topic.name, offset);
    if (batch === undefined || batch.header.baseOffset > offset) {
      return { ...nothing, is: offset < cleanedTo ? "compacted" : "missing", range, batch };
    }
    return { ...nothing, range, batch, ...recordOf(topic, partition, batch, offset) };
  } catch (error) {
    if (!isReadFailure(error)) throw error;
    const problem = error instanceof CorruptionError ? error.message : `${file.name} cannot be read: ${error.message}`;
    return { ...nothing, is: "damaged", range, problem };
  } finally {
    await lookup.close();
  }
}

function recordOf(
  topic: Topic,
  { partition }: PartitionLog,
  { bytes }: FoundBatch,
  offset: number,
): Pick<Located, "is" | "record" | "problem"> {
  try {
    for (const record of storedRecords(bytes, { topic: topic.name, partition })) {
      if (record.offset === BigInt(offset)) return { is: "found", record, problem: undefined };
    }
    return { is: "compacted", record: undefined, problem: undefined };
  } catch (error) {
    if (!(error instanceof UnreadableRecords)) throw error;
    return { is: "unreadable", record: undefined, problem: error.message };
  }
}

export function locatedLines(located: Located): readonly string[] {
  const { topic, partition, range, batch, record } = located;
  const { logStartOffset, endOffset } = partition;
  const lines = [
    `${topic.name}-${partition.partition} offset ${located.offset}: ${sentence(located)}`,
    `partition  offsets ${logStartOffset} to ${endOffset - 1}, next ${endOffset}`,
  ];
  if (range !== undefined) {
    const { file, firstOffset, endOffset: end, sizeBytes, maxTimestamp } = range;
    const newest = maxTimestamp < 0 ? "" : `, newest record ${timeText(maxTimestamp)}`;
    lines.push(
      `tier       ${tierOf(range)}`,
      `file       ${file.name}`,
      `range      offsets ${firstOffset} to ${end - 1}, ${sizeBytes} bytes of batches${newest}`,
    );
  }
  if (batch !== undefined) {
    const { position, at, recordBytes, place, batchesInRecord, header } = batch;
    const where = position === at ? `byte ${at}` : `position ${position} of the log, byte ${at} of the file`;
    const among = batchesInRecord === 1 ? "" : `, batch ${place + 1} of the ${batchesInRecord} in it`;
    const next = header.baseOffset > located.offset ? "next batch " : "batch      ";
    lines.push(`stored at  ${where}, ${recordBytes} bytes${among}`, `${next}${headerText(header)}`);
  }
  if (record !== undefined) {
    const { timestamp, key, value, headers } = record;
    const size = (bytes: Buffer | null): string => (bytes === null ? "null" : `${bytes.length} bytes`);
    const time = timeText(Number(timestamp));
    lines.push(`record     ${time}, key ${size(key)}, value ${size(value)}, ${headers.length} headers`);
  }
  return lines;
}

function sentence({ is, range, batch, offset, partition, problem }: Located): string {
  switch (is) {
    case "found":
      return `in ${range!.file.name}`;
    case "compacted": {
      const next = batch !== undefined && batch.header.baseOffset > offset ? batch.header.baseOffset : undefined;
      const goesOn = next === undefined ? "" : `; the next batch begins at ${next}`;
      return `compacted away: a newer record has its key, or it was a tombstone whose time is over${goesOn}`;
    }
    case "unreadable":
      return `in ${range!.file.name}, in a batch whose records cannot be read: ${problem}`;
    case "beforeStart":
      return `before the log start ${partition.logStartOffset}: retention or DeleteRecords has removed it`;
    case "beyondEnd":
      return `not written yet: the partition ends at ${partition.endOffset}`;
    case "missing":
      return "missing: no file holds it, although it is within the partition; chronik storage verify says more";
    case "damaged":
      return `unreadable: ${problem}`;
  }
}

export function locatedJson({ topic, partition, offset, is, range, batch, record, problem }: Located): string {
  const { logStartOffset, endOffset, cleanedTo } = partition;
  const { bytes: batchBytes, ...header } = batch?.header ?? {};
  return toJson({
    ...{ topic: topic.name, partition: partition.partition, offset, is },
    ...{ logStartOffset, endOffset, cleanedTo },
    tier: range === undefined ? null : tierOf(range),
    range: range === undefined ? null : rangeJson(range),
    stored: batch === undefined ? null : { position: batch.position, at: batch.at, bytes: batch.recordBytes },
    batch: batch === undefined ? null : { place: batch.place, of: batch.batchesInRecord, bytes: batchBytes, ...header },
    record:
      record === undefined
        ? null
        : {
            timestamp: record.timestamp,
            keyBytes: record.key?.length ?? null,
            valueBytes: record.value?.length ?? null,
            headers: record.headers.length,
          },
    problem: problem ?? null,
  });
}
