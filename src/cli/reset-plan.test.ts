import assert from "node:assert/strict";
import { test } from "node:test";
import { planReset, type ResetTarget } from "./reset-plan.ts";

const STATE = { topic: "t", partition: 0, committed: 50n, beginning: 10n, end: 100n, atTime: null };

function reset(target: ResetTarget, state = {}): bigint | undefined {
  return planReset(target, [{ ...STATE, ...state }])[0]?.to;
}

test("each target", () => {
  assert.equal(reset({ kind: "earliest" }), 10n);
  assert.equal(reset({ kind: "latest" }), 100n);
  assert.equal(reset({ kind: "offset", offset: 20n }), 20n);
  assert.equal(reset({ kind: "shift", by: -5n }), 45n);
  assert.equal(reset({ kind: "time", ms: 1n }, { atTime: 70n }), 70n);
});

test("a time after the last record is the end", () => {
  assert.equal(reset({ kind: "time", ms: 1n }), 100n);
});

test("what lies outside of the partition becomes its nearest end", () => {
  assert.equal(reset({ kind: "offset", offset: 9n }), 10n);
  assert.equal(reset({ kind: "offset", offset: 101n }), 100n);
  assert.equal(reset({ kind: "shift", by: -1000n }), 10n);
  assert.equal(reset({ kind: "shift", by: 1000n }), 100n);
});

test("what has no committed offset cannot be shifted, and stays as it is", () => {
  assert.equal(reset({ kind: "shift", by: 1n }, { committed: null }), undefined);
  assert.deepEqual(planReset({ kind: "earliest" }, [{ ...STATE, committed: null }]), [
    { topic: "t", partition: 0, from: null, to: 10n },
  ]);
});
