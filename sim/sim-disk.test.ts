/** The fault model, piece by piece: what each fault leaves, and that all its shapes turn up. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvariantError } from "../src/base/assert.ts";
import { type DiskFile, IoError } from "../src/ports/disk.ts";
import type { DiskFaults } from "./sim-disk.ts";
import { CRASHED, type SimProcess, Simulation } from "./simulation.ts";

const OLD = Buffer.alloc(1500, "o");
const NEW = Buffer.alloc(1500, "n");

/** What `found` shows of a write of n's over o's, in words. */
function shapeOf(found: Buffer): string {
  const letters = found.toString("latin1").replace(/(.)\1*/gs, "$1");
  return letters.replaceAll("\0", "0");
}

/** The shapes that `scenario` leaves in "log" after a crash, over many seeds. */
async function shapes(scenario: (file: DiskFile, simulation: Simulation) => Promise<void>): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 300; seed++) {
    const simulation = new Simulation({ seed });
    await simulation.run(async ({ disk }) => {
      const file = await disk.create("log");
      await disk.syncFolder("");
      await scenario(file, simulation);
    });
    const found = simulation.files().get("log");
    assert(found !== undefined);
    seen.add(shapeOf(found));
  }
  return seen;
}

function includesAll(seen: Set<string>, expected: readonly string[]): void {
  for (const shape of expected) assert(seen.has(shape), `no ${JSON.stringify(shape)} among ${[...seen].join(" ")}`);
}

async function fails(work: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(work, (error) => error instanceof IoError && error.code === code);
}

async function textOf(process: SimProcess, name: string): Promise<string> {
  const file = await process.disk.open(name, "read");
  const bytes = Buffer.alloc(await file.sizeBytes());
  await file.read(bytes, 0);
  return bytes.toString();
}

function onDisk(faults: Partial<DiskFaults>, scenario: (process: SimProcess) => Promise<void>): () => Promise<void> {
  return async () => {
    for (let seed = 1; seed <= 20; seed++) await new Simulation({ seed, disk: faults }).run(scenario);
  };
}

describe("simulated disk: power loss", () => {
  it("keeps what a sync covered, always", async () => {
    const seen = await shapes(async (file, simulation) => {
      await file.write([NEW], 0);
      await file.sync();
      simulation.crash();
    });
    assert.deepEqual([...seen], ["n"]);
  });

  it("keeps a synced write that was done, and loses, keeps or tears one under way", async () => {
    const [done, underWay] = [new Set<string>(), new Set<string>()];
    for (let seed = 1; seed <= 300; seed++) {
      for (const [seen, kind] of [[done, "done"] as const, [underWay, "under way"] as const]) {
        const simulation = new Simulation({ seed, alignmentBytes: 512 });
        await simulation.run(async ({ disk }) => {
          const writes = await disk.syncedWrites("");
          const bytes = writes.allocate(1536).fill("n");
          const file = await writes.create("log");
          await disk.syncFolder("");
          const written = file.write([bytes], 0);
          if (kind === "done") await written;
          simulation.crash();
        });
        seen.add(shapeOf(simulation.files().get("log")!));
      }
    }
    assert.deepEqual([...done], ["n"]);
    includesAll(underWay, ["", "n", "0", "0n", "n0"]);
  });

  it("takes synced writes only aligned, and from the memory that is made for them", async () => {
    const writeOf = (make: (memory: Buffer) => Buffer, position = 512) =>
      new Simulation({ seed: 1, alignmentBytes: 512 }).run(async ({ disk }) => {
        const writes = await disk.syncedWrites("");
        const file = await writes.create("log");
        await file.write([make(writes.allocate(2048))], position);
      });
    await writeOf((memory) => memory.subarray(512, 1536));
    await assert.rejects(
      writeOf((memory) => memory.subarray(512, 1536), 100),
      InvariantError,
    );
    await assert.rejects(
      writeOf((memory) => memory.subarray(512, 1500)),
      InvariantError,
    );
    await assert.rejects(
      writeOf((memory) => memory.subarray(500, 1524)),
      InvariantError,
    );
    await assert.rejects(
      writeOf(() => Buffer.allocUnsafeSlow(1024)),
      InvariantError,
    );
  });

  it("loses, keeps, tears and lengthens unsynced writes at the end of a file", async () => {
    const seen = await shapes(async (file, simulation) => {
      await file.write([NEW], 0);
      simulation.crash();
    });
    includesAll(seen, ["", "n", "0", "0n", "n0", "n0n", "0n0"]);
  });

  it("shows the old bytes where an overwrite is missing", async () => {
    const seen = await shapes(async (file, simulation) => {
      await file.write([OLD], 0);
      await file.sync();
      await file.write([NEW], 0);
      simulation.crash();
    });
    assert.deepEqual([...seen].sort(), ["n", "no", "non", "o", "on", "ono"]);
  });

  it("keeps a later write and loses an earlier one", async () => {
    const seen = await shapes(async (file, simulation) => {
      await file.write([OLD], 0);
      await file.write([NEW], OLD.length);
      simulation.crash();
    });
    includesAll(seen, ["0n", "o", "on", "o0"]);
  });

  it("may keep or lose a write that was in flight at the sync, and one in flight at the crash", async () => {
    for (const overlap of ["sync", "crash"]) {
      const seen = await shapes(async (file, simulation) => {
        const written = file.write([NEW], 0);
        if (overlap === "sync") await Promise.all([written, file.sync()]);
        simulation.crash();
      });
      includesAll(seen, ["", "n", "n0", "0n"]);
    }
  });

  it("may undo an unsynced truncation", async () => {
    const seen = await shapes(async (file, simulation) => {
      await file.write([OLD, NEW], 0);
      await file.sync();
      await file.truncate(OLD.length);
      simulation.crash();
    });
    assert.deepEqual([...seen].sort(), ["o", "on"]);
  });

  it("loses or keeps unsynced names, and renames atomically, also between folders", async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 200; seed++) {
      const simulation = new Simulation({ seed });
      await simulation.run(async ({ disk }) => {
        await disk.makeFolder("a");
        await disk.makeFolder("b");
        await disk.create("a/x");
        await disk.create("a/y");
        await Promise.all(["", "a"].map((folder) => disk.syncFolder(folder)));
        await disk.create("a/z");
        await disk.remove("a/y");
        await disk.rename("a/x", "b/x");
        simulation.crash();
      });
      const names = [...simulation.files().keys()];
      assert.equal(names.filter((name) => name.endsWith("/x")).length, 1, names.join(" "));
      seen.add(names.join(" "));
    }
    assert.equal(seen.size, 8, [...seen].join("; "));
  });

  it("keeps names that a sync of their folders covered, always", async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const simulation = new Simulation({ seed });
      await simulation.run(async ({ disk }) => {
        await disk.makeFolder("a/b");
        await disk.create("a/b/x");
        await disk.rename("a/b/x", "a/y");
        await Promise.all(["", "a", "a/b"].map((folder) => disk.syncFolder(folder)));
        simulation.crash();
      });
      assert.deepEqual([...simulation.files().keys()], ["a/y"]);
    }
  });
});

describe("simulated disk: kill", () => {
  it("keeps what was written, and tears only what was in flight", async () => {
    const seen = await shapes(async (file, simulation) => {
      await file.write([OLD], 0);
      void file.write([NEW], OLD.length);
      simulation.crash("kill");
    });
    assert.deepEqual([...seen].sort(), ["o", "on"]);
  });

  it("leaves unsynced bytes at risk for a later power loss, until somebody syncs the file", async () => {
    for (const synced of [false, true]) {
      const seen = new Set<string>();
      for (let seed = 1; seed <= 100; seed++) {
        const simulation = new Simulation({ seed });
        await simulation.run(async ({ disk }) => {
          const file = await disk.create("log");
          await disk.syncFolder("");
          await file.write([NEW], 0);
        });
        simulation.crash("kill");
        await simulation.run(async ({ disk }) => {
          const file = await disk.open("log", "readWrite");
          assert.equal(await file.sizeBytes(), NEW.length);
          if (synced) await file.sync();
        });
        simulation.crash();
        seen.add(shapeOf(simulation.files().get("log")!));
      }
      if (synced) assert.deepEqual([...seen], ["n"]);
      else includesAll(seen, ["", "n"]);
    }
  });
});

describe("simulated disk: failures", () => {
  it("a failed sync loses bytes that stay readable until the crash, although a later sync succeeds", async () => {
    const seen = await shapes(async (file, simulation) => {
      simulation.disk.failAt(simulation.disk.operations + 2, "EIO");
      await file.write([NEW], 0);
      await fails(file.sync(), "EIO");
      await file.sync();
      assert.equal(await file.sizeBytes(), NEW.length);
      simulation.crash();
    });
    includesAll(seen, ["", "n", "n0"]);
  });

  it("a failed write has written a part", async () => {
    const sizes = new Set<number>();
    for (let seed = 1; seed <= 50; seed++) {
      await new Simulation({ seed, disk: { writeErrorRate: 1 } }).run(async ({ disk }) => {
        const file = await disk.create("log");
        await fails(file.write([NEW], 0), "EIO");
        sizes.add(await file.sizeBytes());
      });
    }
    assert(sizes.size > 20);
  });

  it(
    "a full disk takes what fits, and overwriting needs no space",
    onDisk({ capacityBytes: 2000 }, async ({ disk }) => {
      const file = await disk.create("log");
      await file.write([OLD], 0);
      assert.equal(await disk.freeBytes(), 500);
      await fails(file.write([NEW], OLD.length), "ENOSPC");
      assert.equal(await file.sizeBytes(), 2000);
      assert.equal(await disk.freeBytes(), 0);
      await file.write([NEW], 0);
      await file.truncate(100);
      assert.equal(await disk.freeBytes(), 1900);
      await disk.remove("log");
      assert.equal(await disk.freeBytes(), 2000);
    }),
  );

  it(
    "reads fail, and flip one bit of what they give",
    onDisk({ readErrorRate: 0.5, readFlipRate: 1 }, async ({ disk }) => {
      const file = await disk.create("log");
      await file.write([OLD], 0);
      let failed = 0;
      for (let attempt = 0; attempt < 40; attempt++) {
        const into = Buffer.alloc(OLD.length);
        try {
          await file.read(into, 0);
        } catch (error) {
          assert(error instanceof IoError);
          failed++;
          continue;
        }
        const different = into.filter((byte) => byte !== OLD[0]);
        assert.equal(different.length, 1);
        assert.equal(Math.log2(different[0]! ^ OLD[0]!) % 1, 0);
      }
      assert(failed > 0 && failed < 40);
    }),
  );

  it("damage stays over a crash", async () => {
    const simulation = new Simulation({ seed: 1 });
    await simulation.run(async ({ disk }) => {
      const file = await disk.create("log");
      await file.write([Buffer.from("abcdef")], 0);
      await file.sync();
      await disk.syncFolder("");
      disk.flipBit("log", 1, 0);
      disk.zero("log", 4, 2);
    });
    simulation.crash();
    assert.equal(await simulation.run((process) => textOf(process, "log")), "accd\0\0");
  });

  it("nothing of a dead process settles or takes effect any more", async () => {
    const simulation = new Simulation({ seed: 1 });
    const dead = simulation.process;
    const result = await simulation.run(async ({ disk }) => {
      const file = await disk.create("log");
      await disk.syncFolder("");
      simulation.crash();
      const settle = () => assert.fail("settled");
      file.write([NEW], 0).then(settle, settle);
      disk.create("other").then(settle, settle);
    });
    assert.equal(result, CRASHED);
    await simulation.runUntilIdle();
    assert.equal(dead.alive, false);
    assert.deepEqual([...simulation.files()], [["log", Buffer.alloc(0)]]);
  });
});
