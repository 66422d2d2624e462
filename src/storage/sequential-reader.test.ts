import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MemoryFolder } from "../../test/log/wal-files.ts";
import { crc32c } from "../base/crc32c.ts";
import { SequentialReader } from "./sequential-reader.ts";

const MIB = 1024 * 1024;
const BYTES = Buffer.from(Uint8Array.from({ length: 4 * MIB + 12_345 }, (_, index) => (index * 2_654_435_761) >>> 13));

async function readerOf(bytes: Buffer, from: number, end: number, progress = (): void => undefined) {
  const folder = new MemoryFolder();
  folder.files.set("file", bytes);
  return new SequentialReader(await folder.open("file"), from, end, progress);
}

/** How far behind the place before, and how much. */
const step = fc.tuple(
  fc.oneof(fc.constant(0), fc.nat(5_000), fc.nat(2 * MIB)),
  fc.oneof(fc.nat(100), fc.nat(40_000), fc.nat(2 * MIB)),
);

test("every view is the bytes at its place, as far as the file goes, over gaps of any size too", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(MIB), fc.array(step, { maxLength: 8 }), async (from, steps) => {
      const reader = await readerOf(BYTES, from, BYTES.length);
      let at = from;
      for (const [gap, bytes] of steps) {
        at += gap;
        const view = await reader.view(at, bytes);
        assert.ok(view.equals(BYTES.subarray(at, at + bytes)), `${bytes} bytes at ${at}`);
      }
    }),
    { seed: 1, numRuns: 60 },
  );
});

test("the checksum is that of all bytes, those that were passed over included", async () => {
  const reader = await readerOf(BYTES, 0, BYTES.length);
  await reader.view(10, 20);
  await reader.view(3 * MIB, 100);
  await reader.view(BYTES.length - 1, 1);
  assert.equal(reader.crc, crc32c(BYTES));
});

test("no byte behind the end is read, and a file that is shorter than it should be ends the reading", async () => {
  const reader = await readerOf(BYTES, 100, 200);
  assert.equal((await reader.view(150, 1000)).length, 50);
  const short = await readerOf(BYTES.subarray(0, 1000), 0, 5_000_000);
  assert.equal((await short.view(900, 1000)).length, 100);
  assert.equal((await short.view(3_000_000, 10)).length, 0);
});

test("progress is told for every piece", async () => {
  let pieces = 0;
  const reader = await readerOf(BYTES, 0, BYTES.length, () => void (pieces += 1));
  for (let at = 0; at + 1000 <= BYTES.length; at += 1000) await reader.view(at, 1000);
  assert.ok(pieces >= 4, `${pieces} pieces of ${BYTES.length} bytes`);
});
