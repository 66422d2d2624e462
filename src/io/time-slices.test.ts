import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import { before, test } from "node:test";
import { Worker } from "node:worker_threads";
import { sliceOf, takeShortSlices, takeUsualSlices } from "./time-slices.ts";

const SHORT = 400_000n;
/** Older systems say 0, and those that cannot be asked nothing. */
const usual = sliceOf(0) ?? 0n;
const skip = usual === 0n ? "needs Linux 6.12 and a Node.js with node:ffi" : false;

before(() => takeShortSlices());

test("all threads have short slices, and those that they start", { skip }, async () => {
  const slices = fs.readdirSync("/proc/self/task").map((thread) => sliceOf(Number(thread)));
  assert.ok(slices.length > 1);
  assert.ok(slices.every((slice) => slice === SHORT));
  assert.equal(await sliceIn(""), SHORT);
});

test("a thread whose work can wait has the usual ones again, and the others do not", { skip }, async () => {
  assert.equal(await sliceIn("takeUsualSlices();"), usual);
  assert.equal(sliceOf(0), SHORT);
  takeUsualSlices();
  assert.equal(sliceOf(0), usual);
  takeShortSlices();
});

test("the niceness stays", { skip }, () => {
  const niceness = os.getPriority();
  os.setPriority(niceness + 1);
  takeShortSlices();
  assert.equal(sliceOf(0), SHORT);
  assert.equal(os.getPriority(), niceness + 1);
});

test("a thread that is not there any more is nobody's trouble", () => {
  assert.equal(sliceOf(2 ** 30), undefined);
});

/** The slice of a new thread, once it has run this. */
async function sliceIn(code: string): Promise<unknown> {
  const source = `
    const { parentPort } = require("node:worker_threads");
    import(${JSON.stringify(new URL("time-slices.ts", import.meta.url).href)}).then(({ sliceOf, takeUsualSlices }) => {
      ${code}
      parentPort.postMessage(sliceOf(0));
    });`;
  const [slice] = (await once(new Worker(source, { eval: true }), "message")) as unknown[];
  return slice;
}
