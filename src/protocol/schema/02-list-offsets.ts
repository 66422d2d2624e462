/**
 * Finds the offset for a time. Special times: -1 end, -2 start, -3 the greatest timestamp (version 7), -4 local start
 * (8, KIP-405), -5 last tiered (9, KIP-1005), -6 earliest not yet uploaded (11, KIP-1023).
 *
 * Versions: 2 isolation level · 4 leader epochs · 6 flexible · 10 time limit for what has to be read remotely
 * (KIP-1075).
 */
import type { Message } from "../codec/message.ts";
import { array, defineMessage, int8, int16, int32, int64, offset64, string } from "../codec/schema.ts";

export const listOffsetsRequest = defineMessage({
  name: "ListOffsetsRequest",
  apiKey: 2,
  valid: "1-11",
  flexible: "6+",
  fields: {
    replicaId: int32(),
    isolationLevel: int8({ versions: "2+" }),
    topics: array()({
      name: string(),
      partitions: array()({
        partitionIndex: int32(),
        currentLeaderEpoch: int32({ versions: "4+", default: -1, ignorable: true }),
        timestamp: int64(),
      }),
    }),
    timeoutMs: int32({ versions: "10+", ignorable: true }),
  },
});
export type ListOffsetsRequest = Message<typeof listOffsetsRequest>;

export const listOffsetsResponse = defineMessage({
  name: "ListOffsetsResponse",
  apiKey: 2,
  valid: "1-11",
  flexible: "6+",
  fields: {
    throttleTimeMs: int32({ versions: "2+", ignorable: true }),
    topics: array()({
      name: string(),
      partitions: array()({
        partitionIndex: int32(),
        errorCode: int16(),
        timestamp: int64({ default: -1 }),
        offset: offset64({ default: -1 }),
        leaderEpoch: int32({ versions: "4+", default: -1 }),
      }),
    }),
  },
});
export type ListOffsetsResponse = Message<typeof listOffsetsResponse>;
