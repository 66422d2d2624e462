/** Creating topics and partitions: Kafka's rules, whoever asks for it. */
import { newUuid, type Uuid } from "../base/uuid.ts";
import { topicConfigProblem } from "../config/topic-config.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { Broker } from "./broker.ts";
import { boundedMessage } from "./error-message.ts";
import { topicNameProblem } from "./topic-names.ts";

/** What one request may create, as in Kafka: more would hold up everybody else. Ask again for more. */
export const MAX_PARTITIONS_PER_REQUEST = 10_000;
/** What it may come to in Kafka's log of its controller: one record for each topic, partition and setting. */
const MAX_RECORDS_PER_REQUEST = 10_000;

export interface NewTopic {
  readonly name: string;
  /** -1: `num.partitions`. */
  readonly partitions: number;
  /** -1: `default.replication.factor`. */
  readonly replicationFactor: number;
  readonly assignments: readonly { readonly partitionIndex: number; readonly brokerIds: readonly number[] }[];
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

export interface Refusal {
  readonly errorCode: ErrorCode;
  readonly message: string;
}

export interface CreatedTopic {
  readonly id: Uuid;
  readonly partitions: number;
  readonly overrides: ReadonlyMap<string, string>;
}

/** Why none of these topics, that one request asks for, can be created; undefined when each is to be looked at. */
export function requestRefusal(broker: Broker, topics: readonly NewTopic[]): Refusal | undefined {
  let partitions = 0;
  let most = 0;
  for (const topic of topics) {
    const added = Math.max(0, partitionsOf(broker, topic));
    partitions += added;
    most += 1 + added + topic.configs.length;
  }
  if (partitions > MAX_PARTITIONS_PER_REQUEST) {
    return refused(ErrorCode.POLICY_VIOLATION, "Excessively large number of partitions per request.");
  }
  if (most <= MAX_RECORDS_PER_REQUEST) return undefined;
  let records = 0;
  for (const topic of topics) {
    const created = createTopic(broker, topic, true);
    if (!("errorCode" in created)) records += 1 + created.partitions + created.overrides.size;
  }
  return records > MAX_RECORDS_PER_REQUEST ? largeBatch() : undefined;
}

/** Creates a topic; with `validateOnly` only says what would come of it. */
export function createTopic(broker: Broker, topic: NewTopic, validateOnly: boolean): CreatedTopic | Refusal {
  const refusal =
    nameRefusal(broker, topic.name) ?? configRefusal(broker, topic.configs) ?? placementRefusal(broker, topic);
  if (refusal !== undefined) return refusal;
  const { store } = broker;
  const overrides = new Map(topic.configs.map(({ name, value }) => [name, value!]));
  const partitions = partitionsOf(broker, topic);
  const noRoom = roomRefusal(broker, partitions);
  if (noRoom !== undefined) return noRoom;
  const id = newUuid(broker.random);
  if (!validateOnly) {
    const configs = [...overrides].map(([key, value]) => ({ key, value }));
    store.append({ type: 3, value: { topicId: id, name: topic.name, partitions, configs } });
  }
  return { id, partitions, overrides };
}

function partitionsOf({ store }: Broker, { partitions, assignments }: NewTopic): number {
  if (assignments.length > 0) return assignments.length;
  return partitions === -1 ? store.state.broker["num.partitions"] : partitions;
}

/** Gives a topic `count` partitions in all; takes what it adds from `room`, that of the request. Undefined when all is well. */
export function createPartitions(
  broker: Broker,
  asked: {
    readonly name: string;
    readonly count: number;
    readonly assignments: readonly { readonly brokerIds: readonly number[] }[] | null;
  },
  room: { partitions: number },
  validateOnly: boolean,
): Refusal | undefined {
  const { store } = broker;
  const topic = store.state.topic(asked.name);
  if (topic === undefined) {
    return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition.");
  }
  const existing = topic.partitions.length;
  if (asked.count === existing) {
    return refused(ErrorCode.INVALID_PARTITIONS, `Topic already has ${existing} partition(s).`);
  }
  if (asked.count < existing) {
    const message = `The topic ${asked.name} currently has ${existing} partition(s); ${asked.count} would not be an increase.`;
    return refused(ErrorCode.INVALID_PARTITIONS, message);
  }
  const added = asked.count - existing;
  if (asked.assignments !== null) {
    if (asked.assignments.length !== added) {
      const message = `Attempted to add ${added} additional partition(s), but only ${asked.assignments.length} assignment(s) were specified.`;
      return refused(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message);
    }
    const wrong = asked.assignments.find(({ brokerIds }) => !isThisBroker(broker, brokerIds));
    if (wrong !== undefined) return wrongBrokers(broker, wrong.brokerIds);
  }
  if (added > room.partitions) return largeBatch();
  const noRoom = roomRefusal(broker, added);
  if (noRoom !== undefined) return noRoom;
  room.partitions -= added;
  if (!validateOnly) store.append({ type: 5, value: { topicId: topic.id, partitions: asked.count } });
  return undefined;
}

/** What is wrong with a name for a new topic. */
export function nameRefusal({ store }: Broker, name: string): Refusal | undefined {
  const problem = topicNameProblem(name);
  if (problem !== undefined) return refused(ErrorCode.INVALID_TOPIC_EXCEPTION, problem);
  if (store.state.topic(name) !== undefined) {
    return refused(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`);
  }
  const other = store.state.topicColliding(name);
  if (other === undefined) return undefined;
  const message = `Topic '${name}' collides with existing topic: ${other.name}`;
  return refused(ErrorCode.INVALID_TOPIC_EXCEPTION, message);
}

function configRefusal({ store }: Broker, configs: NewTopic["configs"]): Refusal | undefined {
  const problem = topicConfigProblem(new Map(configs.map(({ name, value }) => [name, value])), store.state.layers);
  return problem === null ? undefined : refused(ErrorCode.INVALID_CONFIG, problem);
}

function placementRefusal(broker: Broker, topic: NewTopic): Refusal | undefined {
  const { partitions, replicationFactor, assignments } = topic;
  if (assignments.length > 0) {
    if (replicationFactor !== -1) {
      return refused(
        ErrorCode.INVALID_REQUEST,
        "A manual partition assignment was specified, but replication factor was not set to -1.",
      );
    }
    if (partitions !== -1) {
      return refused(
        ErrorCode.INVALID_REQUEST,
        "A manual partition assignment was specified, but numPartitions was not set to -1.",
      );
    }
    return assignmentRefusal(broker, assignments);
  }
  if (replicationFactor !== -1 && replicationFactor <= 0) {
    return refused(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      "Replication factor must be larger than 0, or -1 to use the default value.",
    );
  }
  if (partitions !== -1 && partitions <= 0) {
    return refused(ErrorCode.INVALID_PARTITIONS, "Number of partitions was set to an invalid non-positive value.");
  }
  if (replicationFactor > 1) {
    const message = `Unable to replicate the partition ${replicationFactor} time(s): The target replication factor of ${replicationFactor} cannot be reached because only 1 broker(s) are registered.`;
    return refused(ErrorCode.INVALID_REPLICATION_FACTOR, message);
  }
  return undefined;
}

function assignmentRefusal(broker: Broker, assignments: NewTopic["assignments"]): Refusal | undefined {
  const indexes = new Set<number>();
  for (const { partitionIndex, brokerIds } of assignments) {
    if (indexes.has(partitionIndex)) {
      const message = `Found multiple manual partition assignments for partition ${partitionIndex}`;
      return refused(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message);
    }
    indexes.add(partitionIndex);
    if (!isThisBroker(broker, brokerIds)) return wrongBrokers(broker, brokerIds);
  }
  for (let index = 0; index < assignments.length; index += 1) {
    if (indexes.has(index)) continue;
    return refused(ErrorCode.INVALID_REPLICA_ASSIGNMENT, "partitions should be a consecutive 0-based integer sequence");
  }
  return undefined;
}

function isThisBroker({ nodeId }: Broker, brokerIds: readonly number[]): boolean {
  return brokerIds.length === 1 && brokerIds[0] === nodeId;
}

function wrongBrokers({ nodeId }: Broker, brokerIds: readonly number[]): Refusal {
  const message = `The manual partition assignment [${brokerIds.join(", ")}] must name broker ${nodeId} and no other.`;
  return refused(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message);
}

function roomRefusal({ store: { state } }: Broker, added: number): Refusal | undefined {
  if (added > MAX_PARTITIONS_PER_REQUEST) return largeBatch();
  const most = state.broker["max.partitions"];
  if (state.partitionCount + added <= most) return undefined;
  const message = `${added} more than the ${state.partitionCount} partitions there are would exceed max.partitions (${most}).`;
  return refused(ErrorCode.POLICY_VIOLATION, message);
}

function largeBatch(): Refusal {
  return refused(ErrorCode.POLICY_VIOLATION, "Unable to perform excessively large batch operation.");
}

function refused(errorCode: ErrorCode, message: string): Refusal {
  return { errorCode, message: boundedMessage(message) };
}
