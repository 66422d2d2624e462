/**
 * DescribeTopicPartitions 0: topics in the order of their names, a page of partitions at a time (KIP-966). A page holds as
 * many partitions as the request and `max.request.partition.size.limit` allow; the cursor says where the next one begins.
 */
import { ZERO_UUID } from "../../base/uuid.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Topic } from "../../state/state.ts";
import type { Exchange } from "../exchange.ts";
import { isInternalTopic, topicNameProblem } from "../topic-names.ts";
import { ALL_TOPIC_OPERATIONS } from "./03-metadata.ts";

type DescribeTopicPartitions = (typeof APIS)["describeTopicPartitions"];
type Response = MessageInput<DescribeTopicPartitions["response"]>;
type TopicAnswer = NonNullable<Response["topics"]>[number];

export function handleDescribeTopicPartitions(exchange: Exchange<DescribeTopicPartitions>): void {
  const { topics, cursor } = exchange.request;
  const asksAll = topics.length === 0;
  const isListed = asksAll || cursor === null || topics.some(({ name }) => name === cursor.topicName);
  if (!isListed || (cursor !== null && cursor.partitionIndex < 0)) {
    return exchange.answer({ topics: topics.map(({ name }) => ({ name, errorCode: ErrorCode.INVALID_REQUEST })) });
  }
  exchange.answer(pageOf(exchange));
}

function pageOf(exchange: Exchange<DescribeTopicPartitions>): Response {
  const { broker, request } = exchange;
  const { state } = broker.store;
  const { cursor, responsePartitionLimit } = request;
  const limit = Math.max(1, Math.min(responsePartitionLimit, state.broker["max.request.partition.size.limit"]));
  const answers: TopicAnswer[] = [];
  let left = limit;
  for (const name of namesFrom(exchange, cursor?.topicName ?? "")) {
    if (left === 0) return { topics: answers, nextCursor: { topicName: name, partitionIndex: 0 } };
    const topic = state.topic(name);
    if (topic === undefined) {
      answers.push(unknown(name));
      continue;
    }
    const first = name === cursor?.topicName ? cursor.partitionIndex : 0;
    const end = Math.min(first + left, topic.partitions.length);
    answers.push(describe(exchange, topic, { first, end }));
    if (end < topic.partitions.length) return { topics: answers, nextCursor: { topicName: name, partitionIndex: end } };
    left -= Math.max(0, end - first);
  }
  return { topics: answers, nextCursor: null };
}

/** The names asked about from `start` on, each once, in order. */
function namesFrom({ broker, request }: Exchange<DescribeTopicPartitions>, start: string): string[] {
  const asked = request.topics.length === 0 ? broker.store.state.topics() : request.topics;
  const names = new Set<string>();
  for (const { name } of asked) if (name >= start) names.add(name);
  return [...names].toSorted();
}

function unknown(name: string): TopicAnswer {
  const isInvalid = topicNameProblem(name) !== undefined;
  return {
    errorCode: isInvalid ? ErrorCode.INVALID_TOPIC_EXCEPTION : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    name,
    topicId: ZERO_UUID,
    isInternal: isInternalTopic(name),
    topicAuthorizedOperations: ALL_TOPIC_OPERATIONS,
  };
}

/** Partitions `first` to before `end`. */
function describe(
  { broker }: Exchange<DescribeTopicPartitions>,
  topic: Topic,
  { first, end }: { readonly first: number; readonly end: number },
): TopicAnswer {
  const leaderEpoch = broker.store.state.leaderEpoch(topic);
  const nodes = [broker.nodeId];
  return {
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.partitions.slice(first, end).map(({ partition }) => ({
      partitionIndex: partition,
      leaderId: broker.nodeId,
      leaderEpoch,
      replicaNodes: nodes,
      isrNodes: nodes,
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
    })),
    topicAuthorizedOperations: ALL_TOPIC_OPERATIONS,
  };
}
