/**
 * ElectLeaders 0-2: every partition has one replica, which is its leader, so no election is ever needed (KIP-460). When all
 * partitions are asked about, those without need of an election are left out, as in Kafka. Version 1 names the election type.
 */
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Topic } from "../../state/state.ts";
import { boundedMessage } from "../error-message.ts";
import type { Exchange } from "../exchange.ts";

type ElectLeaders = (typeof APIS)["electLeaders"];
type TopicAnswer = NonNullable<MessageInput<ElectLeaders["response"]>["replicaElectionResults"]>[number];
type PartitionAnswer = NonNullable<TopicAnswer["partitionResult"]>[number];

/** Preferred and unclean. */
const ELECTION_TYPES: ReadonlySet<number> = new Set([0, 1]);

export function handleElectLeaders(exchange: Exchange<ElectLeaders>): void {
  const { broker, request } = exchange;
  const { electionType, topicPartitions } = request;
  const { state } = broker.store;
  const isKnown = ELECTION_TYPES.has(electionType);
  const errorCode = isKnown ? ErrorCode.NONE : ErrorCode.INVALID_REQUEST;
  const unknownType = { errorCode, errorMessage: `Unknown election type ${electionType}` };
  if (topicPartitions === null) {
    const names = isKnown ? [...state.topics()].map(({ name }) => name) : [];
    return exchange.answer({ errorCode, replicaElectionResults: names.map((topic) => ({ topic })) });
  }
  const replicaElectionResults = topicPartitions.map(({ topic, partitions }): TopicAnswer => {
    const known = state.topic(topic);
    const problem = isKnown ? (known === undefined ? noTopic(topic) : undefined) : unknownType;
    const elect = (partitionId: number) => problem ?? outcome(known!, partitionId);
    return { topic, partitionResult: partitions.map((partitionId) => ({ partitionId, ...elect(partitionId) })) };
  });
  exchange.answer({ errorCode, replicaElectionResults });
}

function noTopic(name: string): PartitionAnswer {
  const errorMessage = boundedMessage(`No such topic as ${name}`);
  return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage };
}

function outcome(topic: Topic, partition: number): PartitionAnswer {
  if (topic.partitions[partition] === undefined) {
    const errorMessage = `No such partition as ${topic.name}-${partition}`;
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage };
  }
  return {
    errorCode: ErrorCode.ELECTION_NOT_NEEDED,
    errorMessage: "Leader election not needed for topic partition.",
  };
}
