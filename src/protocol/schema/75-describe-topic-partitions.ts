/** Describes topics in pages: the cursor says where the next page begins (KIP-966). */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, bool, defineMessage, int16, int32, string, struct, uuid } from "../codec/schema.ts";

export const describeTopicPartitionsRequest = defineMessage({
  name: "DescribeTopicPartitionsRequest",
  apiKey: 75,
  valid: "0",
  flexible: "0+",
  fields: {
    topics: array()({
      name: string(),
    }),
    responsePartitionLimit: int32({ default: 2000 }),
    cursor: struct({ nullable: "0+", default: null })({
      topicName: string(),
      partitionIndex: int32(),
    }),
  },
});
export type DescribeTopicPartitionsRequest = Message<typeof describeTopicPartitionsRequest>;

export const describeTopicPartitionsResponse = defineMessage({
  name: "DescribeTopicPartitionsResponse",
  apiKey: 75,
  valid: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    topics: array()({
      errorCode: int16(),
      name: string({ nullable: "0+" }),
      topicId: uuid(),
      isInternal: bool(),
      partitions: array()({
        errorCode: int16(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ default: -1 }),
        replicaNodes: arrayOf(int32()),
        isrNodes: arrayOf(int32()),
        eligibleLeaderReplicas: arrayOf(int32(), { nullable: "0+", default: null }),
        lastKnownElr: arrayOf(int32(), { nullable: "0+", default: null }),
        offlineReplicas: arrayOf(int32()),
      }),
      topicAuthorizedOperations: int32({ default: -2147483648 }),
    }),
    nextCursor: struct({ nullable: "0+", default: null })({
      topicName: string(),
      partitionIndex: int32(),
    }),
  },
});
export type DescribeTopicPartitionsResponse = Message<typeof describeTopicPartitionsResponse>;
