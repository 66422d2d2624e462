/** Disks that fail: the process ends, or the one request does, and nothing that was promised is lost. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DiskFaults } from "../../sim/sim-disk.ts";
import { IoError } from "../../src/ports/disk.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { ScriptedClient, toleratesDeath } from "./scripted-client.ts";
import { World } from "./world.ts";

function setFaults(world: World, faults: Partial<DiskFaults>): void {
  const { disk } = world.simulation;
  disk.faults = { ...disk.faults, ...faults };
}

describe("a failed write or sync", () => {
  for (const fault of ["syncErrorRate", "writeErrorRate"] as const) {
    it(`ends the process and is not answered; what the system shows afterwards is made durable anew (${fault})`, async () => {
      for (let seed = 1; seed <= 30; seed++) {
        const world = new World({ seed });
        const client = new ScriptedClient(world);
        await world.start();
        const place = (await client.createTopic("orders")).partitions[0]!;
        await client.produce(place, "before");
        setFaults(world, { [fault]: 1 });
        const batch = client.batch(place, [{ value: "never acknowledged" }]);
        await client.send(batch).catch(toleratesDeath);
        assert.equal(batch.fate, "open");
        assert.ok(world.failure instanceof IoError && world.failure.kind === "fatal");
        world.ended();
        await world.start();
        await world.verify(); // what it shows now has to stay
        world.crash("power");
        await world.start();
        await world.verify();
      }
    });
  }
});

describe("a full disk", () => {
  const FREE = 64 * 1024;
  const settings = { "wal.min.free.bytes": `${FREE}`, "wal.recycle.max.bytes": "0" };

  it("refuses producers below the floor while everything else goes on, and takes them again when there is room", async () => {
    const world = new World({ seed: 1, settings });
    const client = new ScriptedClient(world);
    await world.start();
    const orders = (await client.createTopic("orders")).partitions[0]!;
    await world.pass(100);
    const doomed = await client.createTopic("doomed");
    await client.produce(doomed.partitions[0]!, Buffer.alloc(50_000));
    await world.pass(100); // a file of its own
    await client.produce(orders, "there is room");
    await world.pass(2_000); // everything has its place
    const usedBytes = [...world.simulation.files().values()].reduce((sum, { length }) => sum + length, 0);
    setFaults(world, { capacityBytes: usedBytes + FREE - 1 });
    await world.pass(2_000);
    const refused = client.batch(orders, [{ value: "there is none" }]);
    assert.equal(await client.send(refused), ErrorCode.KAFKA_STORAGE_ERROR);
    refused.fate = "refused";
    await world.verify(); // reads go on
    await client.deleteTopic(doomed); // and so do deletes
    await client.createTopic("a-small-one");
    await world.pass(5_000);
    await client.produce(orders, "there is room again");
    await world.verify();
    assert.equal(world.lines.filter((line) => line.includes("wal.min.free.bytes")).length, 1);
  });

  it("hazard: it is filled faster than it is looked at", async () => {
    // Between two looks a file of the log may be written, and another one become a segment.
    const floor = 2 * FREE;
    for (let seed = 1; seed <= 10; seed += 1) {
      const world = new World({ seed, settings: { ...settings, "wal.min.free.bytes": `${floor}` } });
      const client = new ScriptedClient(world);
      setFaults(world, { capacityBytes: 4 * floor });
      await world.start();
      const place = (await client.createTopic("orders")).partitions[0]!;
      let errorCode: number = ErrorCode.NONE;
      for (let count = 0; errorCode === ErrorCode.NONE; count++) {
        const batch = client.batch(place, [{ value: Buffer.alloc(5_000, count) }]);
        errorCode = await client.send(batch);
        if (errorCode !== ErrorCode.NONE) batch.fate = "refused";
      }
      assert.equal(errorCode, ErrorCode.KAFKA_STORAGE_ERROR);
      assert.ok(world.alive);
      await world.verify();
    }
  });

  it("gives up the files that it keeps to be written over before it refuses anybody", async () => {
    // Nothing else looks after them as long as nothing is written.
    const rarely = {
      "wal.min.free.bytes": `${FREE}`,
      "snapshot.interval.bytes": "1",
      "log.retention.check.interval.ms": "300000",
    };
    const world = new World({ seed: 1, settings: rarely });
    const client = new ScriptedClient(world);
    await world.start();
    const orders = (await client.createTopic("orders")).partitions[0]!;
    const doomed = await client.createTopic("doomed");
    await client.produce(doomed.partitions[0]!, Buffer.alloc(50_000));
    await client.deleteTopic(doomed);
    const { files } = world.running.broker.store;
    for (let count = 0; files.recycled.bytes < 50_000; count++) {
      assert.ok(count < 20, "nothing is kept");
      await client.produce(orders, `${count}`);
      await world.pass(100);
    }
    const usedBytes = [...world.simulation.files().values()].reduce((sum, { length }) => sum + length, 0);
    setFaults(world, { capacityBytes: usedBytes + FREE - 1 });
    await world.pass(2_000);
    assert.equal(files.recycled.count, 0);
    await client.produce(orders, "there is room");
    await world.verify();
  });

  it("frees what a deletion leaves without use although nothing more is written, at its usual pace", async () => {
    const MiB = 1024 * 1024;
    const usual = {
      "wal.indexing.interval.ms": "30000",
      "log.retention.check.interval.ms": "300000",
      "snapshot.interval.bytes": `${256 * MiB}`,
      "wal.segment.bytes": `${MiB}`,
      "wal.group.max.bytes": `${MiB}`,
      "wal.recycle.max.bytes": `${MiB}`,
    };
    const world = new World({ seed: 1, settings: usual });
    const client = new ScriptedClient(world);
    await world.start();
    const doomed = await client.createTopic("doomed");
    for (let count = 0; count < 4; count++) await client.produce(doomed.partitions[0]!, Buffer.alloc(MiB - 100_000));
    await client.deleteTopic(doomed);
    await world.pass(1_000_000);
    const usedBytes = [...world.simulation.files().values()].reduce((sum, { length }) => sum + length, 0);
    assert.ok(usedBytes < 2 * MiB, `${usedBytes} bytes are left`);
  });

  it("ends the process when it is full all the same, and loses nothing", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World({ seed });
      const client = new ScriptedClient(world);
      await world.start();
      const place = (await client.createTopic("orders")).partitions[0]!;
      setFaults(world, { capacityBytes: 20_000 });
      for (let count = 0; world.alive; count++) {
        await client.produce(place, Buffer.alloc(3_000, count)).catch(toleratesDeath);
      }
      assert.ok(world.failure instanceof IoError && world.failure.code === "ENOSPC");
      world.ended();
      await world.start();
      await world.verify();
      await client.produce(place, "with a larger disk");
      await world.verify();
    }
  });

  it("hazard: starts again on a disk that is full still, though it cannot keep aside what it cuts off", async () => {
    let withoutCopy = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World({ seed });
      const client = new ScriptedClient(world);
      setFaults(world, { capacityBytes: 20_000 });
      await world.start();
      const place = (await client.createTopic("orders")).partitions[0]!;
      for (let count = 0; world.alive; count++) {
        await client.produce(place, Buffer.alloc(3_000, count)).catch(toleratesDeath);
      }
      world.ended();
      const usedBytes = [...world.simulation.files().values()].reduce((sum, { length }) => sum + length, 0);
      setFaults(world, { capacityBytes: usedBytes + 600 });
      await world.start();
      await world.verify();
      if (world.lines.some((line) => line.includes("there was no space to keep them aside"))) withoutCopy += 1;
    }
    assert.ok(withoutCopy > 0);
  });
});
