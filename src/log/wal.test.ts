import assert from "node:assert/strict";
import { test } from "node:test";
import { CRASHED, Simulation } from "../../sim/simulation.ts";
import { layOut } from "../../test/crash/wal-layout.ts";
import { type OpenLog, openLog, placeIn } from "../../test/log/open-log.ts";
import { BLOCK_BYTES } from "./blocks.ts";

const MIB = 1024 * 1024;

type Alignment = 1 | 512;

/** What the scenario leaves in the log's files. The simulated disk refuses writes that are not aligned. */
async function filesOf(
  alignmentBytes: Alignment,
  scenario: (log: OpenLog) => Promise<void>,
  settings: Readonly<Record<string, string>> = {},
): Promise<Map<string, Buffer>> {
  const simulation = new Simulation({ seed: 1, alignmentBytes });
  const ran = await simulation.run(async (process) => {
    await scenario(await openLog(process, { "wal.indexing.interval.ms": "-1", ...settings }));
  });
  assert.ok(ran !== CRASHED);
  return simulation.files();
}

for (const alignmentBytes of [1, 512] as const) {
  test(`groups of any size end where the disk wants them to (${alignmentBytes})`, async () => {
    const sizes = [1, 100, 300, 330, 340, 350, 360, 370, 380, 390, 400, 500, 1000, 5000];
    const files = await filesOf(alignmentBytes, async (log) => {
      const place = placeIn(log.topic("t"));
      for (const size of sizes) {
        log.append(place, [{ value: Buffer.alloc(size, 1) }]);
        await log.flush();
      }
    });
    const groups = layOut(files);
    assert.equal(groups.flatMap(({ batches }) => batches).length, sizes.length);
    for (const { at, end } of groups) assert.deepEqual([at % alignmentBytes, end % alignmentBytes], [0, 0]);
    const filled = groups.filter(({ contentEnd, end }) => contentEnd < end).length;
    assert.ok(alignmentBytes === 1 ? filled === 0 : filled > 10, `${filled} of ${groups.length} groups were filled up`);
  });

  test(`a request larger than the blocks of memory is one group all the same (${alignmentBytes})`, async () => {
    const values = [3 * MIB, 1 * MIB, 5 * MIB, 100, 2 * MIB].map((size, index) => Buffer.alloc(size, index + 1));
    assert.ok(values.some(({ length }) => length > BLOCK_BYTES));
    const files = await filesOf(
      alignmentBytes,
      async (log) => {
        const place = placeIn(log.topic("t"));
        await log.flush();
        log.store.wal.beginRequest(11 * MIB);
        const appended = values.map((value) => log.append(place, [{ value }]));
        await log.flush();
        const found = log.reader.readNow({
          partition: place.partition,
          topicBytes: 1,
          offset: 0,
          limitOffset: values.length,
          maxBytes: 20 * MIB,
          atLeastOne: true,
        });
        assert.ok(Buffer.concat(found!.parts).equals(Buffer.concat(appended)));
        found!.release();
      },
      { "wal.tail.cache.bytes": String(32 * MIB) },
    );
    const holding = layOut(files).filter(({ batches }) => batches.length > 0);
    assert.deepEqual(
      holding.map(({ batches }) => batches.length),
      [values.length],
    );
  });
}

test("a log goes on where it was left, whatever the disk wants from then on", async () => {
  const simulation = new Simulation({ seed: 1 });
  for (const [life, alignmentBytes] of [1, 512, 1, 512].entries()) {
    simulation.alignmentBytes = alignmentBytes;
    simulation.crash("kill");
    const ran = await simulation.run(async (process) => {
      const log = await openLog(process);
      assert.deepEqual([log.opened.report.damage, log.opened.report.cutBytes], [[], 0]);
      const place = placeIn(log.store.state.topic("t") ?? log.topic("t"));
      assert.equal(place.partition.endOffset, life);
      log.append(place, [{ value: "one" }]);
      await log.flush();
    });
    assert.ok(ran !== CRASHED);
  }
});

/** How many bytes the file that is written has on the disk, and up to where groups stand in it. */
function openFile(simulation: Simulation, { store: { wal } }: OpenLog): { sizeBytes: number; usedBytes: number } {
  return { sizeBytes: simulation.files().get(wal.file.name)!.length, usedBytes: wal.position - wal.file.base };
}

test("small groups write zeros ahead, which later ones take, and which the sealed file has no more", async () => {
  const simulation = new Simulation({ seed: 1 });
  const ran = await simulation.run(async (process) => {
    const log = await openLog(process);
    const place = placeIn(log.topic("t"));
    const sizes = new Set<number>();
    for (let count = 0; count < 60; count += 1) {
      log.append(place, [{ value: Buffer.alloc(2000, count + 1) }]);
      await log.flush();
      const { sizeBytes, usedBytes } = openFile(simulation, log);
      assert.ok(sizeBytes >= usedBytes && sizeBytes <= usedBytes + 64 * 1024);
      sizes.add(sizeBytes);
    }
    assert.ok(sizes.size >= 2 && sizes.size <= 4, `the file grew ${sizes.size} times`);
    const { name } = log.store.wal.file;
    await log.roll();
    const [sealed] = layOut(simulation.files()).slice(-1);
    assert.equal(simulation.files().get(name)!.length, sealed!.end);
  });
  assert.ok(ran !== CRASHED);
});

test("the first group of a file and a large one write nothing ahead, nor does a small one within what is there", async () => {
  const simulation = new Simulation({ seed: 1, alignmentBytes: 1 });
  const ran = await simulation.run(async (process) => {
    const log = await openLog(process);
    const place = placeIn(log.topic("t"));
    const small = async (): Promise<{ sizeBytes: number; usedBytes: number }> => {
      log.append(place, [{ value: Buffer.alloc(1000, 1) }]);
      await log.flush();
      return openFile(simulation, log);
    };
    const first = await small();
    assert.equal(first.sizeBytes, first.usedBytes);
    const second = await small();
    assert.equal(second.sizeBytes, second.usedBytes + 64 * 1024);
    assert.equal((await small()).sizeBytes, second.sizeBytes);
    log.append(place, [{ value: Buffer.alloc(MIB, 1) }]);
    await log.flush();
    const { sizeBytes, usedBytes } = openFile(simulation, log);
    assert.equal(sizeBytes, usedBytes);
  });
  assert.ok(ran !== CRASHED);
});

test("no zeros are written ahead beyond where the disk has little left", async () => {
  const simulation = new Simulation({ seed: 1 });
  const ran = await simulation.run(async (process) => {
    const log = await openLog(process);
    const place = placeIn(log.topic("t"));
    const { wal } = log.store;
    const roomBytes = async (): Promise<number> => {
      log.append(place, [{ value: Buffer.alloc(1000, 1) }]);
      await log.flush();
      const { sizeBytes, usedBytes } = openFile(simulation, log);
      return sizeBytes - usedBytes;
    };
    await roomBytes();
    wal.roomEnd = wal.position + 64 * 1024;
    assert.equal(await roomBytes(), 0, "with the group it would be beyond");
    wal.roomEnd = wal.position + 68 * 1024;
    assert.equal(await roomBytes(), 64 * 1024);
  });
  assert.ok(ran !== CRASHED);
});

test("hazard: zeros that are written ahead go over no group, whichever write ends first", async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const simulation = new Simulation({ seed });
    const ran = await simulation.run(async (process) => {
      const log = await openLog(process);
      const place = placeIn(log.topic("t"));
      for (let count = 0; count < 200; count += 1) {
        log.append(place, [{ value: Buffer.alloc(1500, count + 1) }]);
        await new Promise<void>((resolve) => process.clock.schedule(0.3, resolve));
      }
      await log.flush();
      const groups = layOut(simulation.files());
      assert.equal(groups.flatMap(({ batches }) => batches).length, 200, `seed ${seed}`);
    });
    assert.ok(ran !== CRASHED);
  }
});

test("hazard: zeros that are left by a kill are no torn tail, and the log goes on behind its last group", async () => {
  for (const quickWrites of [true, false]) {
    const simulation = new Simulation({ seed: 1, quickWrites });
    for (let life = 0; life < 5; life += 1) {
      const ran = await simulation.run(async (process) => {
        const { opened, store, topic, append, flush } = await openLog(process);
        assert.deepEqual([opened.report.damage, opened.report.cutBytes, opened.warnings], [[], 0, []]);
        const place = placeIn(store.state.topic("t") ?? topic("t"));
        assert.equal(place.partition.endOffset, life);
        append(place, [{ value: "one" }]);
        await flush();
      });
      assert.ok(ran !== CRASHED);
      simulation.crash("kill");
    }
    assert.deepEqual(
      [...simulation.files().keys()].filter((name) => name.endsWith(".cut")),
      [],
    );
  }
});

test("with wal.sync=interval nothing is written ahead: no write waits for the file to be longer", async () => {
  const simulation = new Simulation({ seed: 1 });
  const ran = await simulation.run(async (process) => {
    const log = await openLog(process, { "wal.sync": "interval" });
    const place = placeIn(log.topic("t"));
    for (let count = 0; count < 3; count += 1) {
      log.append(place, [{ value: "one" }]);
      await log.flush();
      const { sizeBytes, usedBytes } = openFile(simulation, log);
      assert.equal(sizeBytes, usedBytes);
    }
  });
  assert.ok(ran !== CRASHED);
});
