import assert from "node:assert/strict";
import { test } from "node:test";
import { CRASHED, type SimProcess, Simulation } from "../../sim/simulation.ts";
import { layOut } from "../../test/crash/wal-layout.ts";
import { type OpenLog, openLog, placeIn } from "../../test/log/open-log.ts";
import { toPosition } from "../base/brands.ts";
import type { Disk } from "../ports/disk.ts";
import { CorruptionError } from "./corruption.ts";
import { listRecycled, RecycledFiles } from "./recycled-files.ts";
import { WAL_FOLDER, WalFile } from "./wal-file.ts";

const MIB = 1024 * 1024;
const SETTINGS = { "wal.indexing.interval.ms": "-1", "snapshot.interval.bytes": "1" };

async function inSimulation(scenario: (process: SimProcess, simulation: Simulation) => Promise<void>): Promise<void> {
  const simulation = new Simulation({ seed: 1 });
  const ran = await simulation.run((process) => scenario(process, simulation));
  assert.ok(ran !== CRASHED);
}

/** A closed file of the log of this size, on the disk. */
async function closedFile(disk: Disk, base: number, sizeBytes: number): Promise<WalFile> {
  const file = new WalFile(toPosition(base), 1, toPosition(base + sizeBytes));
  const open = await disk.create(file.name);
  await open.write([Buffer.alloc(sizeBytes, 1)], 0);
  await open.close();
  return file;
}

test("the largest file is written over first, and no more are kept than may be", async () => {
  await inSimulation(async ({ disk }) => {
    await disk.makeFolder(WAL_FOLDER);
    const recycled = new RecycledFiles({ disk, maxBytes: 10_000, minFreeBytes: 0, files: [] });
    for (const [index, sizeBytes] of [3_000, 5_000, 1_000, 4_000].entries()) {
      await recycled.keep(await closedFile(disk, index * 10_000, sizeBytes));
    }
    await recycled.shrink();
    assert.deepEqual([recycled.count, recycled.bytes], [2, 9_000], "the smaller ones had to go");
    const again = new RecycledFiles({ disk, maxBytes: 5_000, minFreeBytes: 0, files: await listRecycled(disk) });
    assert.equal(again.bytes, 9_000);
    await again.shrink();
    assert.equal(again.bytes, 5_000, "a smaller bound holds at once");
    const name = again.take(1)!;
    assert.deepEqual(await disk.list(WAL_FOLDER), [name.slice(WAL_FOLDER.length + 1)]);
    assert.equal(again.take(1), undefined);
  });
});

test("a bound of 0 keeps none", async () => {
  await inSimulation(async ({ disk }) => {
    await disk.makeFolder(WAL_FOLDER);
    const recycled = new RecycledFiles({ disk, maxBytes: 0, minFreeBytes: 0, files: [] });
    await recycled.keep(await closedFile(disk, 0, 1000));
    await recycled.shrink();
    assert.deepEqual(await disk.list(WAL_FOLDER), []);
  });
});

test("a disk that is nearly full keeps none", async () => {
  await inSimulation(async ({ disk }, simulation) => {
    await disk.makeFolder(WAL_FOLDER);
    const free = simulation.disk.spareBytes();
    const recycled = new RecycledFiles({ disk, maxBytes: MIB, minFreeBytes: free - 3_000, files: [] });
    await recycled.keep(await closedFile(disk, 0, 1000));
    await recycled.shrink();
    assert.deepEqual(await disk.list(WAL_FOLDER), [], "more than a quarter of the 2000 bytes that may be used");
  });
});

/** Fills a file of the log and frees it, so that the next one is written over it. */
async function freeOne(log: OpenLog): Promise<void> {
  const topic = log.topic("old");
  for (let batch = 0; batch < 5; batch += 1) log.append(placeIn(topic), [{ value: Buffer.alloc(2_000, batch) }]);
  await log.roll();
  log.store.append({ type: 4, value: { topicId: topic.id } });
  for (let file = 0; file < 3 && log.store.files.recycled.count === 0; file += 1) {
    log.append(placeIn(log.topic(`filler-${file}`)), [{ value: "x" }]);
    await log.roll();
    await log.store.files.collect();
  }
  assert.ok(log.store.files.recycled.count > 0);
}

/** The process dies while a file is written over another one; `tear` changes what is left. Then it starts again. */
async function afterDeath(
  tear: (simulation: Simulation, name: string) => void,
  check: (log: OpenLog, simulation: Simulation, name: string) => Promise<void>,
): Promise<void> {
  const simulation = new Simulation({ seed: 1 });
  let name = "";
  await simulation.run(async (process) => {
    const log = await openLog(process, SETTINGS);
    await freeOne(log);
    const place = placeIn(log.topic("new"));
    await log.roll(); // the next file is written over the free one
    for (const value of ["a", "b", "c"]) {
      log.append(place, [{ value: Buffer.alloc(300, value) }]);
      await log.flush();
    }
    ({ name } = log.store.wal.file);
  });
  const stale = simulation.files().get(name)!;
  const groups = layOut(new Map([[name, stale]]));
  assert.ok(stale.length > groups.at(-1)!.end + 5_000, "the file holds what it was before, behind the last group");
  tear(simulation, name);
  const ran = await simulation.run(async (process) => check(await openLog(process, SETTINGS), simulation, name));
  assert.ok(ran !== CRASHED);
}

test("hazard: what a file held before it was written over is no part of the log, and is not said to be torn", async () => {
  await afterDeath(
    () => undefined,
    async ({ opened }, simulation) => {
      assert.equal(opened.report.cutBytes, 0);
      assert.deepEqual(opened.warnings, []);
      assert.equal(opened.state.topic("old"), undefined);
      assert.equal(opened.state.topic("new")!.partitions[0]!.endOffset, 3);
      assert.deepEqual(
        [...simulation.files().keys()].filter((name) => name.endsWith(".cut")),
        [],
      );
    },
  );
});

test("hazard: a torn group is cut off before what the file held, and only it is kept aside", async () => {
  let tornBytes = 0;
  await afterDeath(
    (simulation, name) => {
      const last = layOut(new Map([[name, simulation.files().get(name)!]])).at(-1)!;
      tornBytes = last.end - last.at;
      simulation.disk.flipBit(name, last.end - 20);
    },
    async ({ opened }, simulation, name) => {
      assert.equal(opened.report.cutBytes, tornBytes);
      assert.equal(opened.state.topic("new")!.partitions[0]!.endOffset, 2);
      const aside = [...simulation.files()].filter(([each]) => each.startsWith(name) && each.endsWith(".cut"));
      assert.deepEqual(
        aside.map(([, bytes]) => bytes.length),
        [tornBytes],
      );
    },
  );
});

test("hazard: a record of another offset, whole and of the same size, is not served for one that the disk has lost", async () => {
  const simulation = new Simulation({ seed: 1 });
  const ran = await simulation.run(async (process) => {
    const log = await openLog(process, SETTINGS);
    const place = placeIn(log.topic("t"));
    for (let batch = 0; batch < 2; batch += 1) {
      log.append(place, [{ value: Buffer.alloc(300, batch) }]);
      await log.flush();
    }
    await log.roll();
    const file = log.store.files.closed.at(-1)!;
    const [first, second] = layOut(simulation.files()).flatMap(({ batches }) => batches);
    const open = await process.disk.open(file.name, "readWrite");
    const record = Buffer.alloc(first!.end - first!.at);
    await open.read(record, first!.at);
    await open.write([record], second!.at);
    await open.close();
    const query = { partition: place.partition, topicBytes: 1, limitOffset: 2, maxBytes: MIB, atLeastOne: true };
    const [good] = await log.reader.readStored([{ ...query, offset: 0, limitOffset: 1 }]);
    assert.equal(good!.parts.length, 1);
    good!.release();
    await assert.rejects(log.reader.readStored([{ ...query, offset: 1 }]), CorruptionError);
  });
  assert.ok(ran !== CRASHED);
});

test("a file that somebody has removed meanwhile is not missed", async () => {
  const simulation = new Simulation({ seed: 1 });
  const ran = await simulation.run(async (process) => {
    const log = await openLog(process, SETTINGS);
    await freeOne(log);
    const place = placeIn(log.topic("new"));
    await log.roll();
    const name = log.store.wal.file.other;
    assert.ok(name !== undefined);
    await process.disk.remove(name);
    log.append(place, [{ value: "x" }]);
    await log.flush();
    assert.equal(place.partition.highWatermark, 1);
    await log.store.files.giveUpRecycled();
  });
  assert.ok(ran !== CRASHED);
});

test("hazard: damage at the end of the log goes as far as is known to have been durable, not over what the file held", async () => {
  const simulation = new Simulation({ seed: 1 });
  await simulation.run(async (process) => freeOne(await openLog(process, SETTINGS)));
  const later = { "wal.indexing.interval.ms": "-1", "wal.recovery.accept.loss": "true" };
  let [name, end] = ["", 0];
  let stale: Buffer = Buffer.alloc(0);
  await simulation.run(async (process) => {
    const log = await openLog(process, later);
    const place = placeIn(log.topic("new"));
    for (const value of ["a", "b", "c"]) {
      log.append(place, [{ value: Buffer.alloc(300, value) }]);
      await log.flush();
    }
    ({ name } = log.store.wal.file);
    assert.ok(log.store.wal.file.other !== undefined);
    stale = simulation.files().get(name)!;
    await log.roll();
    end = log.store.wal.position;
  });
  await simulation.run(async ({ disk }) => {
    const { length } = simulation.files().get(name)!;
    assert.ok(stale.length > length, "sealing has cut off what the file held; now that did not happen");
    const file = await disk.open(name, "readWrite");
    await file.write([stale.subarray(length)], length);
    await file.close();
    simulation.disk.flipBit(name, length - 20);
  });
  const ran = await simulation.run(async (process) => {
    const { opened } = await openLog(process, later);
    assert.deepEqual(
      opened.report.damage.map(({ to }) => to),
      [end],
    );
    assert.equal(opened.state.topic("new")!.partitions[0]!.endOffset, 3, "the index tells");
  });
  assert.ok(ran !== CRASHED);
});
