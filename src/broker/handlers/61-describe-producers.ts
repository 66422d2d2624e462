/** DescribeProducers 0: the idempotent producers that partitions remember, with their last batch (KIP-664). */

import { lastSequenceOf } from "../../log/producer-state.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { State } from "../../state/state.ts";
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
  const topics = exchange.request.topics.map(({ name, partitionIndexes }): TopicAnswer => {
    const partitions = partitionIndexes.map((partitionIndex) => ({
      partitionIndex,
      ...describe(state, name, partitionIndex),
    }));
    return { name, partitions };
  });
  exchange.answer({ topics });
}

function describe(state: State, name: string, index: number): PartitionAnswer {
  const problem = topicNameProblem(name);
  if (problem !== undefined) return { errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, errorMessage: problem };
  const topic = state.topic(name);
  if (topic === undefined) {
    const errorMessage = "This server does not host this topic-partition.";
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage };
  }
  const partition = topic.partitions[index];
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
