/** OffsetDelete 0: deletes offsets of topics that no member of the group is subscribed to (KIP-496). */
import type { APIS } from "../../protocol/apis.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Exchange } from "../exchange.ts";

export function handleOffsetDelete(exchange: Exchange<(typeof APIS)["offsetDelete"]>): void {
  const { broker, request } = exchange;
  const { state } = broker.store;
  const known = request.topics.flatMap(({ name, partitions }) => {
    const topic = state.topic(name);
    if (topic === undefined) return [];
    const there = partitions.filter(({ partitionIndex }) => topic.partitions[partitionIndex] !== undefined);
    return [{ topicId: topic.id, name, partitions: there.map(({ partitionIndex }) => partitionIndex) }];
  });
  const result = broker.groups.decide((coordinator, _now, effects) =>
    coordinator.deleteOffsets(request.groupId, known, effects),
  );
  if (typeof result === "number") return exchange.answer({ errorCode: result });
  const errorCodes = new Map(known.map(({ name }, index) => [name, result[index]!]));
  exchange.answer({
    topics: request.topics.map(({ name, partitions }) => {
      const topic = state.topic(name);
      const answers = partitions.map(({ partitionIndex }) => {
        const isThere = topic?.partitions[partitionIndex] !== undefined;
        const errorCode = isThere ? errorCodes.get(name)! : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
        return { partitionIndex, errorCode };
      });
      return { name, partitions: answers };
    }),
  });
}
