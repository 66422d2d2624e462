/** Requests about records: produce, fetch, offsets, producers. */

import type { Int64 } from "../../src/base/int64.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { type Draw, drawTopic, type Generator, generator, topicIn } from "./generator.ts";
import type { Side } from "./side.ts";

const TIMESTAMP = 1_767_225_600_000;
const timeoutMs = 5000;
const NO_PRODUCER = -1;

function drawPartition({ random }: Draw): number {
  return random.pick([0, 0, 0, 1, 2, 9]);
}

/** A batch, now and then of an idempotent producer, now and then broken. */
function drawBatch({ random, version }: Draw): (side: Side) => Buffer {
  const records = Array.from({ length: random.between(1, 3) }, (_, index) => ({
    key: random.pick([null, "", "key"]),
    value: random.pick([null, "", "value"]),
    headers: random.chance(0.3) ? [{ key: "h", value: random.pick([null, "v"]) }] : [],
    timestamp: TIMESTAMP + index * random.between(0, 1000),
  }));
  const compression = random.pick(["none", "none", "gzip", version >= 7 ? "zstd" : "snappy"] as const);
  const slot = random.chance(0.4) ? random.between(0, 1) : undefined;
  const [baseSequence, producerEpoch] = [random.between(0, 3), random.pick([0, 0, 0, 1])];
  const broken = random.chance(0.1) ? random.pick([16, 17, 30, 57]) : undefined;
  return (side) => {
    const producerId: Int64 = slot === undefined ? NO_PRODUCER : side.kept<Int64>(`producer ${slot}`, 4000);
    const producer = producerId === NO_PRODUCER ? {} : { producerId, producerEpoch, baseSequence };
    const batch = encodeBatch(records, { compression, ...producer });
    if (broken !== undefined) batch[broken]! ^= 0x01;
    return batch;
  };
}

export const RECORD_GENERATORS: readonly Generator[] = [
  generator({
    api: APIS.produce,
    request: (draw) => {
      const [topic, batch, index] = [topicIn(draw, 13), drawBatch(draw), drawPartition(draw)];
      const acks = draw.random.pick([-1, -1, 1, 5]);
      return (side) => {
        const partitionData = [{ index, records: [batch(side)] }];
        return { acks, timeoutMs, topicData: [{ ...topic(side), partitionData }] };
      };
    },
  }),
  generator({
    api: APIS.fetch,
    request: (draw) => {
      const { random, version } = draw;
      // Kafka answers -1 to an id that is zero and forgets the session: see docs/decisions/0010.
      const topic = topicIn(draw, 13, { nameField: "topic", zeroIds: false });
      const partition = {
        partition: drawPartition(draw),
        fetchOffset: random.pick([0, 0, 1, 2, 5, 1000, -1]),
        partitionMaxBytes: random.pick([1, 100, 1_000_000]),
        ...(version >= 9 ? { currentLeaderEpoch: random.pick([-1, -1, 0, 7]) } : {}),
        ...(version >= 12 ? { lastFetchedEpoch: random.pick([-1, -1, 0, 7]) } : {}),
      };
      const limits = { maxWaitMs: 0, minBytes: random.between(0, 1), maxBytes: random.pick([1, 1_000_000]) };
      const isolationLevel = random.between(0, 1);
      const [sessionEpoch, known] = [random.pick([-1, 0, 1, 2]), random.chance(0.8)];
      return (side) => ({
        ...limits,
        isolationLevel,
        topics: [{ ...topic(side), partitions: [partition] }],
        ...(version >= 7 ? { sessionEpoch, sessionId: known && sessionEpoch > 0 ? side.kept("session", 0) : 0 } : {}),
      });
    },
    learn: ({ sessionId }, side) => {
      if (sessionId !== 0) side.keep("session", sessionId);
    },
  }),
  generator({
    api: APIS.listOffsets,
    request: (draw) => {
      const { random, version } = draw;
      const epoch = version >= 4 ? { currentLeaderEpoch: random.pick([-1, -1, 0, 7]) } : {};
      const timestamp = random.pick([-1, -2, -3, -4, -5, -9, 0, TIMESTAMP, TIMESTAMP + 500, TIMESTAMP + 5000]);
      const partition = { partitionIndex: drawPartition(draw), timestamp, ...epoch };
      const topics = [{ name: drawTopic(draw), partitions: [partition] }];
      const isolationLevel = version >= 2 ? { isolationLevel: random.between(0, 1) } : {};
      return () => ({ replicaId: -1, ...isolationLevel, topics });
    },
  }),
  generator({
    api: APIS.deleteRecords,
    request: (draw) => {
      const partition = { partitionIndex: drawPartition(draw), offset: draw.random.pick([-1, 0, 1, 2, 1000, -2]) };
      const topics = [{ name: drawTopic(draw), partitions: [partition] }];
      return () => ({ topics, timeoutMs });
    },
  }),
  generator({
    api: APIS.initProducerId,
    request: ({ random, version }) => {
      const slot = random.between(0, 1);
      const bumps = version >= 3 && random.chance(0.3);
      return (side) => ({
        transactionalId: null,
        transactionTimeoutMs: 60_000,
        ...(bumps ? { producerId: side.kept<Int64>(`producer ${slot}`, 4000), producerEpoch: 0 } : {}),
      });
    },
    learn: ({ producerId }, side) => {
      if (producerId === NO_PRODUCER) return;
      side.keep("producer 1", side.kept<Int64>("producer 0", producerId));
      side.keep("producer 0", producerId);
    },
  }),
  generator({
    api: APIS.offsetForLeaderEpoch,
    request: (draw) => {
      const { random } = draw;
      const partition = {
        partition: drawPartition(draw),
        currentLeaderEpoch: random.pick([-1, -1, 0, 7]),
        leaderEpoch: random.pick([0, 0, -1, 7]),
      };
      const topics = [{ topic: drawTopic(draw), partitions: [partition] }];
      return () => ({ replicaId: -1, topics });
    },
  }),
  generator({
    api: APIS.describeProducers,
    request: (draw) => {
      const topics = [{ name: drawTopic(draw), partitionIndexes: [drawPartition(draw)] }];
      return () => ({ topics });
    },
  }),
];
