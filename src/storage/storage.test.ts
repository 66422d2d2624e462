/** The storage of a log: what it makes of sealed files and segments, and what it does when a worker fails or a file is bad. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkerFate } from "../../sim/sim-worker.ts";
import { wrappedOpens } from "../../test/crash/wrapped-disk.ts";
import { placeIn } from "../../test/log/open-log.ts";
import { type OpenStorage, segmentsOf, withStorage } from "../../test/storage/open-storage.ts";
import { Segment } from "../log/segment.ts";
import { type Disk, IoError } from "../ports/disk.ts";
import { wrapped } from "../ports/wrapped-disk.ts";
import type { Topic } from "../state/state.ts";
import { RESOURCE_TOPIC } from "../state/state.ts";
import type { Job } from "./jobs.ts";
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
    assert.equal(open.storage.backlog.bytes, 0, "producers are not held back for it");
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

/** Seals so many files, each with a record of its own, without waiting for what becomes of them. */
async function sealFiles(open: OpenStorage, topic: Topic, files: number): Promise<void> {
  for (let file = 0; file < files; file += 1) {
    open.append(placeIn(topic), [{ key: `${file}`, value: Buffer.alloc(2000, file), timestamp: file }]);
    await open.roll();
  }
}

for (const fate of ["crashes", "hangs"] as const) {
  test(`hazard: a file that always ${fate} the worker holds up no other, is tried alone and ever more rarely`, async () => {
    let isPoison = true;
    let tries = 0;
    const jobFate = (work: Job): WorkerFate => {
      if (work.kind !== "convert" || work.wal.base !== poisoned) return "lives";
      tries += 1;
      return isPoison ? fate : "lives";
    };
    let poisoned = -1;
    await withStorage(
      async (open) => {
        const topic = open.topic("orders");
        open.append(placeIn(topic), [{ value: "poison" }]);
        await open.flush();
        const { partition } = placeIn(topic);
        poisoned = partition.ranges[0]!.file.base;
        await sealFiles(open, topic, FAN_IN + 1);
        await open.pass(fate === "hangs" ? 100_000 : 2_000);
        assert.deepEqual(
          partition.ranges.filter(({ file }) => !(file instanceof Segment)).map(({ file }) => file.base),
          [poisoned],
          "all others have moved",
        );
        assert.ok(
          segmentsOf(partition.ranges).some(({ level }) => level === 1),
          "and were merged",
        );
        await open.pass(3_600_000);
        assert.ok(tries < 20, `${tries} attempts in an hour`);
        const blamed = open.lines.filter((line) => line.includes("tries again in"));
        assert.ok(blamed.length <= tries, "once per attempt");
        for (const line of blamed) assert.match(line, new RegExp(partition.ranges[0]!.file.name));
        assert.equal(open.lines.filter((line) => line.includes("tried again alone")).length <= 4, true);
        isPoison = false;
        await open.pass(700_000);
        assert.ok(partition.ranges[0]!.file instanceof Segment, "in the end it works");
      },
      { jobFate },
    );
  });
}

test("hazard: a disk that does not give one file holds up no other", async () => {
  let refused = "";
  let tries = 0;
  const wrapWorkerDisk = (disk: Disk): Disk =>
    wrappedOpens(disk, (name, open) => {
      if (name !== refused) return open();
      tries += 1;
      throw new IoError("fatal", "EIO", `cannot open ${name}: the disk failed`);
    });
  await withStorage(
    async (open) => {
      const topic = open.topic("orders");
      open.append(placeIn(topic), [{ value: "first" }]);
      const { partition } = placeIn(topic);
      refused = partition.ranges[0]!.file.name;
      await sealFiles(open, topic, FAN_IN);
      await open.pass(2_000);
      assert.equal(partition.ranges[0]!.file.name, refused);
      assert.equal(partition.ranges.filter(({ file }) => !(file instanceof Segment)).length, 1);
      // A segment that cannot be read holds up no merge of others either.
      refused = segmentsOf(partition.ranges)[0]!.name;
      await fillFiles(open, topic, 2 * FAN_IN);
      await open.pass(60_000);
      const levels = segmentsOf(partition.ranges).map(({ level }) => level);
      assert.equal(levels.filter((level) => level === 1).length, 2, levels.join());
      await open.pass(3_600_000);
      assert.ok(tries < 40, `${tries} attempts in an hour`);
    },
    { wrapWorkerDisk },
  );
});

test("without room on the disk nothing is tried until some time later, whichever file it is", async () => {
  let isFull = true;
  let tries = 0;
  const wrapWorkerDisk = (disk: Disk): Disk =>
    wrapped(disk, {
      async syncedWrites(folder) {
        const writes = await disk.syncedWrites(folder);
        return {
          ...writes,
          create(name) {
            tries += 1;
            if (!isFull) return writes.create(name);
            return Promise.reject(new IoError("fatal", "ENOSPC", `cannot create ${name}: no space is left`));
          },
        };
      },
    });
  await withStorage(
    async (open) => {
      const topic = open.topic("orders");
      await sealFiles(open, topic, 20);
      await open.pass(100_000);
      assert.ok(tries >= 2 && tries < 20, `${tries} attempts for 20 files`);
      isFull = false;
      await open.pass(120_000);
      assert.equal(open.storage.backlog.bytes, 0);
    },
    { wrapWorkerDisk },
  );
});

test("when everything fails it is the machine: not every file is tried, one after the other", async () => {
  let tries = 0;
  const jobFate = (): WorkerFate => {
    tries += 1;
    return "crashes";
  };
  await withStorage(
    async (open) => {
      await sealFiles(open, open.topic("orders"), 40);
      await open.pass(30_000);
      assert.ok(tries < 40, `${tries} attempts for 40 files`);
    },
    { jobFate },
  );
});

test("a merge that always takes the worker down leaves the segment with the fault behind, not the others", async () => {
  let poisoned: string | undefined;
  const jobFate = (work: Job): WorkerFate =>
    work.kind === "merge" && work.inputs.some(({ id }) => id === poisoned) ? "crashes" : "lives";
  await withStorage(
    async (open) => {
      const topic = open.topic("orders");
      await fillFiles(open, topic, FAN_IN - 1);
      const { partition } = placeIn(topic);
      poisoned = segmentsOf(partition.ranges)[3]!.id;
      await fillFiles(open, topic, 1);
      await open.pass(120_000);
      assert.deepEqual(
        segmentsOf(partition.ranges).map(({ level }) => level),
        [1, 0, 0, 1],
        "one stays with it",
      );
    },
    { jobFate },
  );
});

test("a partition whose compaction always takes the worker down holds up no other, of its topic or of another", async () => {
  const jobFate = (work: Job): WorkerFate => {
    if (work.kind !== "compact") return "lives";
    const isPoisoned = work.partitions.some(({ topicName, partition }) => topicName === "keyed" && partition === 1);
    if (isPoisoned) tries += 1;
    return isPoisoned ? "crashes" : "lives";
  };
  let tries = 0;
  await withStorage(
    async (open) => {
      const configs = [{ key: "cleanup.policy", value: "compact" }];
      const topics = ["keyed", "other"].map((name) => {
        const topic = open.topic(name, 3);
        open.store.append({ type: 6, value: { type: RESOURCE_TOPIC, name, entries: configs } });
        return topic;
      });
      for (const topic of topics) {
        for (const partition of [0, 1, 2]) open.append(placeIn(topic, partition), [{ key: "k", value: "v" }]);
      }
      await open.settle();
      await open.pass(60_000);
      const cleaned = topics.map((topic) => topic.partitions.map(({ cleanedTo }) => cleanedTo));
      assert.deepEqual(cleaned, [
        [1, 0, 1],
        [1, 1, 1],
      ]);
      await open.pass(3_600_000);
      assert.ok(tries > 3 && tries < 20, `${tries} attempts in an hour`);
    },
    { jobFate },
  );
});

test("a move of many ranges, and the plan for it, leave others their turn; what is deleted meanwhile is gone", async () => {
  const partitions = 2_100;
  await withStorage(async (open) => {
    const { store, process } = open;
    const [doomed, topic] = [open.topic("doomed", 10), open.topic("orders", partitions)];
    let moves = 0;
    let turns = 0;
    let turnsBetweenMoves = true;
    const append = store.appendInBackground.bind(store);
    store.appendInBackground = (record) => {
      if (record.type === 10) {
        turnsBetweenMoves &&= turns === moves;
        moves += 1;
        // What comes in at this very moment: a topic goes, and the log start of a partition that has not moved yet.
        if (moves === 1) append({ type: 4, value: { topicId: doomed.id } });
        const offset = placeIn(topic, partitions - 1).partition.endOffset;
        if (moves === 1) append({ type: 8, value: { topicId: topic.id, partition: partitions - 1, offset } });
        process.clock.defer(() => {
          turns += 1;
        });
      }
      return append(record);
    };
    for (let file = 0; file < FAN_IN; file += 1) {
      for (let partition = 0; partition < partitions; partition += 1) {
        open.append(placeIn(topic, partition), [{ value: `${file}` }]);
      }
      if (file === 0)
        for (let partition = 0; partition < 10; partition += 1) open.append(placeIn(doomed, partition), [{}]);
      await open.settle();
    }
    assert.ok(moves >= (FAN_IN + 1) * 2, `${moves} records`);
    assert.ok(turnsBetweenMoves, "each in a turn of its own");
    assert.ok(topic.partitions.every(({ ranges }) => ranges.length === 1 && ranges[0]!.file instanceof Segment));
    assert.equal(placeIn(topic, partitions - 1).partition.logStartOffset, 1);
    assert.equal(store.state.topic("doomed"), undefined);
    assert.deepEqual(open.lines, []);
  });
});
