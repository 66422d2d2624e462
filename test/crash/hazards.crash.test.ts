/** Known ways to lose or mangle data that need a case of their own; `README.md` says where all the others are met. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SentBatch, TopicModel } from "../../sim/log-model.ts";
import { wrapped, wrappedFile } from "../../src/ports/wrapped-disk.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { batchIsLogAppendTime } from "../../src/protocol/record-batch.ts";
import { ScriptedClient } from "./scripted-client.ts";
import { World } from "./world.ts";

const MIB = 1024 * 1024;

/** Spreads `count` records over the topic's partitions, as many as fit in a batch of `perBatch`. */
async function produceMany(
  client: ScriptedClient,
  topic: TopicModel,
  amount: { readonly count: number; readonly perBatch: number; readonly valueBytes: number },
): Promise<void> {
  const { count, perBatch, valueBytes } = amount;
  for (let sent = 0, turn = 0; sent < count; sent += perBatch, turn++) {
    const values = Array.from({ length: Math.min(perBatch, count - sent) }, (_, index) => {
      return Buffer.alloc(valueBytes, `${sent + index} `);
    });
    await client.produce(topic.partitions[turn % topic.partitions.length]!, ...values);
  }
}

describe("recovery", () => {
  for (const count of [10, 100, 5_000, 500_000]) {
    it(`hazard: it works for 10 records and not for ${count}`, async () => {
      const settings = { "wal.segment.bytes": `${MIB}`, "wal.group.max.bytes": `${MIB}` };
      const world = new World({ seed: count, settings });
      const client = new ScriptedClient(world);
      await world.start();
      const topic = await client.createTopic("orders", { partitions: 3 });
      await produceMany(client, topic, { count, perBatch: Math.max(1, count / 100), valueBytes: 12 });
      world.crash("power");
      await world.start();
      await world.verify();
      const ends = topic.partitions.map(({ highWatermark }) => highWatermark);
      assert.equal(
        ends.reduce((sum, end) => sum + end, 0),
        count,
      );
    });
  }

  it("hazard: it reads all records into memory", async () => {
    let largestRead = 0;
    let readBytes = 0;
    const world = new World({
      seed: 1,
      settings: { "wal.indexing.interval.ms": "1000000", "snapshot.interval.bytes": "1000000000" },
      wrapDisk: (disk) =>
        wrapped(disk, {
          open: async (name, access) => {
            const file = await disk.open(name, access);
            return wrappedFile(file, {
              read: (into, position) => {
                largestRead = Math.max(largestRead, into.length);
                readBytes += into.length;
                return file.read(into, position);
              },
            });
          },
        }),
    });
    const client = new ScriptedClient(world);
    await world.start();
    const topic = await client.createTopic("orders");
    await produceMany(client, topic, { count: 40, perBatch: 1, valueBytes: MIB / 2 });
    world.crash("power");
    [largestRead, readBytes] = [0, 0];
    await world.start();
    assert.ok(readBytes > 20 * MIB, "all of it is read");
    assert.ok(largestRead <= 4 * MIB, `${largestRead} bytes at once`);
    await world.verify();
  });
});

describe("idempotent producers across a restart", () => {
  const FIRST = 2 ** 31 - 3;

  async function withProducer(
    work: (world: World, batch: (epoch: number, baseSequence: number) => SentBatch) => Promise<void>,
  ): Promise<void> {
    for (const kind of ["power", "kill", "stop"] as const) {
      const world = new World({ seed: 1 });
      const client = new ScriptedClient(world);
      await world.start();
      const place = (await client.createTopic("orders")).partitions[0]!;
      const producerId = await client.producerId();
      await work(world, (producerEpoch, baseSequence) => {
        const records = [1, 2].map((value) => ({ value: `${producerEpoch} ${baseSequence} ${value}` }));
        return client.batch(place, records, { producerId, producerEpoch, baseSequence });
      });
      if (kind === "stop") await world.stop();
      else world.crash(kind);
      await world.start();
      await world.verify();
    }
  }

  it("hazard: duplicates after a retry, also where sequences wrap at 2^31-1", async () => {
    await withProducer(async (world, batch) => {
      const client = new ScriptedClient(world);
      const batches = [batch(0, FIRST), batch(0, FIRST + 2), batch(0, 1), batch(0, 3)];
      for (const each of batches) assert.equal(await client.send(each), ErrorCode.NONE);
      world.crash("power");
      await world.start();
      // The model knows their offsets, and takes no others.
      for (const each of batches) assert.equal(await client.send(each), ErrorCode.NONE);
      assert.equal(await client.send(batch(0, 5)), ErrorCode.NONE, "the next one follows");
      const skipping = batch(0, 9);
      assert.equal(await client.send(skipping), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
      skipping.fate = "refused";
    });
  });

  it("those that are forgotten stay forgotten", async () => {
    const usual = { "wal.indexing.interval.ms": "30000", "log.retention.check.interval.ms": "300000" };
    const settings = { ...usual, "producer.id.expiration.ms": "1000" };
    for (const snapshots of ["1", "1000000"]) {
      const world = new World({ seed: 1, settings: { ...settings, "snapshot.interval.bytes": snapshots } });
      const client = new ScriptedClient(world);
      await world.start();
      const place = (await client.createTopic("orders")).partitions[0]!;
      const producerId = await client.producerId();
      await client.send(client.batch(place, [{ value: "once" }], { producerId, producerEpoch: 0, baseSequence: 0 }));
      const { producers } = world.running.broker.store.state.topic("orders")!.partitions[0]!;
      assert.equal(producers.count, 1);
      await world.pass(700_000);
      assert.equal(producers.count, 0);
      world.crash("power");
      await world.start(); // which compares the folds
      await world.verify();
    }
  });

  it("hazard: a zombie producer is not fenced", async () => {
    await withProducer(async (world, batch) => {
      const client = new ScriptedClient(world);
      assert.equal(await client.send(batch(0, 0)), ErrorCode.NONE);
      assert.equal(await client.send(batch(1, 0)), ErrorCode.NONE);
      world.crash("power");
      await world.start();
      const zombie = batch(0, 2);
      assert.equal(await client.send(zombie), ErrorCode.INVALID_PRODUCER_EPOCH);
      zombie.fate = "refused";
    });
  });
});

describe("bytes", () => {
  it("log append time is given once, and stays", async () => {
    const world = new World({ seed: 1 });
    const client = new ScriptedClient(world);
    await world.start();
    const topic = await client.createTopic("orders", { settings: { "message.timestamp.type": "LogAppendTime" } });
    const place = topic.partitions[0]!;
    for (let count = 0; count < 5; count++) await client.produce(place, `${count}`);
    const { batches: before } = await client.fetch(place, 0);
    assert.ok(before.every((bytes) => batchIsLogAppendTime(bytes, 0)));
    for (const kind of ["power", "kill"] as const) {
      world.crash(kind);
      await world.start();
      const { batches } = await client.fetch(place, 0);
      assert.deepEqual(batches, before);
    }
  });
});
