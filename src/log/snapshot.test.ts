import assert from "node:assert/strict";
import { test } from "node:test";
import { CRASHED, type SimProcess, Simulation } from "../../sim/simulation.ts";
import { compatBytes } from "../../test/compat-data/read.ts";
import { type Position, toPosition } from "../base/brands.ts";
import { crc32c } from "../base/crc32c.ts";
import type { Disk } from "../ports/disk.ts";
import {
  listSnapshots,
  readSnapshot,
  removeOldSnapshots,
  SNAPSHOT_FOLDER,
  type SnapshotSource,
  writeSnapshot,
} from "./snapshot.ts";

const POSITION = toPosition(2 ** 40);
const LOG_END = toPosition(2 ** 40 + 77);
const SLICES = [Buffer.from("one"), Buffer.alloc(0), Buffer.from("three")];
const NAME = `${SNAPSHOT_FOLDER}/00000001099511627776.snapshot`;

async function inSimulation<T>(scenario: (process: SimProcess) => Promise<T>, seed = 1): Promise<T> {
  const result = await new Simulation({ seed }).run(async (process) => {
    await process.disk.makeFolder(SNAPSHOT_FOLDER);
    return scenario(process);
  });
  assert.ok(result !== CRASHED);
  return result;
}

function sourceOf(slices: readonly Buffer[], changes: Partial<SnapshotSource> = {}): SnapshotSource {
  const left = slices[Symbol.iterator]();
  return {
    position: POSITION,
    next: () => left.next().value,
    logPosition: () => LOG_END,
    durable: () => Promise.resolve(),
    ...changes,
  };
}

/** Puts `bytes` where the snapshot of `POSITION` belongs, and reads it. */
async function readBytes(disk: Disk, bytes: Uint8Array): ReturnType<typeof readSnapshot> {
  await disk.remove(NAME).catch(() => undefined);
  const file = await disk.create(NAME);
  await file.write([bytes], 0);
  await file.close();
  return readSnapshot(disk, POSITION);
}

function slice(payload: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt32LE(crc32c(payload), 4);
  return Buffer.concat([head, payload]);
}

test("what was written is read back, and the two newest are kept", async () => {
  await inSimulation(async ({ disk }) => {
    const positions = [5, 70, 800].map(toPosition);
    for (const position of positions) {
      await writeSnapshot(disk, sourceOf(SLICES, { position }));
      await removeOldSnapshots(disk);
    }
    assert.deepEqual(await listSnapshots(disk), [800, 70]);
    for (const position of positions.slice(1)) {
      assert.deepEqual(await readSnapshot(disk, position), { position, logEnd: LOG_END, slices: SLICES });
    }
    assert.equal(await readSnapshot(disk, toPosition(5)), undefined);
  });
});

test("many and large slices are written in pieces, and read back the same", async () => {
  await inSimulation(async ({ disk }) => {
    const slices = Array.from({ length: 40 }, (_, index) => Buffer.alloc(index * 1000, index));
    await writeSnapshot(disk, sourceOf(slices));
    assert.deepEqual((await readSnapshot(disk, POSITION))?.slices, slices);
  });
});

test("reads and writes the released bytes of version 1", async () => {
  await inSimulation(async ({ disk }) => {
    const released = compatBytes("snapshot-v1.hex");
    assert.deepEqual(await readBytes(disk, released), { position: POSITION, logEnd: LOG_END, slices: SLICES });
    await disk.remove(NAME);
    await writeSnapshot(disk, sourceOf(SLICES));
    const file = await disk.open(NAME, "read");
    const bytes = Buffer.alloc(await file.sizeBytes());
    await file.read(bytes, 0);
    assert.deepEqual(bytes, released);
  });
});

test("is published only when the log is durable up to its end", async () => {
  await inSimulation(async ({ disk }) => {
    const durable = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<Position>();
    const written = writeSnapshot(
      disk,
      sourceOf(SLICES, {
        durable: (position) => {
          asked.resolve(position);
          return durable.promise;
        },
      }),
    );
    assert.equal(await asked.promise, LOG_END);
    assert.deepEqual(await listSnapshots(disk), []);
    durable.resolve();
    await written;
    assert.deepEqual(await listSnapshots(disk), [POSITION]);
  });
});

test("the end of the log is taken behind the last slice: a slice may know all that came before it", async () => {
  await inSimulation(async ({ disk }) => {
    let logPosition = POSITION as number;
    const left = SLICES[Symbol.iterator]();
    const next = (): Buffer | undefined => {
      logPosition += 10;
      return left.next().value;
    };
    await writeSnapshot(disk, sourceOf([], { next, logPosition: () => toPosition(logPosition) }));
    assert.equal((await readSnapshot(disk, POSITION))?.logEnd, POSITION + 40);
  });
});

test("a disk that gives back other bytes than were written is found out, and nothing is published", async () => {
  await inSimulation(async ({ disk }) => {
    disk.faults = { ...disk.faults, readFlipRate: 1 };
    await assert.rejects(writeSnapshot(disk, sourceOf(SLICES)), { name: "IoError", kind: "fatal" });
    assert.deepEqual(await listSnapshots(disk), []);
  });
});

test("what an interrupted write has left behind is no snapshot, and is written over", async () => {
  await inSimulation(async ({ disk }) => {
    const file = await disk.create(`${SNAPSHOT_FOLDER}/next.tmp`);
    await file.write([Buffer.alloc(10_000, 7)], 0);
    assert.deepEqual(await listSnapshots(disk), []);
    await writeSnapshot(disk, sourceOf(SLICES));
    assert.deepEqual((await readSnapshot(disk, POSITION))?.slices, SLICES);
  });
});

test("with any bit wrong it is not used", async () => {
  await inSimulation(async ({ disk }) => {
    const good = compatBytes("snapshot-v1.hex");
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      const damaged = Buffer.from(good);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(await readBytes(disk, damaged), undefined, `bit ${bit}`);
    }
  });
});

test("cut anywhere, or with anything behind it, it is not used", async () => {
  await inSimulation(async ({ disk }) => {
    const good = compatBytes("snapshot-v1.hex");
    for (let size = 0; size < good.length; size += 1) {
      assert.equal(await readBytes(disk, good.subarray(0, size)), undefined, `${size} bytes`);
    }
    for (const behind of [Buffer.of(0), Buffer.alloc(8), slice(Buffer.from("more"))]) {
      assert.equal(await readBytes(disk, Buffer.concat([good, behind])), undefined);
    }
  });
});

test("whole slices that do not make a whole snapshot are not used", async () => {
  await inSimulation(async ({ disk }) => {
    const good = compatBytes("snapshot-v1.hex");
    const head = good.subarray(0, 8 + 14);
    const foot = good.subarray(good.length - 24);
    const middle = good.subarray(head.length, good.length - 24);
    const wrongs = {
      "no head": [middle, foot],
      "no foot": [head, middle],
      "a slice lost": [head, middle.subarray(8 + 3), foot],
      "a slice twice": [head, middle, slice(Buffer.from("three")), foot],
      "two heads": [head, head, middle, foot],
      "a newer version": [slice(Buffer.concat([Buffer.from("CHSN\x02\0"), head.subarray(14)])), middle, foot],
    };
    for (const [what, parts] of Object.entries(wrongs)) {
      assert.equal(await readBytes(disk, Buffer.concat(parts)), undefined, what);
    }
    assert.notEqual(await readBytes(disk, Buffer.concat([head, middle, foot])), undefined);
  });
});

test("under the name of another position it is not used", async () => {
  await inSimulation(async ({ disk }) => {
    await writeSnapshot(disk, sourceOf(SLICES));
    await disk.rename(NAME, NAME.replace("7776.", "7777."));
    assert.equal(await readSnapshot(disk, toPosition(POSITION + 1)), undefined);
    assert.equal(await readSnapshot(disk, POSITION), undefined);
  });
});
