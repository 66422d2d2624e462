/** Topics with `cleanup.policy=compact` keep the newest value of each key, and Kafka's promises about the rest. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { APIS } from "../../src/protocol/apis.ts";
import { type RecordInput, readRecords } from "../../src/protocol/record.ts";
import { batchBaseOffset, batchOffsetCount } from "../../src/protocol/record-batch.ts";
import { BrokerLives, type BrokerWorld, batchesOf, createTopic, fetch, produce } from "./broker-simulation.ts";

const T = { topic: "t" };
const SETTINGS = {
  "wal.indexing.interval.ms": "100",
  "log.cleaner.backoff.ms": "50",
  "log.retention.check.interval.ms": "200",
  "segment.delete.delay.ms": "0",
};
const COMPACT = { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01" };

type Row = readonly [offset: number, key: string | null, value: string | null];

async function rows({ connect }: BrokerWorld): Promise<Row[]> {
  const client = connect();
  const found: Row[] = [];
  for (let next = 0; ; ) {
    const answer = await fetch(client, T, { offset: next, maxBytes: 1, partitionMaxBytes: 1 });
    assert.equal(answer.errorCode, 0);
    const records = batchesOf(answer).flatMap((batch) => [...readRecords(batch)]);
    for (const { offset, key, value } of records) {
      if (offset >= next) found.push([offset, key?.toString() ?? null, value?.toString() ?? null]);
    }
    const last = batchesOf(answer).at(-1);
    if (last === undefined) return found;
    next = batchBaseOffset(last, 0) + batchOffsetCount(last, 0);
    if (next >= answer.highWatermark) return found;
  }
}

/** Produces each of these in a batch of its own, at the broker's time, and waits until all have left the log. */
async function store(world: BrokerWorld, ...records: readonly RecordInput[]): Promise<void> {
  const { connect, broker, process, until } = world;
  const client = connect();
  for (const record of records) await produce(client, T, [{ timestamp: process.clock.wallMs(), ...record }]);
  await until(() => broker.store.wal.position === broker.store.wal.durable && broker.storage.backlog.bytes === 0);
}

function cleanedTo({ broker }: BrokerWorld): number {
  return broker.store.state.topic("t")!.partitions[0]!.cleanedTo;
}

test("the newest value of each key stays, with its offset, over restarts", async () => {
  const lives = new BrokerLives({ settings: SETTINGS });
  await lives.live(async (world) => {
    const { connect, until } = world;
    await createTopic(connect(), "t", { configs: COMPACT });
    await store(world, { key: "a", value: "1" }, { key: "b", value: "1" }, { key: "a", value: "2" });
    await until(() => cleanedTo(world) === 3);
    assert.deepEqual(await rows(world), [
      [1, "b", "1"],
      [2, "a", "2"],
    ]);
    await store(world, { key: "b", value: "2" }, { key: "c", value: "1" });
    await until(() => cleanedTo(world) === 5);
    await world.broker.store.wal.flush();
  }, "power");
  await lives.live(async (world) => {
    assert.equal(cleanedTo(world), 5);
    assert.deepEqual(await rows(world), [
      [2, "a", "2"],
      [3, "b", "2"],
      [4, "c", "1"],
    ]);
    const { baseOffset } = await produce(world.connect(), T, [{ key: "d", value: "1" }]);
    assert.equal(baseOffset, 5, "offsets go on where they were");
  });
});

test("a tombstone stays for delete.retention.ms, and then goes", async () => {
  await new BrokerLives({ settings: SETTINGS }).live(async (world) => {
    const { connect, until, process } = world;
    await createTopic(connect(), "t", { configs: { ...COMPACT, "delete.retention.ms": "3000" } });
    await store(world, { key: "a", value: "1" }, { key: "a", value: null }, { key: "b", value: "1" });
    await until(() => cleanedTo(world) === 3);
    const cleanedMs = process.clock.wallMs();
    assert.deepEqual(await rows(world), [
      [1, "a", null],
      [2, "b", "1"],
    ]);
    await until(() => world.broker.store.state.topic("t")!.partitions[0]!.horizonMs === -1);
    assert.ok(process.clock.wallMs() - cleanedMs >= 2900, "not before its time");
    assert.deepEqual(await rows(world), [[2, "b", "1"]]);
  });
});

test("what is younger than min.compaction.lag.ms is left alone", async () => {
  await new BrokerLives({ settings: SETTINGS }).live(async (world) => {
    const { connect, until, pass } = world;
    await createTopic(connect(), "t", { configs: { ...COMPACT, "min.compaction.lag.ms": "5000" } });
    await store(world, { key: "a", value: "1" }, { key: "a", value: "2" });
    await pass(2000);
    assert.equal((await rows(world)).length, 2);
    await until(() => cleanedTo(world) === 2);
    assert.deepEqual(await rows(world), [[1, "a", "2"]]);
  });
});

test("a producer's sequence is remembered although all of its records are gone", async () => {
  await new BrokerLives({ settings: SETTINGS }).live(async (world) => {
    const { connect, until } = world;
    await createTopic(connect(), "t", { configs: COMPACT });
    const idempotent = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    const first = await produce(connect(), T, [{ key: "a", value: "1", timestamp: 5 }], idempotent);
    await store(world, { key: "a", value: "2" });
    await until(() => cleanedTo(world) === 2);
    assert.deepEqual(await rows(world), [[1, "a", "2"]]);
    const again = await produce(connect(), T, [{ key: "a", value: "1", timestamp: 5 }], idempotent);
    assert.deepEqual([again.errorCode, again.baseOffset], [0, first.baseOffset], "a retry is known as one");
  });
});

test("time finds what is left, not what is gone", async () => {
  await new BrokerLives({ settings: SETTINGS }).live(async (world) => {
    const { connect, until } = world;
    await createTopic(connect(), "t", { configs: COMPACT });
    await store(
      world,
      { key: "a", value: "1", timestamp: 1_000 },
      { key: "b", value: "1", timestamp: 9_000 },
      { key: "b", value: "2", timestamp: 2_000 },
    );
    await until(() => cleanedTo(world) === 3);
    const ask = async (timestamp: number): Promise<number> => {
      const { topics } = await connect().request(APIS.listOffsets, 7, {
        replicaId: -1,
        topics: [{ name: "t", partitions: [{ partitionIndex: 0, timestamp }] }],
      });
      return topics[0]!.partitions[0]!.offset;
    };
    assert.deepEqual([await ask(1_000), await ask(1_500), await ask(5_000), await ask(-3)], [0, 2, -1, 2]);
  });
});

test("a consumer gets to the end although the last record is gone", async () => {
  await new BrokerLives({ settings: SETTINGS }).live(async (world) => {
    const { connect, until } = world;
    await createTopic(connect(), "t", { configs: { ...COMPACT, "delete.retention.ms": "0" } });
    await store(world, { key: "b", value: "1" }, { key: "a", value: "1" }, { key: "a", value: null });
    await until(() => world.broker.store.state.topic("t")!.partitions[0]!.horizonMs === -1 && cleanedTo(world) === 3);
    assert.deepEqual(await rows(world), [[0, "b", "1"]]);
    const last = batchesOf(await fetch(connect(), T, { offset: 1 })).at(-1)!;
    assert.equal(batchBaseOffset(last, 0) + batchOffsetCount(last, 0), 3);
  });
});

test("a consumer gets past ranges of which the last records are gone", async () => {
  await new BrokerLives({ settings: SETTINGS }).live(async (world) => {
    const { connect, broker, until } = world;
    await createTopic(connect(), "t", { configs: { ...COMPACT, "segment.ms": "1000" } });
    const client = connect();
    for (const [key, value, timestamp] of [
      ["x", "1", 1_000],
      ["a", "1", 1_000],
      ["a", "2", 100_000],
      ["a", "3", 200_000],
    ] as const) {
      if (timestamp > 1_000) await roll(world);
      await produce(client, T, [{ key, value, timestamp }]);
    }
    await roll(world);
    await until(() => cleanedTo(world) === 4);
    assert.ok(broker.store.state.topic("t")!.partitions[0]!.ranges.length > 1, "segment.ms keeps them apart");
    assert.deepEqual(await rows(world), [
      [0, "x", "1"],
      [3, "a", "3"],
    ]);
  });
});

/** Ends the file that the log is written to, and waits until what is in it has left the log. */
async function roll({ broker, until }: BrokerWorld): Promise<void> {
  broker.store.wal.roll();
  await broker.store.wal.flush();
  await broker.store.files.idle();
  await until(() => broker.storage.backlog.bytes === 0);
}
