/**
 * Finds where a leader epoch ended, by which clients and followers notice that a log was truncated (KIP-101, KIP-320).
 *
 * Versions: 3 replica id, -2 for a reader that is no replica · 4 flexible.
 */
import type { Message } from "../codec/message.ts";
import { array, defineMessage, int16, int32, offset64, string } from "../codec/schema.ts";

export const offsetForLeaderEpochRequest = defineMessage({
  name: "OffsetForLeaderEpochRequest",
  apiKey: 23,
  valid: "2-4",
  flexible: "4+",
  fields: {
    replicaId: int32({ versions: "3+", default: -2, ignorable: true }),
    topics: array()({
      topic: string(),
      partitions: array()({
        partition: int32(),
        currentLeaderEpoch: int32({ default: -1 }),
        leaderEpoch: int32(),
      }),
    }),
  },
});
export type OffsetForLeaderEpochRequest = Message<typeof offsetForLeaderEpochRequest>;

export const offsetForLeaderEpochResponse = defineMessage({
  name: "OffsetForLeaderEpochResponse",
  apiKey: 23,
  valid: "2-4",
  flexible: "4+",
  fields: {
    throttleTimeMs: int32(),
    topics: array()({
      topic: string(),
      partitions: array()({
        errorCode: int16(),
        partition: int32(),
        leaderEpoch: int32({ default: -1 }),
        endOffset: offset64({ default: -1 }),
      }),
    }),
  },
});
export type OffsetForLeaderEpochResponse = Message<typeof offsetForLeaderEpochResponse>;
