/** CreatePartitions 0-3: more partitions for topics; existing records stay where they are. */
import type { APIS } from "../../protocol/apis.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Exchange } from "../exchange.ts";
import { createPartitions, MAX_PARTITIONS_PER_REQUEST } from "../topic-creation.ts";

export function handleCreatePartitions(exchange: Exchange<(typeof APIS)["createPartitions"]>): void {
  const { broker, request } = exchange;
  const times = new Map<string, number>();
  for (const { name } of request.topics) times.set(name, (times.get(name) ?? 0) + 1);
  const room = { partitions: MAX_PARTITIONS_PER_REQUEST };
  const results = [...new Map(request.topics.map((topic) => [topic.name, topic])).values()].map((topic) => {
    const { name } = topic;
    if (times.get(name) !== 1) {
      return { name, errorCode: ErrorCode.INVALID_REQUEST, errorMessage: "Duplicate topic name." };
    }
    const refusal = createPartitions(broker, topic, room, request.validateOnly);
    return { name, errorCode: refusal?.errorCode ?? ErrorCode.NONE, errorMessage: refusal?.message ?? null };
  });
  exchange.answer({ results });
}
