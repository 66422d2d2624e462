/**
 * CreateTopics 2-7. Each topic succeeds or fails for itself, unless they are too many together. Versions: 4 defaults for partitions and replication factor
 * (KIP-464) · 5 answers with what was created (KIP-525) · 7 with the topic id.
 */
import { describeTopic } from "../../config/topic-config.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Exchange } from "../exchange.ts";
import { createTopic, type NewTopic, requestRefusal } from "../topic-creation.ts";

type CreateTopics = (typeof APIS)["createTopics"];
type TopicAnswer = NonNullable<MessageInput<CreateTopics["response"]>["topics"]>[number];
type TopicRequest = Exchange<CreateTopics>["request"]["topics"][number];

export function handleCreateTopics(exchange: Exchange<CreateTopics>): void {
  const { request } = exchange;
  const times = new Map<string, number>();
  for (const { name } of request.topics) times.set(name, (times.get(name) ?? 0) + 1);
  const once = request.topics.filter(({ name }) => times.get(name) === 1);
  const refusedAll = requestRefusal(exchange.broker, once.map(newTopic));
  const topics = [...new Map(request.topics.map((topic) => [topic.name, topic])).values()].map((topic) => {
    const { name } = topic;
    if (times.get(name) !== 1) return refusal(name, ErrorCode.INVALID_REQUEST, "Duplicate topic name.");
    if (refusedAll !== undefined) return refusal(name, refusedAll.errorCode, refusedAll.message);
    return create(exchange, topic);
  });
  exchange.answer({ topics });
}

function create({ broker, request, version }: Exchange<CreateTopics>, topic: TopicRequest): TopicAnswer {
  const { name } = topic;
  const created = createTopic(broker, newTopic(topic), request.validateOnly);
  if ("errorCode" in created) return refusal(name, created.errorCode, created.message);
  const described = version >= 5 ? describeTopic(created.overrides, broker.store.state.layers) : [];
  return {
    name,
    topicId: created.id,
    errorMessage: null,
    numPartitions: created.partitions,
    replicationFactor: 1,
    configs: described.map((config) => ({
      name: config.name,
      value: config.value,
      readOnly: config.readOnly,
      configSource: config.source,
      isSensitive: config.sensitive,
    })),
  };
}

function newTopic({ name, numPartitions, replicationFactor, assignments, configs }: TopicRequest): NewTopic {
  return { name, partitions: numPartitions, replicationFactor, assignments, configs };
}

function refusal(name: string, errorCode: ErrorCode, errorMessage: string): TopicAnswer {
  return { name, errorCode, errorMessage, configs: [] };
}
