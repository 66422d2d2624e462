import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeBroker, type Fault } from "./fake-broker.ts";
import { idleConsumers } from "./idle.ts";
import { type TailLatencies, type TailResult, tail } from "./tail.ts";

const PARTITIONS = 3;
const RECORD_BYTES = 100;
const SECONDS = 0.2;

interface Outcome {
  readonly result: TailResult;
  readonly intervals: readonly TailLatencies[];
}

async function runTail(fault: Fault = {}, broker?: FakeBroker): Promise<Outcome> {
  const own = broker ?? (await FakeBroker.start(PARTITIONS, fault));
  const intervals: TailLatencies[] = [];
  try {
    const result = await tail({
      address: own.address,
      topic: "t",
      partitions: PARTITIONS,
      connections: 2,
      recordSizeBytes: RECORD_BYTES,
      batchSizeBytes: 1024,
      bytesPerSecond: 500_000,
      seconds: SECONDS,
      readers: 2,
      intervalSeconds: SECONDS / 4,
      onInterval: (latencies) => intervals.push(latencies),
    });
    return { result, intervals };
  } finally {
    await own.stop();
  }
}

test("what is produced is read by every reader, and both ways are timed", async () => {
  const { result, intervals } = await runTail();
  assert.ok(result.records > 0 && result.requests > PARTITIONS);
  assert.ok(result.records <= (500_000 * result.seconds) / RECORD_BYTES + 10, "no more than the rate");
  assert.equal(result.readBytes, result.records * RECORD_BYTES * 2);
  assert.ok(result.seconds >= SECONDS);
  for (const { meanMs, p50Ms, maxMs } of [result.acknowledged, result.endToEnd]) {
    assert.ok(meanMs > 0 && p50Ms > 0 && maxMs >= p50Ms);
  }
  assert.ok(intervals.length >= 2);
  const worst = Math.max(...intervals.map(({ endToEnd }) => endToEnd.maxMs));
  assert.equal(worst, result.endToEnd.maxMs);
});

test("a refused batch ends the run", async () => {
  await assert.rejects(
    runTail({ produceError: { request: 5, code: 7 } }),
    /produce to partition \d failed: Kafka error code 7/,
  );
});

test("a batch that comes twice ends the run", async () => {
  await assert.rejects(runTail({ repeats: true }), /a batch at offset 0 where \d+ comes next/);
});

test("a topic that holds something already is read from its end", async () => {
  const broker = await FakeBroker.start(PARTITIONS);
  const options = {
    address: broker.address,
    topic: "t",
    partitions: PARTITIONS,
    connections: 1,
    seconds: 0.01,
    readers: 1,
  };
  const sizes = { recordSizeBytes: RECORD_BYTES, batchSizeBytes: 700, bytesPerSecond: 1e6 };
  await tail({ ...options, ...sizes, intervalSeconds: Infinity, onInterval: () => {} });
  const { result } = await runTail({}, broker);
  assert.equal(result.readBytes, result.records * RECORD_BYTES * 2);
});

test("a run that is over before its first turn comes sends all that it should have sent", async () => {
  const broker = await FakeBroker.start(PARTITIONS);
  try {
    const run = { address: broker.address, topic: "t", partitions: PARTITIONS, connections: 1, readers: 1 };
    const batches = { recordSizeBytes: RECORD_BYTES, batchSizeBytes: 1024, bytesPerSecond: 1e9, seconds: 0.0001 };
    const { records } = await tail({ ...run, ...batches, intervalSeconds: Infinity, onInterval: () => {} });
    assert.ok(records * RECORD_BYTES >= 1e5, `${records} records`);
  } finally {
    await broker.stop();
  }
});

test("idle consumers that get no session at first have one later", async () => {
  const broker = await FakeBroker.start(PARTITIONS, { fetchesWithoutSession: 6 });
  try {
    broker.answerEmpty();
    const options = { address: broker.address, topic: "t", partitions: PARTITIONS, consumers: 4 };
    const consumers = await idleConsumers(options);
    const failed = consumers.failed.catch((error: unknown) => error);
    const run = { ...options, connections: 1, recordSizeBytes: RECORD_BYTES, batchSizeBytes: 1024, readers: 1 };
    await tail({ ...run, bytesPerSecond: 1e6, seconds: 0.02, intervalSeconds: Infinity, onInterval: () => {} });
    assert.match(String(await failed), /partition \d is not empty/, "they have waited for something all the time");
    consumers.close();
  } finally {
    await broker.stop();
  }
});

test("idle consumers wait, and say when there is something to read", async () => {
  const broker = await FakeBroker.start(PARTITIONS);
  try {
    const options = { address: broker.address, topic: "t", partitions: PARTITIONS, consumers: 4 };
    broker.answerEmpty();
    const consumers = await idleConsumers(options);
    assert.ok(consumers.answered() >= 4);
    const failed = assert.rejects(consumers.failed, /partition \d is not empty/);
    const run = { ...options, connections: 1, recordSizeBytes: RECORD_BYTES, batchSizeBytes: 1024, readers: 1 };
    const produced = tail({
      ...run,
      bytesPerSecond: 1e6,
      seconds: 0.02,
      intervalSeconds: Infinity,
      onInterval: () => {},
    });
    await Promise.all([failed, produced]);
    consumers.close();
  } finally {
    await broker.stop();
  }
});
