/** Deletes committed offsets of a group for topics that it is not subscribed to (KIP-496). Never flexible. */
import type { Message } from "../codec/message.ts";
import { array, defineMessage, int16, int32, string } from "../codec/schema.ts";

export const offsetDeleteRequest = defineMessage({
  name: "OffsetDeleteRequest",
  apiKey: 47,
  valid: "0",
  flexible: "none",
  fields: {
    groupId: string(),
    topics: array()({
      name: string(),
      partitions: array()({
        partitionIndex: int32(),
      }),
    }),
  },
});
export type OffsetDeleteRequest = Message<typeof offsetDeleteRequest>;

export const offsetDeleteResponse = defineMessage({
  name: "OffsetDeleteResponse",
  apiKey: 47,
  valid: "0",
  flexible: "none",
  fields: {
    errorCode: int16(),
    throttleTimeMs: int32(),
    topics: array()({
      name: string(),
      partitions: array()({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
});
export type OffsetDeleteResponse = Message<typeof offsetDeleteResponse>;
