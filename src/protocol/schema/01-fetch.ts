/**
 * Reads record batches from partitions, waiting for them if asked to.
 *
 * Versions: 4 isolation level · 5 log start offset · 7 sessions: only changes are sent (KIP-227) · 9 leader epoch check
 * (KIP-320) · 10 zstd may be answered · 11 rack of the consumer · 12 flexible, divergence of the fetcher's log · 13
 * topic ids instead of names (KIP-516) · 15 replica state as one field (KIP-903) · 16 tells the new leader (KIP-951) ·
 * 17 directory of the replica (KIP-853) · 18 high watermark of the replica (KIP-1166).
 */
import type { Message } from "../codec/message.ts";
import {
  array,
  arrayOf,
  defineMessage,
  int8,
  int16,
  int32,
  int64,
  offset64,
  records,
  string,
  struct,
  uuid,
} from "../codec/schema.ts";

export const fetchRequest = defineMessage({
  name: "FetchRequest",
  apiKey: 1,
  valid: "4-18",
  flexible: "12+",
  fields: {
    clusterId: string({ versions: "12+", nullable: "0+", tag: 0, default: null, ignorable: true }),
    replicaId: int32({ versions: "0-14", default: -1 }),
    replicaState: struct({ versions: "15+", tag: 1 })({
      replicaId: int32({ default: -1 }),
      replicaEpoch: int64({ default: -1 }),
    }),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ default: 0x7fffffff }),
    isolationLevel: int8(),
    sessionId: int32({ versions: "7+", ignorable: true }),
    sessionEpoch: int32({ versions: "7+", default: -1, ignorable: true }),
    topics: array()({
      topic: string({ versions: "0-12", ignorable: true }),
      topicId: uuid({ versions: "13+", ignorable: true }),
      partitions: array()({
        partition: int32(),
        currentLeaderEpoch: int32({ versions: "9+", default: -1, ignorable: true }),
        fetchOffset: int64(),
        lastFetchedEpoch: int32({ versions: "12+", default: -1 }),
        logStartOffset: int64({ versions: "5+", default: -1, ignorable: true }),
        partitionMaxBytes: int32(),
        replicaDirectoryId: uuid({ versions: "17+", tag: 0, ignorable: true }),
        highWatermark: int64({ versions: "18+", tag: 1, default: 9223372036854775807n, ignorable: true }),
      }),
    }),
    forgottenTopicsData: array({ versions: "7+" })({
      topic: string({ versions: "7-12", ignorable: true }),
      topicId: uuid({ versions: "13+", ignorable: true }),
      partitions: arrayOf(int32()),
    }),
    rackId: string({ versions: "11+", ignorable: true }),
  },
});
export type FetchRequest = Message<typeof fetchRequest>;

export const fetchResponse = defineMessage({
  name: "FetchResponse",
  apiKey: 1,
  valid: "4-18",
  flexible: "12+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: "7+", ignorable: true }),
    sessionId: int32({ versions: "7+" }),
    responses: array()({
      topic: string({ versions: "0-12", ignorable: true }),
      topicId: uuid({ versions: "13+", ignorable: true }),
      partitions: array()({
        partitionIndex: int32(),
        errorCode: int16(),
        highWatermark: offset64(),
        lastStableOffset: offset64({ default: -1 }),
        logStartOffset: offset64({ versions: "5+", default: -1, ignorable: true }),
        divergingEpoch: struct({ versions: "12+", tag: 0 })({
          epoch: int32({ default: -1 }),
          endOffset: offset64({ default: -1 }),
        }),
        currentLeader: struct({ versions: "12+", tag: 1 })({
          leaderId: int32({ default: -1 }),
          leaderEpoch: int32({ default: -1 }),
        }),
        snapshotId: struct({ versions: "12+", tag: 2 })({
          endOffset: offset64({ default: -1 }),
          epoch: int32({ default: -1 }),
        }),
        abortedTransactions: array({ nullable: "0+" })({
          producerId: int64(),
          firstOffset: offset64(),
        }),
        preferredReadReplica: int32({ versions: "11+", default: -1 }),
        records: records({ nullable: "0+" }),
      }),
    }),
    nodeEndpoints: array({ versions: "16+", tag: 0 })({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: "0+", default: null }),
    }),
  },
});
export type FetchResponse = Message<typeof fetchResponse>;
