import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { createNodeDisk } from "./node-disk.ts";

const MIB = 1024 * 1024;

/** Discards "large", of 11 MiB, then another one: by then the first is freed. Answers what a handle finds of it. */
async function discardLarge(prepare: (folder: string) => void): Promise<number> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "chronik-discard-"));
  try {
    fs.writeFileSync(path.join(folder, "large"), Buffer.alloc(11 * MIB, 1));
    fs.writeFileSync(path.join(folder, "small"), "");
    prepare(folder);
    const disk = createNodeDisk(folder);
    const handle = await disk.open("large", "read");
    await disk.discard("large");
    assert.equal(fs.existsSync(path.join(folder, "large")), false, "its name is gone at once");
    await disk.discard("small");
    const sizeBytes = await handle.sizeBytes();
    await handle.close();
    return sizeBytes;
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

test("a large file is cut from its end on, a piece at a time", async () => {
  assert.equal(await discardLarge(() => undefined), 4 * MIB); // the last piece goes when it is closed
});

test("hazard: a file that has another name still, as in a backup of hard links, stays as it is", async () => {
  const size = await discardLarge((folder) => fs.linkSync(path.join(folder, "large"), path.join(folder, "backup")));
  assert.equal(size, 11 * MIB);
});
