/** The storage of a log: what it makes of sealed files and segments, and what it does when a worker fails or a file is bad. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { wrapped } from "../../test/crash/wrapped-disk.ts";
import { placeIn } from "../../test/log/open-log.ts";
import { type OpenStorage, segmentsOf, withStorage } from "../../test/storage/open-storage.ts";
import type { Topic } from "../state/state.ts";
import { FAN_IN } from "./plan.ts";

/** Seals so many files with a record each, and has them converted. */
async function fillFiles(open: OpenStorage, topic: Topic, files: number): Promise<void> {
  for (let file = 0; file < files; file += 1) {
    open.append(placeIn(topic), [{ value: Buffer.alloc(2000, file), timestamp: file }]);
    await open.settle();
  }
}

/** Lets what nothing refers to go: snapshots, retention and garbage have their turn. */
async function collect(open: OpenStorage, topic: Topic): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    open.append(placeIn(topic), [{ value: "newer" }]);
    await open.settle();
    await open.store.files.snapshot();
    await open.pass(6_000);
  }
}

function segmentFiles(names: Iterable<string>): string[] {
  return [...names].filter((name) => name.startsWith("segments/"));
}

async function readAll({ reader }: OpenStorage, topic: Topic): Promise<Buffer> {
  const parts: Buffer[] = [];
  const { partition } = placeIn(topic);
  const limitOffset = partition.highWatermark;
  for (let offset = partition.logStartOffset; offset < limitOffset; ) {
    const query = { partition, topicBytes: topic.name.length, offset, limitOffset, maxBytes: 1, atLeastOne: true };
    const [result] = await reader.readStored([query]);
    parts.push(Buffer.concat(result!.parts));
    result!.release();
    offset += 1;
  }
  return Buffer.concat(parts);
}

test("sealed files become segments, and as many of a level as FAN_IN one of the next", async () => {
  await withStorage(async (open) => {
    const topic = open.topic("orders");
    const { partition } = placeIn(topic);
    await fillFiles(open, topic, FAN_IN - 1);
    assert.equal(segmentsOf(partition.ranges).length, FAN_IN - 1);
    await fillFiles(open, topic, 1);
    assert.deepEqual(
      segmentsOf(partition.ranges).map(({ level }) => level),
      [1],
    );
    assert.equal(partition.ranges.length, 1, "all of it in one range");
    await fillFiles(open, topic, FAN_IN * (FAN_IN - 1));
    assert.deepEqual(
      segmentsOf(partition.ranges).map(({ level }) => level),
      [2],
    );
    assert.deepEqual(open.lines, []);
  });
});

test("what nothing refers to any more goes, files of the log and segments, when two snapshots know of it", async () => {
  await withStorage(async (open, simulation) => {
    const topic = open.topic("orders");
    await fillFiles(open, topic, FAN_IN);
    await collect(open, topic);
    const known = [...open.store.state.segments.values()].map(({ name }) => name);
    assert.deepEqual(segmentFiles(simulation.files().keys()), known.toSorted());
    assert.ok(known.length < FAN_IN);
    assert.ok(open.store.files.closed.length <= 3, "files of the log");
  });
});

test("the worker crashes at each of its first hundred disk operations: it is tried again until it is done", async () => {
  for (let doomed = 1; doomed <= 100; doomed += 1) {
    const options = {
      workerFate: (operation: number) => (operation === doomed ? "crashes" : "lives") as "crashes" | "lives",
    };
    await withStorage(async (open, simulation) => {
      const topic = open.topic("orders");
      open.append(placeIn(topic), [{ value: "a" }]);
      await open.settle();
      await fillFiles(open, topic, 2);
      await open.pass(5_000);
      assert.equal(segmentsOf(placeIn(topic).partition.ranges).length, 3, `operation ${doomed}`);
      assert.ok((await readAll(open, topic)).length > 4000);
      const known = [...open.store.state.segments.values()].map(({ name }) => name);
      await open.pass(1_000);
      assert.deepEqual(
        segmentFiles(simulation.files().keys()),
        known.toSorted(),
        `operation ${doomed}: orphans are gone`,
      );
    }, options);
  }
});

test("a worker that hangs is ended, and its work is done by the next", async () => {
  for (const doomed of [1, 5, 12]) {
    const options = {
      workerFate: (operation: number) => (operation === doomed ? "hangs" : "lives") as "hangs" | "lives",
    };
    await withStorage(async (open) => {
      const topic = open.topic("orders");
      open.append(placeIn(topic), [{ value: "a" }]);
      await open.roll();
      await open.pass(40_000);
      assert.equal(segmentsOf(placeIn(topic).partition.ranges).length, 1);
      assert.match(open.lines.join("\n"), /no progress/);
    }, options);
  }
});

test("a file of the log with damage stays, and is read from; the operator is told once, and the others go on", async () => {
  await withStorage(async (open, simulation) => {
    const topic = open.topic("orders");
    open.append(placeIn(topic), [{ value: "first" }]);
    open.append(placeIn(topic), [{ value: "second" }]);
    const { file } = placeIn(topic).partition.ranges[0]!;
    const hitAt = placeIn(topic).partition.ranges[0]!.index!.positionAt(1) - file.base + 50;
    await open.flush();
    simulation.disk.flipBit(file.name, hitAt);
    await open.settle();
    await fillFiles(open, topic, 2);
    await open.pass(700_000);
    const { partition } = placeIn(topic);
    const { ranges } = partition;
    assert.equal(ranges[0]!.file, file, "it is still there");
    assert.equal(segmentsOf(ranges).length, 2, "the others have moved");
    assert.equal(open.lines.filter((line) => line.includes(file.name)).length, 1);
    assert.equal(open.storage.backlogBytes, 0, "producers are not held back for it");
    const query = { partition, topicBytes: 6, offset: 0, limitOffset: 4, maxBytes: 1, atLeastOne: true };
    const [whole] = await open.reader.readStored([query]);
    assert.ok(whole!.sizeBytes > 0);
    whole!.release();
    await assert.rejects(open.reader.readStored([{ ...query, offset: 1 }]), { name: "CorruptionError" });
  });
});

for (const harm of ["damage in it", "its absence"]) {
  test(`a segment that cannot be merged (${harm}) stays as it is, without an endless retry, and goes when its time has come`, async () => {
    await withStorage(async (open, simulation) => {
      const topic = open.topic("orders");
      await fillFiles(open, topic, FAN_IN - 1);
      const { partition } = placeIn(topic);
      const [oldest, ...others] = segmentsOf(partition.ranges);
      if (harm === "damage in it") simulation.disk.flipBit(oldest!.name, 100);
      else await open.process.disk.remove(oldest!.name);
      await fillFiles(open, topic, 1);
      await open.pass(600_000);
      assert.equal(segmentsOf(partition.ranges).length, FAN_IN, "nothing is lost of the others");
      const told = open.lines.filter((line) => line.includes("is not merged"));
      assert.equal(told.length, 1, open.lines.join("\n"));
      assert.match(told[0]!, new RegExp(oldest!.name));
      await fillFiles(open, topic, FAN_IN);
      assert.ok(
        segmentsOf(partition.ranges).some(({ level }) => level === 1),
        "later ones are merged",
      );
      // Retention lets go of all of them.
      open.store.append({ type: 8, value: { topicId: topic.id, partition: 0, offset: partition.endOffset } });
      await collect(open, topic);
      for (const { name } of [oldest!, ...others]) assert.ok(!simulation.files().has(name), `${name} is left`);
    });
  });
}

test("hazard: orphans registered again: what an interrupted job left is removed, what is known never", async () => {
  await withStorage(async (open, simulation) => {
    const topic = open.topic("orders");
    await fillFiles(open, topic, 2);
    const known = segmentFiles(simulation.files().keys());
    const orphan = "segments/00000000000000000000-00112233445566778899aabbccddeeff.segment";
    const foreign = "segments/notes.txt";
    for (const name of [orphan, foreign]) await (await open.process.disk.create(name)).close();
    await open.pass(700_000);
    assert.deepEqual(segmentFiles(simulation.files().keys()), [...known, foreign].toSorted());
    assert.equal(open.lines.filter((line) => line.includes(orphan)).length, 1);
  });
});

test("after lost state records nothing is removed: an orphan may be all that is left", async () => {
  await withStorage(
    async (open, simulation) => {
      const orphan = "segments/00000000000000000000-00112233445566778899aabbccddeeff.segment";
      await open.process.disk.makeFolder("segments");
      await (await open.process.disk.create(orphan)).close();
      await open.pass(700_000);
      assert.ok(simulation.files().has(`${orphan}.orphan`));
      assert.match(open.lines.join("\n"), /warning: .*kept/);
    },
    { keepOrphans: true },
  );
});

test("a segment that is gone is reported; what is in the others can be read", async () => {
  await withStorage(async (open) => {
    const topic = open.topic("orders");
    await fillFiles(open, topic, 3);
    const { partition } = placeIn(topic);
    const gone = segmentsOf(partition.ranges)[1]!;
    open.reader.close();
    await open.process.disk.remove(gone.name);
    await open.pass(700_000);
    assert.match(open.lines.join("\n"), new RegExp(`error: ${gone.name} is missing`));
    const query = { partition, topicBytes: 6, limitOffset: 3, maxBytes: 1, atLeastOne: true };
    for (const offset of [0, 2]) (await open.reader.readStored([{ ...query, offset }]))[0]!.release();
    await assert.rejects(open.reader.readStored([{ ...query, offset: 1 }]));
  });
});

test("hazard: log deleted although the copy failed: a disk that does not keep what it is given is found out, and the file stays", async () => {
  // Whatever of a segment is written, one bit of it is another.
  const options = {
    wrapWorkerDisk: (disk: Parameters<typeof wrapped>[0]) =>
      wrapped(disk, {
        syncedWrites: async (folder) => {
          const writes = await disk.syncedWrites(folder);
          return {
            ...writes,
            create: async (name) => {
              const file = await writes.create(name);
              return {
                write: (parts, position) => {
                  const copy = writes.allocate(Buffer.concat(parts).length);
                  Buffer.concat(parts).copy(copy);
                  copy[70]! ^= 1;
                  return file.write([copy], position);
                },
                close: () => file.close(),
              };
            },
          };
        },
      }),
  };
  await withStorage(async (open, simulation) => {
    const topic = open.topic("orders");
    open.append(placeIn(topic), [{ value: "kept" }]);
    await open.roll();
    const { partition } = placeIn(topic);
    const { file } = partition.ranges[0]!;
    for (let round = 0; round < 3; round += 1) {
      await open.store.files.snapshot();
      await open.pass(60_000);
    }
    assert.equal(partition.ranges[0]!.file, file);
    assert.ok(simulation.files().has(file.name));
    assert.match(open.lines.join("\n"), /the disk is not reliable; the storage worker tries again/);
    assert.equal(segmentsOf(partition.ranges).length, 0);
  }, options);
});

test("producers are held back the more the nearer the backlog is to its bound, and not at all below half of it", async () => {
  await withStorage(
    async (open) => {
      const topic = open.topic("orders");
      const { broker } = open.store.state;
      Object.defineProperty(open.store.state, "broker", { value: { ...broker, "wal.backlog.max.bytes": 1024 * 1024 } });
      const delays: number[] = [];
      while (!open.storage.isFull) {
        open.append(placeIn(topic), [{ value: Buffer.alloc(60_000) }]);
        await open.roll();
        delays.push(open.storage.delayMs);
      }
      assert.equal(delays[0], 0);
      assert.deepEqual(
        delays.toSorted((a, b) => a - b),
        delays,
      );
      assert.equal(delays.at(-1), 1000);
      const half = delays.findIndex((delay) => delay > 0) / delays.length;
      assert.ok(half > 0.4 && half < 0.7, `held back from ${half} of the bound on`);
    },
    { workerFate: () => "hangs" },
  );
});
