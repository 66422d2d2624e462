/**
 * Takes members out of a classic group.
 *
 * Versions: 3 several members, static ones among them · 4 flexible · 5 reason for leaving.
 */
import type { Message } from "../codec/message.ts";
import { array, defineMessage, int16, int32, string } from "../codec/schema.ts";

export const leaveGroupRequest = defineMessage({
  name: "LeaveGroupRequest",
  apiKey: 13,
  valid: "0-5",
  flexible: "4+",
  fields: {
    groupId: string(),
    memberId: string({ versions: "0-2" }),
    members: array({ versions: "3+" })({
      memberId: string(),
      groupInstanceId: string({ nullable: "0+", default: null }),
      reason: string({ versions: "5+", nullable: "0+", default: null, ignorable: true }),
    }),
  },
});
export type LeaveGroupRequest = Message<typeof leaveGroupRequest>;

export const leaveGroupResponse = defineMessage({
  name: "LeaveGroupResponse",
  apiKey: 13,
  valid: "0-5",
  flexible: "4+",
  fields: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16(),
    members: array({ versions: "3+" })({
      memberId: string(),
      groupInstanceId: string({ nullable: "0+" }),
      errorCode: int16(),
    }),
  },
});
export type LeaveGroupResponse = Message<typeof leaveGroupResponse>;
