import assert from "node:assert/strict";
import { test } from "node:test";
import { ratioOf, type Sample, spreadOf } from "./samples.ts";

const FIGURE = { caseName: "one", metric: "recordsPerSecond" } as const;
const sample = (side: string, round: number, recordsPerSecond: number): Sample => ({
  side,
  round,
  caseName: "one",
  measurements: { recordsPerSecond },
});
const SAMPLES = [
  sample("kafka", 1, 100),
  sample("chronik", 1, 300),
  sample("kafka", 2, 200),
  sample("chronik", 2, 200),
  sample("kafka", 3, 1), // its round was not finished
];

test("a spread is over all rounds of a side", () => {
  assert.deepEqual(spreadOf(SAMPLES, "kafka", FIGURE), { median: 100, min: 1, max: 200 });
  assert.equal(spreadOf(SAMPLES, "kafka", { ...FIGURE, metric: "idleCpuPercent" }), undefined);
  assert.equal(spreadOf(SAMPLES, "other", FIGURE), undefined);
});

test("ratios are those of the rounds, and an unfinished round does not count", () => {
  const sides = { side: "chronik", base: "kafka" };
  assert.deepEqual(ratioOf(SAMPLES, sides, FIGURE), { median: 2, min: 1, max: 3 });
  assert.equal(ratioOf(SAMPLES, { ...sides, side: "other" }, FIGURE), undefined);
});

test("nothing beside nothing is equal", () => {
  const samples = [sample("kafka", 1, 0), sample("chronik", 1, 0)];
  assert.equal(ratioOf(samples, { side: "chronik", base: "kafka" }, FIGURE)?.median, 1);
});
