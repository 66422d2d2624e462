/** What counts as a group, and finding the next one behind bytes that are none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CRASHED, Simulation } from "../../sim/simulation.ts";
import { toPosition } from "../base/brands.ts";
import { crc32c } from "../base/crc32c.ts";
import { wrappedFile } from "../ports/wrapped-disk.ts";
import { GroupScanner } from "./group-scanner.ts";
import { ROOM_BYTES, SMALL_GROUP_BYTES, WAL_FOLDER, WalFile } from "./wal-file.ts";
import { GROUP_HEADER_BYTES, writeGroupHeader } from "./wal-record.ts";

const BASE = 2 ** 33;
const INCARNATION = 0xabcdef012345;
const CHUNK_BYTES = 4 * 1024 * 1024;

interface GroupFields {
  readonly position: number;
  readonly incarnation?: number;
  readonly crc?: number;
}

function group(payload: Buffer, { position, incarnation = INCARNATION, crc = crc32c(payload) }: GroupFields): Buffer {
  const header = Buffer.alloc(GROUP_HEADER_BYTES);
  const rest = { durablePosition: 0, previousStatePosition: 0, lengthBytes: payload.length, crc };
  writeGroupHeader(header, 0, { wasOther: false, position, incarnation, ...rest });
  return Buffer.concat([header, payload]);
}

/** Groups one behind the other from the file's beginning on, each at its own position. */
function groupsOf(payloads: readonly Buffer[]): Buffer {
  let file = Buffer.alloc(0);
  for (const payload of payloads) file = Buffer.concat([file, group(payload, { position: BASE + file.length })]);
  return file;
}

/** Lets `scan` look at a file of these bytes. `statedBytes`: its size as it was listed. */
async function scanning<T>(
  bytes: Buffer,
  scan: (scanner: GroupScanner) => Promise<T>,
  statedBytes = bytes.length,
): Promise<T> {
  const result = await new Simulation({ seed: 1 }).run(async ({ disk }) => {
    await disk.makeFolder(WAL_FOLDER);
    const file = new WalFile(toPosition(BASE), INCARNATION);
    const open = await disk.create(file.name);
    await open.write([bytes], 0);
    return scan(new GroupScanner(file, open, statedBytes));
  });
  assert.ok(result !== CRASHED);
  return result;
}

/** Every whole group from the beginning on: its place in the file, and its payload. */
async function readAll(scanner: GroupScanner): Promise<{ at: number; payload: string }[]> {
  const found: { at: number; payload: string }[] = [];
  let at: number | undefined = 0;
  while (at !== undefined) {
    const whole = await scanner.groupAt(at);
    if (whole === undefined) {
      at = await scanner.findGroup(at + 1);
      continue;
    }
    found.push({ at, payload: whole.buffer.toString("latin1", whole.recordsAt, whole.end) });
    at += GROUP_HEADER_BYTES + whole.header.lengthBytes;
  }
  return found;
}

test("hazard: all groups are read, not only the first; the reader moves by the bytes it consumed", async () => {
  const payloads = Array.from({ length: 500 }, (_, index) => Buffer.from(`group ${index}`));
  const found = await scanning(groupsOf(payloads), readAll);
  assert.deepEqual(
    found.map(({ payload }) => payload),
    payloads.map(String),
  );
});

test("groups that lie across the bounds of a chunk, and ones larger than it, are read", async () => {
  const sizes = [10, CHUNK_BYTES - 100, 300, CHUNK_BYTES + 1, 5, 2 * CHUNK_BYTES, 7];
  const payloads = sizes.map((size, index) => Buffer.alloc(size, 65 + index));
  const found = await scanning(groupsOf(payloads), readAll);
  assert.deepEqual(
    found.map(({ payload }) => payload.length),
    sizes,
  );
  assert.deepEqual(
    found.map(({ payload }) => payload.at(-1)),
    "ABCDEFG".split(""),
  );
});

test("hazard: one damaged group does not hide all behind it", async () => {
  const payloads = ["first", "second", "third"].map((text) => Buffer.from(text));
  const good = groupsOf(payloads);
  const secondAt = GROUP_HEADER_BYTES + payloads[0]!.length;
  const secondEnd = secondAt + GROUP_HEADER_BYTES + payloads[1]!.length;
  for (let bit = secondAt * 8; bit < secondEnd * 8; bit += 1) {
    const damaged = Buffer.from(good);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    const found = await scanning(damaged, readAll);
    assert.deepEqual(
      found.map(({ payload }) => payload),
      ["first", "third"],
      `bit ${bit}`,
    );
  }
});

test("a group cut anywhere is none", async () => {
  const bytes = groupsOf([Buffer.from("first"), Buffer.from("second")]);
  for (let size = GROUP_HEADER_BYTES + 5; size < bytes.length; size += 1) {
    assert.equal((await scanning(bytes.subarray(0, size), readAll)).length, 1, `${size} bytes`);
  }
});

test("hazard: a whole group inside a value, at another position, or of another incarnation is none", async () => {
  const inner = group(Buffer.from("forged"), { position: BASE });
  const strangers = {
    "at another position": inner,
    "of another incarnation": group(Buffer.from("old"), { position: BASE + 100, incarnation: INCARNATION + 1 }),
    "with another CRC": group(Buffer.from("bad"), { position: BASE + 100, crc: 1 }),
  };
  for (const [what, stranger] of Object.entries(strangers)) {
    const bytes = Buffer.concat([Buffer.alloc(100), stranger, Buffer.alloc(100)]);
    assert.deepEqual(await scanning(bytes, readAll), [], what);
  }
  const carrier = groupsOf([Buffer.concat([Buffer.from("value "), inner, Buffer.from(" end")])]);
  carrier[GROUP_HEADER_BYTES] = 0; // the group around it is damaged, what it carries is not
  assert.deepEqual(await scanning(carrier, readAll), []);
});

test("the next group is found wherever the bytes before it end, across the bounds of chunks too", async () => {
  for (const garbage of [1, 2, CHUNK_BYTES - 60, CHUNK_BYTES - 2, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 3]) {
    const behind = group(Buffer.from("there"), { position: BASE + garbage });
    const bytes = Buffer.concat([Buffer.alloc(garbage, 0xca), behind]);
    assert.equal(await scanning(bytes, (scanner) => scanner.findGroup(0)), garbage);
  }
});

test("a file that is shorter than it was listed ends the search", async () => {
  const bytes = Buffer.alloc(100, 1);
  assert.equal(await scanning(bytes, (scanner) => scanner.findGroup(0), 10_000), undefined);
  assert.equal(await scanning(bytes, (scanner) => scanner.groupAt(0), 10_000), undefined);
});

test("any bytes between groups hide none of them", async () => {
  const garbage = fc.uint8Array({ maxLength: 150, size: "max" }).map((array) => Buffer.from(array));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(garbage, garbage), { minLength: 1, maxLength: 6 }), async (parts) => {
      let bytes = Buffer.alloc(0);
      const expected: string[] = [];
      for (const [before, payload] of parts) {
        bytes = Buffer.concat([bytes, before]);
        bytes = Buffer.concat([bytes, group(payload, { position: BASE + bytes.length })]);
        expected.push(payload.toString("latin1"));
      }
      const found = await scanning(bytes, readAll);
      assert.deepEqual(
        found.map(({ payload }) => payload),
        expected,
      );
    }),
    { seed: 1, numRuns: 100 },
  );
});

test("hazard: it works for 10 groups of another file and not for 100000: each byte is read a few times at most", async () => {
  const stranger = group(Buffer.alloc(0), { position: 1 });
  const bytes = Buffer.concat(Array<Buffer>(100_000).fill(stranger)); // 5.2 MB, more than one chunk
  let readBytes = 0;
  const result = await new Simulation({ seed: 1 }).run(async ({ disk }) => {
    await disk.makeFolder(WAL_FOLDER);
    const file = new WalFile(toPosition(BASE), INCARNATION);
    const open = await disk.create(file.name);
    await open.write([bytes], 0);
    const counted = wrappedFile(open, {
      read: async (into, position) => {
        const got = await open.read(into, position);
        readBytes += got;
        return got;
      },
    });
    const scanner = new GroupScanner(file, counted, bytes.length);
    assert.equal(await scanner.findGroup(1), undefined);
    assert.equal(await scanner.tornEnd(0), 0, "nothing of it is the log's");
  });
  assert.ok(result !== CRASHED);
  assert.ok(readBytes < 4 * bytes.length, `${readBytes} bytes were read`);
});

test("behind the last group so many zeros as can be written ahead are room, and what stands before them is torn", async () => {
  const groups = groupsOf([Buffer.from("first"), Buffer.from("second")]);
  const at = groups.length;
  const endOf = (rest: Buffer, statedBytes?: number): Promise<number> =>
    scanning(Buffer.concat([groups, rest]), (scanner) => scanner.tornEnd(at), statedBytes);
  const most = ROOM_BYTES + SMALL_GROUP_BYTES;
  for (const size of [0, 1, ROOM_BYTES, most]) {
    assert.equal(await endOf(Buffer.alloc(size)), at, `${size} bytes`);
    const torn = Buffer.concat([Buffer.alloc(100), Buffer.from("torn")]);
    assert.equal(await endOf(Buffer.concat([torn, Buffer.alloc(size)])), at + torn.length, `${size} bytes behind it`);
  }
  assert.equal(await endOf(Buffer.alloc(0), at + ROOM_BYTES), at, "cut off since the file was listed");
  for (const size of [most + 1, CHUNK_BYTES + 10]) {
    assert.equal(await endOf(Buffer.alloc(size)), at + size, "a lying disk");
    assert.equal(await endOf(Buffer.concat([Buffer.from("torn"), Buffer.alloc(size)])), at + 4 + size, "a lying disk");
  }
});

test("hazard: damage that zeros follow goes to the end of the file: how much of them was durable once nobody knows", async () => {
  const groups = groupsOf([Buffer.from("first")]);
  const bytes = Buffer.concat([groups, Buffer.alloc(1000)]);
  for (const durable of [BASE + groups.length + 100, undefined]) {
    const end = await scanning(bytes, (scanner) => scanner.damageEnd(groups.length, durable));
    assert.equal(end, bytes.length);
  }
});
