/** Threads: whatever becomes of one, its parent is told once, and goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createThreadLauncher } from "../../src/io/node-thread.ts";
import type { Child } from "../../src/ports/child.ts";
import { Changes } from "./until.ts";

const launcher = createThreadLauncher({
  entry: new URL("child-entry.ts", import.meta.url),
  data: { folder: "here" },
  heapMegabytes: 32,
});

/** A child, and what came of it. */
function launch() {
  const changes = new Changes();
  const heard: unknown[] = [];
  const reasons: string[] = [];
  const child: Child = launcher.launch({
    message: (message) => {
      heard.push(message);
      changes.changed();
    },
    ended: (reason) => {
      reasons.push(reason);
      changes.changed();
    },
  });
  const count = (messages: number): Promise<void> => changes.until(() => heard.length >= messages);
  const ended = (): Promise<void> => changes.until(() => reasons.length > 0);
  return { child, heard, reasons, count, ended };
}

test("messages are copied, and come in order, both ways", async () => {
  const { child, heard, count, ended } = launch();
  child.send({ what: "data" });
  const value = { text: "a", bytes: new Uint8Array([1, 2]), big: 2n ** 60n };
  for (let number = 0; number < 100; number += 1) child.send({ what: "echo", value: { ...value, number } });
  await count(101);
  assert.deepEqual(heard[0], { folder: "here" });
  assert.deepEqual(
    heard.slice(1),
    Array.from({ length: 100 }, (_, number) => ({ ...value, number })),
  );
  child.end();
  await ended();
});

for (const [what, reason] of [
  ["throw", /Error: of this/],
  ["reject", /Error: of this/],
  ["exit", /it ended/],
  ["eat", /memory/],
] as const) {
  test(`one that ends by itself (${what}) is said to have, once, and why; others go on`, async () => {
    const other = launch();
    const { child, heard, reasons, ended } = launch();
    child.send({ what, value: "of this" });
    child.send({ what: "echo", value: "too late" });
    await ended();
    child.send({ what: "echo", value: "to nobody" });
    child.end();
    other.child.send({ what: "echo", value: "still there" });
    await other.count(1);
    assert.equal(reasons.length, 1);
    assert.match(reasons[0]!, reason);
    assert.ok(!heard.includes("to nobody"));
    other.child.end();
    await other.ended();
  });
}

test("one that hangs can be ended", async () => {
  const { child, reasons, count, ended } = launch();
  child.send({ what: "spin" });
  await count(1);
  child.send({ what: "echo", value: "never heard" });
  child.end();
  await ended();
  assert.deepEqual(reasons, ["it ended"]);
});
