/** DescribeProducers 0: the idempotent producers that partitions remember, with their last batch (KIP-664). */

import type { PartitionLog } from "../../log/partition-log.ts";
import { lastSequenceOf } from "../../log/producer-state.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Exchange } from "../exchange.ts";
import { topicNameProblem } from "../topic-names.ts";

type DescribeProducers = (typeof APIS)["describeProducers"];
type TopicAnswer = NonNullable<MessageInput<DescribeProducers["response"]>["topics"]>[number];
type PartitionAnswer = NonNullable<TopicAnswer["partitions"]>[number];

const NO_TIMESTAMP = -1;
/** No transaction was ever completed. */
const NO_COORDINATOR_EPOCH = -1;

export function handleDescribeProducers(exchange: Exchange<DescribeProducers>): void {
  const { state } = exchange.broker.store;
  // Each partition once: the answer is far larger than what asks for it.
  const asked = new Map<string, Set<number>>();
  for (const { name, partitionIndexes } of exchange.request.topics) {
    const indexes = asked.get(name) ?? new Set<number>();
    for (const index of partitionIndexes) indexes.add(index);
    asked.set(name, indexes);
  }
  const topics = [...asked].map(([name, indexes]): TopicAnswer => {
    const topic = state.topic(name);
    const noTopic = topic === undefined ? topicProblem(name) : undefined;
    const describeOne = (index: number) => noTopic ?? describe(topic?.partitions[index]);
    return { name, partitions: [...indexes].map((index) => ({ partitionIndex: index, ...describeOne(index) })) };
  });
  exchange.answer({ topics });
}

function topicProblem(name: string): PartitionAnswer {
  const problem = topicNameProblem(name);
  if (problem !== undefined) return { errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, errorMessage: problem };
  const errorMessage = "This server does not host this topic-partition.";
  return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage };
}

function describe(partition: PartitionLog | undefined): PartitionAnswer {
  if (partition === undefined) return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
  return {
    activeProducers: [...partition.producers.entries()].map(([producerId, entry]) => ({
      producerId,
      producerEpoch: entry.epoch,
      lastSequence: lastSequenceOf(entry),
      lastTimestamp: entry.batches.at(-1)?.timestamp ?? NO_TIMESTAMP,
      coordinatorEpoch: NO_COORDINATOR_EPOCH,
    })),
  };
}
