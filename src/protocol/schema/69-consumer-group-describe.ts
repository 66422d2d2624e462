/** Tells state, members and assignments of consumer groups (KIP-848). Version 1 adds the type of a member. */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, bool, defineMessage, int8, int16, int32, string, struct, uuid } from "../codec/schema.ts";

export const consumerGroupDescribeRequest = defineMessage({
  name: "ConsumerGroupDescribeRequest",
  apiKey: 69,
  valid: "0-1",
  flexible: "0+",
  fields: {
    groupIds: arrayOf(string()),
    includeAuthorizedOperations: bool(),
  },
});
export type ConsumerGroupDescribeRequest = Message<typeof consumerGroupDescribeRequest>;

const assignment = {
  topicPartitions: array()({
    topicId: uuid(),
    topicName: string(),
    partitions: arrayOf(int32()),
  }),
};

export const consumerGroupDescribeResponse = defineMessage({
  name: "ConsumerGroupDescribeResponse",
  apiKey: 69,
  valid: "0-1",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    groups: array()({
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
      groupId: string(),
      groupState: string(),
      groupEpoch: int32(),
      assignmentEpoch: int32(),
      assignorName: string(),
      members: array()({
        memberId: string(),
        instanceId: string({ nullable: "0+", default: null }),
        rackId: string({ nullable: "0+", default: null }),
        memberEpoch: int32(),
        clientId: string(),
        clientHost: string(),
        subscribedTopicNames: arrayOf(string()),
        subscribedTopicRegex: string({ nullable: "0+", default: null }),
        assignment: struct()(assignment),
        targetAssignment: struct()(assignment),
        memberType: int8({ versions: "1+", default: -1, ignorable: true }),
      }),
      authorizedOperations: int32({ default: -2147483648 }),
    }),
  },
});
export type ConsumerGroupDescribeResponse = Message<typeof consumerGroupDescribeResponse>;
