import assert from "node:assert/strict";
import { test } from "node:test";
import { runAtOnce } from "../../test/storage/run-at-once.ts";
import { runInSlices, type Slices } from "./slices.ts";

function* counting(slices: number): Slices<number> {
  for (let slice = 1; slice < slices; slice += 1) yield;
  return slices;
}

test("others have their turn after each slice, and the result is the same", async () => {
  const tasks: (() => void)[] = [];
  let turns = 0;
  const done = runInSlices(counting(4), { defer: (task) => void tasks.push(task) });
  for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
    turns += 1;
    task();
    await Promise.resolve();
  }
  assert.deepEqual([await done, turns, runAtOnce(counting(4))], [4, 3, 4]);
});
