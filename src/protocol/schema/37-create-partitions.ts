/**
 * Adds partitions to topics. `count` is the number there shall be in all.
 *
 * Versions: 2 flexible · 3 quotas may refuse (KIP-599).
 */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, bool, defineMessage, int16, int32, string } from "../codec/schema.ts";

export const createPartitionsRequest = defineMessage({
  name: "CreatePartitionsRequest",
  apiKey: 37,
  valid: "0-3",
  flexible: "2+",
  fields: {
    topics: array()({
      name: string(),
      count: int32(),
      assignments: array({ nullable: "0+" })({
        brokerIds: arrayOf(int32()),
      }),
    }),
    timeoutMs: int32(),
    validateOnly: bool(),
  },
});
export type CreatePartitionsRequest = Message<typeof createPartitionsRequest>;

export const createPartitionsResponse = defineMessage({
  name: "CreatePartitionsResponse",
  apiKey: 37,
  valid: "0-3",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    results: array()({
      name: string(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
    }),
  },
});
export type CreatePartitionsResponse = Message<typeof createPartitionsResponse>;
