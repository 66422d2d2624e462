import assert from "node:assert/strict";
import { test } from "node:test";
import { compareWith } from "./baseline.ts";

const BASELINE = { cpu: "some", node: "v26", ratios: { same: 1, slow: 1, slower: 0.1, gone: 1 } };
const figure = (name: string, ratio: number): Parameters<typeof compareWith>[1][number] => ({
  name,
  ratio,
  nanoseconds: ratio * 1000,
});

test("what takes 1.3 times as long as before is slower, the worst first", () => {
  const comparison = compareWith(BASELINE, [figure("same", 1.29), figure("slow", 1.5), figure("slower", 0.2)]);
  assert.deepEqual(comparison.slower, [
    { name: "slower", factor: 2 },
    { name: "slow", factor: 1.5 },
  ]);
});

test("what is only on one side is said", () => {
  const { slower, unknown, missing } = compareWith(BASELINE, [
    ...["same", "slow", "slower"].map((name) => figure(name, 0.1)),
    figure("new", 1),
  ]);
  assert.deepEqual([slower, unknown, missing], [[], ["new"], ["gone"]]);
});
