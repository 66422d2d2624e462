import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Attempts, FIRST_REST_MS, LAST_REST_MS } from "./attempts.ts";

let nowMs = 0;
let attempts: Attempts;
const [a, b] = [{ name: "a" }, { name: "b" }];
const ALONE = { tookWorkerDown: true };
const SIMPLY = { tookWorkerDown: false };

beforeEach(() => {
  nowMs = 1_000;
  attempts = new Attempts({ monotonicMs: () => nowMs });
});

test("each rests for itself, longer from failure to failure, up to a bound; what was done begins anew", () => {
  assert.equal(attempts.isResting(a), false);
  assert.equal(attempts.failed([a], SIMPLY), FIRST_REST_MS);
  assert.deepEqual([attempts.isResting(a), attempts.isResting(b)], [true, false]);
  nowMs += FIRST_REST_MS;
  assert.equal(attempts.isResting(a), false);
  assert.equal(attempts.failed([a, b], SIMPLY), 2 * FIRST_REST_MS, "as often as the one that failed most");
  for (let failure = 0; failure < 100; failure += 1) attempts.failed([a], SIMPLY);
  assert.equal(attempts.failed([a], SIMPLY), LAST_REST_MS);
  attempts.done([a]);
  assert.deepEqual([attempts.failuresOf(a), attempts.isResting(a), attempts.failuresOf(b)], [0, false, 2]);
});

test("who is under suspicion is tried alone, without a rest, and stays alone only if it takes the worker down again", () => {
  attempts.suspect([a, b]);
  assert.deepEqual([attempts.isResting(a), attempts.isSuspect(a), attempts.needsWorkerAlone([b])], [false, true, true]);
  attempts.done([a]);
  assert.equal(attempts.needsWorkerAlone([a]), false);
  attempts.failed([b], ALONE);
  assert.deepEqual([attempts.isSuspect(b), attempts.needsWorkerAlone([a, b])], [false, true]);
  attempts.failed([b], SIMPLY);
  assert.equal(attempts.needsWorkerAlone([b]), true, "it has taken it down once");
  attempts.suspect([a]);
  attempts.failed([a], SIMPLY);
  assert.equal(attempts.needsWorkerAlone([a]), false, "it failed, and the worker lives");
});
