import assert from "node:assert/strict";
import { test } from "node:test";
import { processorTime, stolenPercent } from "./steal.ts";

test("what was stolen is a share of all processor time, guests not counted twice", () => {
  const from = processorTime("cpu  10 0 5 80 1 1 1 2 7 7\ncpu0 1 1 1 1\n");
  assert.deepEqual(from, { all: 100, stolen: 2 });
  const to = processorTime("cpu  50 0 15 100 1 1 1 32 40 40\ncpu0 1 1 1 1\n");
  assert.equal(stolenPercent(from, to), 30);
  assert.equal(stolenPercent(from, from), 0);
});

test("this machine's are read", () => {
  assert.ok(processorTime().all > 0);
});
