import assert from "node:assert/strict";
import { test } from "node:test";
import { CRASHED, type SimProcess, Simulation } from "../../sim/simulation.ts";
import { type OpenLog, openLog, placeIn } from "../../test/log/open-log.ts";
import { bytesOf, query, readStored, SMALL_REGIONS, withLog } from "../../test/log/reads.ts";
import type { RegionRead, RegionReadResult, RegionReads } from "../ports/region-reads.ts";
import { DiskRegionReads } from "./disk-region-reads.ts";

const REGION_BYTES = 65_536;

/** Reads of regions, each of which is looked at when it is begun, and held up for as long as that takes, and when it is done. */
function watchedReads(
  { disk }: SimProcess,
  begun: (request: RegionRead) => unknown,
  done: (got: RegionReadResult) => void = () => undefined,
): RegionReads {
  const reads = new DiskRegionReads(disk);
  return {
    allocate: (sizeBytes) => reads.allocate(sizeBytes),
    release: () => reads.release(),
    forget: (name) => reads.forget(name),
    close: () => reads.close(),
    async read(request) {
      await begun(request);
      const got = await reads.read(request);
      done(got);
      return got;
    },
  };
}

/** A log, and how many regions were begun of its files so far. */
async function withRegions(
  scenario: (log: OpenLog, process: SimProcess, regions: () => number) => Promise<void>,
): Promise<void> {
  const result = await new Simulation({ seed: 1 }).run(async (process) => {
    let regions = 0;
    const reads = watchedReads(process, () => (regions += 1));
    await scenario(await openLog(process, SMALL_REGIONS, reads), process, () => regions);
  });
  assert.ok(result !== CRASHED);
}

function rest({ clock }: SimProcess): Promise<void> {
  return new Promise((resolve) => clock.schedule(1_000, resolve));
}

test("regions are read ahead all at once; none but their edges are read twice", async () => {
  let [begun, readBytes, unverified, fileBytes] = [0, 0, 0, 0];
  const result = await new Simulation({ seed: 1 }).run(async (process) => {
    const counted = watchedReads(
      process,
      ({ position, from }) => {
        begun += 1;
        assert.deepEqual([position % 4096, from % 4096], [0, 0], "as is read past the system's memory");
      },
      (got) => {
        readBytes += got.readBytes;
        if (got.recordAt === undefined || got.verifiedTo <= got.recordAt) unverified += 1;
      },
    );
    const log = await openLog(process, SMALL_REGIONS, counted);
    const place = placeIn(log.topic("t"));
    const batches: Buffer[] = [];
    for (let n = 0; n < 500; n += 1) batches.push(log.append(place, [{ value: Buffer.alloc(1_000, n) }]));
    await log.roll();
    fileBytes = log.store.wal.position;
    await rest(process); // nobody writes any more: reads need not take turns
    for (let offset = 0; offset < 500; ) {
      // Of the third region more than half.
      const [read] = await readStored(log, query(place, offset, { maxBytes: 2.6 * REGION_BYTES }));
      const count = read!.parts.length;
      assert.deepEqual(bytesOf(read), Buffer.concat(batches.slice(offset, offset + count)));
      read!.release();
      if (offset === 0) {
        assert.equal(begun, 3 + 4, "none of them waits for the one before");
        await rest(process);
        assert.equal(begun, 3 + 4);
      }
      offset += count;
    }
  });
  assert.ok(result !== CRASHED);
  assert.equal(unverified, 0, "each finds where the records of the one before end");
  assert.ok(readBytes < 1.2 * fileBytes, `${readBytes} bytes of ${fileBytes}`);
});

test("who reads on waits for the disk only once, also at the ends of files", async () => {
  await withLog(async (log, process) => {
    const { clock } = process;
    const topic = log.topic("t", 2);
    const places = topic.partitions.map(({ partition }) => placeIn(topic, partition));
    for (let n = 0; n < 150; n += 1) {
      if (n % 50 === 0) await log.roll();
      for (const place of places) log.append(place, [{ value: Buffer.alloc(2_000, n) }]);
    }
    await log.roll();
    const waits: number[] = [];
    const next = [0, 0];
    while (next[0]! < 150) {
      await rest(process);
      const beganMs = clock.monotonicMs();
      const queries = places.map((place, index) => query(place, next[index]!, { maxBytes: 40_000 }));
      for (const [index, result] of (await readStored(log, ...queries)).entries()) {
        next[index]! += result.parts.length;
        result.release();
      }
      waits.push(clock.monotonicMs() - beganMs);
    }
    assert.deepEqual(next, [150, 150]);
    assert.ok(waits[0]! > 0 && waits.length > 6);
    assert.deepEqual(
      waits.slice(1).filter((ms) => ms > 0),
      [],
    );
  }, SMALL_REGIONS);
});

test("of eight regions no more than four are begun ahead for one query, however much it asks for", async () => {
  await withLog(async (log, process) => {
    const place = placeIn(log.topic("t"));
    for (let n = 0; n < 700; n += 1) log.append(place, [{ value: Buffer.alloc(1_000, n) }]);
    await log.roll();
    await rest(process);
    const [read] = await readStored(log, query(place, 0, { maxBytes: 3.5 * REGION_BYTES }));
    await rest(process);
    assert.equal(log.reader.regionBytes, (4 + 4) * REGION_BYTES);
    read!.release();
  }, SMALL_REGIONS);
});

test("what two requests like the one that came will want is read ahead", async () => {
  await withLog(async (log, process) => {
    const place = placeIn(log.topic("t"));
    for (let n = 0; n < 700; n += 1) log.append(place, [{ value: Buffer.alloc(1_000, n) }]);
    await log.roll();
    await rest(process);
    const [read] = await readStored(log, query(place, 0, { maxBytes: REGION_BYTES }));
    await rest(process);
    assert.equal(log.reader.regionBytes, (2 + 2) * REGION_BYTES, "of the second one a part");
    read!.release();
  }, SMALL_REGIONS);
});

test("what is wanted behind the end of a region is read with what will be wanted, however little it is", async () => {
  await withRegions(async (log, process, regions) => {
    const place = placeIn(log.topic("t"));
    for (let n = 0; n < 100; n += 1) log.append(place, [{ value: Buffer.alloc(1_000, n) }]);
    await log.roll();
    await rest(process);
    // Of the second region a few batches, less than one is read for otherwise.
    const [read] = await readStored(log, query(place, 0, { maxBytes: 1.05 * REGION_BYTES }));
    assert.ok(read!.sizeBytes > REGION_BYTES);
    read!.release();
    await rest(process);
    assert.equal(log.reader.reads, regions(), "nothing was read but regions");
    assert.equal(regions(), 2);
  });
});

test("batches that lie far behind a region are read without regions of their own", async () => {
  await withRegions(async (log, process, regions) => {
    const topic = log.topic("t", 2);
    const [often, seldom] = topic.partitions.map(({ partition }) => placeIn(topic, partition));
    for (let n = 0; n < 240; n += 1) {
      if (n % 60 === 0) log.append(seldom!, [{ value: Buffer.alloc(500, n) }]);
      log.append(often!, [{ value: Buffer.alloc(5_000, n) }]);
    }
    await log.roll();
    await rest(process);
    const [first] = await readStored(log, query(often!, 0, { maxBytes: 0.5 * REGION_BYTES }));
    first!.release();
    await rest(process);
    const before = regions();
    const [read] = await readStored(log, query(seldom!, 0));
    assert.equal(read!.parts.length, 4);
    assert.equal(regions(), before);
    read!.release();
  });
});

test("no more is read ahead for many queries together than for one", async () => {
  const result = await new Simulation({ seed: 1 }).run(async (process) => {
    let hold: Promise<void> = Promise.resolve();
    let begun = 0;
    const held = watchedReads(process, () => {
      begun += 1;
      return hold;
    });
    const log = await openLog(process, SMALL_REGIONS, held);
    const place = placeIn(log.topic("t"));
    for (let n = 0; n < 700; n += 1) log.append(place, [{ value: Buffer.alloc(1_000, n) }]);
    await log.roll();
    await rest(process);
    const goOn = Promise.withResolvers<void>();
    hold = goOn.promise;
    const answers = [0, 150, 300, 450].map((offset) => readStored(log, query(place, offset, { maxBytes: 40_000 })));
    await rest(process);
    assert.equal(log.reader.regionBytes, (4 + 4) * REGION_BYTES, "one for each query, and four ahead");
    assert.equal(begun, 4 + 4, "none waits for another");
    goOn.resolve();
    for (const [read] of await Promise.all(answers)) read!.release();
  });
  assert.ok(result !== CRASHED);
});
