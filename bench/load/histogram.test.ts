import assert from "node:assert/strict";
import { test } from "node:test";
import { LatencyHistogram } from "./histogram.ts";

test("percentiles are at most 1.6 % above the exact ones", () => {
  const histogram = new LatencyHistogram();
  for (let latencyUs = 1; latencyUs <= 100_000; latencyUs++) histogram.record(latencyUs / 1000);
  const summary = histogram.summary();
  const exactMs = { p50Ms: 50, p95Ms: 95, p99Ms: 99, p999Ms: 99.9 };
  for (const [name, exact] of Object.entries(exactMs)) {
    const ratio = summary[name as keyof typeof exactMs] / exact;
    assert.ok(ratio >= 1 && ratio < 1.016, `${name} is ${ratio} of what it should be`);
  }
  assert.equal(summary.maxMs, 100);
  assert.ok(Math.abs(summary.meanMs - 50.0005) < 1e-6);
});

test("nothing recorded is all zero, and the longest wait has its place", () => {
  const histogram = new LatencyHistogram();
  assert.equal(histogram.summary().p999Ms, 0);
  histogram.record(0);
  histogram.record(Number.MAX_SAFE_INTEGER);
  assert.equal(histogram.summary().maxMs, Number.MAX_SAFE_INTEGER);
});
