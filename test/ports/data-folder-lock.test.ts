/** The lock on a data folder, between processes and over the death of one. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { LOCK_FILE_NAME, lockDataFolder } from "../../src/io/data-folder-lock.ts";
import { IoError } from "../../src/ports/disk.ts";

const root = mkdtempSync(path.join(tmpdir(), "chronik-lock-"));
after(() => rmSync(root, { recursive: true }));

function assertInUse(folder: string): void {
  assert.throws(
    () => lockDataFolder(folder),
    (error) => {
      assert(error instanceof IoError);
      assert.equal(error.kind, "conflict");
      assert(error.message.includes(folder) && error.message.includes("--data-dir"), error.message);
      return true;
    },
  );
}

describe("data folder lock", () => {
  it("creates the folder, keeps others out until it is released, and leaves one empty file", () => {
    const folder = path.join(root, "a", "b");
    const lock = lockDataFolder(folder);
    assertInUse(folder);
    assertInUse(folder);
    assert.deepEqual(readdirSync(folder), [LOCK_FILE_NAME]);
    lock.release();
    lock.release();
    lockDataFolder(folder).release();
  });

  it("hazard: keeps a second process out, also after many tries, and not after kill -9 of the first", async () => {
    const folder = path.join(root, "shared");
    const module = new URL("../../src/io/data-folder-lock.ts", import.meta.url).href;
    const holder = spawn(
      process.execPath,
      [
        "--input-type=module",
        "--eval",
        `import { lockDataFolder } from ${JSON.stringify(module)};
        globalThis.lock = lockDataFolder(${JSON.stringify(folder)});
        try { lockDataFolder(${JSON.stringify(folder)}); } catch {} // must not loosen the first
        process.stdout.write("held");
        process.stdin.resume();`,
      ],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    await once(holder.stdout, "data");
    for (let attempt = 0; attempt < 5; attempt++) assertInUse(folder);
    holder.kill("SIGKILL");
    await once(holder, "exit");
    lockDataFolder(folder).release();
  });

  it("says what is wrong with a folder that cannot be used", () => {
    const file = path.join(root, "file");
    writeFileSync(file, "");
    for (const folder of [file, path.join(file, "below")]) {
      assert.throws(
        () => lockDataFolder(folder),
        (error) => error instanceof IoError && error.message.includes(folder),
      );
    }
    const damaged = path.join(root, "damaged");
    lockDataFolder(damaged).release();
    writeFileSync(path.join(damaged, LOCK_FILE_NAME), "not a database, and long enough to be taken for one".repeat(20));
    assert.throws(
      () => lockDataFolder(damaged),
      (error) => {
        assert(error instanceof IoError && error.kind === "fatal");
        assert(error.message.includes(damaged), error.message);
        return true;
      },
    );
  });
});
