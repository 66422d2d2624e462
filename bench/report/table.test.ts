import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sample } from "./samples.ts";
import { tableOf } from "./table.ts";

const sample = (side: string, round: number, recordsPerSecond: number): Sample => ({
  side,
  round,
  caseName: "one",
  measurements: { recordsPerSecond },
});

test("the table names all sides, their medians, spreads, and ratios to the first", () => {
  const samples = [
    sample("kafka", 1, 100),
    sample("chronik", 1, 300),
    sample("kafka", 2, 200),
    sample("chronik", 2, 200),
    sample("kafka,a=b", 2, 50),
  ];
  assert.equal(
    tableOf(samples, ["kafka", "kafka,a=b", "chronik"]),
    [
      "| case |           |      A: kafka | B: kafka,a=b |    C: chronik | B : A |            C : A |",
      "| ---- | --------- | ------------: | -----------: | ------------: | ----: | ---------------: |",
      "| one  | records/s | 150 (100–200) |           50 | 250 (200–300) |  0.25 | 2.00 (1.00–3.00) |",
    ].join("\n"),
  );
});
