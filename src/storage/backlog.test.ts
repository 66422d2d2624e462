import assert from "node:assert/strict";
import { test } from "node:test";
import type { WalFile } from "../log/wal-file.ts";
import type { Store } from "../state/store.ts";
import { Backlog } from "./backlog.ts";

const MIB = 1024 * 1024;

/** A backlog beside a store of which only figures are there. */
function playedBacklog() {
  const wal = { position: 0 };
  const reader = { readBytes: 0 };
  const closed: { readonly base: number; readonly end: number; readonly users: number }[] = [];
  const broker = { "wal.backlog.max.bytes": 100 * MIB };
  const store = { wal, reader, files: { closed }, state: { broker }, servedMs: -Infinity };
  let nowMs = 0;
  const clock = {
    monotonicMs: () => nowMs,
    wallMs: () => assert.fail("not asked"),
    schedule: () => assert.fail("nothing waits"),
    defer: () => assert.fail("nothing waits"),
  };
  const stuck = new Set<WalFile>();
  const backlog = new Backlog({ store: store as unknown as Store, clock, log: () => undefined, stuck });
  return {
    backlog,
    /** One second in which so many MiB are written, and so many read from files. */
    second: (written: number, read: number): void => {
      nowMs += 1_000;
      wal.position += written * MIB;
      reader.readBytes += read * MIB;
      store.servedMs = written > 0 ? nowMs : store.servedMs;
    },
    /** So many MiB wait, of so many ranges. */
    waits: (mebibytes: number, ranges = 1): void => {
      closed.splice(0, 1, { base: 0, end: mebibytes * MIB, users: ranges });
      backlog.look();
    },
  };
}

test("with nothing to do but the backlog, it is worked on at once and without pauses", () => {
  const { backlog, second, waits } = playedBacklog();
  waits(10);
  second(0, 0);
  assert.deepEqual([backlog.isBusy, backlog.isOnlyRead], [false, false]);
  assert.deepEqual([backlog.mayWork, backlog.paceFactor], [true, 0]);
});

test("a log that grows fast comes first, until half of the bound is used: what is under way hardly moves", () => {
  const { backlog, second, waits } = playedBacklog();
  waits(49);
  second(20, 0);
  assert.deepEqual([backlog.isBusy, backlog.isOnlyRead], [true, false]);
  assert.deepEqual([backlog.mayWork, backlog.paceFactor], [false, 32]);
  waits(51);
  assert.deepEqual([backlog.mayWork, backlog.paceFactor], [true, 3.75]);
  waits(70);
  assert.deepEqual([backlog.mayWork, backlog.paceFactor, backlog.delayMs], [true, 0.75, 0]);
  waits(80);
  assert.deepEqual([backlog.paceFactor, backlog.delayMs > 0], [0, true], "it comes first");
});

test("a log that grows slowly has the disk first, and nothing waits for it", () => {
  const { backlog, second, waits } = playedBacklog();
  waits(10);
  second(1, 0);
  assert.deepEqual([backlog.mayWork, backlog.paceFactor], [true, 4]);
});

test("a log that grows fast comes first only as long as what waits needs little memory", () => {
  const { backlog, second, waits } = playedBacklog();
  second(20, 0);
  waits(10, 90_000);
  assert.equal(backlog.mayWork, false);
  waits(10, 110_000);
  assert.equal(backlog.mayWork, true);
  waits(10, 150_000);
  assert.deepEqual(
    [backlog.paceFactor, backlog.delayMs],
    [0, 0],
    "as fast as it can; but producers are not held back for it",
  );
});

test("who only reads much comes first, and nothing is begun, as long as the backlog is not near its bound", () => {
  const { backlog, second, waits } = playedBacklog();
  waits(60);
  second(0.5, 20);
  assert.deepEqual([backlog.isBusy, backlog.isOnlyRead], [true, true]);
  assert.deepEqual([backlog.mayWork, backlog.paceFactor], [false, 32]);
  waits(60, 160_000);
  assert.deepEqual([backlog.isOnlyRead, backlog.mayWork], [false, true], "what waits takes up memory");
  waits(80);
  assert.equal(backlog.isOnlyRead, false, "producers would soon be held back");
  assert.deepEqual([backlog.mayWork, backlog.paceFactor], [true, 0]);
  waits(60);
  second(2, 20);
  assert.deepEqual([backlog.isBusy, backlog.isOnlyRead], [true, false], "producers write as well");
  assert.equal(backlog.mayWork, true);
  second(0, 1);
  assert.deepEqual([backlog.isBusy, backlog.isOnlyRead], [false, false], "it is over");
});
