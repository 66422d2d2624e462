/** /metrics tells of segments and of the storage worker what has happened to them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkerFate } from "../../sim/sim-worker.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { type BrokerWorld, createTopic, produce, withBroker } from "../broker/broker-simulation.ts";
import { scrape } from "./scrape.ts";

const MIB = 1024 * 1024;
const T = { topic: "t" };
const SETTINGS = {
  "wal.indexing.interval.ms": "100",
  "segment.delete.delay.ms": "0",
  "log.retention.check.interval.ms": "100",
};
const CONVERTED = { kind: "convert", outcome: "done" };

/** One file of the log after the other, each with a record. */
async function convert({ connect, broker, until }: BrokerWorld, files: number): Promise<void> {
  const client = connect();
  const { store, storage } = broker;
  for (let file = 0; file < files; file += 1) {
    await produce(client, T, [{ value: "v".repeat(1000) }]);
    const { convert: jobs } = storage.metrics.jobs;
    const before = jobs.ended.done;
    await until(() => jobs.ended.done > before && storage.backlog.bytes === 0);
  }
  await until(() => store.wal.durable === store.wal.position);
}

test("conversions, merges, what lies where, and what was removed", async () => {
  await withBroker(
    async (world) => {
      const { connect, running, broker, until } = world;
      await createTopic(connect(), "t");
      await convert(world, 3);
      const some = await scrape(running);
      assert.equal(some.value("chronik_storage_jobs_total", CONVERTED), 3);
      assert.equal(some.value("chronik_storage_jobs_total", { kind: "convert", outcome: "failed" }), 0);
      assert.equal(some.value("chronik_storage_job_duration_seconds_count", { kind: "convert" }), 3);
      assert.equal(some.value("chronik_segments", { level: "0" }), 3);
      assert.equal(some.value("chronik_ranges", { tier: "segment" }), 3);
      assert.equal(some.value("chronik_ranges", { tier: "wal" }), 0);
      const written = some.value("chronik_storage_written_bytes_total", { kind: "convert" });
      assert.equal(some.value("chronik_segment_bytes", { level: "0" }), written);
      const batchBytes = broker.store.state.topic("t")!.partitions[0]!.sizeBytes;
      assert.equal(some.value("chronik_segment_batch_bytes", { level: "0" }), batchBytes);
      assert.equal(some.value("chronik_segment_live_bytes", { level: "0" }), batchBytes);
      assert.equal(some.value("chronik_storage_worker_launches_total"), 1);
      assert.equal(some.value("chronik_wal_files", { state: "open" }), 1);
      assert.equal(some.value("chronik_storage_jobs_running", { kind: "convert" }), 0);

      await convert(world, 5);
      await until(() => broker.storage.metrics.jobs.merge.ended.done === 1);
      await until(() => broker.storage.metrics.segmentsRemoved === 8);
      const merged = await scrape(running);
      assert.equal(merged.value("chronik_segments", { level: "0" }), undefined);
      assert.equal(merged.value("chronik_segments", { level: "1" }), 1);
      assert.equal(merged.value("chronik_ranges", { tier: "segment" }), 1);
      const removed = merged.value("chronik_storage_written_bytes_total", { kind: "convert" });
      assert.equal(merged.value("chronik_storage_read_bytes_total", { kind: "merge" }), removed);
      assert.equal(merged.value("chronik_segments_removed_bytes_total"), removed);
      assert.equal(merged.value("chronik_segments_unused"), 0);
      assert.ok(merged.value("chronik_wal_removed_bytes_total")! > 0);

      await connect().request(APIS.deleteTopics, 6, { topics: [{ name: "t" }], timeoutMs: 1000 });
      await until(() => broker.store.state.segments.size === 0);
      const gone = await scrape(running);
      assert.equal(gone.value("chronik_segments", { level: "1" }), undefined);
      assert.equal(gone.value("chronik_segments_removed_total"), 9);
    },
    { settings: SETTINGS },
  );
});

test("a worker that crashes or hangs is counted, and how long files wait for it", async () => {
  let fate: WorkerFate = "crashes";
  await withBroker(
    async (world) => {
      const { connect, running, broker, until } = world;
      await createTopic(connect(), "t");
      await produce(connect(), T, [{ value: "v" }]);
      const { metrics } = broker.storage;
      await until(() => metrics.workersCrashed === 2);
      fate = "hangs";
      await until(() => metrics.workersStalled === 1);
      const held = await scrape(running);
      const failed = { kind: "convert", outcome: "failed" };
      assert.equal(held.value("chronik_storage_jobs_total", failed), 3);
      assert.equal(held.value("chronik_storage_worker_crashes_total"), 2);
      assert.equal(held.value("chronik_storage_worker_stalls_total"), 1);
      assert.equal(held.value("chronik_storage_worker_launches_total"), 3);
      assert.ok(held.value("chronik_storage_backlog_age_seconds")! > 30, "for so long one that hangs is waited for");
      assert.ok(held.value("chronik_storage_backlog_bytes")! > 0);
      const backlog = { state: "backlog" };
      assert.equal(held.value("chronik_storage_backlog_bytes"), held.value("chronik_wal_bytes", backlog));
      fate = "lives";
      await until(() => broker.storage.backlog.bytes === 0);
      const well = await scrape(running);
      assert.equal(well.value("chronik_storage_backlog_age_seconds"), 0);
      assert.equal(well.value("chronik_storage_jobs_total", CONVERTED), 1);
    },
    { settings: SETTINGS, workerFate: () => fate },
  );
});

test("a file that is damaged is stuck: no backlog, and never tried again", async () => {
  await withBroker(
    async (world) => {
      const { connect, running, broker, simulation, until } = world;
      await createTopic(connect(), "t");
      await produce(connect(), T, [{ value: "v".repeat(5000) }]);
      const { store, storage } = broker;
      const { file } = store.wal;
      const record = simulation.files().get(file.name)!.toString("latin1").indexOf("vvvv");
      simulation.disk.flipBit(file.name, record + 100);
      store.wal.roll();
      await until(() => storage.metrics.jobs.convert.ended.damaged === 1);
      const all = await scrape(running);
      assert.equal(all.value("chronik_wal_files", { state: "stuck" }), 1);
      assert.equal(all.value("chronik_storage_backlog_bytes"), 0);
      assert.equal(all.value("chronik_storage_jobs_total", { kind: "convert", outcome: "damaged" }), 1);
    },
    { settings: { ...SETTINGS, "wal.indexing.interval.ms": "-1" } },
  );
});

test("producers that are held back by the backlog are counted", async () => {
  let fate: WorkerFate = "hangs";
  await withBroker(
    async ({ connect, running, broker, until }) => {
      await createTopic(connect(), "t");
      const client = connect();
      assert.equal((await scrape(running)).value("chronik_storage_backlog_limit_bytes"), 8 * MIB);
      const sent = (async () => {
        for (let n = 0; n < 40; n += 1) await produce(client, T, [{ value: "v".repeat(MIB / 4) }]);
      })();
      await until(() => broker.storage.backlog.isFull);
      assert.ok((await scrape(running)).value("chronik_storage_producers_delayed_total")! > 0);
      fate = "lives";
      await sent;
    },
    {
      settings: {
        "wal.segment.bytes": `${MIB}`,
        "wal.group.max.bytes": `${MIB}`,
        "wal.backlog.max.bytes": `${8 * MIB}`,
        "wal.indexing.interval.ms": "-1",
      },
      workerFate: () => fate,
    },
  );
});
