/** DeleteTopics 1-6, by name, or from version 6 on by id. Each topic succeeds or fails for itself. */
import { type Uuid, ZERO_UUID } from "../../base/uuid.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Exchange } from "../exchange.ts";

type DeleteTopics = (typeof APIS)["deleteTopics"];
type TopicAnswer = NonNullable<MessageInput<DeleteTopics["response"]>["responses"]>[number];

interface Asked {
  readonly name: string | null;
  readonly topicId: Uuid;
}

/** Topics are listed with ids from here on. */
const TOPIC_IDS_SINCE = 6;

export function handleDeleteTopics(exchange: Exchange<DeleteTopics>): void {
  const { request, version } = exchange;
  const asked: readonly Asked[] =
    version >= TOPIC_IDS_SINCE ? request.topics : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
  const seen = new Set<string>();
  const responses = asked.map((topic): TopicAnswer => {
    const key = topic.name ?? topic.topicId;
    if (seen.has(key)) return { ...topic, errorCode: ErrorCode.INVALID_REQUEST, errorMessage: "Duplicate topic." };
    seen.add(key);
    return remove(exchange, topic);
  });
  exchange.answer({ responses });
}

function remove({ broker }: Exchange<DeleteTopics>, { name, topicId }: Asked): TopicAnswer {
  const { state } = broker.store;
  if (name !== null && topicId !== ZERO_UUID) {
    return {
      name,
      topicId,
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: "You may not specify both topic name and topic id.",
    };
  }
  if (!state.broker["delete.topic.enable"]) {
    return { name, topicId, errorCode: ErrorCode.TOPIC_DELETION_DISABLED, errorMessage: "Topic deletion is disabled." };
  }
  const topic = name === null ? state.topicById(topicId) : state.topic(name);
  if (topic === undefined) {
    const errorCode = name === null ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    const errorMessage =
      name === null ? "This server does not host this topic ID." : "This server does not host this topic-partition.";
    return { name, topicId, errorCode, errorMessage };
  }
  broker.store.append({ type: 4, value: { topicId: topic.id } });
  return { name: topic.name, topicId: topic.id };
}
