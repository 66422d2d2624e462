/**
 * Joins a classic group, or joins it again when it rebalances. Answered when the group is complete.
 *
 * Versions: 1 rebalance timeout · 4 a new member is first told its id (KIP-394) · 5 static members (KIP-345) · 6
 * flexible · 7 protocol type · 8 reason for joining · 9 whether the leader shall skip assigning.
 */
import type { Message } from "../codec/message.ts";
import { array, bool, bytes, defineMessage, int16, int32, string } from "../codec/schema.ts";

export const joinGroupRequest = defineMessage({
  name: "JoinGroupRequest",
  apiKey: 11,
  valid: "0-9",
  flexible: "6+",
  fields: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ versions: "1+", default: -1, ignorable: true }),
    memberId: string(),
    groupInstanceId: string({ versions: "5+", nullable: "0+", default: null }),
    protocolType: string(),
    protocols: array()({
      name: string(),
      metadata: bytes(),
    }),
    reason: string({ versions: "8+", nullable: "0+", default: null, ignorable: true }),
  },
});
export type JoinGroupRequest = Message<typeof joinGroupRequest>;

export const joinGroupResponse = defineMessage({
  name: "JoinGroupResponse",
  apiKey: 11,
  valid: "0-9",
  flexible: "6+",
  fields: {
    throttleTimeMs: int32({ versions: "2+", ignorable: true }),
    errorCode: int16(),
    generationId: int32({ default: -1 }),
    protocolType: string({ versions: "7+", nullable: "0+", default: null, ignorable: true }),
    protocolName: string({ nullable: "7+" }),
    leader: string(),
    skipAssignment: bool({ versions: "9+" }),
    memberId: string(),
    members: array()({
      memberId: string(),
      groupInstanceId: string({ versions: "5+", nullable: "0+", default: null, ignorable: true }),
      metadata: bytes(),
    }),
  },
});
export type JoinGroupResponse = Message<typeof joinGroupResponse>;
