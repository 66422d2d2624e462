import assert from "node:assert/strict";
import { test } from "node:test";
import type { SimProcess } from "../../sim/simulation.ts";
import { type OpenLog, type Place, placeIn } from "../../test/log/open-log.ts";
import { bytesOf, query, readStored, SMALL_REGIONS, withLog } from "../../test/log/reads.ts";
import { toPosition } from "../base/brands.ts";
import { CorruptionError } from "./corruption.ts";
import { type Region, RegionCache, type Wanted } from "./region-cache.ts";
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
    await pass(120_000);
    assert.ok(log.reader.regionBytes > 0, "an answer still refers to it");
    assert.deepEqual(bytesOf(first), bytes);
    first!.release();
    await pass(10_000);
    assert.ok(log.reader.regionBytes > 0, "it may go on");
    await pass(60_000);
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

const REGIONS = 8;
const FILE = new WalFile(toPosition(0), 1, toPosition(10_000_000));

/** So far apart that none of them joins another. */
const apart = (n: number): number => n * 200_000;

/** Eight regions, whose reads find nothing. */
async function withRegions(
  scenario: (cache: RegionCache, process: SimProcess, place: Place) => Promise<void>,
): Promise<void> {
  await withLog(async (log, process) => {
    const reads = {
      allocate: (sizeBytes: number) => Buffer.alloc(sizeBytes),
      read: () => assert.fail(),
      release: () => undefined,
      forget: () => undefined,
      close: () => undefined,
    };
    const inTurn = ({ to }: { readonly to: number }) =>
      Promise.resolve({ readBytes: to, recordAt: undefined, verifiedTo: 0 });
    const { clock } = process;
    const cache = new RegionCache({ memoryBytes: REGIONS * 65_536, reads, clock, inTurn });
    await scenario(cache, process, placeIn(log.topic("t")));
  });
}

async function begins(cache: RegionCache, n: number, wanted: Wanted): Promise<boolean> {
  const region = cache.begin(FILE, apart(n), wanted);
  await region?.read;
  return region !== undefined;
}

/** Regions of all memory, each of which an answer refers to. */
async function fill(cache: RegionCache): Promise<readonly Region[]> {
  const regions = Array.from({ length: REGIONS }, (_, n) => cache.begin(FILE, apart(n), "now")!);
  for (const region of regions) cache.hold(region);
  await Promise.all(regions.map(({ read }) => read));
  return regions;
}

/** What a promise has come to, before any time passes. */
async function settledNow<T>(promise: Promise<T>): Promise<T | "waits"> {
  let settled: T | "waits" = "waits";
  void promise.then((value) => (settled = value));
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  return settled;
}

test("what was read ahead and not used yet is given up for who wants something now, and for nobody's reading ahead", async () => {
  await withRegions(async (cache) => {
    const isThere = (n: number): boolean => cache.find(FILE, apart(n), 1) !== undefined;
    for (let n = 0; n < REGIONS; n += 1) assert.ok(await begins(cache, n, "ahead"));
    assert.equal(await begins(cache, 8, "ahead"), false);
    assert.ok(await begins(cache, 9, "now"));
    assert.equal(await begins(cache, 8, "ahead"), false);
    const used = cache.find(FILE, apart(3), 1)!;
    cache.hold(used);
    assert.equal(await begins(cache, 8, "ahead"), false, "it is in use");
    cache.release(used);
    assert.ok(await begins(cache, 8, "ahead"));
    assert.deepEqual([isThere(3), isThere(4), isThere(8)], [false, true, true]);
    cache.close();
    assert.equal(await begins(cache, 5, "now"), false);
  });
});

test("what is still to come for a reader is given up only for who has waited", async () => {
  await withRegions(async (cache, { clock }, { partition }) => {
    const regions = await fill(cache);
    for (const n of [0, 1]) cache.release(regions[n]!);
    cache.standsAt({ partition, offset: 0, nextOffset: 1, file: FILE, at: apart(1), rangeTo: FILE.end });
    const untilMs = clock.monotonicMs() + 10;
    const done = await cache.obtain(FILE, apart(8), 1, untilMs);
    assert.equal(done?.memory, regions[0]!.memory, "its reader has gone on");
    const toCome = cache.obtain(FILE, apart(9), 1, untilMs);
    assert.equal(await settledNow(toCome), "waits");
    assert.ok((await toCome) !== undefined);
    assert.equal(clock.monotonicMs(), untilMs);
    assert.equal(cache.find(FILE, apart(1), 1), undefined);
  });
});

test("who finds all in use waits for the first that is not, before anybody reads ahead, and in order", async () => {
  await withRegions(async (cache, { clock }) => {
    const [first, second] = await fill(cache);
    const untilMs = clock.monotonicMs() + 10;
    const waiting = [8, 9, 8].map((n) => cache.obtain(FILE, apart(n), 1, untilMs));
    assert.equal(await settledNow(Promise.race(waiting)), "waits");
    cache.release(first!);
    const [got, none, same] = await Promise.all(waiting.map(settledNow));
    assert.ok(got !== undefined && got !== "waits" && got.spans(FILE, apart(8), 1));
    assert.equal(none, "waits");
    assert.equal(same, got, "what is begun for one is there for all who wait");
    assert.ok(got.holders >= 2, "each of them holds it");
    cache.release(second!);
    const last = await waiting[1];
    assert.ok(last?.spans(FILE, apart(9), 1));
    assert.equal(await begins(cache, 10, "ahead"), false, "all are in use again");
  });
});

test("while anybody waits nothing is read ahead", async () => {
  await withRegions(async (cache, { clock }, { partition }) => {
    const regions = await fill(cache);
    cache.standsAt({ partition, offset: 0, nextOffset: 1, file: FILE, at: apart(1), rangeTo: FILE.end });
    cache.release(regions[1]!);
    const waiting = cache.obtain(FILE, apart(8), 1, clock.monotonicMs() + 1_000);
    await new Promise<void>((resolve) => clock.schedule(500, resolve)); // its reader does not go on
    assert.equal(await begins(cache, 9, "ahead"), false);
    cache.release(regions[0]!);
    assert.ok((await waiting)?.spans(FILE, apart(8), 1));
    assert.equal(await begins(cache, 9, "ahead"), true);
  });
});

test("who waits has what a reader is through with, and what was in a file that is removed", async () => {
  await withRegions(async (cache, { clock }, { partition }) => {
    const regions = await fill(cache);
    const untilMs = clock.monotonicMs() + 10;
    cache.standsAt({ partition, offset: 0, nextOffset: 1, file: FILE, at: apart(1), rangeTo: FILE.end });
    cache.release(regions[1]!);
    const waiting = cache.obtain(FILE, apart(8), 1, untilMs);
    assert.equal(await settledNow(waiting), "waits");
    cache.standsAt({ partition, offset: 1, nextOffset: 2, file: FILE, at: apart(2), rangeTo: FILE.end });
    assert.ok((await settledNow(waiting)) !== "waits");
    cache.release(regions[2]!);
    const another = new WalFile(toPosition(10_000_000), 1, toPosition(20_000_000));
    const next = cache.obtain(another, 0, 1, untilMs);
    assert.equal(await settledNow(next), "waits");
    cache.forget(FILE);
    assert.ok((await settledNow(next)) !== "waits");
  });
});

test("who has waited in vain, or must not wait, does without; closing ends all waiting", async () => {
  await withRegions(async (cache, { clock }) => {
    const regions = await fill(cache);
    const beganMs = clock.monotonicMs();
    assert.equal(await cache.obtain(FILE, apart(8), 1, beganMs + 10), undefined);
    assert.equal(clock.monotonicMs(), beganMs + 10);
    assert.equal(await settledNow(cache.obtain(FILE, apart(8), 1, beganMs + 1_000)), undefined, "nor has anybody else");
    cache.release(regions[0]!);
    cache.hold(regions[0]!);
    assert.equal(await cache.obtain(FILE, apart(8), 1, beganMs), undefined, "its time is over");
    const more = cache.obtain(FILE, apart(8), 1, beganMs + 1_000);
    assert.equal(await settledNow(more), "waits");
    cache.close();
    assert.equal(await settledNow(more), undefined);
  });
});
