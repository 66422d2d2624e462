/** Batches read from segments, where several share a record, against a naive model: a list searched from its beginning. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SimRandom } from "../../sim/random.ts";
import { type Place, placeIn } from "../../test/log/open-log.ts";
import { type OpenStorage, withStorage } from "../../test/storage/open-storage.ts";
import type { BatchQuery } from "./batch-query.ts";
import { CorruptionError } from "./corruption.ts";
import { rebuildIndex } from "./index-rebuild.ts";
import { Segment } from "./segment.ts";

interface KnownBatch {
  readonly bytes: Buffer;
  readonly baseOffset: number;
  readonly endOffset: number;
}

const TOPIC_BYTES = "topic".length;
const SIZES = [0, 0, 100, 2_000, 15_000, 50_000];

/** Fills two partitions with batches of all sizes; everything moves to segments, and eight of them become one. */
async function fill(open: OpenStorage, seed: number, files: number): Promise<{ place: Place; known: KnownBatch[] }> {
  const topic = open.topic("topic", 2);
  const random = new SimRandom(seed, "sizes");
  const known: KnownBatch[] = [];
  for (let file = 0; file < files; file += 1) {
    for (let count = random.between(1, 6); count > 0; count -= 1) {
      for (const partition of [0, 1]) {
        const place = placeIn(topic, partition);
        const records = Array.from({ length: random.between(1, 3) }, () => ({
          value: Buffer.alloc(random.pick(SIZES), count),
        }));
        const baseOffset = place.partition.endOffset;
        const bytes = open.append(place, records);
        if (partition === 0) known.push({ bytes, baseOffset, endOffset: place.partition.endOffset });
      }
    }
    await open.settle();
  }
  return { place: placeIn(topic), known };
}

/** Every batch that an answer may hold, without a bound on its bytes. */
function wanted(known: readonly KnownBatch[], { offset, limitOffset }: BatchQuery): Buffer[] {
  if (offset >= limitOffset) return [];
  return known.filter(({ endOffset }) => endOffset > offset && endOffset <= limitOffset).map(({ bytes }) => bytes);
}

async function check({ reader }: OpenStorage, known: readonly KnownBatch[], query: BatchQuery): Promise<void> {
  const all = wanted(known, query);
  const [result] = await reader.readStored([query]);
  const bytes = Buffer.concat(result!.parts);
  result!.release();
  assert.equal(bytes.length, result!.sizeBytes);
  const what = `${query.offset}..${query.limitOffset}, ${query.maxBytes} bytes${query.atLeastOne ? ", at least one" : ""}`;
  assert.ok(Buffer.concat(all).subarray(0, bytes.length).equals(bytes), `${what}: a prefix of what is wanted`);
  let size = 0;
  const ends = new Set([0, ...all.map(({ length }) => (size += length))]);
  assert.ok(ends.has(bytes.length), `${what}: whole batches`);
  const firstBytes = all[0]?.length ?? 0;
  assert.ok(bytes.length <= query.maxBytes || (query.atLeastOne && bytes.length === firstBytes), `${what}: too much`);
  const canGive = all.length > 0 && (query.atLeastOne || firstBytes <= query.maxBytes);
  assert.equal(bytes.length > 0, canGive, `${what}: gets on when it can`);
  if (!result!.more) assert.equal(bytes.length, size, `${what}: nothing is left out silently`);
}

test("every offset, limit and bound gives the batches that it should, from blocks too", async () => {
  for (const [seed, files] of [
    [1, 3],
    [2, 8],
    [3, 9],
  ] as const) {
    await withStorage(async (open) => {
      const { place, known } = await fill(open, seed, files);
      const { partition } = place;
      assert.ok(partition.ranges.every(({ file }) => file instanceof Segment));
      const end = partition.endOffset;
      for (let offset = 0; offset <= end; offset += 1) {
        for (const maxBytes of [0, 1, 20_000, 100_000, 10_000_000]) {
          for (const atLeastOne of [true, false]) {
            for (const limitOffset of new Set([end, Math.min(offset + 1, end), Math.min(offset + 7, end)])) {
              await check(open, known, {
                partition,
                topicBytes: TOPIC_BYTES,
                offset,
                limitOffset,
                maxBytes,
                atLeastOne,
              });
            }
          }
        }
      }
      assert.equal(open.reader.busyBytes, 0);
      await new Promise<void>((resolve) => open.process.clock.schedule(1_000, resolve)); // what was read ahead is there
      for (const { file } of partition.ranges) assert.equal(file.readers, 0);
    });
  }
});

test("rows that are found again in a segment are those that were written", async () => {
  await withStorage(async (open) => {
    const { place } = await fill(open, 4, 10);
    for (const range of place.partition.ranges) {
      const stored = await open.reader.index(range);
      const rebuilt = await rebuildIndex(open.process.disk, range);
      const rows = (index: typeof stored): unknown[] =>
        Array.from({ length: index.count }, (_, row) => [
          index.baseOffsetAt(row),
          index.endOffsetAt(row),
          index.positionAt(row),
          index.sizeAt(row),
          index.maxTimestampAt(row),
        ]);
      assert.deepEqual(rows(rebuilt), rows(stored));
    }
  });
});

test("damage in a block: what stands before it is given, then only the block itself is refused, and all behind it is there", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      async (seed, share) => {
        await withStorage(async (open, simulation) => {
          const { place, known } = await fill(open, seed, 3);
          const { partition } = place;
          const range = partition.ranges[Math.floor(share * partition.ranges.length)]!;
          const index = await open.reader.index(range);
          const row = Math.floor(share * index.count);
          const hitAt = index.positionAt(row) + Math.floor(share * index.sizeAt(row)) + 12;
          simulation.disk.flipBit(range.file.name, hitAt);
          const [from, to] = [index.baseOffsetAt(row), index.endOffsetAt(row)];
          const limitOffset = partition.endOffset;
          const read = (offset: number) =>
            open.reader.readStored([
              { partition, topicBytes: TOPIC_BYTES, offset, limitOffset, maxBytes: 10_000_000, atLeastOne: true },
            ]);
          for (const { baseOffset } of known) {
            if (baseOffset >= from && baseOffset < to) {
              await assert.rejects(read(baseOffset), CorruptionError);
              continue;
            }
            const [result] = await read(baseOffset);
            const bytes = Buffer.concat(result!.parts);
            result!.release();
            const rest = known.filter(
              (batch) => batch.baseOffset >= baseOffset && (baseOffset >= to || batch.baseOffset < from),
            );
            const expected = Buffer.concat(rest.map((batch) => batch.bytes));
            assert.ok(bytes.length > 0 && expected.subarray(0, bytes.length).equals(bytes), `from ${baseOffset}`);
          }
          assert.equal(open.reader.busyBytes, 0);
        });
      },
    ),
    { seed: 1, numRuns: 15 },
  );
});

test("rows and a record damaged at once: refused, not passed over without a word", async () => {
  await withStorage(async (open, simulation) => {
    const { place } = await fill(open, 5, 1);
    const [range] = place.partition.ranges;
    const index = await open.reader.index(range!);
    simulation.disk.flipBit(range!.file.name, index.positionAt(0) + 30);
    await assert.rejects(rebuildIndex(open.process.disk, range!), CorruptionError);
  });
});
