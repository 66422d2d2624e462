import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { createNodeDisk } from "./node-disk.ts";

const MIB = 1024 * 1024;

/** Discards "large", of 11 MiB, and waits until that is freed. Answers the sizes that it is cut to. */
async function discardLarge(
  context: TestContext,
  prepare: (folder: string) => void = () => undefined,
): Promise<number[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "chronik-discard-"));
  try {
    fs.writeFileSync(path.join(folder, "large"), Buffer.alloc(11 * MIB, 1));
    prepare(folder);
    const closed = Promise.withResolvers<void>();
    const close = context.mock.method(fs, "close", (fd: number, done: fs.NoParamCallback) => {
      fs.closeSync(fd);
      done(null);
      closed.resolve();
    });
    const { mock } = context.mock.method(fs, "ftruncate");
    await createNodeDisk(folder).discard("large");
    assert.equal(fs.existsSync(path.join(folder, "large")), false, "its name is gone at once");
    await closed.promise;
    close.mock.restore();
    return mock.calls.map(({ arguments: [, sizeBytes] }) => Number(sizeBytes));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

test("a large file is cut from its end on, a piece at a time, and what is left goes when it is closed", async (context) => {
  assert.deepEqual(await discardLarge(context), [8 * MIB, 4 * MIB]);
});

test("hazard: a file that has another name still, as in a backup of hard links, stays as it is", async (context) => {
  const link = (folder: string): void => fs.linkSync(path.join(folder, "large"), path.join(folder, "backup"));
  assert.deepEqual(await discardLarge(context, link), []);
});

test("large files are freed one after the other, also behind one that could not be removed", async (context) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "chronik-discard-"));
  for (const name of ["one", "two"]) fs.writeFileSync(path.join(folder, name), Buffer.alloc(9 * MIB, 1));
  const calls: string[] = [];
  const [truncate, closed] = [fs.ftruncate, Promise.withResolvers<void>()];
  context.mock.method(fs, "ftruncate", (...args: Parameters<typeof fs.ftruncate>) => {
    calls.push("cut");
    truncate(...args);
  });
  context.mock.method(fs, "close", (fd: number, done: fs.NoParamCallback) => {
    fs.closeSync(fd);
    calls.push("close");
    if (calls.length === 6) closed.resolve();
    setImmediate(done, null);
  });
  const disk = createNodeDisk(folder);
  const discards = ["one", "missing", "two"].map((name) => disk.discard(name));
  assert.deepEqual(
    (await Promise.allSettled(discards)).map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  await closed.promise;
  assert.deepEqual(calls, ["cut", "cut", "close", "cut", "cut", "close"]);
  fs.rmSync(folder, { recursive: true });
});

test("hazard: a file that must not be written to is removed all the same", async (context) => {
  context.mock.method(fs, "open", (_path: string, _flags: string, done: (error: Error) => void) => {
    done(Object.assign(new Error("denied"), { code: "EACCES" }));
  });
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "chronik-discard-"));
  fs.writeFileSync(path.join(folder, "f"), "abc");
  await createNodeDisk(folder).discard("f");
  assert.deepEqual(fs.readdirSync(folder), []);
  fs.rmSync(folder, { recursive: true });
});

test("of many files that are discarded no more are open than a few, and all are freed", async (context) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "chronik-discard-"));
  const names = Array.from({ length: 50 }, (_, n) => `f${n}`);
  for (const name of names) fs.writeFileSync(path.join(folder, name), "abc");
  let [open, most, closed] = [0, 0, 0];
  const allClosed = Promise.withResolvers<void>();
  const opened = fs.open;
  context.mock.method(fs, "open", (...args: Parameters<typeof fs.open>) => {
    most = Math.max(most, (open += 1));
    opened(...args);
  });
  context.mock.method(fs, "close", (fd: number, done: fs.NoParamCallback) => {
    fs.closeSync(fd);
    open -= 1;
    if ((closed += 1) === names.length) allClosed.resolve();
    setImmediate(done, null);
  });
  const disk = createNodeDisk(folder);
  await Promise.all(names.map((name) => disk.discard(name)));
  assert.deepEqual(fs.readdirSync(folder), []);
  await allClosed.promise;
  assert.equal(most, 16);
  fs.rmSync(folder, { recursive: true });
});
