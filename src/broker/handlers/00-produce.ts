/**
 * Produce 3-13: appends record batches.
 *
 * Everything one request appends goes into one group of the log: after a crash it is there as a whole or not at all. Each
 * partition is checked before anything of it is appended, and fails for itself. The answer waits until the log is
 * committed to its end as it was when the request was decided, also when nothing was appended: an error or a duplicate
 * was computed from state that may not be durable yet.
 *
 * acks=0 has no answer; an error then closes the connection, the only sign the producer can get.
 */

import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { BATCH_MAGIC_AT, batchMagic, batchOffsetCount } from "../../protocol/record-batch.ts";
import type { Topic } from "../../state/state.ts";
import { checkBatches, LATEST_MAGIC } from "../batch-check.ts";
import { packBatches, type UnpackBudget } from "../batch-compression.ts";
import type { Exchange } from "../exchange.ts";

type Produce = (typeof APIS)["produce"];
type TopicAnswer = NonNullable<MessageInput<Produce["response"]>["responses"]>[number];
type PartitionAnswer = NonNullable<TopicAnswer["partitionResponses"]>[number];
type ProduceExchange = Exchange<Produce>;
type TopicRequest = ProduceExchange["request"]["topicData"][number];
type PartitionRequest = TopicRequest["partitionData"][number];

/** Topic ids came with this version. */
const TOPIC_IDS_SINCE = 13;

/** What Kafka finds before it looks into the partition. */
const UNREAD: ReadonlySet<ErrorCode> = new Set([ErrorCode.CORRUPT_MESSAGE, ErrorCode.MESSAGE_TOO_LARGE]);

export function handleProduce(exchange: ProduceExchange): void {
  const { broker, request, connection } = exchange;
  const { wal, state } = broker.store;
  if (request.acks !== 0 && request.topicData.some(hasUnknownMagic)) return refuseWhole(exchange);
  const refused = requestProblem(exchange);
  if (refused === undefined) wal.beginRequest(recordBytes(request.topicData));
  const budget = { leftBytes: state.broker["socket.request.max.bytes"] };
  const responses = request.topicData.map((topic) => produceTopic({ exchange, refused, budget }, topic));
  broker.throttle(connection);
  if (request.acks !== 0) return exchange.answer({ responses }, { waitFor: wal.position });
  exchange.answerNothing({ responses });
  const failed = responses.flatMap(({ partitionResponses = [] }) => partitionResponses).find(isRefused);
  if (failed !== undefined) connection.refuse(`a produce request with acks=0 failed: ${failed.errorMessage ?? ""}`);
}

/** Kafka looks at the kind of all batches before it looks at anything else. */
function hasUnknownMagic({ partitionData }: TopicRequest): boolean {
  return partitionData.some(({ records }) => {
    const batch = records?.[0];
    return batch !== undefined && batch.length > BATCH_MAGIC_AT && batchMagic(batch, 0) > LATEST_MAGIC;
  });
}

function refuseWhole(exchange: ProduceExchange): void {
  const corrupt = refusal(ErrorCode.CORRUPT_MESSAGE, "a record batch of the request has a magic that is not known");
  exchange.answer({
    responses: exchange.request.topicData.map(({ name, topicId, partitionData }) => {
      return { name, topicId, partitionResponses: partitionData.map(({ index }) => ({ index, ...corrupt })) };
    }),
  });
}

/** What is wrong with the request as a whole. */
function requestProblem({ broker, request }: ProduceExchange): PartitionAnswer | undefined {
  if (request.acks < -1 || request.acks > 1) {
    return refusal(ErrorCode.INVALID_REQUIRED_ACKS, `acks must be -1, 0 or 1, not ${request.acks}`);
  }
  if (request.transactionalId !== null) {
    return refusal(ErrorCode.INVALID_TXN_STATE, "transactions are not offered by this broker");
  }
  const { wal } = broker.store;
  if (broker.spaceLow || wal.position + recordBytes(request.topicData) > broker.spaceEnd) {
    const floor = broker.store.state.broker["wal.min.free.bytes"];
    return refusal(ErrorCode.KAFKA_STORAGE_ERROR, `the disk has less than wal.min.free.bytes (${floor}) left`);
  }
  return undefined;
}

function recordBytes(topics: readonly TopicRequest[]): number {
  let bytes = 0;
  for (const { partitionData } of topics) {
    for (const { records } of partitionData) bytes += records?.[0]?.length ?? 0;
  }
  return bytes;
}

/** One request on its way through its partitions. */
interface ProduceWork {
  readonly exchange: ProduceExchange;
  /** The answer for all partitions, when the request as a whole is wrong. */
  readonly refused: PartitionAnswer | undefined;
  readonly budget: UnpackBudget;
}

function produceTopic(work: ProduceWork, asked: TopicRequest): TopicAnswer {
  const { exchange, refused } = work;
  const { broker, version } = exchange;
  const { state } = broker.store;
  const byId = version >= TOPIC_IDS_SINCE;
  const topic = byId ? state.topicById(asked.topicId) : state.topic(asked.name);
  const partitionResponses = asked.partitionData.map((partition): PartitionAnswer => {
    if (topic === undefined) return { index: partition.index, ...unknownTopic(byId) };
    if (refused !== undefined && topic.partitions[partition.index] !== undefined) {
      return { index: partition.index, ...refused };
    }
    return producePartition(work, topic, partition);
  });
  return { name: asked.name, topicId: asked.topicId, partitionResponses };
}

function producePartition({ exchange, budget }: ProduceWork, topic: Topic, asked: PartitionRequest): PartitionAnswer {
  const { broker, version } = exchange;
  const { index } = asked;
  const partition = topic.partitions[index];
  if (partition === undefined) return { index, ...unknownTopic(false) };
  const records = asked.records?.[0];
  if (records === undefined) {
    return { index, ...refusal(ErrorCode.INVALID_RECORD, "there must be at least one record batch per partition") };
  }
  const { store } = broker;
  const { config } = topic;
  const rules = { config, produceVersion: version, nowMs: broker.clock.wallMs(), budget };
  const verdict = checkBatches(partition, records, rules);
  switch (verdict.kind) {
    case "refuse": {
      const { errorCode, message, records: recordErrors = [] } = verdict;
      const logStartOffset = UNREAD.has(errorCode) ? -1 : partition.logStartOffset;
      return { index, ...refusal(errorCode, message), logStartOffset, recordErrors };
    }
    case "duplicate": {
      const { baseOffset, timestamp } = verdict.first;
      const logAppendTimeMs = config["message.timestamp.type"] === "LogAppendTime" ? timestamp : -1;
      return { index, baseOffset, logAppendTimeMs, logStartOffset: partition.logStartOffset };
    }
    case "append": {
      const batches = packBatches(records, verdict.batches, { config, budget });
      if ("errorCode" in batches) return { index, ...refusal(batches.errorCode, batches.message) };
      let baseOffset = -1;
      let logAppendTimeMs: number | undefined;
      for (const batch of batches) {
        broker.metrics.produced(topic, batchOffsetCount(batch.buffer, batch.at), batch.sizeBytes);
        const appended = store.appendBatch({ topic, partition, ...batch });
        if (baseOffset === -1) ({ baseOffset, logAppendTimeMs } = appended);
      }
      return { index, baseOffset, logAppendTimeMs: logAppendTimeMs ?? -1, logStartOffset: partition.logStartOffset };
    }
  }
}

function unknownTopic(byId: boolean): PartitionAnswer {
  const errorCode = byId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  return { errorCode, baseOffset: -1, logStartOffset: -1 };
}

function refusal(errorCode: ErrorCode, errorMessage: string): PartitionAnswer {
  return { errorCode, baseOffset: -1, logStartOffset: -1, errorMessage };
}

function isRefused(answer: PartitionAnswer): boolean {
  return answer.errorCode !== undefined && answer.errorCode !== ErrorCode.NONE;
}
