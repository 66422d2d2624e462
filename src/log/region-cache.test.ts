import assert from "node:assert/strict";
import { test } from "node:test";
import { type OpenLog, type Place, placeIn } from "../../test/log/open-log.ts";
import { bytesOf, query, readStored, SMALL_REGIONS, withLog } from "../../test/log/reads.ts";
import { toPosition } from "../base/brands.ts";
import { CorruptionError } from "./corruption.ts";
import { RegionCache, type Wanted } from "./region-cache.ts";
import { WalFile } from "./wal-file.ts";

const LARGE = Buffer.alloc(5000, 1);

/** Four partitions whose batches take turns in a sealed file, which takes up several regions of 64 KiB. */
async function interleaved(log: OpenLog): Promise<readonly Place[]> {
  const topic = log.topic("t", 4);
  const places = topic.partitions.map(({ partition }) => placeIn(topic, partition));
  for (let round = 0; round < 24; round += 1) for (const place of places) log.append(place, [{ value: LARGE }]);
  await log.roll();
  await log.flush();
  return places;
}

test("partitions that lie beside each other in a sealed file are read once, also by one query after the other", async () => {
  await withLog(async (log) => {
    const places = await interleaved(log);
    for (const place of places) (await readStored(log, query(place, 0, { maxBytes: 1 })))[0]!.release(); // the indexes
    const before = log.reader.reads;
    for (let offset = 0; offset < 24; offset += 3) {
      for (const place of places) {
        const [result] = await readStored(log, query(place, offset, { maxBytes: 3 * 5_100 }));
        assert.equal(result!.sizeBytes > 3 * LARGE.length, true);
        result!.release();
      }
    }
    const regions = Math.ceil((24 * 4 * 5_200) / 65_536);
    const reads = log.reader.reads - before;
    assert.ok(reads <= 2 * regions, `${reads} reads for ${regions} regions`);
    assert.ok(log.reader.regionBytes <= (1024 * 1024) / 2);
  }, SMALL_REGIONS);
});

test("the memory of regions is given back when nobody reads any more and nobody holds any; who comes later has it again", async () => {
  await withLog(async (log, { clock }) => {
    const places = await interleaved(log);
    const pass = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
    const [first] = await readStored(log, query(places[0]!, 0));
    const bytes = bytesOf(first);
    await pass(30_000);
    assert.ok(log.reader.regionBytes > 0, "an answer still refers to it");
    assert.deepEqual(bytesOf(first), bytes);
    first!.release();
    await pass(3_000);
    assert.ok(log.reader.regionBytes > 0, "it may go on");
    await pass(10_000);
    assert.equal(log.reader.regionBytes, 0);
    const [again] = await readStored(log, query(places[0]!, 0));
    assert.deepEqual(bytesOf(again), bytes);
    assert.ok(log.reader.regionBytes > 0);
    again!.release();
  }, SMALL_REGIONS);
});

test("what answers refer to stays as it is while others read on", async () => {
  await withLog(async (log) => {
    const places = await interleaved(log);
    const first = (await readStored(log, query(places[0]!, 0, { maxBytes: 20_000 })))[0]!;
    const before = bytesOf(first);
    for (let offset = 0; offset < 24; offset += 1) {
      for (const place of places) (await readStored(log, query(place, offset, { maxBytes: 20_000 })))[0]!.release();
    }
    assert.deepEqual(bytesOf(first), before);
    first.release();
  }, SMALL_REGIONS);
});

test("a region with damage is not kept", async () => {
  await withLog(async (log, { disk }) => {
    const [place] = await interleaved(log);
    const ask = query(place!, 0, { maxBytes: 20_000 });
    const range = place!.partition.ranges[0]!;
    const [good] = await readStored(log, ask);
    const expected = bytesOf(good);
    good!.release();
    log.reader.forget(range.file); // as if it had not been read
    disk.flipBit(range.file.name, 3_000, 1);
    await assert.rejects(readStored(log, ask), CorruptionError);
    disk.flipBit(range.file.name, 3_000, 1);
    assert.deepEqual(bytesOf((await readStored(log, ask))[0]), expected);
  }, SMALL_REGIONS);
});

test("what was read ahead and not used yet is given up for who wants something now, and for nobody's reading ahead", async () => {
  await withLog(async (_log, { clock }) => {
    const reads = {
      allocate: (sizeBytes: number) => Buffer.alloc(sizeBytes),
      read: () => assert.fail(),
      release: () => undefined,
      close: () => undefined,
    };
    const inTurn = ({ to }: { readonly to: number }) =>
      Promise.resolve({ readBytes: to, recordAt: undefined, verifiedTo: 0 });
    const cache = new RegionCache({ memoryBytes: 8 * 65_536, reads, clock, inTurn });
    const file = new WalFile(toPosition(0), 1, toPosition(10_000_000));
    const farApart = (n: number): number => n * 200_000;
    const begins = async (n: number, wanted: Wanted): Promise<boolean> => {
      const region = cache.begin(file, farApart(n), wanted);
      await region?.read;
      return region !== undefined;
    };
    const isThere = (n: number): boolean => cache.find(file, farApart(n), 1) !== undefined;
    for (let n = 0; n < 8; n += 1) assert.ok(await begins(n, "ahead"));
    assert.equal(await begins(8, "ahead"), false);
    assert.ok(await begins(9, "now"));
    assert.equal(await begins(8, "ahead"), false);
    const used = cache.find(file, farApart(3), 1)!;
    cache.hold(used);
    assert.equal(await begins(8, "ahead"), false, "it is in use");
    cache.release(used);
    assert.ok(await begins(8, "ahead"));
    assert.deepEqual([isThere(3), isThere(4), isThere(8)], [false, true, true]);
    cache.close();
    assert.equal(await begins(5, "now"), false);
  });
});
