import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { WorkClock } from "../../test/ports/work-clock.ts";
import type { Disk } from "../ports/disk.ts";
import { Pace, pacedDisk } from "./paced-disk.ts";

const MIB = 1024 * 1024;
const MS_PER_MIB = 0.5;

let clock: WorkClock;
let pace: Pace;
let disk: Disk;
let content: Buffer;
let calls: [operation: string, bytes: number, at: number][];

beforeEach(() => {
  clock = new WorkClock();
  pace = new Pace(clock);
  calls = [];
  content = Buffer.from(Array.from({ length: 5 * MIB + 512 }, (_, at) => at % 251));
  const file = {
    read: async (into: Uint8Array, at: number) => {
      calls.push(["read", into.length, at]);
      clock.nowMs += (into.length / MIB) * MS_PER_MIB;
      return content.copy(into, 0, at);
    },
    write: async (parts: readonly Uint8Array[], at: number) => {
      const bytes = Buffer.concat(parts);
      calls.push(["write", bytes.length, at]);
      clock.nowMs += (bytes.length / MIB) * MS_PER_MIB;
      content.set(bytes, at);
    },
    close: async () => undefined,
  };
  const writes = {
    alignmentBytes: 512,
    allocate: (bytes: number) => Buffer.alloc(bytes),
    create: async () => file,
    open: async () => file,
  };
  disk = pacedDisk({ open: async () => file, syncedWrites: async () => writes } as unknown as Disk, pace);
});

test("without a pace everything is done in one go", async () => {
  const file = await disk.open("file", "read");
  const into = Buffer.alloc(3 * MIB);
  assert.equal(await file.read(into, 7), into.length);
  assert.deepEqual(calls, [["read", 3 * MIB, 7]]);
  assert.ok(into.equals(content.subarray(7, 7 + into.length)));
});

test("with a pace it is done in pieces, each followed by a pause: the same bytes", async () => {
  pace.factor = 4;
  const beganMs = clock.nowMs;
  const writes = await disk.syncedWrites("");
  for (const file of [await disk.open("file", "read"), await writes.open("file")]) {
    const into = Buffer.alloc(6 * MIB);
    assert.equal(await file.read(into, 512), 5 * MIB, "up to the end");
    assert.ok(into.subarray(0, 5 * MIB).equals(content.subarray(512)));
  }
  const expected = Buffer.alloc(2 * MIB + 512, 9);
  await (await writes.create("new")).write([expected, Buffer.alloc(512, 8)], MIB);
  assert.ok(content.subarray(MIB, 3 * MIB + 512).equals(expected));
  assert.ok(content.subarray(3 * MIB + 512, 3 * MIB + 1024).equals(Buffer.alloc(512, 8)));
  assert.ok(calls.every(([, bytes, at]) => bytes <= MIB && at % 512 === 0));
  const workingMs = calls.reduce((sum, [, bytes]) => sum + (bytes / MIB) * MS_PER_MIB, 0);
  const factor = (clock.nowMs - beganMs - workingMs) / workingMs;
  assert.ok(factor > 3.2 && factor <= 4, `paused for ${factor} times the work`);
});
