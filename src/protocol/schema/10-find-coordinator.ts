/**
 * Tells which broker coordinates a group, a transactional id or a share group.
 *
 * Versions: 1 kinds of keys · 3 flexible · 4 several keys at once · 6 share groups (KIP-932).
 */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, defineMessage, int8, int16, int32, string } from "../codec/schema.ts";

export const findCoordinatorRequest = defineMessage({
  name: "FindCoordinatorRequest",
  apiKey: 10,
  valid: "0-6",
  flexible: "3+",
  fields: {
    key: string({ versions: "0-3" }),
    keyType: int8({ versions: "1+" }),
    coordinatorKeys: arrayOf(string(), { versions: "4+" }),
  },
});
export type FindCoordinatorRequest = Message<typeof findCoordinatorRequest>;

export const findCoordinatorResponse = defineMessage({
  name: "FindCoordinatorResponse",
  apiKey: 10,
  valid: "0-6",
  flexible: "3+",
  fields: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16({ versions: "0-3" }),
    errorMessage: string({ versions: "1-3", nullable: "0+", ignorable: true }),
    nodeId: int32({ versions: "0-3" }),
    host: string({ versions: "0-3" }),
    port: int32({ versions: "0-3" }),
    coordinators: array({ versions: "4+" })({
      key: string(),
      nodeId: int32(),
      host: string(),
      port: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+" }),
    }),
  },
});
export type FindCoordinatorResponse = Message<typeof findCoordinatorResponse>;
