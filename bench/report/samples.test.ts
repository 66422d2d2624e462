import assert from "node:assert/strict";
import { test } from "node:test";
import { ratioOf, type Sample, spreadOf, undisturbed } from "./samples.ts";

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

test("rounds in which the host took much from any side are left out, as long as a round is left", () => {
  const stolen = (caseName: string, side: string, round: number, stolenPercent: number): Sample => ({
    ...{ side, round, caseName },
    measurements: { recordsPerSecond: 1, stolenPercent },
  });
  const quiet = [stolen("one", "kafka", 2, 10), stolen("one", "chronik", 2, 0)];
  const noisy = [stolen("one", "kafka", 1, 0), stolen("one", "chronik", 1, 11)];
  const onlyNoisy = [stolen("two", "kafka", 1, 0), stolen("two", "chronik", 1, 11)];
  assert.deepEqual(undisturbed([...noisy, ...quiet, ...onlyNoisy, ...SAMPLES.slice(0, 1)], 10), [
    ...quiet,
    ...onlyNoisy,
  ]);
  assert.equal(undisturbed(SAMPLES, 0).length, SAMPLES.length);
});
