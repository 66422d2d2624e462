/**
 * DeleteTopics 1-6, by name, or from version 6 on by id. Each topic succeeds or fails for itself; one that is asked for
 * twice, in whatever way, is answered with an error and stays.
 */
import { type Uuid, ZERO_UUID } from "../../base/uuid.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Topic } from "../../state/state.ts";
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
  const { broker, request, version } = exchange;
  const { state } = broker.store;
  const asked: readonly Asked[] =
    version >= TOPIC_IDS_SINCE ? request.topics : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
  const times = new Map<string, number>();
  const found = new Map<Topic, number>();
  const distinct = new Map<string, Asked>();
  for (const topic of asked) {
    const key = `${topic.topicId}/${topic.name ?? ""}`;
    times.set(key, (times.get(key) ?? 0) + 1);
    distinct.set(key, topic);
  }
  for (const { name, topicId } of distinct.values()) {
    const topic = name === null ? state.topicById(topicId) : state.topic(name);
    if (topic !== undefined) found.set(topic, (found.get(topic) ?? 0) + 1);
  }
  const responses = [...distinct].map(([key, { name, topicId }]): TopicAnswer => {
    const refuse = (errorCode: ErrorCode, errorMessage: string) => ({ name, topicId, errorCode, errorMessage });
    if (name === null && topicId === ZERO_UUID) {
      return refuse(ErrorCode.INVALID_REQUEST, "Neither topic name nor id were specified.");
    }
    if (name !== null && topicId !== ZERO_UUID) {
      return refuse(ErrorCode.INVALID_REQUEST, "You may not specify both topic name and topic id.");
    }
    if (times.get(key) !== 1) {
      return refuse(ErrorCode.INVALID_REQUEST, name === null ? "Duplicate topic id." : "Duplicate topic name.");
    }
    if (!state.broker["delete.topic.enable"]) {
      return refuse(ErrorCode.TOPIC_DELETION_DISABLED, "Topic deletion is disabled.");
    }
    const topic = name === null ? state.topicById(topicId) : state.topic(name);
    if (topic === undefined) {
      return name === null
        ? refuse(ErrorCode.UNKNOWN_TOPIC_ID, "This server does not host this topic ID.")
        : refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition.");
    }
    if (found.get(topic) !== 1) {
      return refuse(ErrorCode.INVALID_REQUEST, "The provided topic name maps to an ID that was already supplied.");
    }
    broker.store.append({ type: 4, value: { topicId: topic.id } });
    return { name: topic.name, topicId: topic.id };
  });
  exchange.answer({ responses });
}
