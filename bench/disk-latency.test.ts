import assert from "node:assert/strict";
import { test } from "node:test";
import { percentiles } from "./disk-latency.ts";

test("percentiles are values that came, whatever their order", () => {
  const timesMs = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.deepEqual(percentiles(timesMs), { p50Ms: 50, p99Ms: 99 });
  assert.deepEqual(percentiles([7]), { p50Ms: 7, p99Ms: 7 });
});
