/**
 * The one request of the consumer protocol: joins, keeps alive, takes over assignments, leaves (KIP-848). Member epoch
 * 0 joins, -1 leaves, -2 leaves for a while as a static member. Fields that did not change are null.
 *
 * Version 1 adds subscription by regular expression and lets the client make its own member id.
 */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, defineMessage, int16, int32, string, struct, uuid } from "../codec/schema.ts";

export const consumerGroupHeartbeatRequest = defineMessage({
  name: "ConsumerGroupHeartbeatRequest",
  apiKey: 68,
  valid: "0-1",
  flexible: "0+",
  fields: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: string({ nullable: "0+", default: null }),
    rackId: string({ nullable: "0+", default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    subscribedTopicNames: arrayOf(string(), { nullable: "0+", default: null }),
    subscribedTopicRegex: string({ versions: "1+", nullable: "0+", default: null }),
    serverAssignor: string({ nullable: "0+", default: null }),
    topicPartitions: array({ nullable: "0+", default: null })({
      topicId: uuid(),
      partitions: arrayOf(int32()),
    }),
  },
});
export type ConsumerGroupHeartbeatRequest = Message<typeof consumerGroupHeartbeatRequest>;

export const consumerGroupHeartbeatResponse = defineMessage({
  name: "ConsumerGroupHeartbeatResponse",
  apiKey: 68,
  valid: "0-1",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    memberId: string({ nullable: "0+", default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: struct({ nullable: "0+", default: null })({
      topicPartitions: array()({
        topicId: uuid(),
        partitions: arrayOf(int32()),
      }),
    }),
  },
});
export type ConsumerGroupHeartbeatResponse = Message<typeof consumerGroupHeartbeatResponse>;
