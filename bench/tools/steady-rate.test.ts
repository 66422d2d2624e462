import assert from "node:assert/strict";
import { test } from "node:test";
import { SteadyRate } from "./steady-rate.ts";

/** The report, counted from one, after which it is time to measure; undefined when it is not. */
function steadyAfter(rates: readonly number[]): number | undefined {
  const steady = new SteadyRate(90_000);
  const index = rates.findIndex((rate) => steady.reported(rate));
  return index === -1 ? undefined : index + 1;
}

test("a load is steady behind three reports of its rate in a row, neither slower nor catching up", () => {
  assert.equal(steadyAfter([39_000, 168_000, 90_100, 89_900, 90_000]), 5);
  assert.equal(steadyAfter([90_000, 90_000, 31_000, 90_000, 149_000, 90_000, 90_000, 90_000]), 8);
  assert.equal(steadyAfter([39_000, 168_000, 90_000, 90_000]), undefined);
});

test("a broker that never comes to the rate is measured overloaded, after a minute", () => {
  assert.equal(steadyAfter(Array.from({ length: 70 }, () => 60_000)), 60);
});
