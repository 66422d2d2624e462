/**
 * What one fetch request reads, partition by partition, within its bounds.
 *
 * As in Kafka the first partition that has data gives at least one batch, whatever the bounds say, so that a consumer with
 * small ones still gets on. Partitions that the tail cache cannot serve are read from files, together.
 */
import { assert } from "../base/assert.ts";
import { type BatchQuery, type BatchResult, NOTHING_READ } from "../log/batch-query.ts";
import { isReadFailure } from "../log/corruption.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { Topic } from "../state/state.ts";
import type { Broker } from "./broker.ts";
import type { FetchPartition, FetchPartitions, FetchTopic } from "./fetch-partitions.ts";
import { leaderEpochProblem } from "./leader-epoch.ts";

/** The most that one request reads from files; a consumer asks again at once. Keeps many cold readers within memory. */
const MAX_STORED_BYTES = 8 * 1024 * 1024;

export interface FetchBounds {
  readonly maxBytes: number;
  readonly readCommitted: boolean;
  /** Whether memory may be taken for reading files: see `Connection.whenNext`. */
  readonly mayReadFiles: boolean;
}

export interface FetchedPartition {
  readonly asked: FetchPartition;
  readonly errorCode: ErrorCode;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly divergingEpoch: { readonly epoch: number; readonly endOffset: number } | undefined;
  result: BatchResult;
}

export interface Fetched {
  readonly partitions: readonly FetchedPartition[];
  readonly sizeBytes: number;
  /** Answer now, however little there is: an error, or more to come from where the bytes ended. */
  readonly urgent: boolean;
}

interface Query extends BatchQuery {
  readonly into: FetchedPartition;
}

/** The topic that a fetch means, by id or by name. */
export function fetchedTopic(broker: Broker, asked: FetchTopic, usesTopicIds: boolean): Topic | undefined {
  const { state } = broker.store;
  return usesTopicIds ? state.topicById(asked.id) : state.topic(asked.name);
}

/** Reads; answers at once when memory serves everything, else a promise. Undefined when it may not read files, and must. */
export function readFetch(
  broker: Broker,
  asked: FetchPartitions,
  bounds: FetchBounds,
  usesTopicIds: boolean,
): Fetched | Promise<Fetched> | undefined {
  const partitions: FetchedPartition[] = [];
  const stored: Query[] = [];
  let leftBytes = bounds.maxBytes;
  let storedLeftBytes = MAX_STORED_BYTES;
  let isFirst = true;
  let askedTopic: FetchTopic | undefined;
  let topic: Topic | undefined;
  for (let each = asked.first; each !== undefined; each = each.next) {
    if (each.topic !== askedTopic) {
      askedTopic = each.topic;
      topic = fetchedTopic(broker, askedTopic, usesTopicIds);
    }
    const log = topic?.partitions[each.partition];
    const fetched = openPartition(broker, each, topic, log, usesTopicIds);
    partitions.push(fetched);
    if (fetched.errorCode !== ErrorCode.NONE || fetched.divergingEpoch !== undefined) continue;
    const limitOffset = bounds.readCommitted ? fetched.lastStableOffset : fetched.highWatermark;
    if (each.fetchOffset >= limitOffset || (leftBytes <= 0 && !isFirst)) continue;
    assert(topic !== undefined && log !== undefined, "a partition without an error is there");
    const query = {
      partition: log,
      topicBytes: topic.target.nameBytes.length,
      offset: each.fetchOffset,
      limitOffset,
      maxBytes: Math.min(each.maxBytes, Math.max(leftBytes, 0)),
      atLeastOne: isFirst,
    };
    const now = broker.reader.readNow(query);
    if (now !== undefined) {
      fetched.result = now;
      leftBytes -= now.sizeBytes;
      if (now.sizeBytes > 0) isFirst = false;
    } else if (storedLeftBytes > 0) {
      const maxBytes = Math.min(query.maxBytes, storedLeftBytes);
      stored.push({ ...query, maxBytes, into: fetched });
      leftBytes -= maxBytes;
      storedLeftBytes -= maxBytes;
      isFirst = false;
    }
  }
  broker.metrics.partitionsRead += partitions.length;
  if (stored.length === 0) return summary(partitions, false);
  if (!bounds.mayReadFiles) {
    for (const { result } of partitions) result.release();
    return undefined;
  }
  return readStored(broker, stored).then(() => summary(partitions, true));
}

async function readStored(broker: Broker, queries: readonly Query[]): Promise<void> {
  try {
    const results = await broker.reader.readStored(queries);
    queries.forEach(({ into }, index) => (into.result = results[index]!));
  } catch (error) {
    if (!isReadFailure(error)) throw error;
    broker.log(`error: ${error.message}`);
    if (queries.length === 1) {
      const { into } = queries[0]!;
      Object.assign(into, { ...failed(into.asked, ErrorCode.KAFKA_STORAGE_ERROR) });
      return;
    }
    for (const query of queries) await readStored(broker, [query]); // the others need not suffer
  }
}

function openPartition(
  broker: Broker,
  asked: FetchPartition,
  topic: Topic | undefined,
  log: PartitionLog | undefined,
  usesTopicIds: boolean,
): FetchedPartition {
  if (topic === undefined) {
    return failed(asked, usesTopicIds ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  }
  if (log === undefined) return failed(asked, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const current = broker.store.state.leaderEpoch(topic);
  const epochProblem = leaderEpochProblem(asked.currentLeaderEpoch, current);
  if (epochProblem !== ErrorCode.NONE) return failed(asked, epochProblem);
  const { highWatermark, lastStableOffset, logStartOffset } = log;
  // An epoch that never was: where it ended nobody can tell.
  const isUnknown = asked.lastFetchedEpoch >= 0 && log.endOffsetForEpoch(asked.lastFetchedEpoch, current) === undefined;
  if (isUnknown) return failed(asked, ErrorCode.OFFSET_OUT_OF_RANGE);
  const divergingEpoch = divergence(log, asked, current);
  const isOutside = asked.fetchOffset < logStartOffset || asked.fetchOffset > highWatermark;
  if (isOutside && divergingEpoch === undefined) return failed(asked, ErrorCode.OFFSET_OUT_OF_RANGE);
  const result = NOTHING_READ;
  return { asked, errorCode: 0, highWatermark, lastStableOffset, logStartOffset, divergingEpoch, result };
}

/** KIP-595: the fetcher's last epoch ended before the offset that it wants to go on from. */
function divergence(
  log: PartitionLog,
  asked: FetchPartition,
  currentEpoch: number,
): { epoch: number; endOffset: number } | undefined {
  if (asked.lastFetchedEpoch < 0) return undefined;
  const end = log.endOffsetForEpoch(asked.lastFetchedEpoch, currentEpoch);
  if (end === undefined || (end.epoch >= asked.lastFetchedEpoch && end.endOffset >= asked.fetchOffset))
    return undefined;
  return end;
}

function failed(asked: FetchPartition, errorCode: ErrorCode): FetchedPartition {
  return {
    asked,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    divergingEpoch: undefined,
    result: NOTHING_READ,
  };
}

function summary(partitions: readonly FetchedPartition[], fromFiles: boolean): Fetched {
  let sizeBytes = 0;
  let urgent = fromFiles;
  for (const { errorCode, divergingEpoch, result } of partitions) {
    sizeBytes += result.sizeBytes;
    if (errorCode !== ErrorCode.NONE || divergingEpoch !== undefined || result.more) urgent = true;
  }
  return { partitions, sizeBytes, urgent };
}
