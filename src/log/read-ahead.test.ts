import assert from "node:assert/strict";
import { test } from "node:test";
import { CRASHED, type SimProcess, Simulation } from "../../sim/simulation.ts";
import { openLog, placeIn } from "../../test/log/open-log.ts";
import { bytesOf, query, readStored, SMALL_REGIONS, withLog } from "../../test/log/reads.ts";
import type { RegionReads } from "../ports/region-reads.ts";
import { DiskRegionReads } from "./disk-region-reads.ts";

const REGION_BYTES = 65_536;

function rest({ clock }: SimProcess): Promise<void> {
  return new Promise((resolve) => clock.schedule(1_000, resolve));
}

test("as many regions are read ahead as were wanted, two at a time; none but their edges are read twice", async () => {
  let [begun, underWay, most, readBytes, unverified, fileBytes] = [0, 0, 0, 0, 0, 0];
  const result = await new Simulation({ seed: 1 }).run(async (process) => {
    const reads = new DiskRegionReads(process.disk);
    const counted: RegionReads = {
      allocate: (sizeBytes) => reads.allocate(sizeBytes),
      release: () => reads.release(),
      close: () => reads.close(),
      async read(request) {
        begun += 1;
        most = Math.max(most, (underWay += 1));
        const got = await reads.read(request);
        underWay -= 1;
        readBytes += got.readBytes;
        if (got.recordAt === undefined || got.verifiedTo <= got.recordAt) unverified += 1;
        return got;
      },
    };
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
        most = underWay; // the regions that were wanted were begun all at once
        await rest(process);
        assert.deepEqual([begun, most], [6, 2]);
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

test("of eight regions no more than three are begun ahead for one query, however much it asks for", async () => {
  await withLog(async (log, process) => {
    const place = placeIn(log.topic("t"));
    for (let n = 0; n < 700; n += 1) log.append(place, [{ value: Buffer.alloc(1_000, n) }]);
    await log.roll();
    await rest(process);
    const [read] = await readStored(log, query(place, 0, { maxBytes: 3.5 * REGION_BYTES }));
    await rest(process);
    assert.equal(log.reader.regionBytes, (4 + 3) * REGION_BYTES);
    read!.release();
  }, SMALL_REGIONS);
});
