import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Ageing, omissions } from "./ageing.ts";

const EXPECTED = { walFilesLeftMost: 2, walFilesGoneLeast: 10, walFileMaxBytes: 1000 };
const WAL = { came: 20, sizesLeft: [500] };
const SEGMENTS = { came: 18, sizesLeft: [900, 6000] };

test("a broker that converts, merges and lets go leaves nothing to say", () => {
  assert.deepEqual(omissions(WAL, SEGMENTS, EXPECTED), []);
});

test("each thing that did not happen is noticed", () => {
  const nothing = { came: 0, sizesLeft: [] };
  assert.deepEqual(omissions({ came: 9, sizesLeft: [1] }, SEGMENTS, EXPECTED), [
    "only 8 of 9 files of the log are gone",
  ]);
  assert.deepEqual(omissions({ came: 20, sizesLeft: [1, 1, 1] }, SEGMENTS, EXPECTED), ["3 files of the log are left"]);
  assert.deepEqual(omissions(WAL, nothing, EXPECTED).slice(0, 1), ["there is no segment"]);
  assert.deepEqual(omissions(WAL, { came: 18, sizesLeft: [900, 2000] }, EXPECTED), ["no segment is made of several"]);
  assert.deepEqual(omissions(WAL, { came: 2, sizesLeft: [900, 6000] }, EXPECTED), [
    "no segment has gone: none was merged",
  ]);
});

test("files are counted that come and go, others are not", async () => {
  const folder = mkdtempSync(join(tmpdir(), "chronik-ageing-"));
  const ageing = new Ageing(folder);
  const wal = join(folder, "wal");
  for (const name of ["1.wal", "1.index", "2.wal"]) writeFileSync(join(wal, name), "12345");
  rmSync(join(wal, "1.wal"));
  await ageing.untilSeen("wal", 2);
  await ageing.untilWalFiles(1);
  writeFileSync(join(folder, "segments", "1.segment"), "123");
  await ageing.untilSeen("segments", 1);
  assert.deepEqual(ageing.fates("wal"), { came: 2, sizesLeft: [5] });
  assert.deepEqual(ageing.fates("segments"), { came: 1, sizesLeft: [3] });
  ageing.close();
  rmSync(folder, { recursive: true });
});
