/** What every `Disk` does, on each implementation. What a crash leaves is the simulator's own (sim/). */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { Simulation } from "../../sim/simulation.ts";
import { createNodeDisk, type NodeDiskOptions } from "../../src/io/node-disk.ts";
import { type Disk, type DiskFile, IoError, type IoErrorKind } from "../../src/ports/disk.ts";

interface Backend {
  readonly name: string;
  /** Runs the scenario on a fresh, empty disk. */
  run(scenario: (disk: Disk) => Promise<void>): Promise<void>;
}

async function onNodeDisk(scenario: (disk: Disk) => Promise<void>, options: NodeDiskOptions): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), "chronik-disk-"));
  try {
    await scenario(createNodeDisk(folder, options));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const BACKENDS: readonly Backend[] = [
  { name: "node", run: (scenario) => onNodeDisk(scenario, {}) },
  { name: "node, without direct writes", run: (scenario) => onNodeDisk(scenario, { directWrites: false }) },
  {
    name: "simulated",
    run: async (scenario) => {
      for (let seed = 1; seed <= 20; seed++) await new Simulation({ seed }).run((process) => scenario(process.disk));
    },
  },
];

function bytes(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

async function textOf(file: DiskFile): Promise<string> {
  const content = Buffer.alloc(await file.sizeBytes());
  assert.equal(await file.read(content, 0), content.length);
  return content.toString("latin1");
}

async function fails(work: Promise<unknown>, kind: IoErrorKind, code: string): Promise<void> {
  await assert.rejects(work, (error) => {
    assert(error instanceof IoError);
    assert.equal(error.kind, kind, error.message);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, /^[a-z"].+: [a-z]/, "lowercase, and says what to do");
    return true;
  });
}

for (const backend of BACKENDS) {
  describe(`Disk: ${backend.name}`, () => {
    const test = (title: string, scenario: (disk: Disk) => Promise<void>): void => {
      void it(title, () => backend.run(scenario));
    };

    test("reads back what was written, at any position", async (disk) => {
      const file = await disk.create("log");
      await file.write([bytes("hello world")], 0);
      const into = Buffer.alloc(5);
      assert.equal(await file.read(into, 6), 5);
      assert.equal(into.toString(), "world");
      await file.close();
    });

    test("reads fewer bytes only at the end of the file", async (disk) => {
      const file = await disk.create("log");
      await file.write([bytes("abc")], 0);
      const into = Buffer.alloc(10, "-");
      assert.equal(await file.read(into, 1), 2);
      assert.equal(into.toString(), "bc--------");
      assert.equal(await file.read(into, 3), 0);
      assert.equal(await file.read(into, 100), 0);
      assert.equal(await file.read(Buffer.alloc(0), 0), 0);
      await file.close();
    });

    test("writes thousands of parts, empty ones among them, one behind the other", async (disk) => {
      const file = await disk.create("log");
      const parts = Array.from({ length: 5000 }, (_, index) => bytes(index % 7 === 0 ? "" : `${index},`));
      await file.write(parts, 3);
      assert.equal(await textOf(file), `\0\0\0${Buffer.concat(parts).toString("latin1")}`);
      await file.write([], 0);
      await file.write([bytes(""), bytes("")], 100_000);
      assert.equal(await file.sizeBytes(), 3 + Buffer.concat(parts).length);
      await file.close();
    });

    test("writes several MiB whole", async (disk) => {
      const file = await disk.create("log");
      const part = Buffer.alloc(3 * 1024 * 1024, "0123456789");
      await file.write([part, part], 0);
      const into = Buffer.alloc(2 * part.length);
      assert.equal(await file.read(into, 0), into.length);
      assert(into.equals(Buffer.concat([part, part])));
      await file.close();
    });

    test("fills the gap before a write beyond the end with zeroes", async (disk) => {
      const file = await disk.create("log");
      await file.write([bytes("x")], 4);
      assert.equal(await textOf(file), "\0\0\0\0x");
      await file.close();
    });

    test("overwrites in place and cuts and lengthens a file", async (disk) => {
      const file = await disk.create("log");
      await file.write([bytes("abcdef")], 0);
      await file.write([bytes("XY")], 2);
      assert.equal(await textOf(file), "abXYef");
      await file.truncate(3);
      assert.equal(await textOf(file), "abX");
      await file.truncate(5);
      assert.equal(await textOf(file), "abX\0\0");
      await file.close();
    });

    test("carries overlapping operations out, each whole", async (disk) => {
      const file = await disk.create("log");
      const block = (index: number) => Buffer.alloc(1000, 65 + index);
      const writes = Array.from({ length: 20 }, (_, index) => file.write([block(index)], index * 1000));
      await Promise.all([...writes, file.sync(), file.sizeBytes()]);
      const expected = Buffer.concat(Array.from({ length: 20 }, (_, index) => block(index)));
      assert.equal(await textOf(file), expected.toString("latin1"));
      await file.close();
    });

    test("opens what exists, for reading or for both", async (disk) => {
      const created = await disk.create("log");
      await created.write([bytes("abc")], 0);
      await created.close();
      const reader = await disk.open("log", "read");
      assert.equal(await textOf(reader), "abc");
      await fails(reader.write([bytes("x")], 0), "fatal", "EBADF");
      await reader.close();
      const writer = await disk.open("log", "readWrite");
      await writer.write([bytes("X")], 1);
      assert.equal(await textOf(writer), "aXc");
      await writer.sync();
      await writer.close();
      await fails(disk.open("other", "read"), "notFound", "ENOENT");
      await fails(disk.open("other", "readWrite"), "notFound", "ENOENT");
    });

    test("creates no file over another", async (disk) => {
      await (await disk.create("log")).close();
      await fails(disk.create("log"), "conflict", "EEXIST");
      await fails(disk.create("folder/log"), "notFound", "ENOENT");
    });

    test("writes through synced files what can be read back, in any order, and only by that handle", async (disk) => {
      await disk.makeFolder("wal");
      const writes = await disk.syncedWrites("wal");
      assert.deepEqual(await disk.list("wal"), [], "trying it out leaves nothing behind");
      const unit = Math.max(writes.alignmentBytes, 64);
      const memory = writes.allocate(8 * unit);
      for (let index = 0; index < 8; index++) memory.fill(65 + index, index * unit, (index + 1) * unit);
      const part = (from: number, to: number) => memory.subarray(from * unit, to * unit);
      const file = await writes.create("wal/log");
      await Promise.all([
        file.write([part(4, 5), part(6, 8)], 3 * unit),
        file.write([part(0, 1)], 0),
        file.write([part(1, 2), part(2, 3)], unit),
      ]);
      const reader = await disk.open("wal/log", "read");
      const letters = (await textOf(reader)).replace(/(.)\1*/g, "$1");
      assert.equal(letters, "ABCEGH");
      await reader.close();
      await fails(writes.create("wal/log"), "conflict", "EEXIST");
      const [last] = [file.write([part(0, 1)], 0), file.close()];
      await last;
      await file.close();
      await fails(file.write([part(0, 1)], 0), "fatal", "EBADF");
    });

    test("writes standing still what can be read back, where that can be done, and only by that handle", async (disk) => {
      await disk.makeFolder("wal");
      const writes = await disk.syncedWrites("wal");
      const unit = Math.max(writes.alignmentBytes, 64);
      const memory = writes.allocate(2 * unit);
      memory.fill("a", 0, unit).fill("b", unit);
      const file = await writes.create("wal/log");
      if (file.writeNow === undefined) return file.close();
      file.writeNow([memory.subarray(unit), memory.subarray(0, unit)], unit);
      file.writeNow([memory.subarray(0, unit)], 0);
      const reader = await disk.open("wal/log", "read");
      assert.equal(await textOf(reader), ["a", "b", "a"].map((letter) => letter.repeat(unit)).join(""));
      await reader.close();
      await file.close();
      const late = (): void => file.writeNow!([memory.subarray(0, unit)], 0);
      assert.throws(late, (error) => error instanceof IoError && error.code === "EBADF");
    });

    test("writes over a file that gets another name, which keeps what is not written over", async (disk) => {
      await disk.makeFolder("wal");
      const writes = await disk.syncedWrites("wal");
      const unit = Math.max(writes.alignmentBytes, 64);
      const memory = writes.allocate(4 * unit);
      memory.fill("o");
      const old = await writes.create("wal/old");
      await old.write([memory.subarray(0, 3 * unit)], 0);
      await old.close();
      const file = await writes.reuse("wal/old", "wal/new");
      assert.deepEqual(await disk.list("wal"), ["new"]);
      memory.fill("n");
      await file.write([memory.subarray(0, unit)], unit);
      await file.write([memory.subarray(0, unit)], 3 * unit);
      await file.close();
      const reader = await disk.open("wal/new", "read");
      assert.equal(await textOf(reader), ["o", "n", "o", "n"].map((letter) => letter.repeat(unit)).join(""));
      await reader.close();
      await fails(writes.reuse("wal/old", "wal/newer"), "notFound", "ENOENT");
    });

    test("reads past the system's memory what was written in any way, to an end that need not be aligned", async (disk) => {
      await disk.makeFolder("wal");
      const writes = await disk.syncedWrites("wal");
      const unit = Math.max(writes.alignmentBytes, 64);
      for (const sizeBytes of [0, 2 * unit, 3 * unit - 5]) {
        const content = Buffer.alloc(sizeBytes, "abcdefg");
        const plain = await disk.create(`wal/${sizeBytes}`);
        await plain.write([content], 0);
        await plain.close();
        const file = await writes.open(`wal/${sizeBytes}`);
        const memory = writes.allocate(4 * unit);
        const got = await file.read(memory.subarray(unit, 4 * unit), 0);
        assert.equal(got, sizeBytes);
        assert.ok(memory.subarray(unit, unit + got).equals(content));
        const behind = await file.read(memory.subarray(0, 2 * unit), unit);
        assert.ok(memory.subarray(0, behind).equals(content.subarray(unit)));
        assert.equal(await file.sizeBytes(), sizeBytes);
        await file.close();
      }
      await fails(writes.open("wal/none"), "notFound", "ENOENT");
    });

    test("makes folders with their parents and lists files only, sorted", async (disk) => {
      await disk.makeFolder("a/b/c");
      await disk.makeFolder("a/b");
      await disk.makeFolder("");
      for (const name of ["a/z", "a/10", "a/9", "top"]) await (await disk.create(name)).close();
      assert.deepEqual(await disk.list("a"), ["10", "9", "z"]);
      assert.deepEqual(await disk.list("a/b/c"), []);
      assert.deepEqual(await disk.list(""), ["top"]);
      await disk.syncFolder("a");
      await disk.syncFolder("");
      await fails(disk.list("none"), "notFound", "ENOENT");
      await fails(disk.syncFolder("none"), "fatal", "ENOENT");
    });

    test("renames over an existing file; open handles stay with what they opened", async (disk) => {
      const old = await disk.create("current");
      await old.write([bytes("old")], 0);
      const fresh = await disk.create("temporary");
      await fresh.write([bytes("fresh")], 0);
      await disk.rename("temporary", "current");
      assert.deepEqual(await disk.list(""), ["current"]);
      assert.equal(await textOf(old), "old");
      assert.equal(await textOf(fresh), "fresh");
      const reopened = await disk.open("current", "read");
      assert.equal(await textOf(reopened), "fresh");
      await Promise.all([old.close(), fresh.close(), reopened.close()]);
      await fails(disk.rename("none", "current"), "notFound", "ENOENT");
      await disk.rename("current", "current");
      assert.deepEqual(await disk.list(""), ["current"]);
    });

    test("removes a file that an open handle goes on reading", async (disk) => {
      const file = await disk.create("log");
      await file.write([bytes("abc")], 0);
      await disk.remove("log");
      assert.deepEqual(await disk.list(""), []);
      assert.equal(await textOf(file), "abc");
      await file.close();
      await fails(disk.remove("log"), "notFound", "ENOENT");
    });

    test("discards a file", async (disk) => {
      await (await disk.create("log")).close();
      await disk.discard("log");
      assert.deepEqual(await disk.list(""), []);
      await fails(disk.discard("log"), "notFound", "ENOENT");
    });

    test("lets operations in flight finish before it closes, and refuses later ones", async (disk) => {
      const file = await disk.create("log");
      const write = file.write([Buffer.alloc(1_000_000, "a")], 0);
      const closed = file.close();
      await fails(file.read(Buffer.alloc(1), 0), "fatal", "EBADF");
      await Promise.all([write, closed, file.close()]);
      const reopened = await disk.open("log", "read");
      assert.equal(await reopened.sizeBytes(), 1_000_000);
      await reopened.close();
    });

    test("hazard: a name never leads out of the folder", async (disk) => {
      for (const name of ["../x", "a/../../x", "/etc/passwd", "", ".", "..", "a//b", "a/./b", "a\0b", "..\\x", "a/"]) {
        await fails(disk.open(name, "read"), "fatal", "EINVAL");
        await fails(disk.create(name), "fatal", "EINVAL");
        await fails(disk.remove(name), "fatal", "EINVAL");
        await fails(disk.discard(name), "fatal", "EINVAL");
        await fails(disk.rename("a", name), "fatal", "EINVAL");
        await fails(disk.rename(name, "a"), "fatal", "EINVAL");
        if (name === "") continue;
        await fails(disk.list(name), "fatal", "EINVAL");
        await fails(disk.makeFolder(name), "fatal", "EINVAL");
        await fails(disk.syncFolder(name), "fatal", "EINVAL");
      }
    });

    test("tells how much space is left", async (disk) => {
      const [free, total] = [await disk.freeBytes(), await disk.totalBytes()];
      assert(Number.isSafeInteger(free) && free > 0, `${free}`);
      assert(Number.isSafeInteger(total) && total >= free, `${total}`);
    });

    test("tells where it is", async (disk) => {
      assert.match(disk.location, /^\//);
    });
  });
}
