/**
 * Tells state, members and assignment of classic groups.
 *
 * Versions: 3 permitted operations · 4 static members · 5 flexible · 6 a group that does not exist is an error
 * (KIP-1043).
 */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, bool, bytes, defineMessage, int16, int32, string } from "../codec/schema.ts";

export const describeGroupsRequest = defineMessage({
  name: "DescribeGroupsRequest",
  apiKey: 15,
  valid: "0-6",
  flexible: "5+",
  fields: {
    groups: arrayOf(string()),
    includeAuthorizedOperations: bool({ versions: "3+" }),
  },
});
export type DescribeGroupsRequest = Message<typeof describeGroupsRequest>;

export const describeGroupsResponse = defineMessage({
  name: "DescribeGroupsResponse",
  apiKey: 15,
  valid: "0-6",
  flexible: "5+",
  fields: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    groups: array()({
      errorCode: int16(),
      errorMessage: string({ versions: "6+", nullable: "0+", default: null }),
      groupId: string(),
      groupState: string(),
      protocolType: string(),
      protocolData: string(),
      members: array()({
        memberId: string(),
        groupInstanceId: string({ versions: "4+", nullable: "0+", default: null, ignorable: true }),
        clientId: string(),
        clientHost: string(),
        memberMetadata: bytes(),
        memberAssignment: bytes(),
      }),
      authorizedOperations: int32({ versions: "3+", default: -2147483648 }),
    }),
  },
});
export type DescribeGroupsResponse = Message<typeof describeGroupsResponse>;
