/**
 * Tells how far groups have come: -1 where nothing is committed.
 *
 * Versions: 2 all topics of the group (null) and an error for the whole answer · 5 leader epoch · 6 flexible · 7
 * whether to wait for open transactions (KIP-447) · 8 several groups at once · 9 member and epoch (KIP-848) · 10 topic
 * ids.
 */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, bool, defineMessage, int16, int32, int64, string, uuid } from "../codec/schema.ts";

export const offsetFetchRequest = defineMessage({
  name: "OffsetFetchRequest",
  apiKey: 9,
  valid: "1-10",
  flexible: "6+",
  fields: {
    groupId: string({ versions: "0-7" }),
    topics: array({ versions: "0-7", nullable: "2-7" })({
      name: string(),
      partitionIndexes: arrayOf(int32()),
    }),
    groups: array({ versions: "8+" })({
      groupId: string(),
      memberId: string({ versions: "9+", nullable: "0+", default: null, ignorable: true }),
      memberEpoch: int32({ versions: "9+", default: -1, ignorable: true }),
      topics: array({ nullable: "0+" })({
        name: string({ versions: "8-9", ignorable: true }),
        topicId: uuid({ versions: "10+", ignorable: true }),
        partitionIndexes: arrayOf(int32()),
      }),
    }),
    requireStable: bool({ versions: "7+" }),
  },
});
export type OffsetFetchRequest = Message<typeof offsetFetchRequest>;

export const offsetFetchResponse = defineMessage({
  name: "OffsetFetchResponse",
  apiKey: 9,
  valid: "1-10",
  flexible: "6+",
  fields: {
    throttleTimeMs: int32({ versions: "3+", ignorable: true }),
    topics: array({ versions: "0-7" })({
      name: string(),
      partitions: array()({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ versions: "5-7", default: -1, ignorable: true }),
        metadata: string({ nullable: "0+" }),
        errorCode: int16(),
      }),
    }),
    errorCode: int16({ versions: "2-7", ignorable: true }),
    groups: array({ versions: "8+" })({
      groupId: string(),
      topics: array()({
        name: string({ versions: "8-9", ignorable: true }),
        topicId: uuid({ versions: "10+", ignorable: true }),
        partitions: array()({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32({ default: -1 }),
          metadata: string({ nullable: "0+" }),
          errorCode: int16(),
        }),
      }),
      errorCode: int16(),
    }),
  },
});
export type OffsetFetchResponse = Message<typeof offsetFetchResponse>;
