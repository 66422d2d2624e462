import assert from "node:assert/strict";
import { test } from "node:test";
import { type CompactionConfig, type CompactionDue, type CompactionState, compactionDue } from "./compaction-due.ts";

const NOW = 1_000_000;
const NEVER = Number.MAX_SAFE_INTEGER;
const CONFIG: CompactionConfig = {
  "min.cleanable.dirty.ratio": 0.5,
  "min.compaction.lag.ms": 0,
  "max.compaction.lag.ms": NEVER,
};

/** Ranges of 10 offsets and 100 bytes each, with these timestamps as their largest. */
function rangesOf(...timestamps: readonly number[]) {
  return timestamps.map((maxTimestamp, index) => ({
    firstOffset: index * 10,
    endOffset: index * 10 + 10,
    sizeBytes: 100,
    maxTimestamp,
  }));
}

function due(state: Partial<CompactionState>, config: Partial<CompactionConfig> = {}): CompactionDue {
  return compactionDue(
    {
      ranges: rangesOf(10, 20, 30, 40),
      firstDirtyOffset: 0,
      limitOffset: 40,
      tombstonesDueMs: undefined,
      nowMs: NOW,
      ...state,
    },
    { ...CONFIG, ...config },
  );
}

test("what was never cleaned is dirty", () => {
  assert.deepEqual(due({}), { reason: "dirty", uncleanableFrom: 40, dirtyRatio: 1 });
});

test("more must be dirty than the ratio says, not as much", () => {
  assert.deepEqual(due({ firstDirtyOffset: 20 }), { reason: undefined, uncleanableFrom: 40, dirtyRatio: 0.5 });
  assert.equal(due({ firstDirtyOffset: 20 }, { "min.cleanable.dirty.ratio": 0.49 }).reason, "dirty");
  assert.equal(due({ firstDirtyOffset: 10 }).reason, "dirty");
  assert.equal(due({}, { "min.cleanable.dirty.ratio": 1 }).reason, undefined);
});

test("a range whose end only is dirty is dirty as a whole", () => {
  assert.equal(due({ firstDirtyOffset: 19 }).dirtyRatio, 0.75);
});

test("nothing is due where nothing can be cleaned", () => {
  const nothing = { reason: undefined, dirtyRatio: 0 };
  const late = { "max.compaction.lag.ms": 1 };
  assert.deepEqual(due({ ranges: [], tombstonesDueMs: 0 }, late), { ...nothing, uncleanableFrom: 0 });
  assert.deepEqual(due({ limitOffset: 0, tombstonesDueMs: 0 }, late), { ...nothing, uncleanableFrom: 0 });
  assert.deepEqual(due({ firstDirtyOffset: 40 }, late), { ...nothing, uncleanableFrom: 40 });
});

test("a range that reaches beyond the limit is not cleaned, nor what follows", () => {
  assert.equal(due({ limitOffset: 39 }).uncleanableFrom, 30);
  assert.equal(due({ limitOffset: 30 }).uncleanableFrom, 30);
  assert.equal(due({ limitOffset: 1000 }).uncleanableFrom, 40);
  const clean = due({ limitOffset: 25, firstDirtyOffset: 25 });
  assert.deepEqual(clean, { reason: undefined, uncleanableFrom: 20, dirtyRatio: 0 });
});

test("min.compaction.lag.ms keeps the first dirty range that is too young, and what follows, however old", () => {
  const ranges = rangesOf(NOW - 100, NOW - 99, NOW - 1000, NOW);
  const lag = { "min.compaction.lag.ms": 100 };
  assert.equal(due({ ranges }, lag).uncleanableFrom, 10);
  assert.equal(due({ ranges }, { "min.compaction.lag.ms": 99 }).uncleanableFrom, 30);
  assert.equal(due({ ranges }).uncleanableFrom, 40, "without a lag even the future is old enough");
  assert.equal(due({ ranges, firstDirtyOffset: 20 }, lag).uncleanableFrom, 30, "what is clean has been old enough");
});

test("max.compaction.lag.ms makes a partition due whose oldest dirty range is older", () => {
  const ranges = rangesOf(NOW - 900, NOW - 500, NOW - 600, NOW - 100);
  const state = { ranges, firstDirtyOffset: 20 };
  assert.equal(due(state, { "max.compaction.lag.ms": 600 }).reason, undefined);
  assert.equal(due(state, { "max.compaction.lag.ms": 599 }).reason, "lag");
  const first = [...ranges.slice(0, 2), { ...ranges[2]!, firstTimestamp: NOW - 700 }, ranges[3]!];
  assert.equal(due({ ...state, ranges: first }, { "max.compaction.lag.ms": 600 }).reason, "lag");
  const young = due(state, { "max.compaction.lag.ms": 599, "min.compaction.lag.ms": 599 });
  assert.equal(young.reason, "lag", "lags do not cancel each other");
  assert.equal(young.uncleanableFrom, 30);
});

test("timestamps that are none make nothing late", () => {
  const ranges = rangesOf(-1, 0, -1, 0);
  assert.equal(due({ ranges, firstDirtyOffset: 20 }, { "max.compaction.lag.ms": 1 }).reason, undefined);
});

test("tombstones whose time has come make a clean partition due", () => {
  const state = { firstDirtyOffset: 40, tombstonesDueMs: NOW };
  assert.deepEqual(due(state), { reason: "tombstones", uncleanableFrom: 40, dirtyRatio: 0 });
  assert.equal(due({ ...state, tombstonesDueMs: NOW + 1 }).reason, undefined);
});

test("gaps between ranges are empty", () => {
  const ranges = rangesOf(10, 20, 30, 40).filter(({ firstOffset }) => firstOffset !== 10);
  assert.deepEqual(due({ ranges, firstDirtyOffset: 15 }), { reason: "dirty", uncleanableFrom: 40, dirtyRatio: 2 / 3 });
});
