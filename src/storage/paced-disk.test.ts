import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkClock } from "../../test/ports/work-clock.ts";
import type { Disk } from "../ports/disk.ts";
import { Pace, pacedDisk } from "./paced-disk.ts";

const MIB = 1024 * 1024;
const MS_PER_MIB = 0.5;

/** A disk with one file, and what was asked of it. */
class Setup {
  readonly clock = new WorkClock();
  readonly pace = new Pace(this.clock);
  readonly content = Buffer.alloc(
    5 * MIB + 512,
    Uint8Array.from({ length: 251 }, (_, at) => at),
  );
  readonly calls: [operation: string, bytes: number, at: number][] = [];
  readonly disk: Disk;

  constructor() {
    const file = {
      read: async (into: Uint8Array, at: number) => {
        this.#work("read", into.length, at);
        return this.content.copy(into, 0, at);
      },
      write: async (parts: readonly Uint8Array[], at: number) => {
        const bytes = Buffer.concat(parts);
        this.#work("write", bytes.length, at);
        this.content.set(bytes, at);
      },
      close: async () => undefined,
    };
    const allocate = (bytes: number): Buffer => Buffer.alloc(bytes);
    const writes = { alignmentBytes: 512, allocate, create: async () => file, open: async () => file };
    this.disk = pacedDisk({ open: async () => file, syncedWrites: async () => writes } as unknown as Disk, this.pace);
  }

  #work(operation: string, bytes: number, at: number): void {
    this.calls.push([operation, bytes, at]);
    this.clock.nowMs += (bytes / MIB) * MS_PER_MIB;
  }
}

test("without a pace everything is done in one go", async () => {
  const { disk, calls, content } = new Setup();
  const file = await disk.open("file", "read");
  const into = Buffer.alloc(3 * MIB);
  assert.equal(await file.read(into, 7), into.length);
  assert.deepEqual(calls, [["read", 3 * MIB, 7]]);
  assert.ok(into.equals(content.subarray(7, 7 + into.length)));
});

test("with a pace it is done in pieces, each followed by a pause: the same bytes", async () => {
  const { clock, pace, disk, calls, content } = new Setup();
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
