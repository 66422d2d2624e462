/** Whoever reads a data folder beside its broker sees the broker's own state, at any moment, and changes nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Disk } from "../../src/ports/disk.ts";
import { type ReadableDisk, readState } from "../../src/state/read-state.ts";
import type { State } from "../../src/state/state.ts";
import { stateDigest } from "../crash/state-digest.ts";
import { BrokerLives, type BrokerWorld, createTopic, produce, withBroker } from "./broker-simulation.ts";

const SETTINGS = {
  "wal.indexing.interval.ms": "50",
  "snapshot.interval.bytes": "1",
  "log.retention.check.interval.ms": "50",
  "segment.delete.delay.ms": "0",
};

/** Only what a reader may ask of a disk: anything else does not exist. */
function readable({ process: { disk } }: BrokerWorld): ReadableDisk {
  return {
    list: (folder) => disk.list(folder),
    open: (name, access) => {
      assert.equal(access, "read");
      return disk.open(name, access);
    },
  };
}

/** Groups are none of the reader's business. */
function digestOf(state: State): string {
  const { folds: _, ...rest } = JSON.parse(stateDigest(state)) as { readonly folds: unknown };
  const segments = [...state.segments.values()].filter(({ users }) => users > 0);
  const told = segments.map(({ name, users, liveBytes, crc }) => `${name} ${users} ${liveBytes} ${crc}`);
  return JSON.stringify([rest, told.sort()]);
}

async function traffic(world: BrokerWorld, batches: number): Promise<void> {
  const client = world.connect();
  for (let batch = 0; batch < batches; batch += 1) {
    await produce(client, { topic: batch % 3 === 0 ? "a" : "b", partition: batch % 2 }, [{ value: `${batch}` }]);
    await world.pass(20);
  }
}

test("the state read is the broker's own: in the log, in segments, and after an end of any kind", async () => {
  for (const end of ["stop", "kill", "power"] as const) {
    const lives = new BrokerLives({ settings: SETTINGS });
    await lives.live(async (world) => {
      const { store, storage } = world.broker;
      for (const name of ["a", "b"]) await createTopic(world.connect(), name, { partitions: 2 });
      await traffic(world, 40);
      await storage.idle();
      await world.until(() => store.wal.durable === store.wal.position);
      const read = await readState(readable(world));
      assert.deepEqual(read.problems, []);
      assert.equal(digestOf(read.state), digestOf(store.state));
      assert.ok([...store.state.segments.values()].some(({ users }) => users > 0));
    }, end);
    await lives.live(async (world) => {
      await traffic(world, 3);
      await world.until(() => world.broker.store.wal.durable === world.broker.store.wal.position);
      const read = await readState(readable(world));
      assert.equal(digestOf(read.state), digestOf(world.broker.store.state));
    });
  }
});

test("hazard: a reader beside a broker that seals, converts, merges and removes sees every offset, always", async () => {
  await withBroker(
    async (world) => {
      for (const name of ["a", "b"]) await createTopic(world.connect(), name, { partitions: 2 });
      let isDone = false;
      const done = traffic(world, 300).then(() => (isDone = true));
      let readings = 0;
      for (; !isDone; readings += 1) {
        const visible = offsetsOf(world.broker.store.state, "highWatermark");
        const { state, problems } = await readState(readable(world));
        assert.deepEqual(problems, []);
        const ends = offsetsOf(state, "endOffset");
        for (const [name, offset] of visible) assert.ok(ends.get(name)! >= offset, `${name}: consumers see more`);
        for (const topic of state.topics()) {
          for (const { ranges, logStartOffset, endOffset } of topic.partitions) {
            let next = logStartOffset;
            for (const range of ranges) {
              assert.equal(range.firstOffset, next);
              next = range.endOffset;
            }
            assert.equal(next, endOffset);
          }
        }
      }
      await done;
      assert.ok(readings > 20, `${readings} readings`);
      assert.ok(world.broker.store.files.snapshotsWritten > 5, "files went away meanwhile");
    },
    { settings: SETTINGS },
  );
});

function offsetsOf(state: State, offset: "highWatermark" | "endOffset"): Map<string, number> {
  const offsets = new Map<string, number>();
  for (const { name, partitions } of state.topics()) {
    for (const partition of partitions) offsets.set(`${name}-${partition.partition}`, partition[offset]);
  }
  return offsets;
}

test("a folder without a log is none", async () => {
  await new BrokerLives().simulation.run(async ({ disk }) => {
    await assert.rejects(readState(disk as Disk), { kind: "notFound" });
  });
});
