/**
 * What a broker asks of the batches of one partition in a produce request, before it gives them offsets.
 *
 * Everything is read from batch headers. Records are opened only where a setting of the topic demands it: keys on a
 * compacted topic, and timestamps when records may be too old.
 */
import type { TopicConfig } from "../config/tables.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { advanceSequence, type ProducerBatch, type RememberedBatch } from "../log/producer-state.ts";
import { DecompressedTooLarge, MAX_DECOMPRESSED_BYTES } from "../protocol/compression.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { readUnpacked, unpackRecords } from "../protocol/record.ts";
import {
  type BatchProblem,
  batchBaseSequence,
  batchBaseTimestamp,
  batchCompression,
  batchIsControl,
  batchIsLogAppendTime,
  batchIsTransactional,
  batchMagic,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
  batchRecordCount,
  batchSizeBytes,
  findBatchProblem,
} from "../protocol/record-batch.ts";
import type { UnpackBudget } from "./batch-compression.ts";

/** Where one batch stands in a request. */
export interface BatchSpan {
  readonly at: number;
  readonly sizeBytes: number;
}

export type BatchVerdict =
  | { readonly kind: "append"; readonly batches: readonly BatchSpan[] }
  /** All of it was appended before: the retry is answered with what the first was given. */
  | { readonly kind: "duplicate"; readonly first: RememberedBatch }
  | {
      readonly kind: "refuse";
      readonly errorCode: ErrorCode;
      readonly message: string;
      /** Which records of a batch are to blame (KIP-467), if it is some and not the batch. */
      readonly records?: readonly RecordProblem[];
    };

export interface RecordProblem {
  readonly batchIndex: number;
  readonly batchIndexErrorMessage: string;
}

export interface BatchRules {
  readonly config: TopicConfig;
  readonly produceVersion: number;
  readonly nowMs: number;
  /** Opening compressed records takes from it. */
  readonly budget: UnpackBudget;
}

/** What a setting of Kafka's largest int64 comes to. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;
/** From here on a produce request may hold zstd. */
const ZSTD_SINCE = 7;

const PROBLEMS: Readonly<Record<BatchProblem, readonly [ErrorCode, string]>> = {
  truncated: [ErrorCode.CORRUPT_MESSAGE, "a record batch is shorter than its length says"],
  magic: [ErrorCode.INVALID_RECORD, "record batches must be of magic 2"],
  crc: [ErrorCode.CORRUPT_MESSAGE, "a record batch does not match its CRC-32C"],
  counts: [ErrorCode.INVALID_RECORD, "the record count of a batch does not fit its last offset delta or its size"],
  attributes: [ErrorCode.INVALID_RECORD, "the attributes of a batch hold an unknown codec or unknown bits"],
  timestamps: [ErrorCode.INVALID_TIMESTAMP, "the max timestamp of a batch lies before its base timestamp"],
  producer: [ErrorCode.INVALID_RECORD, "the producer id or epoch of a batch is not valid"],
  sequence: [ErrorCode.INVALID_RECORD, "the base sequence of a batch is not valid"],
};

export const LATEST_MAGIC = 2;
/** Kafka tells a magic of the past from one that it has never heard of. */
const UNKNOWN_MAGIC = [ErrorCode.CORRUPT_MESSAGE, "a record batch has a magic that is not known"] as const;

/** Checks all batches that `records` holds for `partition`. Changes nothing. */
export function checkBatches(partition: PartitionLog, records: Buffer, rules: BatchRules): BatchVerdict {
  const batches: BatchSpan[] = [];
  for (let at = 0; at < records.length; ) {
    const problem = findBatchProblem(records, at, records.length);
    if (problem === "magic" && batchMagic(records, at) > LATEST_MAGIC) return refuse(...UNKNOWN_MAGIC);
    if (problem !== undefined) return refuse(...PROBLEMS[problem]);
    const sizeBytes = batchSizeBytes(records, at);
    const refused = checkBatch(records, at, sizeBytes, rules);
    if (refused !== undefined) return refused;
    batches.push({ at, sizeBytes });
    at += sizeBytes;
  }
  const first = batches[0];
  if (first === undefined)
    return refuse(ErrorCode.INVALID_RECORD, "there must be at least one record batch per partition");
  if (batchProducerId(records, first.at) === -1 && batches.length === 1) return { kind: "append", batches };
  return checkSequences(partition, records, batches);
}

function checkBatch(records: Buffer, at: number, sizeBytes: number, rules: BatchRules): BatchVerdict | undefined {
  const { config, produceVersion, nowMs } = rules;
  if (sizeBytes > config["max.message.bytes"]) {
    const limit = config["max.message.bytes"];
    return refuse(
      ErrorCode.MESSAGE_TOO_LARGE,
      `a record batch of ${sizeBytes} bytes exceeds max.message.bytes (${limit})`,
    );
  }
  if (batchIsControl(records, at)) return refuse(ErrorCode.INVALID_RECORD, "clients may not write control records");
  if (batchIsTransactional(records, at)) {
    return refuse(ErrorCode.INVALID_TXN_STATE, "transactions are not offered by this broker");
  }
  if (produceVersion < ZSTD_SINCE && batchCompression(records, at) === "zstd") {
    return refuse(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, `zstd needs produce version ${ZSTD_SINCE} or newer`);
  }
  return checkTimestamps(records, at, config, nowMs) ?? checkRecords(records, at, sizeBytes, rules);
}

function checkTimestamps(records: Buffer, at: number, config: TopicConfig, nowMs: number): BatchVerdict | undefined {
  if (batchIsLogAppendTime(records, at)) {
    return refuse(
      ErrorCode.INVALID_TIMESTAMP,
      "only the broker may set the timestamp type of a batch to LogAppendTime",
    );
  }
  if (config["message.timestamp.type"] !== "CreateTime") return undefined;
  const afterMaxMs = config["message.timestamp.after.max.ms"];
  const maxTimestamp = batchMaxTimestamp(records, at);
  if (afterMaxMs >= NO_LIMIT || maxTimestamp <= nowMs + afterMaxMs) return undefined;
  return refuse(ErrorCode.INVALID_TIMESTAMP, `timestamp ${maxTimestamp} is later than ${nowMs + afterMaxMs}`);
}

const KEY_MISSING = "a compacted topic takes no record without a key";
/** So many records of a batch are named; the rest is likely to be no better. */
const MAX_RECORD_PROBLEMS = 100;

/** The checks that open the records. */
function checkRecords(
  records: Buffer,
  at: number,
  sizeBytes: number,
  { config, nowMs, budget }: BatchRules,
): BatchVerdict | undefined {
  const needsKeys = config["cleanup.policy"].includes("compact");
  const beforeMaxMs = config["message.timestamp.before.max.ms"];
  const limitsAge = config["message.timestamp.type"] === "CreateTime" && beforeMaxMs < NO_LIMIT;
  if (!needsKeys && !limitsAge) return undefined;
  const earliest = nowMs - beforeMaxMs;
  if (limitsAge && !needsKeys && batchBaseTimestamp(records, at) >= earliest && batchRecordCount(records, at) === 1) {
    return undefined;
  }
  const keyless: RecordProblem[] = [];
  let index = 0;
  try {
    const batch = records.subarray(at, at + sizeBytes);
    for (const { key, timestamp } of readUnpacked(batch, () => unpackWithin(budget, batch))) {
      if (needsKeys && key === null && keyless.length < MAX_RECORD_PROBLEMS) {
        keyless.push({ batchIndex: index, batchIndexErrorMessage: KEY_MISSING });
      }
      index += 1;
      if (limitsAge && timestamp < earliest && timestamp !== -1) {
        return refuse(ErrorCode.INVALID_TIMESTAMP, `timestamp ${timestamp} is earlier than ${earliest}`);
      }
    }
  } catch (error) {
    if (error instanceof DecompressedTooLarge) return refuse(ErrorCode.MESSAGE_TOO_LARGE, error.message);
    return refuse(ErrorCode.CORRUPT_MESSAGE, `the records of a batch cannot be read: ${(error as Error).message}`);
  }
  if (keyless.length === 0) return undefined;
  return { kind: "refuse", errorCode: ErrorCode.INVALID_RECORD, message: KEY_MISSING, records: keyless };
}

/** What the records of `batch` unpack to, counted against the request's budget: many small batches can hold gigabytes. */
function unpackWithin(budget: UnpackBudget, batch: Buffer): Buffer {
  if (batchCompression(batch, 0) === "none") return unpackRecords(batch);
  const limitBytes = Math.min(MAX_DECOMPRESSED_BYTES, budget.leftBytes);
  budget.leftBytes -= limitBytes;
  const unpacked = unpackRecords(batch, limitBytes);
  budget.leftBytes += limitBytes - unpacked.length;
  return unpacked;
}

/** Batches of one idempotent producer must follow each other; the first decides whether they are new. */
function checkSequences(partition: PartitionLog, records: Buffer, batches: readonly BatchSpan[]): BatchVerdict {
  const first = producerBatch(records, batches[0]!.at);
  let previous = first;
  for (const { at } of batches.slice(1)) {
    const next = producerBatch(records, at);
    const follows =
      next.producerId === previous.producerId &&
      next.epoch === previous.epoch &&
      (next.producerId === -1 || next.firstSequence === advanceSequence(previous.firstSequence, previous.recordCount));
    if (!follows)
      return refuse(ErrorCode.INVALID_RECORD, "the batches of one partition must be of one producer, in order");
    previous = next;
  }
  if (first.producerId === -1) return { kind: "append", batches };
  const verdict = partition.producers.check(first);
  switch (verdict.kind) {
    case "new":
      return { kind: "append", batches };
    case "duplicate":
      if (partition.producers.check(previous).kind === "duplicate") return { kind: "duplicate", first: verdict.batch };
      return refuse(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, "only a part of these batches was appended before");
    case "outOfOrder":
      return refuse(
        ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
        `sequence ${first.firstSequence} of producer ${first.producerId} does not follow its last one`,
      );
    case "fenced":
      return refuse(ErrorCode.INVALID_PRODUCER_EPOCH, `epoch ${first.epoch} of producer ${first.producerId} is fenced`);
  }
}

function producerBatch(records: Buffer, at: number): ProducerBatch {
  return {
    producerId: batchProducerId(records, at),
    epoch: batchProducerEpoch(records, at),
    firstSequence: batchBaseSequence(records, at),
    recordCount: batchRecordCount(records, at),
  };
}

function refuse(errorCode: ErrorCode, message: string): BatchVerdict {
  return { kind: "refuse", errorCode, message };
}
