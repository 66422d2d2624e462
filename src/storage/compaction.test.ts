import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeBatch, readRecords } from "../protocol/record.ts";
import { BATCH_HEADER_BYTES, batchBaseOffset, batchDeleteHorizon, setBatchCrc } from "../protocol/record-batch.ts";
import { type BuiltMap, buildMap, type CleanOptions, cleanPass } from "./compaction.ts";
import { BYTES_PER_ENTRY, CompactionOffsetMap } from "./compaction-offset-map.ts";

const NOW = 1000;
const RETENTION = 100;

function mapOf(entries: number): CompactionOffsetMap {
  return new CompactionOffsetMap({
    memoryBytes: (entries + 1) * BYTES_PER_ENTRY,
    secret: Buffer.alloc(16),
    loadFactor: 1,
  });
}

/** Batches with these records, one behind the other: `k=v` has a value, `k` is a tombstone, `=v` has no key. */
function logOf(...batches: readonly string[]): Buffer[] {
  let baseOffset = 0;
  return batches.map((text) => {
    const records = text.split(" ").map((record) => {
      const [key = "", value = null] = record.split("=");
      return { key: key === "" ? null : key, value, timestamp: 10 };
    });
    const batch = encodeBatch(records, { baseOffset });
    baseOffset += records.length;
    return batch;
  });
}

/** What is left, in the words of `logOf`, with offsets. */
function textOf(log: readonly Buffer[]): string {
  return log
    .flatMap((batch) => [...readRecords(batch)])
    .map(
      ({ offset, key, value }) => `${offset}:${key?.toString() ?? ""}${value === null ? "" : `=${value.toString()}`}`,
    )
    .join(" ");
}

async function clean(batches: Iterable<Buffer>, options: Pick<CleanOptions, "map"> & Partial<CleanOptions>) {
  const log: Buffer[] = [];
  const defaults = { endOffset: 1000, nowMs: NOW, deleteRetentionMs: RETENTION, keepsWhenEmpty: () => false };
  const write = (batch: Buffer): undefined => void log.push(batch);
  const statistics = await cleanPass(batches, { ...defaults, ...options }, { write });
  return { log, ...statistics };
}

function endOf(built: BuiltMap): number {
  return built.endOffset;
}

test("a map of the whole dirty part reaches to where nothing is cleaned, over gaps too", async () => {
  const map = mapOf(10);
  const [first, second, third] = logOf("a=1 b=1", "a=2", "c=1") as [Buffer, Buffer, Buffer];
  const built = await buildMap([first, third], { map, firstDirtyOffset: 0, uncleanableFrom: 20 });
  assert.deepEqual(built, { endOffset: 20, recordsRead: 3, bytesRead: first.length + third.length });
  assert.equal(endOf(await buildMap([], { map, firstDirtyOffset: 5, uncleanableFrom: 20 })), 20);
  assert.equal(map.size, 0, "each map begins empty");
  assert.equal(endOf(await buildMap([first, second], { map, firstDirtyOffset: 5, uncleanableFrom: 3 })), 5);
});

test("a batch that reaches beyond what may be cleaned is not mapped", async () => {
  const map = mapOf(10);
  const log = logOf("a=1 b=1", "a=2 c=2", "d=1");
  assert.equal(endOf(await buildMap(log, { map, firstDirtyOffset: 0, uncleanableFrom: 3 })), 2);
  assert.equal(map.get(Buffer.from("a")), 0);
});

test("batches before the dirty part are passed over, and records of a batch that is dirty in part", async () => {
  const map = mapOf(10);
  const built = await buildMap(logOf("a=1", "b=1 c=1"), { map, firstDirtyOffset: 2, uncleanableFrom: 3 });
  assert.equal(built.recordsRead, 2);
  assert.equal(map.size, 1);
});

test("a map that is too small cleans the log in rounds", async () => {
  const map = mapOf(2);
  let log = logOf("a=1 b=1 c=1", "a=2 b=2", "c=2 d=2 a=3");
  const ends: number[] = [];
  for (let dirty = 0; dirty < 8; ) {
    dirty = endOf(await buildMap(log, { map, firstDirtyOffset: dirty, uncleanableFrom: 8 }));
    ends.push(dirty);
    ({ log } = await clean(log, { map, endOffset: dirty }));
  }
  assert.deepEqual(ends, [2, 4, 6, 8]);
  assert.equal(textOf(log), "4:b=2 5:c=2 6:d=2 7:a=3");
});

test("a pass says what it did", async () => {
  const map = mapOf(10);
  const log = logOf("a=1 b=1", "a=2 =x", "b=2", "c a=3");
  await buildMap(log, { map, firstDirtyOffset: 0, uncleanableFrom: 7 });
  const { log: left, ...statistics } = await clean(log, { map, endOffset: 7 });
  assert.equal(textOf(left), "4:b=2 5:c 6:a=3");
  assert.deepEqual(statistics, {
    batchesRead: 4,
    batchesKept: 2,
    batchesRewritten: 1,
    recordsRead: 7,
    recordsKept: 3,
    keylessRecords: 1,
    bytesRead: log.reduce((sum, { length }) => sum + length, 0),
    bytesKept: left.reduce((sum, { length }) => sum + length, 0),
    unreadableBatches: 0,
    firstUnreadable: undefined,
    maxTimestamp: 10,
    tombstonesDueMs: NOW + RETENTION,
  });
});

test("the first tombstones that may go are told, and a pass with an empty map drops them", async () => {
  const map = mapOf(10);
  let { log } = await clean(logOf("a", "b"), { map, endOffset: 1 });
  const second = await clean(log, { map, nowMs: NOW + 50 });
  assert.equal(second.tombstonesDueMs, NOW + RETENTION);
  const third = await clean(second.log, { map, nowMs: NOW + RETENTION });
  assert.equal(textOf(third.log), "1:b");
  assert.equal(third.tombstonesDueMs, NOW + 50 + RETENTION);
  ({ log } = await clean(third.log, { map, nowMs: NOW + 50 + RETENTION }));
  assert.deepEqual(log, []);
});

test("hazard: what a batch that cannot be read may hold stays deleted: tombstones behind it stay", async () => {
  const map = mapOf(10);
  const first = await clean(logOf("x", "a=1", "a"), { map });
  const [before, damaged, after] = first.log as [Buffer, Buffer, Buffer];
  damaged.fill(0xff, BATCH_HEADER_BYTES);
  setBatchCrc(damaged, 0, damaged.length);
  await buildMap([before, damaged, after], { map, firstDirtyOffset: 0, uncleanableFrom: 3 });
  const cleaned = await clean([before, damaged, after], { map, nowMs: NOW + RETENTION });
  assert.deepEqual(cleaned.log, [damaged, after]);
  assert.equal(cleaned.unreadableBatches, 1);
  assert.equal(cleaned.firstUnreadable?.baseOffset, 1);
  assert.equal(cleaned.tombstonesDueMs, undefined, "or the partition would be due again and again");
});

test("the next batch is read when the last has been written", async () => {
  const events: string[] = [];
  function* reading(): Generator<Buffer> {
    for (const batch of logOf("a=1", "b=1")) {
      events.push(`read ${batchBaseOffset(batch, 0)}`);
      yield batch;
    }
  }
  const options = {
    map: mapOf(1),
    endOffset: 0,
    nowMs: NOW,
    deleteRetentionMs: RETENTION,
    keepsWhenEmpty: () => false,
  };
  await cleanPass(reading(), options, {
    async write(batch, isSame) {
      await Promise.resolve();
      events.push(`written ${batchBaseOffset(batch, 0)} ${isSame}`);
    },
  });
  assert.deepEqual(events, ["read 0", "written 0 true", "read 1", "written 1 true"]);
});

test("what one batch may unpack to has a limit of its own", async () => {
  const map = mapOf(10);
  const records = [{ key: "a", value: Buffer.alloc(10_000) }, { key: "b" }];
  const log = [encodeBatch(records, { compression: "zstd" })];
  const options = { map, firstDirtyOffset: 0, uncleanableFrom: 2 };
  await buildMap(log, { ...options, limitBytes: 5000 });
  assert.equal(map.size, 0);
  assert.equal((await clean(log, { map, limitBytes: 5000 })).unreadableBatches, 1);
  await buildMap(log, options);
  assert.equal(map.size, 2);
  const { log: left } = await clean(log, { map });
  assert.equal(batchDeleteHorizon(left[0]!, 0), NOW + RETENTION);
});
