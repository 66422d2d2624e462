import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { TimedRecord } from "./record.ts";
import { RecordSender, type SendBatch } from "./record-sender.ts";

const BROKERS = [{ host: "h", port: 1 }];

function record(value: string, partition?: number): TimedRecord {
  return { key: null, value: Buffer.from(value), headers: [], timestamp: 0n, partition };
}

function sender(send: SendBatch): RecordSender {
  return new RecordSender(send, { partitions: 2, firstKeyless: 0, brokers: BROKERS });
}

/** As the client library throws it. */
function refusal(apiId: string): Error {
  const inner = Object.assign(new Error("too large"), { code: "PLT_KFK_PROTOCOL", apiId, serverErrorMessage: null });
  return Object.assign(new AggregateError([inner], "failed"), { code: "PLT_KFK_RESPONSE" });
}

test("all records arrive once, in the order of each partition", async () => {
  const stored: string[][] = [[], []];
  const records = sender(async (partition, batch) => {
    await Promise.resolve();
    stored[partition]!.push(...batch.map(({ value }) => String(value)));
  });
  for (let line = 1; line <= 25_000; line += 1) await records.add({ record: record(`${line}`, line % 2), line });
  await records.finish();
  assert.equal(stored[0]!.length + stored[1]!.length, 25_000);
  for (const values of stored)
    assert.deepEqual(
      values,
      values
        .map(Number)
        .toSorted((a, b) => a - b)
        .map(String),
    );
});

test("its caller waits while too much is on its way, and a batch stays below the broker's limit", async () => {
  const gates: (() => void)[] = [];
  const sizes: number[] = [];
  const records = sender(async (_, batch) => {
    sizes.push(batch.reduce((size, { value }) => size + value!.length, 0));
    const gate = Promise.withResolvers<void>();
    gates.push(gate.resolve);
    await gate.promise;
  });
  let added = 0;
  const adding = (async () => {
    for (; added < 200; added += 1) await records.add({ record: record("x".repeat(100_000), 0), line: added });
  })();
  for (let turn = 0; turn < 1000; turn += 1) await Promise.resolve();
  assert.ok(added < 50, `${added} records were taken while the first is on its way`);
  const finished = adding.then(() => records.finish());
  let isFinished = false;
  void finished.then(() => (isFinished = true));
  while (!isFinished) {
    gates.shift()?.();
    await Promise.resolve();
  }
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    200 * 100_000,
  );
  assert.ok(Math.max(...sizes) <= 512 * 1024);
});

test("a refused batch is stored but for the record that is wrong, whose line is named", async () => {
  const stored: string[] = [];
  const records = sender(async (_, batch) => {
    if (batch.some(({ value }) => String(value) === "bad")) throw refusal("MESSAGE_TOO_LARGE");
    stored.push(...batch.map(({ value }) => String(value)));
  });
  const values = ["a", "b", "bad", "c"];
  await assert.rejects(
    async () => {
      for (const [index, value] of values.entries()) await records.add({ record: record(value, 0), line: index + 1 });
      await records.finish();
    },
    { name: "CommandFailure", message: "line 3: too large (MESSAGE_TOO_LARGE)" },
  );
  assert.deepEqual(stored, ["a", "b"]);
});

test("another failure names the lines that may not have been stored, and nothing more is sent", async () => {
  let sends = 0;
  const records = sender(async () => {
    sends += 1;
    throw refusal("NOT_ENOUGH_REPLICAS");
  });
  await assert.rejects(
    async () => {
      for (let line = 1; line <= 10; line += 1) await records.add({ record: record("x", 0), line });
      await records.finish();
    },
    { message: /^lines? 1( to \d+)?: too large \(NOT_ENOUGH_REPLICAS\)$/ },
  );
  assert.equal(sends, 1);
});
