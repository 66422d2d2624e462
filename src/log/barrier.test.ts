/** Nothing leaves before the log is committed that far, and everything in the order in which it was decided. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { toPosition } from "../base/brands.ts";
import { Barrier } from "./barrier.ts";

test("what is committed leaves at once, the rest when it is", () => {
  const barrier = new Barrier(toPosition(100));
  const left: number[] = [];
  for (const position of [0, 100, 101, 250]) barrier.wait(position, () => left.push(position));
  assert.deepEqual(left, [0, 100]);
  assert.equal(barrier.waiting, 2);
  barrier.advance(toPosition(101));
  assert.deepEqual(left, [0, 100, 101]);
  barrier.advance(toPosition(1000));
  assert.deepEqual(left, [0, 100, 101, 250]);
  assert.equal(barrier.waiting, 0);
});

test("an answer about old state does not overtake one about newer state", () => {
  const barrier = new Barrier(toPosition(100));
  const left: string[] = [];
  barrier.wait(200, () => left.push("new"));
  barrier.wait(50, () => left.push("old"));
  assert.equal(left.length, 0);
  barrier.advance(toPosition(200));
  assert.deepEqual(left, ["new", "old"]);
  barrier.wait(50, () => left.push("later"));
  assert.deepEqual(left, ["new", "old", "later"]);
});

test("what leaves may make others wait", () => {
  const barrier = new Barrier(toPosition(0));
  const left: string[] = [];
  barrier.wait(10, () => {
    left.push("first");
    barrier.wait(10, () => left.push("at once"));
    barrier.wait(30, () => left.push("later"));
  });
  barrier.wait(20, () => left.push("second"));
  barrier.advance(toPosition(20));
  assert.deepEqual(left, ["first", "at once", "second"]);
  barrier.advance(toPosition(30));
  assert.deepEqual(left, ["first", "at once", "second", "later"]);
});

test("whatever the order of waits and commits, all leave in their order and none too early", () => {
  const step = fc.record({ wait: fc.nat(3), commit: fc.nat(3) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3000, size: "max" }), (steps) => {
      const barrier = new Barrier(toPosition(0));
      const left: number[] = [];
      let appended = 0;
      let committed = 0;
      steps.forEach(({ wait, commit }, number) => {
        appended += wait;
        const position = appended;
        barrier.wait(position, () => {
          assert.ok(position <= committed, `${position} left at ${committed}`);
          left.push(number);
        });
        committed = Math.min(appended, committed + commit);
        barrier.advance(toPosition(committed));
      });
      committed = appended;
      barrier.advance(toPosition(committed));
      assert.deepEqual(
        left,
        steps.map((_, number) => number),
      );
      assert.equal(barrier.waiting, 0);
    }),
    { seed: 1, numRuns: 20 },
  );
});

test("what was released is not kept for as long as others wait", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const barrier = new Barrier(toPosition(0));
  const answers = waitingAnswers(barrier);
  barrier.wait(20, () => undefined);
  barrier.advance(toPosition(10));
  await new Promise(setImmediate); // a reference that was asked for holds what it refers to until then
  collectGarbage();
  assert.deepEqual([answers.deref(), barrier.waiting], [undefined, 1]);
});

/** Something that only the barrier refers to, for position 10. */
function waitingAnswers(barrier: Barrier): WeakRef<object> {
  const answers = { bytes: Buffer.alloc(10) };
  barrier.wait(10, () => void answers.bytes);
  return new WeakRef(answers);
}
