/**
 * Stores how far a group has come. Generation or epoch -1 with no member id: a consumer that assigns itself its
 * partitions.
 *
 * Versions: 2 to 4 a retention time, ignored since · 6 leader epoch of the offset · 7 static members · 8 flexible · 9
 * members of the consumer protocol (KIP-848) · 10 topic ids instead of names.
 */
import type { Message } from "../codec/message.ts";
import { array, defineMessage, int16, int32, int64, string, uuid } from "../codec/schema.ts";

export const offsetCommitRequest = defineMessage({
  name: "OffsetCommitRequest",
  apiKey: 8,
  valid: "2-10",
  flexible: "8+",
  fields: {
    groupId: string(),
    generationIdOrMemberEpoch: int32({ default: -1 }),
    memberId: string(),
    groupInstanceId: string({ versions: "7+", nullable: "0+", default: null }),
    retentionTimeMs: int64({ versions: "2-4", default: -1, ignorable: true }),
    topics: array()({
      name: string({ versions: "0-9", ignorable: true }),
      topicId: uuid({ versions: "10+", ignorable: true }),
      partitions: array()({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ versions: "6+", default: -1, ignorable: true }),
        committedMetadata: string({ nullable: "0+" }),
      }),
    }),
  },
});
export type OffsetCommitRequest = Message<typeof offsetCommitRequest>;

export const offsetCommitResponse = defineMessage({
  name: "OffsetCommitResponse",
  apiKey: 8,
  valid: "2-10",
  flexible: "8+",
  fields: {
    throttleTimeMs: int32({ versions: "3+", ignorable: true }),
    topics: array()({
      name: string({ versions: "0-9", ignorable: true }),
      topicId: uuid({ versions: "10+", ignorable: true }),
      partitions: array()({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
});
export type OffsetCommitResponse = Message<typeof offsetCommitResponse>;
