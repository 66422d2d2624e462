import assert from "node:assert/strict";
import { test } from "node:test";
import { Commits, Delivered, misowned, undelivered } from "./group-verdict.ts";

test("a record that was acknowledged and not delivered is found, one that is there again is counted", () => {
  const delivered = new Delivered();
  delivered.add(0, 0, 9);
  delivered.add(0, 8, 12);
  delivered.add(1, 0, 3);
  const acknowledged = new Map([
    [0, [0, 5, 12]],
    [1, [3]],
  ]);
  assert.deepEqual(undelivered(acknowledged, delivered), []);
  assert.equal(delivered.again, 2);
  assert.deepEqual(undelivered(new Map([[1, [3, 4, 7]]]), delivered), [
    "partition 1: 2 records were not delivered, the first is 4",
  ]);
  assert.equal(undelivered(new Map([[2, [0]]]), delivered).length, 1);
});

test("a position that goes back is found", () => {
  const commits = new Commits();
  for (const position of [-1, 5, 5, 9]) commits.seen(0, position, new Map());
  assert.deepEqual(commits.problems, []);
  commits.seen(0, 8, new Map());
  assert.deepEqual(commits.problems, ["partition 0: the position went from 9 to 8"]);
});

test("a position below one that was acknowledged is found", () => {
  const commits = new Commits();
  const before = commits.acknowledged();
  commits.told(0, 7);
  commits.seen(0, 6, before); // it was asked for before
  assert.deepEqual(commits.problems, []);
  commits.seen(0, 6, commits.acknowledged());
  assert.deepEqual(commits.problems, ["partition 0: 7 was committed, and 6 is"]);
});

test("a partition without an owner, and one with two, are found", () => {
  assert.deepEqual(misowned(3, [[0, 2], [1], []]), []);
  assert.deepEqual(misowned(3, [[0], [1]]), ["partition 2 has 0 owners"]);
  assert.deepEqual(misowned(2, [[0, 1], [1]]), ["partition 1 has 2 owners"]);
});
