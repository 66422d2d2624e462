import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteBudget } from "./byte-budget.ts";

/** Asks for `bytes` and notes when they are granted. */
function ask(budget: ByteBudget, granted: string[], name: string, bytes: number): () => void {
  return budget.request(bytes, () => granted.push(name));
}

test("gives what fits at once, and no more", () => {
  const budget = new ByteBudget(100);
  assert.equal(budget.tryAcquire(60), true);
  assert.equal(budget.tryAcquire(41), false);
  assert.equal(budget.tryAcquire(40), true);
  assert.equal(budget.usedBytes, 100);
  budget.release(60);
  assert.equal(budget.usedBytes, 40);
});

test("serves in order of arrival: a small request does not overtake a large one", async () => {
  const budget = new ByteBudget(100);
  budget.tryAcquire(80);
  const granted: string[] = [];
  const large = budget.acquire(50).then(() => granted.push("large"));
  ask(budget, granted, "small", 10);
  assert.equal(budget.tryAcquire(5), false, "there is room, but others wait");
  assert.equal(budget.waiting, 2);
  budget.release(20);
  assert.equal(budget.waiting, 2);
  budget.release(60);
  await large;
  assert.deepEqual(granted, ["small", "large"], "both fit now; only the promise is heard later");
  assert.equal(budget.usedBytes, 60);
});

test("a request for more than there is gets all of it, alone", () => {
  const budget = new ByteBudget(100);
  budget.tryAcquire(1);
  const granted: string[] = [];
  ask(budget, granted, "oversize", 1000);
  ask(budget, granted, "next", 1);
  assert.deepEqual(granted, []);
  budget.release(1);
  assert.deepEqual(granted, ["oversize"]);
  budget.release(1000);
  assert.deepEqual(granted, ["oversize", "next"]);
});

test("a request that is taken back makes room for those behind it", () => {
  const budget = new ByteBudget(100);
  budget.tryAcquire(90);
  const granted: string[] = [];
  const cancel = ask(budget, granted, "large", 50);
  ask(budget, granted, "small", 10);
  cancel();
  assert.deepEqual(granted, ["small"]);
  cancel();
  assert.equal(budget.usedBytes, 100);
});

test("taking back what was granted changes nothing: its bytes are released as any others", () => {
  const budget = new ByteBudget(100);
  budget.tryAcquire(100);
  const granted: string[] = [];
  const cancel = ask(budget, granted, "one", 60);
  budget.release(100);
  cancel();
  assert.deepEqual(granted, ["one"]);
  assert.equal(budget.usedBytes, 60);
});

test("whoever is granted may release, and ask again, within the call", () => {
  const budget = new ByteBudget(10);
  budget.tryAcquire(10);
  const granted: string[] = [];
  budget.request(10, () => {
    granted.push("first");
    ask(budget, granted, "again", 10);
    budget.release(10);
  });
  ask(budget, granted, "second", 10);
  budget.release(10);
  assert.deepEqual(granted, ["first", "second"]);
  budget.release(10);
  assert.deepEqual(granted, ["first", "second", "again"]);
  budget.release(10);
  assert.equal(budget.usedBytes, 0);
  assert.equal(budget.waiting, 0);
});
