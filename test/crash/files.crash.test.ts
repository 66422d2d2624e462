/** What happens to files: sealed, indexed, freed, and nothing left over. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { wrapped } from "../../src/ports/wrapped-disk.ts";
import { ScriptedClient, toleratesDeath } from "./scripted-client.ts";
import { World } from "./world.ts";

describe("files of the log", () => {
  it("seals a file that has come of age while nothing is written: a start need not read it again", async () => {
    const world = new World({ seed: 1 });
    await world.start();
    await world.pass(100);
    const { closed } = world.running.broker.store.files;
    assert.equal(closed.length, 1);
    assert.ok(closed[0]!.indexed);
  });

  it("reads nothing again after an orderly stop", async () => {
    const world = new World({ seed: 1 });
    await world.start();
    await new ScriptedClient(world).createTopic("orders");
    await world.pass(100); // all that was written is durable, in a file that is sealed, and nothing more comes
    await world.stop();
    await world.start();
    assert.equal(world.running.opened.report.replayedBytes, 0);
  });

  it("trusts no snapshot whose name a killed process had not made durable", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      let snapshots = 0;
      let freed = false;
      const world: World = new World({
        seed,
        settings: { "snapshot.interval.bytes": "1000000", "log.retention.check.interval.ms": "60" },
        wrapDisk: (disk) =>
          wrapped(disk, {
            // Twice the process is killed between the rename of a snapshot and the sync of its folder ...
            rename: async (from, to) => {
              await disk.rename(from, to);
              // ... and then power is lost when a file has gone that only those snapshots make superfluous.
              freed ||= from.endsWith(".wal");
              if (!to.endsWith(".snapshot")) return;
              snapshots += 1;
              if (snapshots <= 2) world.crash("kill");
            },
            syncFolder: async (folder) => {
              await disk.syncFolder(folder);
              if (!freed || folder !== "wal") return;
              freed = false;
              world.crash("power");
            },
          }),
      });
      const client = new ScriptedClient(world);
      await world.start();
      const topic = await client.createTopic("metrics", { settings: { "retention.bytes": "1000" } });
      for (let life = 1; life <= 2; life++) {
        for (let file = 0; world.alive; file++) {
          assert.ok(file < 5, "no snapshot was taken");
          await client.produce(topic.partitions[0]!, Buffer.alloc(1200, `${life} ${file}`));
          await world.pass(150);
        }
        await world.start();
      }
      await world.pass(150);
      assert.ok(!world.alive, `seed ${seed}: no file was freed`);
      await world.start();
      await world.verify();
    }
  });

  it("leaves no index of a file that is gone", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      let freed = false;
      const world: World = new World({
        seed,
        wrapDisk: (disk) =>
          wrapped(disk, {
            rename: async (from, to) => {
              await disk.rename(from, to);
              // The index is removed and the file is kept to be written over, and nothing is synced.
              if (freed || !from.endsWith(".wal")) return;
              freed = true;
              world.crash("power");
            },
          }),
      });
      const client = new ScriptedClient(world);
      await world.start();
      const topic = await client.createTopic("metrics", { settings: { "retention.bytes": "0" } });
      for (let file = 0; world.alive; file++) {
        assert.ok(file < 10, "no file was freed");
        await client.produce(topic.partitions[0]!, Buffer.alloc(2000)).catch(toleratesDeath);
        await world.pass(100);
      }
      await world.start();
      const names = [...world.simulation.files().keys()].filter((name) => name.startsWith("wal/"));
      for (const name of names) assert.ok(names.includes(name.replace(/index$/, "wal")), `seed ${seed}: ${name}`);
    }
  });
});
