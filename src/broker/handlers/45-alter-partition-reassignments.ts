/**
 * AlterPartitionReassignments 0-1: partitions can be moved to where they are, which is done at once, and nowhere else; so
 * there is never a move to cancel (KIP-455). Version 1 can forbid another number of replicas, of which there is one anyway.
 */
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Topic } from "../../state/state.ts";
import { boundedMessage } from "../error-message.ts";
import type { Exchange } from "../exchange.ts";

type AlterPartitionReassignments = (typeof APIS)["alterPartitionReassignments"];
type TopicAnswer = NonNullable<MessageInput<AlterPartitionReassignments["response"]>["responses"]>[number];
type PartitionAnswer = NonNullable<TopicAnswer["partitions"]>[number];

export function handleAlterPartitionReassignments(exchange: Exchange<AlterPartitionReassignments>): void {
  const { request } = exchange;
  const responses = request.topics.map(({ name, partitions }): TopicAnswer => {
    const topic = exchange.broker.store.state.topic(name);
    const noTopic =
      topic === undefined
        ? refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find a topic named ${name}.`)
        : undefined;
    return {
      name,
      partitions: partitions.map(({ partitionIndex, replicas }) => ({
        partitionIndex,
        ...(noTopic ?? move(exchange, topic!, { partition: partitionIndex, replicas })),
      })),
    };
  });
  const { allowReplicationFactorChange } = request;
  exchange.answer({ allowReplicationFactorChange, errorMessage: null, responses });
}

function move(
  { broker }: Exchange<AlterPartitionReassignments>,
  topic: Topic,
  asked: { readonly partition: number; readonly replicas: readonly number[] | null },
): PartitionAnswer {
  const { partition, replicas } = asked;
  if (topic.partitions[partition] === undefined) {
    return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find partition ${topic.name}:${partition}.`);
  }
  if (replicas === null) return refused(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, null);
  const problem = replicasProblem(replicas, broker.nodeId);
  return problem === null ? { errorMessage: null } : refused(ErrorCode.INVALID_REPLICA_ASSIGNMENT, problem);
}

function replicasProblem(replicas: readonly number[], nodeId: number): string | null {
  const what = "The manual partition assignment includes";
  if (replicas.length === 0) return `${what} an empty replica list.`;
  const ids = replicas.toSorted((a, b) => a - b);
  for (const [index, id] of ids.entries()) {
    if (id !== nodeId) return `${what} broker ${id}, but no such broker is registered.`;
    if (index > 0) return `${what} the broker ${id} more than once.`;
  }
  return null;
}

function refused(errorCode: ErrorCode, errorMessage: string | null): PartitionAnswer {
  return { errorCode, errorMessage: errorMessage === null ? null : boundedMessage(errorMessage) };
}
