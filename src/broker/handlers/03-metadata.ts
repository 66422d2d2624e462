/**
 * Metadata 0-13: the broker, and topics with their partitions. Creates topics that are asked for, when the client and
 * `auto.create.topics.enable` allow it; the answer then has the new topic at once, and leaves when it is durable.
 *
 * Versions: 0 an empty list means all · 1 null means all · 4 auto-creation can be declined · 8-10 authorized operations ·
 * 10 topic ids in the answer · 12 topics can be asked for by id.
 */

import { ZERO_UUID } from "../../base/uuid.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Topic } from "../../state/state.ts";
import type { Exchange } from "../exchange.ts";
import { createTopic, MAX_PARTITIONS_PER_REQUEST } from "../topic-creation.ts";
import { isInternalTopic, topicNameProblem } from "../topic-names.ts";
import { ALL_CLUSTER_OPERATIONS, NOT_ASKED_OPERATIONS } from "./60-describe-cluster.ts";

type Metadata = (typeof APIS)["metadata"];
type MetadataExchange = Exchange<Metadata>;
type TopicAnswer = NonNullable<MessageInput<Metadata["response"]>["topics"]>[number];
type TopicRequest = NonNullable<MetadataExchange["request"]["topics"]>[number];

/** Topics can be asked for by id from here on. Versions 10 and 11 have the field, and refuse its use. */
const TOPIC_IDS_SINCE = 12;
/** Every operation that Kafka knows for a topic, as a bit field. */
export const ALL_TOPIC_OPERATIONS = 0b0000_1101_1111_1000;

export function handleMetadata(exchange: MetadataExchange): void {
  const { broker, connection, request, version } = exchange;
  const { state } = broker.store;
  const { host, port } = connection.endpoint;
  const asksAll = request.topics === null || (version === 0 && request.topics.length === 0);
  const topics = asksAll
    ? [...state.topics()].map((topic) => describe(exchange, topic))
    : describeAsked(exchange, distinct(request.topics, version));
  exchange.answer({
    brokers: [{ nodeId: broker.nodeId, host, port, rack: state.broker["broker.rack"] }],
    clusterId: state.clusterId,
    controllerId: broker.nodeId,
    topics,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? ALL_CLUSTER_OPERATIONS
      : NOT_ASKED_OPERATIONS,
  });
}

function describeAsked(exchange: MetadataExchange, asked: readonly TopicRequest[]): TopicAnswer[] {
  const room = { partitions: MAX_PARTITIONS_PER_REQUEST };
  return asked.map((topic) => describeOne(exchange, topic, room));
}

/** `room`: for the partitions that may still be created. */
function describeOne(
  exchange: MetadataExchange,
  { name, topicId }: TopicRequest,
  room: { partitions: number },
): TopicAnswer {
  const { broker, request, version } = exchange;
  const { state } = broker.store;
  if (version < TOPIC_IDS_SINCE && (name === null || topicId !== ZERO_UUID)) {
    return { errorCode: ErrorCode.INVALID_REQUEST, name: name ?? "", topicId };
  }
  if (topicId !== ZERO_UUID) {
    const topic = state.topicById(topicId);
    if (topic !== undefined) return describe(exchange, topic);
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: null, topicId };
  }
  if (name === null) return { errorCode: ErrorCode.INVALID_REQUEST, name };
  // Kafka tells what may be done with a topic that is not there too, but only of one asked for by name.
  const topicAuthorizedOperations = topicOperations(exchange);
  const existing = state.topic(name);
  if (existing !== undefined) return describe(exchange, existing);
  if (topicNameProblem(name) !== undefined)
    return { errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, name, topicAuthorizedOperations };
  const mayCreate = request.allowAutoTopicCreation && state.broker["auto.create.topics.enable"];
  // Clients ask again for what is unknown, and then there is room.
  if (!mayCreate || room.partitions <= 0)
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, name, topicAuthorizedOperations };
  const created = createTopic(
    broker,
    { name, partitions: -1, replicationFactor: -1, assignments: [], configs: [] },
    false,
  );
  if ("errorCode" in created) return { errorCode: created.errorCode, name, topicAuthorizedOperations };
  room.partitions -= created.partitions;
  return describe(exchange, state.topicById(created.id)!);
}

function describe(exchange: MetadataExchange, topic: Topic): TopicAnswer {
  const { broker } = exchange;
  const leaderEpoch = broker.store.state.leaderEpoch(topic);
  const nodes = [broker.nodeId];
  return {
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.partitions.map(({ partition }) => ({
      partitionIndex: partition,
      leaderId: broker.nodeId,
      leaderEpoch,
      replicaNodes: nodes,
      isrNodes: nodes,
    })),
    topicAuthorizedOperations: topicOperations(exchange),
  };
}

function topicOperations({ request }: MetadataExchange): number {
  return request.includeTopicAuthorizedOperations ? ALL_TOPIC_OPERATIONS : NOT_ASKED_OPERATIONS;
}

/** Each topic once, in the order of the request. Where one is asked for by id, as in Kafka, names do not count. */
function distinct(asked: readonly TopicRequest[], version: number): TopicRequest[] {
  const byId = asked.filter(({ topicId }) => topicId !== ZERO_UUID);
  if (version < TOPIC_IDS_SINCE || byId.length === 0) {
    return [...new Map(asked.map((topic) => [`${topic.topicId}/${topic.name ?? ""}`, topic])).values()];
  }
  return [...new Map(byId.map((topic) => [topic.topicId, topic])).values()];
}
