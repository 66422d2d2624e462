/** ListOffsets and OffsetForLeaderEpoch: where in a partition something is. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import fc from "fast-check";
import type { KafkaClient } from "../../sim/kafka-client.ts";
import type { Int64 } from "../../src/base/int64.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { MAX_FALSE_BATCHES } from "../../src/broker/timestamp-search.ts";
import { type AppliedBatch, PartitionLog } from "../../src/log/partition-log.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { errorName } from "../../src/protocol/errors.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { BATCH_HEADER_BYTES, COMPRESSION_NAMES, setBatchCrc } from "../../src/protocol/record-batch.ts";
import { BrokerLives, createTopic, produce, produceBytes, withBroker } from "./broker-simulation.ts";

const T = { topic: "t" };
const LATEST = -1;
const EARLIEST = -2;
const LARGEST = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
const EARLIEST_PENDING_UPLOAD = -6;
const NEWEST_VERSION = 11;
/** In a batch header. */
const MAX_TIMESTAMP_AT = 35;

interface Asked {
  readonly timestamp: Int64;
  readonly version?: number;
  readonly partition?: number;
  readonly currentLeaderEpoch?: number;
  readonly isolationLevel?: number;
}

async function listOffset(client: KafkaClient, asked: Asked) {
  const { timestamp, version = NEWEST_VERSION, partition = 0, currentLeaderEpoch, isolationLevel } = asked;
  const epoch = currentLeaderEpoch === undefined ? {} : { currentLeaderEpoch };
  const isolation = isolationLevel === undefined ? {} : { isolationLevel };
  const partitions = [{ partitionIndex: partition, timestamp, ...epoch }];
  const body = { replicaId: -1, ...isolation, topics: [{ name: "t", partitions }] };
  const { topics } = await client.request(APIS.listOffsets, version, body);
  return topics[0]!.partitions[0]!;
}

/** Offset and timestamp found; the error's name when there is one. */
async function found(client: KafkaClient, timestamp: Int64, version = NEWEST_VERSION): Promise<unknown> {
  const answer = await listOffset(client, { timestamp, version });
  return answer.errorCode === 0 ? [answer.offset, answer.timestamp] : errorName(answer.errorCode);
}

/** Timestamps need not grow with offsets. */
async function produceTimes(client: KafkaClient, batches: readonly (readonly number[])[]): Promise<void> {
  for (const timestamps of batches) {
    await produce(
      client,
      T,
      timestamps.map((timestamp) => ({ value: "v", timestamp })),
    );
  }
}

test("special timestamps are answered from their version on, and refused before", async () => {
  await withBroker(async ({ connect, broker }) => {
    const client = connect();
    const topicId = await createTopic(client, "t");
    await produceTimes(client, [[100, 300], [200]]);
    broker.store.append({ type: 8, value: { topicId, partition: 0, offset: 1 } });
    const specials: readonly (readonly [timestamp: number, since: number, answer: unknown])[] = [
      [LATEST, 1, [3, -1]],
      [EARLIEST, 1, [1, -1]],
      [LARGEST, 7, [1, 300]],
      [EARLIEST_LOCAL, 8, [1, -1]],
      [LATEST_TIERED, 9, [-1, -1]],
      [EARLIEST_PENDING_UPLOAD, 11, [-1, -1]],
      [-7, NEWEST_VERSION + 1, undefined],
    ];
    for (let version = 1; version <= NEWEST_VERSION; version += 1) {
      for (const [timestamp, since, answer] of specials) {
        const expected = version >= since ? answer : "UNSUPPORTED_VERSION";
        assert.deepEqual(await found(client, timestamp, version), expected, `${timestamp} in version ${version}`);
      }
    }
  });
});

test("an empty partition has a beginning and an end, and no times", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    for (const [timestamp, expected] of [
      [LATEST, [0, -1]],
      [EARLIEST, [0, -1]],
      [LARGEST, [-1, -1]],
      [0, [-1, -1]],
      [EARLIEST_LOCAL, [0, -1]],
    ] as const) {
      assert.deepEqual(await found(client, timestamp), expected, `${timestamp}`);
    }
  });
});

test("a time is found in a batch with a delete horizon, which lies behind the times of its records (KIP-534)", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    // What Kafka 4.2 left of {d: null at T}, {e: "5" at T + 1}; T is 1,700,000,000,000.
    const batch = Buffer.from(
      "00000000000000000000004c0000000002384cafcb004000000001000001a1fe6473770000018bcfe56801ffffffffffffffffffffffff" +
        "ffff000000021800edadf8e7c50500026401001a00ebadf8e7c505020265023500",
      "hex",
    );
    await produceBytes(client, T, batch);
    for (const [timestamp, expected] of [
      [1_700_000_000_000, [0, 1_700_000_000_000]],
      [1_700_000_000_001, [1, 1_700_000_000_001]],
      [1_700_000_000_002, [-1, -1]],
      [LARGEST, [1, 1_700_000_000_001]],
    ] as const) {
      assert.deepEqual(await found(client, timestamp), expected, `${timestamp}`);
    }
  });
});

test("hazard: a time is found exactly, in any file, batch and codec, as a search of all records does", async () => {
  const timestamps = fc.integer({ min: 0, max: 30 });
  const batches = fc.array(fc.array(timestamps, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(batches, fc.array(fc.nat(7), { maxLength: 3 }), fc.nat(30), async (times, rolls, logStart) => {
      await withBroker(async ({ connect, broker }) => {
        const client = connect();
        const topicId = await createTopic(client, "t");
        for (const [index, batch] of times.entries()) {
          const compression = COMPRESSION_NAMES[index % COMPRESSION_NAMES.length]!;
          await produce(
            client,
            T,
            batch.map((timestamp) => ({ value: "v", timestamp })),
            { compression },
          );
          if (rolls.includes(index)) broker.store.wal.roll();
        }
        await broker.store.files.idle();
        const all = times.flat();
        const first = Math.min(logStart, all.length);
        broker.store.append({ type: 8, value: { topicId, partition: 0, offset: first } });
        const kept = all.map((timestamp, offset): [number, number] => [offset, timestamp]).slice(first);
        for (let timestamp = 0; timestamp <= 31; timestamp += 1) {
          const expected = kept.find(([, at]) => at >= timestamp) ?? [-1, -1];
          assert.deepEqual(await found(client, timestamp), expected, `time ${timestamp}`);
        }
        const largest = Math.max(...kept.map(([, at]) => at));
        assert.deepEqual(await found(client, LARGEST), kept.find(([, at]) => at === largest) ?? [-1, -1]);
        assert.deepEqual(await found(client, LATEST), [all.length, -1]);
        assert.deepEqual(await found(client, EARLIEST), [first, -1]);
      });
    }),
    { seed: 1, numRuns: 15 },
  );
});

test("hazard: timestamps beyond 2^53 are found, and stay exact", async () => {
  const settings = { "log.message.timestamp.after.max.ms": "9223372036854775807" };
  await withBroker(
    async ({ connect }) => {
      const client = connect();
      await createTopic(client, "t");
      const wide = 2n ** 62n;
      for (const timestamp of [5, wide + 1n, wide]) await produce(client, T, [{ value: "v", timestamp }]);
      assert.deepEqual(await found(client, wide), [1, wide + 1n]);
      assert.deepEqual(await found(client, wide + 1n), [1, wide + 1n]);
      assert.deepEqual(await found(client, wide + 2n), [-1, -1]);
      assert.deepEqual(await found(client, 6), [1, wide + 1n]);
    },
    { settings },
  );
});

test("isolation levels see the same as long as there are no transactions", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    await produceTimes(client, [[1], [2]]);
    for (const isolationLevel of [0, 1]) {
      assert.equal((await listOffset(client, { timestamp: LATEST, isolationLevel })).offset, 2);
      assert.equal((await listOffset(client, { timestamp: 2, isolationLevel })).offset, 1);
    }
  });
});

test("hazard: the end is that of what is durable", async () => {
  await withBroker(async ({ connect, broker }) => {
    const client = connect();
    await createTopic(client, "t");
    const partition = broker.store.state.topic("t")!.partitions[0]!;
    const appended = Promise.withResolvers<void>();
    mock.method(partition, "applyBatch", (batch: AppliedBatch) => {
      PartitionLog.prototype.applyBatch.call(partition, batch);
      appended.resolve();
    });
    const produced = produceTimes(connect(), [[1]]);
    await appended.promise;
    assert.deepEqual([partition.highWatermark, partition.endOffset], [0, 1]);
    const { offset } = await listOffset(client, { timestamp: LATEST });
    assert.ok(offset === 0 || partition.highWatermark === 1);
    await produced;
    assert.equal((await listOffset(client, { timestamp: LATEST })).offset, 1);
  });
});

test("leader epochs are told from version 4 on, and checked", async () => {
  const lives = new BrokerLives();
  await lives.live(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    assert.equal(
      (await listOffset(client, { timestamp: LATEST })).leaderEpoch,
      0,
      "the current one, in an empty partition",
    );
    await produceTimes(client, [[10], [20]]);
  });
  await lives.live(async ({ connect }) => {
    const client = connect();
    await produceTimes(client, [[30]]);
    for (const [timestamp, epoch] of [
      [10, 0],
      [30, 1],
      [EARLIEST, 0],
      [LATEST, 1],
      [LARGEST, 1],
    ] as const) {
      assert.equal((await listOffset(client, { timestamp })).leaderEpoch, epoch, `${timestamp}`);
    }
    assert.equal((await listOffset(client, { timestamp: 30, version: 3 })).leaderEpoch, -1);
    for (const [currentLeaderEpoch, expected] of [
      [-1, "NONE"],
      [0, "FENCED_LEADER_EPOCH"],
      [1, "NONE"],
      [2, "UNKNOWN_LEADER_EPOCH"],
    ] as const) {
      const { errorCode } = await listOffset(client, { timestamp: LATEST, currentLeaderEpoch });
      assert.equal(errorName(errorCode), expected);
    }
  });
});

test("unknown partitions, and ones that are asked for twice, are errors of their own", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t", { partitions: 2 });
    for (const partition of [2, -1]) {
      const { errorCode } = await listOffset(client, { timestamp: LATEST, partition });
      assert.equal(errorName(errorCode), "UNKNOWN_TOPIC_OR_PARTITION");
    }
    const partitions = [0, 1, 0].map((partitionIndex) => ({ partitionIndex, timestamp: LATEST }));
    const topics = [
      { name: "t", partitions },
      { name: "u", partitions: partitions.slice(0, 1) },
    ];
    const answer = await client.request(APIS.listOffsets, 1, { replicaId: -1, topics });
    assert.deepEqual(
      answer.topics.flatMap((topic) => topic.partitions.map(({ errorCode }) => errorName(errorCode))),
      ["INVALID_REQUEST", "NONE", "UNKNOWN_TOPIC_OR_PARTITION"],
    );
    const again = [{ name: "t", partitions }, ...topics];
    const thrice = await client.request(APIS.listOffsets, 1, { replicaId: -1, topics: again });
    assert.deepEqual(
      thrice.topics.map(({ name, partitions: answers }) => [name, ...answers.map((each) => errorName(each.errorCode))]),
      [
        ["t", "INVALID_REQUEST", "INVALID_REQUEST"],
        ["u", "UNKNOWN_TOPIC_OR_PARTITION"],
      ],
    );
  });
});

test("damage in the file that holds the time is an error of the partition", async () => {
  await withBroker(async ({ connect, broker, process }) => {
    const client = connect();
    await createTopic(client, "t");
    await produceTimes(client, [[10], [20]]);
    const [range] = broker.store.state.topic("t")!.partitions[0]!.ranges;
    process.disk.flipBit(range!.file.name, range!.index!.positionAt(1) - range!.file.base + 60);
    assert.deepEqual(await found(client, 10), [0, 10]);
    assert.deepEqual(await found(client, 20), "KAFKA_STORAGE_ERROR");
    assert.deepEqual(await found(client, LATEST), [2, -1]);
  });
});

/** A batch whose header claims a later timestamp than its records have. */
function falseBatch(timestamp: number, claimed: number): Buffer {
  const batch = encodeBatch([{ value: "v", timestamp }]);
  batch.writeBigInt64BE(BigInt(claimed), MAX_TIMESTAMP_AT);
  setBatchCrc(batch, 0, batch.length);
  return batch;
}

/** Counts the batches that are opened from now on. */
function countReads(broker: Broker): () => number {
  let reads = 0;
  const readStored = broker.reader.readStored.bind(broker.reader);
  broker.reader.readStored = (queries) => {
    reads += queries.length;
    return readStored(queries);
  };
  return () => reads;
}

test("hazard: batches with false headers are opened a few at a time, and only once", async () => {
  await withBroker(async ({ connect, broker }) => {
    const client = connect();
    await createTopic(client, "t", { partitions: 2 });
    const batches = 2 * MAX_FALSE_BATCHES + 3;
    for (let batch = 0; batch < batches; batch += 1) await produceBytes(client, T, falseBatch(10, 1000));
    await produceBytes(client, { ...T, partition: 1 }, falseBatch(10, 1000));
    await produceTimes(client, [[20, 500]]);
    const reads = countReads(broker);
    const partitions = [0, 1].map((partitionIndex) => ({ partitionIndex, timestamp: 500 }));
    const ask = async () => {
      const before = reads();
      const body = { replicaId: -1, topics: [{ name: "t", partitions }] };
      const { topics } = await client.request(APIS.listOffsets, NEWEST_VERSION, body);
      const answers = topics[0]!.partitions.map(({ errorCode, offset }) => [errorName(errorCode), offset]);
      return { answers, reads: reads() - before };
    };
    assert.deepEqual(await ask(), {
      answers: [
        ["CORRUPT_MESSAGE", -1],
        ["NONE", -1],
      ],
      reads: MAX_FALSE_BATCHES + 1,
    });
    assert.deepEqual((await ask()).answers[0], ["CORRUPT_MESSAGE", -1]);
    const found = [
      ["NONE", batches + 1],
      ["NONE", -1],
    ];
    assert.deepEqual((await ask()).answers, found, "whoever asks again gets further");
    assert.deepEqual(await ask(), { answers: found, reads: 1 });
  });
});

test("batches before the log start are not opened, and not taken for false ones", async () => {
  await withBroker(async ({ connect, broker }) => {
    const client = connect();
    const topicId = await createTopic(client, "t");
    await produceTimes(client, [...Array.from({ length: 20 }, () => [900]), [900, 10], [700]]);
    broker.store.append({ type: 8, value: { topicId, partition: 0, offset: 21 } });
    const reads = countReads(broker);
    assert.deepEqual(await found(client, 600), [22, 700]);
    assert.equal(reads(), 2, "that which the log start cuts, and that which holds the record");
    assert.deepEqual(await found(client, 10), [21, 10]);
  });
});

test("a batch that its producer filled with nonsense is an error of the partition, and the broker lives", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    const batch = encodeBatch([{ value: "v", timestamp: 10 }], { compression: "gzip" });
    batch.fill(0xff, BATCH_HEADER_BYTES);
    setBatchCrc(batch, 0, batch.length);
    assert.equal((await produceBytes(client, T, batch)).errorCode, 0);
    await produceTimes(client, [[20]]);
    assert.deepEqual(await found(client, 10), "CORRUPT_MESSAGE");
    assert.deepEqual(await found(client, 11), [1, 20]);
    assert.deepEqual(await found(client, LATEST), [2, -1]);
  });
});

test("OffsetForLeaderEpoch tells where an epoch ended, and the current one where the durable records end", async () => {
  const lives = new BrokerLives();
  for (let life = 0; life < 3; life += 1) {
    await lives.live(async ({ connect }) => {
      const client = connect();
      if (life === 0) await createTopic(client, "t");
      if (life !== 1) await produceTimes(client, [[1], [2]]);
      if (life < 2) return;
      const ask = async (leaderEpoch: number, currentLeaderEpoch = -1, partition = 0) => {
        const partitions = [{ partition, leaderEpoch, currentLeaderEpoch }];
        const { topics } = await client.request(APIS.offsetForLeaderEpoch, 4, { topics: [{ ...T, partitions }] });
        const answer = topics[0]!.partitions[0]!;
        return answer.errorCode === 0 ? [answer.leaderEpoch, answer.endOffset] : errorName(answer.errorCode);
      };
      assert.deepEqual(await ask(0), [0, 2]);
      assert.deepEqual(await ask(1), [0, 2], "nothing was written in epoch 1");
      assert.deepEqual(await ask(2), [2, 4]);
      assert.deepEqual(await ask(3), [-1, -1]);
      assert.deepEqual(await ask(-1), [-1, -1]);
      assert.deepEqual(await ask(0, 1), "FENCED_LEADER_EPOCH");
      assert.deepEqual(await ask(0, 2), [0, 2]);
      assert.deepEqual(await ask(0, 3), "UNKNOWN_LEADER_EPOCH");
      assert.deepEqual(await ask(0, -1, 1), "UNKNOWN_TOPIC_OR_PARTITION");
    });
  }
});
