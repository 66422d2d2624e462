/**
 * OffsetForLeaderEpoch 2-4: where an epoch ended, for clients that check their position after a leader change (KIP-320).
 * For the current epoch the answer is the high watermark: what lies beyond can still be lost.
 */
import type { APIS } from "../../protocol/apis.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Exchange } from "../exchange.ts";
import { leaderEpochProblem } from "../leader-epoch.ts";

export function handleOffsetForLeaderEpoch(exchange: Exchange<(typeof APIS)["offsetForLeaderEpoch"]>): void {
  const { state } = exchange.broker.store;
  const topics = exchange.request.topics.map(({ topic: name, partitions }) => {
    const topic = state.topic(name);
    return {
      topic: name,
      partitions: partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
        const partition = topic?.partitions[index];
        if (topic === undefined || partition === undefined) {
          return { partition: index, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
        }
        const current = state.leaderEpoch(topic);
        const errorCode = leaderEpochProblem(currentLeaderEpoch, current);
        if (errorCode !== ErrorCode.NONE) return { partition: index, errorCode };
        const end = partition.endOffsetForEpoch(leaderEpoch, current);
        if (end === undefined) return { partition: index };
        return {
          partition: index,
          leaderEpoch: end.epoch,
          endOffset: Math.min(end.endOffset, partition.highWatermark),
        };
      }),
    };
  });
  exchange.answer({ topics });
}
