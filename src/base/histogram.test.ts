/** Every observation is in the first bucket whose bound is not below it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "./histogram.ts";

test("a bound belongs to its bucket, and what is beyond the last has one of its own", () => {
  const histogram = new Histogram([1, 10, 100]);
  for (const value of [0, 1, 1.5, 10, 10.5, 100, 100.5, 1e9]) histogram.observe(value);
  assert.deepEqual([...histogram.counts], [2, 2, 2, 2]);
  assert.equal(histogram.sum, 0 + 1 + 1.5 + 10 + 10.5 + 100 + 100.5 + 1e9);
});

test("bounds that do not rise are refused", () => {
  assert.throws(() => new Histogram([1, 1]), /rise/);
});
