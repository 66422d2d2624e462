/**
 * Deletes topics, by name, or from version 6 by name or topic id.
 *
 * Versions: 4 flexible · 5 error messages · 6 topic ids.
 */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, defineMessage, int16, int32, string, uuid } from "../codec/schema.ts";

export const deleteTopicsRequest = defineMessage({
  name: "DeleteTopicsRequest",
  apiKey: 20,
  valid: "1-6",
  flexible: "4+",
  fields: {
    topics: array({ versions: "6+" })({
      name: string({ nullable: "0+", default: null }),
      topicId: uuid(),
    }),
    topicNames: arrayOf(string(), { versions: "0-5", ignorable: true }),
    timeoutMs: int32(),
  },
});
export type DeleteTopicsRequest = Message<typeof deleteTopicsRequest>;

export const deleteTopicsResponse = defineMessage({
  name: "DeleteTopicsResponse",
  apiKey: 20,
  valid: "1-6",
  flexible: "4+",
  fields: {
    throttleTimeMs: int32(),
    responses: array()({
      name: string({ nullable: "6+" }),
      topicId: uuid({ versions: "6+", ignorable: true }),
      errorCode: int16(),
      errorMessage: string({ versions: "5+", nullable: "0+", default: null, ignorable: true }),
    }),
  },
});
export type DeleteTopicsResponse = Message<typeof deleteTopicsResponse>;
