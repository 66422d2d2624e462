import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import os from "node:os";
import process from "node:process";
import { test } from "node:test";

const SHORT = 400_000;
const [major, minor] = os.release().split(".").map(Number) as [number, number];
const isAsked =
  process.platform === "linux" && (major > 6 || (major === 6 && minor >= 12)) && /^(x64|arm64)$/.test(process.arch);
const skip =
  isAsked && process.getBuiltinModule("node:ffi") !== undefined
    ? false
    : "needs Linux 6.12 and a Node.js with node:ffi";

const HEAD = `
  import fs from "node:fs";
  import os from "node:os";
  import { once } from "node:events";
  import { isMainThread, parentPort, Worker } from "node:worker_threads";
  import { sliceOf, takeShortSlices, takeUsualSlices } from ${JSON.stringify(new URL("time-slices.ts", import.meta.url).href)};
  const slice = (thread = 0) => Number(sliceOf(thread));
  const slices = () => fs.readdirSync("/proc/self/task").map((thread) => slice(Number(thread)));
`;

/** What a process says that runs this, as JSON. In one of its own: slices and niceness are inherited, and not always given back. */
function answerOf(code: string): unknown {
  const source = `${HEAD} const answer = await (async () => { ${code} })(); console.log(JSON.stringify(answer));`;
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", source], { encoding: "utf8" });
  assert.equal(child.stderr, "");
  return JSON.parse(child.stdout);
}

test("all threads have short slices, and those that they start", { skip }, () => {
  const answer = answerOf(`
    const before = slice();
    takeShortSlices();
    const worker = new Worker(new URL("data:text/javascript," + encodeURIComponent(${JSON.stringify(
      `${HEAD} const inherited = slice(); takeUsualSlices(); parentPort.postMessage([inherited, slice()]);`,
    )})));
    const all = slices();
    const [inWorker] = await once(worker, "message");
    return { before, all, inWorker, here: slice() };
  `) as { before: number; all: number[]; inWorker: number[]; here: number };
  assert.ok(answer.before > 0 && answer.before !== SHORT);
  assert.ok(answer.all.length > 1);
  assert.ok(answer.all.every((slice) => slice === SHORT));
  assert.deepEqual(answer.inWorker, [SHORT, answer.before], "one whose work can wait has the usual ones again");
  assert.equal(answer.here, SHORT, "and the others have not");
});

test("the niceness stays", { skip }, () => {
  const answer = answerOf(`
    os.setPriority(19);
    takeShortSlices();
    return [slice(), os.getPriority()];
  `);
  assert.deepEqual(answer, [SHORT, 19]);
});

test("what cannot be asked for is nobody's trouble", { skip }, () => {
  const answer = answerOf(`
    const gone = sliceOf(2 ** 30) === undefined;
    fs.readdirSync = () => { throw new Error("no /proc"); };
    takeShortSlices();
    return [gone, slice()];
  `);
  assert.deepEqual(answer, [true, SHORT], "without /proc at least the thread that asks");
});
