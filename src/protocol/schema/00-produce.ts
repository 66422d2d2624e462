/**
 * Appends record batches to partitions. acks: 0 no answer at all, 1 the leader, -1 all in-sync replicas.
 *
 * Versions: 3 record batches of magic 2 and the transactional id · 5 log start offset in the answer · 7 zstd may be
 * used · 8 which records were refused, and a message (KIP-467) · 9 flexible · 10 tells the new leader (KIP-951) · 12
 * adds the partition to the transaction on the way (KIP-890) · 13 topic ids instead of names (KIP-516).
 */
import type { Message } from "../codec/message.ts";
import { array, defineMessage, int16, int32, offset64, records, string, struct, uuid } from "../codec/schema.ts";

export const produceRequest = defineMessage({
  name: "ProduceRequest",
  apiKey: 0,
  valid: "3-13",
  flexible: "9+",
  fields: {
    transactionalId: string({ nullable: "0+", default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array()({
      name: string({ versions: "0-12", ignorable: true }),
      topicId: uuid({ versions: "13+", ignorable: true }),
      partitionData: array()({
        index: int32(),
        records: records({ nullable: "0+" }),
      }),
    }),
  },
});
export type ProduceRequest = Message<typeof produceRequest>;

export const produceResponse = defineMessage({
  name: "ProduceResponse",
  apiKey: 0,
  valid: "3-13",
  flexible: "9+",
  fields: {
    responses: array()({
      name: string({ versions: "0-12", ignorable: true }),
      topicId: uuid({ versions: "13+", ignorable: true }),
      partitionResponses: array()({
        index: int32(),
        errorCode: int16(),
        baseOffset: offset64(),
        logAppendTimeMs: offset64({ default: -1 }),
        logStartOffset: offset64({ versions: "5+", default: -1, ignorable: true }),
        recordErrors: array({ versions: "8+", ignorable: true })({
          batchIndex: int32(),
          batchIndexErrorMessage: string({ nullable: "0+", default: null }),
        }),
        errorMessage: string({ versions: "8+", nullable: "0+", default: null, ignorable: true }),
        currentLeader: struct({ versions: "10+", tag: 0 })({
          leaderId: int32({ default: -1 }),
          leaderEpoch: int32({ default: -1 }),
        }),
      }),
    }),
    throttleTimeMs: int32(),
    nodeEndpoints: array({ versions: "10+", tag: 0 })({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: "0+", default: null }),
    }),
  },
});
export type ProduceResponse = Message<typeof produceResponse>;
