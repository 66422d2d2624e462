/** A disk on which there is no room for a merge: the log needs what is left, so the merge has to wait. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BrokerLives, createTopic, produce } from "./broker-simulation.ts";

const MIB = 1024 * 1024;
const SETTINGS = {
  "wal.segment.bytes": `${MIB}`,
  "wal.group.max.bytes": `${MIB}`,
  "wal.indexing.interval.ms": "200",
  "wal.min.free.bytes": `${2 * MIB}`,
  "log.retention.check.interval.ms": "200",
  "segment.delete.delay.ms": "0",
};

test("a merge that would take the disk that the log needs waits until there is room", async () => {
  const lives = new BrokerLives({ settings: SETTINGS, disk: { capacityBytes: 12 * MIB } });
  await lives.live(async ({ connect, broker, until, pass, lines, simulation }) => {
    await createTopic(connect(), "t");
    const client = connect();
    const record = { value: "v".repeat(MIB - 64 * 1024) };
    let leastFree = Number.POSITIVE_INFINITY;
    for (let sent = 0; sent < 8; sent += 1) {
      assert.equal((await produce(client, { topic: "t" }, [record])).errorCode, 0);
      await until(() => broker.storage.backlog.bytes === 0 && broker.store.files.closed.length <= 1);
    }
    for (let round = 0; round < 5_000; round += 1) {
      await pass(1);
      leastFree = Math.min(leastFree, simulation.disk.spareBytes());
      if (round % 100 > 0) continue;
      assert.equal((await produce(client, { topic: "t" }, [{ value: "small" }])).errorCode, 0);
    }
    assert.ok(leastFree >= 2 * MIB, `${leastFree} bytes were left`);
    assert.equal(lines.filter((line) => line.includes("wait")).length, 1, "it is said once");
  });
});
