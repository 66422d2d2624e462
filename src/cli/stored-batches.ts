/**
 * Kafka record batches as they lie in a file, one or several one behind the other: their headers, and their records as
 * `consume` prints them.
 */
import { Buffer } from "node:buffer";
import type { Int64 } from "../base/int64.ts";
import { MalformedMessage } from "../protocol/codec/reader.ts";
import { readRecords } from "../protocol/record.ts";
import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchBaseSequence,
  batchBaseTimestamp,
  batchCompression,
  batchCrcMatches,
  batchIsControl,
  batchIsLogAppendTime,
  batchIsTransactional,
  batchLeaderEpoch,
  batchMagic,
  batchMaxTimestamp,
  batchOffsetCount,
  batchProducerEpoch,
  batchProducerId,
  batchRecordCount,
  batchSizeBytes,
} from "../protocol/record-batch.ts";
import type { StoredRecord } from "./record.ts";

/** What the header of a batch says. */
export interface BatchHeader {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly records: number;
  readonly codec: string;
  /** Milliseconds since 1970, -1 for none. */
  readonly baseTimestamp: Int64;
  readonly maxTimestamp: Int64;
  readonly timestampType: "CreateTime" | "LogAppendTime";
  /** -1: the producer is not idempotent; so are the epoch and the sequence then. */
  readonly producerId: Int64;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly leaderEpoch: number;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly bytes: number;
}

/** A batch, or bytes where one should be. `at` counts in the buffer. */
export type FoundBatch =
  | { readonly at: number; readonly end: number; readonly header: BatchHeader; readonly problem: string | undefined }
  | { readonly at: number; readonly end: number; readonly header: undefined; readonly problem: string };

/** The batches between `from` and `to`. What cannot be one ends them. */
export function* batchesIn(buffer: Buffer, from: number, to: number): Generator<FoundBatch, void, void> {
  for (let at = from; at < to; ) {
    const problem = frameProblem(buffer, at, to);
    if (problem !== undefined) {
      yield { at, end: to, header: undefined, problem };
      return;
    }
    const bytes = batchSizeBytes(buffer, at);
    const isIntact = batchCrcMatches(buffer, at, bytes);
    const header = batchHeader(buffer, at);
    yield { at, end: at + bytes, header, problem: isIntact ? undefined : "the batch's own CRC does not match" };
    at += bytes;
  }
}

function frameProblem(buffer: Buffer, at: number, to: number): string | undefined {
  if (to - at < BATCH_HEADER_BYTES) return `${to - at} bytes are too few for a batch`;
  const magic = batchMagic(buffer, at);
  if (magic !== 2) return `batch format ${magic} instead of 2`;
  const bytes = batchSizeBytes(buffer, at);
  if (bytes < BATCH_HEADER_BYTES || bytes > to - at) return `a batch of ${bytes} bytes in ${to - at}`;
  const offset = batchBaseOffset(buffer, at);
  return offset >= 0 && Number.isSafeInteger(offset) && batchOffsetCount(buffer, at) > 0
    ? undefined
    : "offsets that are not possible";
}

function batchHeader(buffer: Buffer, at: number): BatchHeader {
  const baseOffset = batchBaseOffset(buffer, at);
  return {
    baseOffset,
    lastOffset: baseOffset + batchOffsetCount(buffer, at) - 1,
    records: batchRecordCount(buffer, at),
    codec: batchCompression(buffer, at),
    baseTimestamp: batchBaseTimestamp(buffer, at),
    maxTimestamp: batchMaxTimestamp(buffer, at),
    timestampType: batchIsLogAppendTime(buffer, at) ? "LogAppendTime" : "CreateTime",
    producerId: batchProducerId(buffer, at),
    producerEpoch: batchProducerEpoch(buffer, at),
    baseSequence: batchBaseSequence(buffer, at),
    leaderEpoch: batchLeaderEpoch(buffer, at),
    transactional: batchIsTransactional(buffer, at),
    control: batchIsControl(buffer, at),
    bytes: batchSizeBytes(buffer, at),
  };
}

/** Why the records of an intact batch cannot be read. */
export class UnreadableRecords extends Error {
  override readonly name = "UnreadableRecords";
}

/** The records of the batch that `batch` is. @throws UnreadableRecords, possibly behind the first ones. */
export function* storedRecords(
  batch: Buffer,
  { topic, partition }: { readonly topic: string; readonly partition: number },
): Generator<StoredRecord, void, void> {
  try {
    for (const { offset, timestamp, key, value, headers } of readRecords(batch)) {
      yield {
        topic,
        partition,
        offset: BigInt(offset),
        timestamp: BigInt(timestamp),
        key,
        value,
        headers: headers.map((header) => [Buffer.from(header.key), header.value] as const),
      };
    }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    throw new UnreadableRecords(error.message, { cause: error });
  }
}
