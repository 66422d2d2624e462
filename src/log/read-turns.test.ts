import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { WorkClock } from "../../test/ports/work-clock.ts";
import { ReadTurns } from "./read-turns.ts";

const MIB = 1024 * 1024;
const FILE_BYTES = 64 * MIB;

let clock: WorkClock;
let servedMs: number;
let turns: ReadTurns;
let reads: { readonly bytes: number; readonly at: number; readonly beganMs: number }[];
let underWay: number;
let mostUnderWay: number;

beforeEach(() => {
  clock = new WorkClock();
  servedMs = Number.NEGATIVE_INFINITY;
  turns = new ReadTurns(clock, () => servedMs);
  reads = [];
  [underWay, mostUnderWay] = [0, 0];
});

/** A file of 64 MiB on a disk that takes so long for a MiB. */
function reader(msPerMebibyte: number) {
  return async (bytes: Buffer, at: number): Promise<number> => {
    reads.push({ bytes: bytes.length, at, beganMs: clock.nowMs });
    underWay += 1;
    mostUnderWay = Math.max(mostUnderWay, underWay);
    clock.nowMs += (bytes.length / MIB) * msPerMebibyte;
    await new Promise(setImmediate);
    underWay -= 1;
    return Math.max(0, Math.min(bytes.length, FILE_BYTES - at));
  };
}

function live(): void {
  servedMs = Number.POSITIVE_INFINITY;
}

test("as long as nothing is written a read is one read, and three are under way at once", async () => {
  const read = reader(1);
  const got = await Promise.all([0, 1, 2, 3].map((n) => turns.read(Buffer.alloc(4 * MIB), n * 4 * MIB, read)));
  assert.deepEqual(got, [4 * MIB, 4 * MIB, 4 * MIB, 4 * MIB]);
  assert.deepEqual(
    reads.map(({ bytes, at }) => [bytes, at]),
    [0, 4, 8, 12].map((at) => [4 * MIB, at * MIB]),
  );
  assert.equal(mostUnderWay, 3);
});

test("what keeps a queue itself is begun at once", async () => {
  const read = reader(1);
  await Promise.all(Array.from({ length: 18 }, (_, n) => turns.readQueued(Buffer.alloc(MIB), n * MIB, read)));
  assert.equal(mostUnderWay, 16);
});

test("while the log is written, pieces are read one at a time, and in a share of the time", async () => {
  live();
  const beganMs = clock.nowMs;
  const read = reader(0.5);
  const got = await Promise.all([0, 1].map((n) => turns.read(Buffer.alloc(4 * MIB), n * 4 * MIB, read)));
  assert.deepEqual(got, [4 * MIB, 4 * MIB]);
  assert.equal(mostUnderWay, 1);
  assert.ok(reads.every(({ bytes }) => bytes === MIB / 2));
  assert.deepEqual(
    reads.map(({ at }) => at).toSorted((a, b) => a - b),
    reads.map((_, index) => (index * MIB) / 2),
    "every byte once",
  );
  const readingMs = 8 * 0.5;
  const shareOfTime = readingMs / (clock.nowMs - beganMs);
  assert.ok(shareOfTime < 1 / 7, `it read for ${shareOfTime} of the time`);
});

test("a slow disk makes pauses longer, up to a bound: who reads goes on", async () => {
  live();
  const beganMs = clock.nowMs;
  await turns.read(Buffer.alloc(4 * MIB), 0, reader(1000));
  const pausedMs = clock.nowMs - beganMs - 4 * 1000;
  assert.ok(pausedMs > 20 && pausedMs <= 4 * 8, `${pausedMs} ms of pauses`);
});

test("many small reads pause as little as they take", async () => {
  live();
  const beganMs = clock.nowMs;
  for (let n = 0; n < 1000; n += 1) await turns.read(Buffer.alloc(1024), n * 1024, reader(0.1));
  assert.ok(clock.nowMs - beganMs < 1, "less than a timer's step for a MiB from memory");
});

test("the end of the file ends a read, in whatever piece it comes", async () => {
  for (const isLive of [false, true]) {
    if (isLive) live();
    assert.equal(await turns.read(Buffer.alloc(2 * MIB), FILE_BYTES - MIB - 5, reader(0)), MIB + 5);
    assert.equal(await turns.read(Buffer.alloc(2 * MIB), FILE_BYTES, reader(0)), 0);
  }
});

test("a failed read gives its turn back", async () => {
  live();
  const refused = turns.read(Buffer.alloc(1), 0, () => Promise.reject(new Error("refused")));
  await assert.rejects(refused, /refused/);
  assert.equal(await turns.read(Buffer.alloc(1), 0, reader(0)), 1);
});

test("hazard: what was read while nothing was written is not owed when something is", async () => {
  const read = reader(0.5);
  for (let n = 0; n < 256; n += 1) await turns.read(Buffer.alloc(4 * MIB), 0, read);
  live();
  const beganMs = clock.nowMs;
  await turns.read(Buffer.alloc(MIB / 2), 0, read);
  assert.ok(clock.nowMs - beganMs < 50, `${clock.nowMs - beganMs} ms for the first piece`);
});
