/**
 * Brings the leader's assignment of a classic group to its members.
 *
 * Versions: 3 static members · 4 flexible · 5 protocol type and name, to be checked.
 */
import type { Message } from "../codec/message.ts";
import { array, bytes, defineMessage, int16, int32, string } from "../codec/schema.ts";

export const syncGroupRequest = defineMessage({
  name: "SyncGroupRequest",
  apiKey: 14,
  valid: "0-5",
  flexible: "4+",
  fields: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ versions: "3+", nullable: "0+", default: null }),
    protocolType: string({ versions: "5+", nullable: "0+", default: null, ignorable: true }),
    protocolName: string({ versions: "5+", nullable: "0+", default: null, ignorable: true }),
    assignments: array()({
      memberId: string(),
      assignment: bytes(),
    }),
  },
});
export type SyncGroupRequest = Message<typeof syncGroupRequest>;

export const syncGroupResponse = defineMessage({
  name: "SyncGroupResponse",
  apiKey: 14,
  valid: "0-5",
  flexible: "4+",
  fields: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16(),
    protocolType: string({ versions: "5+", nullable: "0+", default: null, ignorable: true }),
    protocolName: string({ versions: "5+", nullable: "0+", default: null, ignorable: true }),
    assignment: bytes(),
  },
});
export type SyncGroupResponse = Message<typeof syncGroupResponse>;
