/** Requests of the consumer protocol (KIP-848), with what tests seldom care about filled in. */
import type { Uuid } from "../../src/base/uuid.ts";
import type { TopicPartitions } from "../../src/coordinator/assignment.ts";
import type { ConsumerHeartbeat, ConsumerReply } from "../../src/coordinator/consumer-heartbeat.ts";
import type { NamedPartitions } from "../../src/coordinator/consumer-protocol.ts";
import { Writer } from "../../src/protocol/codec/writer.ts";
import { GROUP, type Hold } from "./classic-calls.ts";
import type { GroupWorld } from "./group-world.ts";

const NO_CHANGE = {
  instanceId: null,
  rackId: null,
  clientId: "client",
  clientHost: "/127.0.0.1",
  rebalanceTimeoutMs: -1,
  subscribedTopicNames: null,
  subscribedTopicRegex: null,
  serverAssignor: null,
  topicPartitions: null,
} as const;

export function beat(
  world: GroupWorld,
  memberId: string,
  memberEpoch: number,
  fields: Partial<ConsumerHeartbeat> = {},
  hold?: Hold,
): ConsumerReply {
  const request = { ...NO_CHANGE, groupId: GROUP, memberId, memberEpoch, ...fields };
  return world.decide((coordinator, now, effects) => coordinator.consumerHeartbeat(request, now, effects), hold);
}

export function enterConsumer(
  world: GroupWorld,
  memberId: string,
  topics: readonly string[],
  fields: Partial<ConsumerHeartbeat> = {},
): ConsumerReply {
  return beat(world, memberId, 0, {
    rebalanceTimeoutMs: 60_000,
    subscribedTopicNames: topics,
    topicPartitions: [],
    ...fields,
  });
}

/** An id for tests, which stands for the name. */
export function idOf(name: string): Uuid {
  return name.padEnd(16, "-") as Uuid;
}

export function createTopic(world: GroupWorld, name: string, partitions: number, topicId = idOf(name)): void {
  world.append({ type: 3, value: { topicId, name, partitions, configs: [] } });
}

export function addPartitions(world: GroupWorld, name: string, partitions: number): void {
  world.append({ type: 5, value: { topicId: idOf(name), partitions } });
}

export function deleteTopic(world: GroupWorld, name: string): void {
  world.append({ type: 4, value: { topicId: idOf(name) } });
}

/** `{ orders: [0, 1] }`, as requests have it. */
export function owning(partitions: Readonly<Record<string, readonly number[]>>): TopicPartitions[] {
  return Object.entries(partitions).map(([name, those]) => ({ topicId: idOf(name), partitions: those }));
}

/** What a reply assigns, as `owning` takes it; undefined when it says nothing. */
export function assignedBy(reply: ConsumerReply): Record<string, number[]> | undefined {
  const topics = reply.assignment?.topicPartitions;
  if (topics === undefined) return undefined;
  return Object.fromEntries(topics.map(({ topicId, partitions }) => [topicId!.replace(/-+$/, ""), [...partitions!]]));
}

/** A subscription that says what its member has: version 1 of the classic consumers' protocol. */
export function subscriptionWith(topics: readonly string[], owned: readonly NamedPartitions[]): Buffer {
  const writer = new Writer();
  writer.int16(1);
  writer.int32(topics.length);
  for (const topic of topics) writer.string(topic);
  writer.nullableBytes(null);
  writer.int32(owned.length);
  for (const { topic, partitions } of owned) {
    writer.string(topic);
    writer.int32(partitions.length);
    for (const partition of partitions) writer.int32(partition);
  }
  return Buffer.concat(writer.finish().parts);
}
