/** The log must not grow without bound when nothing turns its files into segments: producers wait, nobody else does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkerFate } from "../../sim/sim-worker.ts";
import { BrokerLives, createTopic, fetch, produce } from "./broker-simulation.ts";

const MIB = 1024 * 1024;
const SETTINGS = {
  "wal.segment.bytes": `${MIB}`,
  "wal.group.max.bytes": `${MIB}`,
  "wal.backlog.max.bytes": `${8 * MIB}`,
  "wal.indexing.interval.ms": "-1",
};
const VALUE = "v".repeat(MIB / 4);

test("producers are slowed before the backlog reaches its bound, wait at it, and go on when the worker is back", async () => {
  let fate: WorkerFate = "hangs";
  await new BrokerLives({ settings: SETTINGS, workerFate: () => fate }).live(async (world) => {
    const { connect, broker, until, pass, simulation, lines } = world;
    await createTopic(connect(), "t");
    const client = connect();
    const takenMs: number[] = [];
    const sending = (async () => {
      for (let sent = 0; sent < 60; sent += 1) {
        const beganMs = simulation.nowMs;
        assert.equal((await produce(client, { topic: "t" }, [{ value: VALUE }])).errorCode, 0);
        takenMs.push(simulation.nowMs - beganMs);
      }
    })();
    await until(() => broker.storage.backlog.isFull);
    const [first, last] = [takenMs[1]!, takenMs.at(-1)!];
    assert.ok(last > first + 5, `slowed from ${first} to ${last} ms`);
    await pass(3_000);
    const held = takenMs.length;
    await pass(3_000);
    assert.equal(takenMs.length, held, "at the bound nothing more is taken");
    assert.ok(broker.storage.backlog.bytes <= 10 * MIB);
    assert.ok((await fetch(connect(), { topic: "t" })).highWatermark >= held, "consumers are served all the same");
    const told = (): number => lines.filter((line) => line.includes("producers are")).length;
    assert.equal(told(), 1, "whoever runs the broker is told, once");
    fate = "lives";
    await sending;
    assert.equal(takenMs.length, 60);
    await until(() => broker.storage.backlog.bytes < 4 * MIB);
    await until(() => told() === 2);
  });
});
