/**
 * DeleteRecords 0-2: moves the start of partitions up to an offset, -1 being the high watermark (KIP-107). The files whose
 * records are all gone go with the next check of retention.
 */
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Topic } from "../../state/state.ts";
import type { Exchange } from "../exchange.ts";
import { isInternalTopic } from "../topic-names.ts";

type DeleteRecords = (typeof APIS)["deleteRecords"];
type PartitionRequest = Exchange<DeleteRecords>["request"]["topics"][number]["partitions"][number];
type TopicAnswer = NonNullable<MessageInput<DeleteRecords["response"]>["topics"]>[number];
type PartitionAnswer = NonNullable<TopicAnswer["partitions"]>[number];

const HIGH_WATERMARK = -1;
const NO_LOW_WATERMARK = -1;

export function handleDeleteRecords(exchange: Exchange<DeleteRecords>): void {
  const { request } = exchange;
  // Each partition once; what is said of it last counts.
  const asked = new Map<string, Map<number, PartitionRequest>>();
  for (const { name, partitions } of request.topics) {
    const known = asked.get(name) ?? new Map<number, PartitionRequest>();
    for (const partition of partitions) known.set(partition.partitionIndex, partition);
    asked.set(name, known);
  }
  const topics = [...asked].map(
    ([name, partitions]): TopicAnswer => ({
      name,
      partitions: [...partitions.values()].map((partition) => deleteRecords(exchange, name, partition)),
    }),
  );
  exchange.answer({ topics });
}

function deleteRecords(
  { broker: { store } }: Exchange<DeleteRecords>,
  name: string,
  { partitionIndex, offset: asked }: PartitionRequest,
): PartitionAnswer {
  const refused = (errorCode: ErrorCode): PartitionAnswer => ({
    partitionIndex,
    lowWatermark: NO_LOW_WATERMARK,
    errorCode,
  });
  const topic = store.state.topic(name);
  const partition = topic?.partitions[partitionIndex];
  if (topic === undefined || partition === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  if (isInternalTopic(name)) return refused(ErrorCode.INVALID_TOPIC_EXCEPTION);
  if (isOnlyCompacted(topic)) return refused(ErrorCode.POLICY_VIOLATION);
  const offset = asked === HIGH_WATERMARK ? partition.highWatermark : asked;
  if (offset < 0 || offset > partition.highWatermark) return refused(ErrorCode.OFFSET_OUT_OF_RANGE);
  if (offset > partition.logStartOffset) {
    store.append({ type: 8, value: { topicId: topic.id, partition: partitionIndex, offset: Number(offset) } });
  }
  return { partitionIndex, lowWatermark: partition.logStartOffset };
}

/** Compaction keeps the newest record of each key for ever: nobody may take them away. */
function isOnlyCompacted({ config }: Topic): boolean {
  return config["cleanup.policy"].includes("compact") && !config["cleanup.policy"].includes("delete");
}
