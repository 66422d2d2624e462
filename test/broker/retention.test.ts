/** Retention: what may go goes, by whole files, and takes its disk with it; nothing else does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { APIS } from "../../src/protocol/apis.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import {
  BrokerLives,
  type BrokerOptions,
  type BrokerWorld,
  createTopic,
  produce,
  readAll,
} from "./broker-simulation.ts";

const T = { topic: "t" };
const CHECK_MS = 1000;
const SETTINGS = {
  "log.retention.check.interval.ms": String(CHECK_MS),
  "wal.indexing.interval.ms": "200",
  "segment.delete.delay.ms": "0",
};
const OPTIONS: BrokerOptions = { settings: SETTINGS };

/** Produces one record into a file of its own, and waits until that is closed. */
async function fillFile({ connect, broker, process }: BrokerWorld, value: string, topic = "t"): Promise<void> {
  const timestamp = process.clock.wallMs();
  assert.equal((await produce(connect(), { topic }, [{ value, timestamp }])).errorCode, 0);
  broker.store.wal.roll();
  await broker.store.wal.flush();
  await broker.store.files.idle();
}

function logStart({ broker }: BrokerWorld): number {
  return broker.store.state.topic("t")!.partitions[0]!.logStartOffset;
}

test("records older than retention.ms go, with their files, also while nothing else is written", async () => {
  const lives = new BrokerLives(OPTIONS);
  await lives.live(async (world) => {
    const { connect, pass, simulation, broker, until } = world;
    await createTopic(connect(), "t", { configs: { "retention.ms": "10000" } });
    const written = broker.store.wal.file;
    for (const value of ["a", "b", "c"]) {
      await fillFile(world, value);
      await pass(2000);
    }
    const first = broker.store.state.topic("t")!.partitions[0]!.ranges[0]!.file;
    assert.equal(logStart(world), 0);
    await until(() => logStart(world) === 1);
    assert.deepEqual(await readAll(connect(), T, { offset: 1 }), [
      [1, "b"],
      [2, "c"],
    ]);
    await until(() => logStart(world) === 3);
    for (const name of [written.name, written.indexName, first.name]) {
      await until(() => !simulation.files().has(name));
    }
    const { topics } = await connect().request(APIS.listOffsets, 1, {
      replicaId: -1,
      topics: [{ name: "t", partitions: [{ partitionIndex: 0, timestamp: -2 }] }],
    });
    assert.equal(topics[0]!.partitions[0]!.offset, 3);
  }, "power");
  await lives.live(async (world) => {
    assert.equal(logStart(world), 3, "over a restart too");
    assert.equal((await produce(world.connect(), T, [{ value: "d" }])).baseOffset, 3);
  });
});

test("beyond retention.bytes the oldest go, as long as what stays is no less than that", async () => {
  await new BrokerLives(OPTIONS).live(async (world) => {
    const { connect, pass } = world;
    const batchBytes = encodeBatch([{ value: "v", timestamp: 5 }]).length;
    await createTopic(connect(), "t", {
      configs: { "retention.bytes": String(2 * batchBytes + 1), "retention.ms": "-1" },
    });
    for (const value of ["a", "b", "c", "d", "e"]) await fillFile(world, value);
    await pass(2 * CHECK_MS);
    assert.equal(logStart(world), 2);
    assert.equal(world.broker.store.state.topic("t")!.partitions[0]!.sizeBytes, 3 * batchBytes);
  });
});

test("the file that is being written stays, whatever its age", async () => {
  await new BrokerLives({ settings: { ...SETTINGS, "wal.indexing.interval.ms": "-1" } }).live(async (world) => {
    const { connect, pass } = world;
    await createTopic(connect(), "t", { configs: { "retention.ms": "1000" } });
    await produce(connect(), T, [{ value: "a", timestamp: 5 }]);
    await pass(5 * CHECK_MS);
    assert.equal(logStart(world), 0);
    world.broker.store.wal.roll();
    await pass(2 * CHECK_MS);
    assert.equal(logStart(world), 1);
  });
});

test("a file stays as long as one partition needs it, and a compacted topic needs all of its", async () => {
  await new BrokerLives(OPTIONS).live(async (world) => {
    const { connect, pass, broker, process } = world;
    const configs = { "retention.ms": "1000" };
    await createTopic(connect(), "t", { configs });
    await createTopic(connect(), "keeps", { configs: { ...configs, "cleanup.policy": "compact" } });
    await produce(connect(), { topic: "keeps" }, [{ key: "k", value: "kept" }]);
    await fillFile(world, "goes");
    const { file } = broker.store.state.topic("keeps")!.partitions[0]!.ranges[0]!;
    await pass(10 * CHECK_MS);
    assert.equal(logStart(world), 1);
    assert.deepEqual(await readAll(connect(), { topic: "keeps" }), [[0, "kept"]]);
    await connect().request(APIS.deleteTopics, 6, { topics: [{ name: "keeps" }] });
    await pass(10 * CHECK_MS);
    await assert.rejects(process.disk.open(file.name, "read"), { kind: "notFound" });
  });
});

test("a topic without limits keeps everything", async () => {
  await new BrokerLives(OPTIONS).live(async (world) => {
    await createTopic(world.connect(), "t", { configs: { "retention.ms": "-1" } });
    for (const value of ["a", "b"]) await fillFile(world, value);
    await world.pass(100 * CHECK_MS);
    assert.equal(logStart(world), 0);
  });
});

test("records without timestamps do not keep old ones behind them for ever", async () => {
  await new BrokerLives(OPTIONS).live(async (world) => {
    const { connect, broker, until, process } = world;
    await createTopic(connect(), "t", { configs: { "retention.ms": "5000" } });
    await produce(connect(), T, [{ value: "timeless", timestamp: -1 }]);
    broker.store.wal.roll();
    await fillFile(world, "old");
    const beganMs = process.clock.wallMs();
    await until(() => logStart(world) === 2);
    assert.ok(process.clock.wallMs() - beganMs >= 4_900, "not before its time");
  });
});
