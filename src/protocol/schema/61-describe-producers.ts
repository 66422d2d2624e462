/** Tells the producers that have written to partitions, and their open transactions (KIP-664). */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, defineMessage, int16, int32, int64, offset64, string } from "../codec/schema.ts";

export const describeProducersRequest = defineMessage({
  name: "DescribeProducersRequest",
  apiKey: 61,
  valid: "0",
  flexible: "0+",
  fields: {
    topics: array()({
      name: string(),
      partitionIndexes: arrayOf(int32()),
    }),
  },
});
export type DescribeProducersRequest = Message<typeof describeProducersRequest>;

export const describeProducersResponse = defineMessage({
  name: "DescribeProducersResponse",
  apiKey: 61,
  valid: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    topics: array()({
      name: string(),
      partitions: array()({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "0+", default: null }),
        activeProducers: array()({
          producerId: int64(),
          producerEpoch: int32(),
          lastSequence: int32({ default: -1 }),
          lastTimestamp: int64({ default: -1 }),
          coordinatorEpoch: int32(),
          currentTxnStartOffset: offset64({ default: -1 }),
        }),
      }),
    }),
  },
});
export type DescribeProducersResponse = Message<typeof describeProducersResponse>;
