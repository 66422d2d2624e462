/**
 * Creates topics. Partition count and replication factor are -1 where replicas are assigned by hand or (from version 4)
 * the broker's defaults are wanted.
 *
 * Versions: 5 flexible, and the answer has the topic's configuration (KIP-525) · 6 quotas may refuse (KIP-599) · 7
 * topic ids in the answer.
 */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, bool, defineMessage, int8, int16, int32, string, uuid } from "../codec/schema.ts";

export const createTopicsRequest = defineMessage({
  name: "CreateTopicsRequest",
  apiKey: 19,
  valid: "2-7",
  flexible: "5+",
  fields: {
    topics: array()({
      name: string(),
      numPartitions: int32(),
      replicationFactor: int16(),
      assignments: array()({
        partitionIndex: int32(),
        brokerIds: arrayOf(int32()),
      }),
      configs: array()({
        name: string(),
        value: string({ nullable: "0+" }),
      }),
    }),
    timeoutMs: int32({ default: 60000 }),
    validateOnly: bool(),
  },
});
export type CreateTopicsRequest = Message<typeof createTopicsRequest>;

export const createTopicsResponse = defineMessage({
  name: "CreateTopicsResponse",
  apiKey: 19,
  valid: "2-7",
  flexible: "5+",
  fields: {
    throttleTimeMs: int32(),
    topics: array()({
      name: string(),
      topicId: uuid({ versions: "7+", ignorable: true }),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+" }),
      topicConfigErrorCode: int16({ versions: "5+", tag: 0, ignorable: true }),
      numPartitions: int32({ versions: "5+", default: -1, ignorable: true }),
      replicationFactor: int16({ versions: "5+", default: -1, ignorable: true }),
      configs: array({ versions: "5+", nullable: "0+", ignorable: true })({
        name: string(),
        value: string({ nullable: "0+" }),
        readOnly: bool(),
        configSource: int8({ default: -1 }),
        isSensitive: bool(),
      }),
    }),
  },
});
export type CreateTopicsResponse = Message<typeof createTopicsResponse>;
