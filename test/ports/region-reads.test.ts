/** Regions are read in this thread or in one of their own, with the same result; and a thread that fails is not missed. */
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { createNodeDisk } from "../../src/io/node-disk.ts";
import { createThreadLauncher } from "../../src/io/node-thread.ts";
import { type ReadMessage, type ReadRequest, ThreadRegionReads } from "../../src/io/thread-region-reads.ts";
import { DiskRegionReads } from "../../src/log/disk-region-reads.ts";
import { stateRecordBytes, writeStateRecord } from "../../src/log/wal-record.ts";
import type { ChildEvents, ChildLauncher } from "../../src/ports/child.ts";
import { type Disk, type DiskFile, IoError } from "../../src/ports/disk.ts";
import type { RegionRead, RegionReadResult, RegionReads } from "../../src/ports/region-reads.ts";
import { wrapped, wrappedFile } from "../../src/ports/wrapped-disk.ts";

const MIB = 1024 * 1024;
const FIELD_BYTES = 1000;
const RECORD_BYTES = stateRecordBytes(FIELD_BYTES);
const RECORDS = 2000;
/** Whether the system can be told that memory is of no use: see `io/huge-pages.ts`. */
const canGiveBack = process.platform === "linux" && process.getBuiltinModule("node:ffi") !== undefined;

/** Records of one size, one behind the other. */
function recordsFile(): Buffer {
  const bytes = Buffer.alloc(RECORDS * RECORD_BYTES);
  for (let record = 0; record < RECORDS; record += 1) {
    writeStateRecord(bytes, record * RECORD_BYTES, 1, [Buffer.alloc(FIELD_BYTES, record)]);
  }
  return bytes;
}

/** Says what it was asked for. */
class Here implements RegionReads {
  readonly asked: RegionRead[] = [];
  allocate = (sizeBytes: number): Buffer => Buffer.alloc(sizeBytes);
  readonly told: string[] = [];
  release = (): void => void this.told.push("release");
  forget = (name: string): void => void this.told.push(`forget ${name}`);
  close = (): void => void this.told.push("close");
  read(request: RegionRead): Promise<RegionReadResult> {
    this.asked.push(request);
    return Promise.resolve({ readBytes: -1, recordAt: -1, verifiedTo: -1 });
  }
}

/** A thread that a test plays. */
class PlayedThread implements ChildLauncher {
  readonly sent: ReadRequest[] = [];
  readonly told: string[] = [];
  launches = 0;
  ends = 0;
  events: ChildEvents | undefined;
  launch(events: ChildEvents): ReturnType<ChildLauncher["launch"]> {
    this.launches += 1;
    this.events = events;
    const send = (sent: unknown): void => {
      const message = sent as ReadMessage;
      if (message === "release") this.told.push(message);
      else if ("forget" in message) this.told.push(`forget ${message.forget}`);
      else this.sent.push(message);
    };
    return { send, end: () => void (this.ends += 1) };
  }
}

function played() {
  const [here, thread, lines] = [new Here(), new PlayedThread(), [] as string[]];
  const log = (line: string): void => void lines.push(line);
  const reads = new ThreadRegionReads({ launcher: () => thread, here, log });
  const memory = reads.allocate(64 * MIB);
  const read = (): Promise<RegionReadResult> =>
    reads.read({ name: "f", position: 0, memory, from: 0, to: 40 * MIB, recordAt: 0 });
  return { here, memory, thread, lines, reads, read };
}

test("a thread gives what this one would: bytes, and how far they are what was written", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "chronik-regions-"));
  fs.mkdirSync(path.join(folder, "wal")); // where the thread finds out how to read
  const ended = Promise.withResolvers<void>();
  const launcher = (memory: SharedArrayBuffer): ChildLauncher => {
    const threads = createThreadLauncher({
      entry: new URL("../../src/reader-thread.ts", import.meta.url),
      data: { folder, memory, logInMemory: false },
      heapMegabytes: 32,
    });
    const launch: ChildLauncher["launch"] = (events) =>
      threads.launch({ message: (message) => events.message(message), ended: () => ended.resolve() });
    return { launch };
  };
  const here = new DiskRegionReads(createNodeDisk(folder));
  const fromHere: RegionRead[] = [];
  const watched: RegionReads = {
    allocate: (sizeBytes) => here.allocate(sizeBytes),
    read: (request) => {
      fromHere.push(request);
      return here.read(request);
    },
    release: () => here.release(),
    forget: (name) => here.forget(name),
    close: () => here.close(),
  };
  const options = { launcher, here: watched, log: assert.fail };
  const reads = new ThreadRegionReads(options);
  try {
    const bytes = recordsFile();
    const damagedAt = 1500 * RECORD_BYTES;
    bytes[damagedAt + 500]! ^= 1;
    fs.writeFileSync(path.join(folder, "log"), bytes);
    const memory = reads.allocate(72 * MIB);
    // So much is asked for that the next one is for a thread.
    const whole = { name: "log", position: 0, memory, from: 0, to: 65 * MIB, recordAt: 0 };
    const all = await reads.read(whole);
    assert.deepEqual(all, { readBytes: bytes.length, recordAt: 0, verifiedTo: damagedAt });
    assert.equal(Buffer.compare(memory.subarray(0, bytes.length), bytes), 0);
    assert.deepEqual(await here.read({ ...whole, memory: Buffer.alloc(memory.length) }), all);
    // From the middle of a record on, whose first half was read before.
    const half = 10 * RECORD_BYTES + 500;
    memory.fill(0, half);
    const rest = await reads.read({
      ...whole,
      position: half,
      from: half,
      recordAt: 10 * RECORD_BYTES,
      to: half + MIB,
    });
    assert.equal(rest.readBytes, MIB);
    assert.equal(rest.verifiedTo, Math.floor((half + MIB) / RECORD_BYTES) * RECORD_BYTES);
    // Behind a read that is not done yet, where nobody knows the end of its last record.
    const first = { ...whole, to: MIB };
    const recordsTo = Math.floor(MIB / RECORD_BYTES) * RECORD_BYTES;
    const behind = { ...whole, position: MIB - 2000, from: 2 * MIB, to: 3 * MIB, recordAt: { behind: MIB } };
    const [, next] = await Promise.all([reads.read(first), reads.read(behind)]);
    assert.equal(next.recordAt, 2 * MIB + recordsTo - (MIB - 2000));
    assert.equal(next.verifiedTo, 2 * MIB + damagedAt - (MIB - 2000));
    assert.deepEqual((await Promise.all([here.read(first), here.read(behind)]))[1], next);
    const unknown = await reads.read({ ...behind, recordAt: { behind: 3 * MIB + 1 } });
    assert.equal(unknown.recordAt, undefined, "nothing is known of it");
    // In pieces that take turns: the first one behind is read before the end of the last record is known.
    const to = (3 * MIB) / 4;
    const position = to - 2000;
    for (const each of [reads, here]) {
      const begun = await each.read({ ...whole, to: to / 2 });
      const piece = { ...whole, position, from: 4 * MIB, to: 4 * MIB + to / 2, recordAt: { behind: to } };
      const early = await each.read(piece);
      assert.deepEqual(early, { readBytes: to / 2, recordAt: undefined, verifiedTo: 4 * MIB });
      await each.read({ ...whole, position: to / 2, from: to / 2, to, recordAt: begun.verifiedTo });
      const late = await each.read({ ...piece, position: position + to / 2, from: piece.to, to: 5 * MIB });
      assert.equal(late.recordAt, 4 * MIB + Math.floor(to / RECORD_BYTES) * RECORD_BYTES - position);
      assert.equal(late.verifiedTo, 4 * MIB + damagedAt - position);
    }
    // A file that is removed is let go of, also by the thread.
    fs.rmSync(path.join(folder, "log"));
    fs.writeFileSync(path.join(folder, "log"), "another");
    assert.equal((await reads.read(first)).readBytes, MIB, "it is open still");
    reads.forget("log");
    assert.equal((await reads.read(first)).readBytes, "another".length);
    // When the memory is given back, of all.
    fs.rmSync(path.join(folder, "log"));
    fs.writeFileSync(path.join(folder, "log"), "a third one");
    reads.release();
    assert.equal(reads.allocate(memory.length).buffer, memory.buffer, "the thread has no other");
    assert.equal((await reads.read(first)).readBytes, "a third one".length);
    assert.deepEqual(fromHere, [], "all of it was read by the thread");
    await assert.rejects(reads.read({ ...whole, name: "none" }), { code: "ENOENT" });
    assert.equal(fromHere.length, 1, "what the thread could not read was tried here, which says why");
  } finally {
    reads.close();
    await ended.promise;
    fs.rmSync(folder, { recursive: true });
  }
});

test("little is read without a thread; much by one, which stays when its memory is given back", async () => {
  const { here, memory, thread, reads, read } = played();
  await read();
  assert.equal(thread.launches, 0);
  assert.equal(here.asked.length, 1);
  const pending = read();
  assert.equal(thread.launches, 1);
  thread.events!.message({ id: thread.sent[0]!.id, result: { readBytes: 7, recordAt: 0, verifiedTo: 5 } });
  assert.deepEqual(await pending, { readBytes: 7, recordAt: 0, verifiedTo: 5 });
  reads.forget("f");
  memory.fill(1);
  reads.release();
  assert.deepEqual(here.told, ["forget f", "release"]);
  assert.equal(memory[0], canGiveBack ? 0 : 1);
  assert.deepEqual(thread.told, ["forget f", "release"]);
  assert.equal(reads.allocate(64 * MIB), memory);
  void read();
  assert.equal(thread.sent.length, 2);
  assert.deepEqual([thread.launches, thread.ends, here.asked.length], [1, 0, 1]);
});

test("what a thread had begun when it ended is read here, and its operator is told", async () => {
  const { here, thread, lines, read } = played();
  await read();
  const pending = [read(), read()];
  thread.events!.ended("out of memory");
  await Promise.all(pending);
  assert.equal(here.asked.length, 3);
  assert.deepEqual(lines, ["warning: the thread that reads files ended (out of memory)"]);
  thread.events!.message({ id: thread.sent[0]!.id, result: { readBytes: 7, recordAt: 0, verifiedTo: 5 } }); // too late: ignored
  for (let reads = 0; reads < 50; reads += 1) await read();
  assert.equal(thread.launches, 1, "what may fail again is not tried again at once");
  for (let reads = 0; reads < 100; reads += 1) void read();
  assert.equal(thread.launches, 2);
});

test("where no thread can be had, all is read here", async () => {
  const { here, lines, thread, read } = played();
  thread.launch = () => {
    throw new Error("no thread to spare");
  };
  for (let reads = 0; reads < 50; reads += 1) await read();
  assert.equal(here.asked.length, 50);
  assert.deepEqual(lines, ["warning: no thread for reading could be started: no thread to spare"]);
});

test("once it is closed no thread begins, and the end of one is no news", async () => {
  const { here, thread, lines, reads, read } = played();
  await read();
  void read();
  reads.close();
  assert.deepEqual(here.told, ["close"]);
  thread.events!.ended("it was told to");
  assert.deepEqual(lines, []);
  await read();
  await read();
  assert.equal(thread.launches, 1);
});

/** A disk with a file "log" of records, and its bytes. */
async function withRecords(work: (disk: Disk, bytes: Buffer) => Promise<void>): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "chronik-regions-"));
  try {
    const bytes = recordsFile();
    fs.writeFileSync(path.join(folder, "log"), bytes);
    await work(createNodeDisk(folder), bytes);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

test("what is aligned is read past the system's memory, with nothing beyond what was asked for; all else is read the other way", () =>
  withRecords(async (disk, bytes) => {
    const writes = await disk.syncedWrites("");
    const alignmentBytes = Math.max(writes.alignmentBytes, 512);
    let [opened, readsPast] = [0, 0];
    const closed = Promise.withResolvers<void>();
    const pastMemory = {
      alignmentBytes,
      allocate: writes.allocate,
      open: async (name: string) => {
        const file = await writes.open(name);
        opened += 1;
        const read = (into: Buffer, position: number): Promise<number> => {
          readsPast += 1;
          return file.read(into, position);
        };
        return wrappedFile(file, { read, close: () => file.close().then(closed.resolve, closed.reject) });
      },
    };
    const reads = new DiskRegionReads(disk, pastMemory);
    const read = async (position: number, from: number, to: number): Promise<Buffer> => {
      const memory = reads.allocate(2 * MIB);
      const { readBytes } = await reads.read({ name: "log", position, memory, from, to, recordAt: { behind: 0 } });
      return memory.subarray(from, from + readBytes);
    };
    const same = (got: Buffer, from: number, to: number): void =>
      assert.equal(got.compare(bytes.subarray(from, to)), 0);
    same(await read(alignmentBytes, 0, 100_000), alignmentBytes, alignmentBytes + 100_000); // the end need not be
    same(await read(alignmentBytes, alignmentBytes, 100_000), alignmentBytes, 100_000);
    same(await read(2 * alignmentBytes, 0, 2 * MIB), 2 * alignmentBytes, bytes.length); // beyond the end of the file
    assert.equal(readsPast, 3);
    same(await read(100, 0, 100_000), 100, 100_100);
    same(await read(0, 100, 100_000), 0, 99_900);
    assert.equal(readsPast, 3);
    const tight = Buffer.alloc(1_000); // no room for the rest of the last block
    await reads.read({ name: "log", position: 0, memory: tight, from: 0, to: 1_000, recordAt: 0 });
    assert.equal(readsPast, 3);
    assert.equal(tight.compare(bytes.subarray(0, 1_000)), 0);
    assert.equal(opened, 1, "it stays open for the next read");
    reads.release();
    await closed.promise;
  }));

test("where the disk does not take what is aligned it is read the other way; any other failure is told", () =>
  withRecords(async (disk, bytes) => {
    const { allocate } = await disk.syncedWrites("");
    const refusing = (code: string): DiskRegionReads =>
      new DiskRegionReads(disk, {
        alignmentBytes: 512,
        allocate,
        open: async (name) => {
          const file = await disk.open(name, "read");
          const read = (): Promise<number> => Promise.reject(new IoError("fatal", code, "refused"));
          return wrappedFile(file, { read });
        },
      });
    const request = {
      name: "log",
      position: 512,
      memory: Buffer.alloc(MIB),
      from: 0,
      to: 100_000,
      recordAt: { behind: 0 },
    };
    const [misaligned, broken] = [refusing("EINVAL"), refusing("EIO")];
    assert.equal((await misaligned.read(request)).readBytes, 100_000);
    assert.equal(request.memory.subarray(0, 100_000).compare(bytes.subarray(512, 100_512)), 0);
    await assert.rejects(broken.read(request), { code: "EIO" });
    for (const reads of [misaligned, broken]) reads.close();
  }));

test("of what is asked for at once four are being read", () =>
  withRecords(async (disk) => {
    let [underWay, most] = [0, 0];
    const open = async (name: string): Promise<DiskFile> => {
      const file = await disk.open(name, "read");
      const read = async (into: Buffer, position: number): Promise<number> => {
        most = Math.max(most, (underWay += 1));
        const got = await file.read(into, position);
        underWay -= 1;
        return got;
      };
      return wrappedFile(file, { read });
    };
    const watched = wrapped(disk, { open });
    const reads = new DiskRegionReads(watched);
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        reads.read({ name: "log", position: n * 4096, memory: Buffer.alloc(4096), from: 0, to: 4096, recordAt: 0 }),
      ),
    );
    assert.deepEqual(
      results.map(({ readBytes }) => readBytes),
      Array(8).fill(4096),
    );
    assert.equal(most, 4);
    reads.close();
  }));
