import assert from "node:assert/strict";
import { test } from "node:test";
import { rowsOf, type Sample, tableOf } from "./report.ts";

const SAMPLES: readonly Sample[] = [
  { side: "A", round: 1, caseName: "one", measurements: { recordsPerSecond: 100 } },
  { side: "B", round: 1, caseName: "one", measurements: { recordsPerSecond: 300 } },
  { side: "A", round: 2, caseName: "one", measurements: { recordsPerSecond: 200 } },
  { side: "B", round: 2, caseName: "one", measurements: { recordsPerSecond: 200 } },
  { side: "A", round: 3, caseName: "one", measurements: { recordsPerSecond: 1 } }, // its round was not finished
];

test("ratios are those of the rounds, and an unfinished round does not count", () => {
  assert.deepEqual(rowsOf(SAMPLES), [
    {
      caseName: "one",
      metric: "recordsPerSecond",
      a: { median: 150, min: 100, max: 200 },
      b: { median: 250, min: 200, max: 300 },
      ratio: { median: 2, min: 1, max: 3 },
    },
  ]);
});

test("the table names both sides, their medians and spread", () => {
  assert.equal(
    tableOf(rowsOf(SAMPLES), { a: "kafka", b: "chronik" }),
    [
      "| case |           |         kafka |       chronik |  chronik : kafka |",
      "| ---- | --------- | ------------: | ------------: | ---------------: |",
      "| one  | records/s | 150 (100–200) | 250 (200–300) | 2.00 (1.00–3.00) |",
    ].join("\n"),
  );
});
