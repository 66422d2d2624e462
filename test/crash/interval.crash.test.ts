/** `wal.sync=interval`: batches may be lost in a power loss, what the broker has decided may not. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { APIS } from "../../src/protocol/apis.ts";
import { batchLeaderEpoch } from "../../src/protocol/record-batch.ts";
import { ScriptedClient } from "./scripted-client.ts";
import { World } from "./world.ts";

describe("wal.sync=interval", () => {
  const settings = { "wal.sync": "interval", "wal.sync.interval.ms": "100000" };

  it("hazard: a power loss takes back no producer id, topic or leader epoch that a client was told", async () => {
    const world = new World({ seed: 1, settings });
    const client = new ScriptedClient(world);
    await world.start();
    await client.createTopic("orders");
    await client.producerId();
    await world.verify();
    for (let life = 0; life < 5; life++) {
      world.crash("power");
      await world.start();
      await world.verify(); // the topic is there, with a higher epoch
      await client.producerId(); // which the model has never seen before
    }
  });

  it("loses what was not synced, and says so by a higher leader epoch", async () => {
    let losses = 0;
    for (let seed = 1; seed <= 10; seed++) {
      const world = new World({ seed, settings: { ...settings, "wal.sync.interval.ms": "1000" } });
      const client = new ScriptedClient(world);
      await world.start();
      const topic = await client.createTopic("orders");
      await world.verify();
      const place = topic.partitions[0]!;
      for (let count = 0; count < 10; count++) await client.produce(place, `${count}`);
      world.crash("power");
      await world.start();
      await world.verify();
      losses += place.losses.length;
      const { offset } = await client.produce(place, "in the place of what was lost");
      assert.equal(offset, 10 - place.losses.length);
      const { batches } = await client.fetch(place, offset);
      assert.equal(batchLeaderEpoch(batches[0]!, 0), 1);
      // So a consumer that had read on in epoch 0 learns from where on it was lost.
      const partitions = [{ partition: 0, currentLeaderEpoch: 1, leaderEpoch: 0 }];
      const answer = await client.ask(APIS.offsetForLeaderEpoch, 4, { topics: [{ topic: "orders", partitions }] });

      assert.equal(answer.topics[0]!.partitions[0]!.endOffset, offset);
    }
    assert.ok(losses > 0);
  });
});
