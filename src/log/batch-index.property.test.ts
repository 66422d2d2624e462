/** Against a naive model: a list that is searched from its beginning. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BatchIndex, type BatchRow, BYTES_PER_ROW, clampTimestamp } from "./batch-index.ts";

const RUNS = { seed: 1, numRuns: 200 };

/** Rows in offset order, with gaps here and there as damage and compaction leave them. */
const rows = fc
  .array(
    fc.record({
      gap: fc.oneof(fc.constant(0), fc.nat(3)),
      count: fc.integer({ min: 1, max: 4 }),
      sizeBytes: fc.nat(0xffff_ffff),
      maxTimestamp: fc.oneof(fc.integer({ min: -1, max: 20 }), fc.maxSafeInteger()),
    }),
    { maxLength: 40 },
  )
  .chain((steps) =>
    fc.constantFrom(0, 2 ** 50).map((firstOffset) => {
      let endOffset = firstOffset;
      return steps.map(({ gap, count, sizeBytes, maxTimestamp }, place): BatchRow => {
        const baseOffset = endOffset + gap;
        endOffset = baseOffset + count;
        return { baseOffset, endOffset, position: 1000 + place, sizeBytes, maxTimestamp };
      });
    }),
  );

function indexOf(all: readonly BatchRow[]): BatchIndex {
  const index = new BatchIndex();
  for (const row of all) index.push(row);
  return index;
}

function rowAt(index: BatchIndex, row: number): BatchRow {
  return {
    baseOffset: index.baseOffsetAt(row),
    endOffset: index.endOffsetAt(row),
    position: index.positionAt(row),
    sizeBytes: index.sizeAt(row),
    maxTimestamp: index.maxTimestampAt(row),
  };
}

function orCount(found: number, index: BatchIndex): number {
  return found === -1 ? index.count : found;
}

test("keeps every row, in order", () => {
  fc.assert(
    fc.property(rows, (all) => {
      const index = indexOf(all);
      assert.equal(index.count, all.length);
      assert.deepEqual(
        all.map((_, row) => rowAt(index, row)),
        all,
      );
    }),
    RUNS,
  );
});

test("finds the row that holds an offset, or the first one behind it", () => {
  fc.assert(
    fc.property(rows, (all) => {
      const index = indexOf(all);
      const first = all[0]?.baseOffset ?? 0;
      const last = all.at(-1)?.endOffset ?? 0;
      for (let offset = Math.max(0, first - 2); offset <= last + 1; offset += 1) {
        const expected = all.findIndex(({ endOffset }) => endOffset > offset);
        assert.equal(index.find(offset), orCount(expected, index), `offset ${offset}`);
      }
    }),
    RUNS,
  );
});

test("finds the first row from a place on that reaches a timestamp", () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: -2, max: 22 }), fc.nat(41), (all, timestamp, from) => {
      const index = indexOf(all);
      const expected = all.findIndex((row, place) => place >= from && row.maxTimestamp >= timestamp);
      assert.equal(index.findTimestamp(timestamp, from), expected === -1 ? Math.max(from, all.length) : expected);
    }),
    RUNS,
  );
});

test("written rows are read back, and more can be pushed behind them", () => {
  fc.assert(
    fc.property(rows, fc.nat(10), (all, at) => {
      const buffer = Buffer.alloc(at + all.length * BYTES_PER_ROW);
      indexOf(all).writeTo(buffer, at);
      const index = BatchIndex.read(buffer, at, all.length);
      const end = all.at(-1)?.endOffset ?? 0;
      const next = { baseOffset: end, endOffset: end + 1, position: 1, sizeBytes: 1, maxTimestamp: 1 };
      index.push(next);
      assert.deepEqual(
        [...all, next].map((_, row) => rowAt(index, row)),
        [...all, next],
      );
    }),
    RUNS,
  );
});

test("timestamps beyond 2^53-1 compare like the largest number, all others exactly", () => {
  assert.equal(clampTimestamp(1_700_000_000_123), 1_700_000_000_123);
  assert.equal(clampTimestamp(2n ** 63n - 1n), Number.MAX_SAFE_INTEGER);
  assert.equal(clampTimestamp(-(2n ** 63n)), -Number.MAX_SAFE_INTEGER);
});

test("a row out of order is a broken invariant", () => {
  const index = indexOf([{ baseOffset: 5, endOffset: 8, position: 0, sizeBytes: 1, maxTimestamp: 0 }]);
  const row = { baseOffset: 7, endOffset: 9, position: 1, sizeBytes: 1, maxTimestamp: 0 };
  assert.throws(() => index.push(row), { name: "InvariantError" });
});
