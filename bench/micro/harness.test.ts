import assert from "node:assert/strict";
import { test } from "node:test";
import { type Effort, lastResult, measure } from "./harness.ts";

const QUICK: Effort = { warmUpMs: 1, sampleMs: 0.2, samples: 3 };

test("every call is made and awaited, and the figure is a time and its multiple", async () => {
  let [begun, ended] = [0, 0];
  const run = async (): Promise<void> => {
    begun++;
    assert.equal(begun, ended + 1, "two calls at once");
    await Promise.resolve();
    ended++;
  };
  const figure = await measure({ name: "one", bytes: 7, run }, QUICK);
  assert.ok(begun > QUICK.samples && begun === ended);
  assert.ok(figure.nanoseconds > 0 && figure.ratio > 0);
  assert.deepEqual([figure.name, figure.bytes], ["one", 7]);
});

test("results are kept, so that no call can be left out", async () => {
  await measure({ name: "one", run: () => "kept" }, QUICK);
  assert.equal(typeof lastResult(), "number"); // the calibration comes last
});

test("what fails ends the measurement", async () => {
  const run = (): never => {
    throw new Error("broken");
  };
  await assert.rejects(measure({ name: "one", run }, QUICK), /broken/);
});
