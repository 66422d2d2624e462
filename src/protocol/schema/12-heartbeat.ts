/**
 * Keeps a member of a classic group alive and tells it of a rebalance.
 *
 * Versions: 3 static members · 4 flexible.
 */
import type { Message } from "../codec/message.ts";
import { defineMessage, int16, int32, string } from "../codec/schema.ts";

export const heartbeatRequest = defineMessage({
  name: "HeartbeatRequest",
  apiKey: 12,
  valid: "0-4",
  flexible: "4+",
  fields: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ versions: "3+", nullable: "0+", default: null }),
  },
});
export type HeartbeatRequest = Message<typeof heartbeatRequest>;

export const heartbeatResponse = defineMessage({
  name: "HeartbeatResponse",
  apiKey: 12,
  valid: "0-4",
  flexible: "4+",
  fields: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16(),
  },
});
export type HeartbeatResponse = Message<typeof heartbeatResponse>;
