/** Records without groups: read one behind the other, found again behind bytes that are none, and broken off at the end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { compatBytes } from "../../test/compat-data/read.ts";
import { MemoryFolder } from "../../test/log/wal-files.ts";
import { RecordScanner } from "./record-scanner.ts";

const RECORDS = ["v1", "v1-nulls", "v2", "v2-plain", "v3", "v3-filler", "v4"].map((name) =>
  compatBytes(`wal-record-${name}.hex`),
);
const CHUNK_BYTES = 1024 * 1024;

async function scanner(bytes: Buffer): Promise<RecordScanner> {
  const folder = new MemoryFolder();
  folder.files.set("f", bytes);
  return new RecordScanner(await folder.open("f"), bytes.length);
}

/** Every whole record: its place and its bytes. */
async function readAll(bytes: Buffer): Promise<{ at: number; bytes: Buffer }[]> {
  const scan = await scanner(bytes);
  const all: { at: number; bytes: Buffer }[] = [];
  for (let at = await scan.findRecord(0); at !== undefined; at = await scan.findRecord(at)) {
    const { buffer, at: start, end } = (await scan.recordAt(at))!;
    all.push({ at, bytes: Buffer.from(buffer.subarray(start, end)) });
    at += end - start;
  }
  return all;
}

/** A record of version 1 without a key, with a value of so many bytes. */
function single(valueBytes: number): Buffer {
  const record = Buffer.alloc(40 + valueBytes, 7);
  compatBytes("wal-record-v1-nulls.hex").copy(record);
  record.writeUInt32LE(record.length, 4);
  record.writeInt32LE(-1, 28);
  record.writeInt32LE(valueBytes, 32);
  record.writeInt32LE(0, record.length - 4);
  record.writeUInt32LE(crc32(record.subarray(28), crc32(record.subarray(0, 24))), 24);
  return record;
}

test("the released bytes of every version, one behind the other, are read", async () => {
  const found = await readAll(Buffer.concat(RECORDS));
  assert.deepEqual(
    found.map(({ bytes }) => bytes),
    RECORDS,
  );
});

test("records across the bounds of a chunk, and ones larger than it, are read", async () => {
  const records = [10, CHUNK_BYTES - 100, 300, CHUNK_BYTES + 1, 5, 2 * CHUNK_BYTES, 7].map(single);
  const found = await readAll(Buffer.concat(records));
  assert.ok(found.every(({ bytes }, index) => bytes.equals(records[index]!)));
  assert.equal(found.length, records.length);
});

test("a record is found behind any bytes that are none, the beginnings of records among them", async () => {
  const record = RECORDS[0]!;
  for (const before of [
    Buffer.from("other"),
    record.subarray(0, 30),
    Buffer.from("7eca7eca01", "hex"),
    Buffer.alloc(99),
  ]) {
    assert.deepEqual(await readAll(Buffer.concat([before, record])), [{ at: before.length, bytes: record }]);
  }
});

test("a record that the end cuts is broken off, and so are zeroes; other bytes are not", async () => {
  for (const record of RECORDS) {
    for (let end = 1; end < record.length; end += 1) {
      const bytes = Buffer.concat([RECORDS[0]!, record.subarray(0, end)]);
      const scan = await scanner(bytes);
      assert.equal(await scan.recordAt(RECORDS[0]!.length), undefined);
      assert.equal(await scan.isBrokenOff(RECORDS[0]!.length), true, `version ${record[2]} cut at ${end}`);
    }
    const damaged = Buffer.from(record);
    damaged[record.length - 1]! ^= 1;
    assert.equal(await (await scanner(damaged)).isBrokenOff(0), false, `version ${record[2]}, whole and damaged`);
  }
  for (const [bytes, expected] of [
    [Buffer.alloc(3), true],
    [Buffer.alloc(3 * CHUNK_BYTES), true],
    [Buffer.concat([Buffer.alloc(3 * CHUNK_BYTES), Buffer.of(1)]), false],
    [Buffer.from("xyz"), false],
  ] as const) {
    assert.equal(await (await scanner(bytes)).isBrokenOff(0), expected, `${bytes.length} bytes`);
  }
});

test("a length without bound reserves no memory", async () => {
  const record = Buffer.from(RECORDS[0]!);
  record.writeUInt32LE(0xffff_ffff, 4);
  const folder = new MemoryFolder();
  folder.files.set("f", record);
  // As if the file were of 8 GiB.
  const scan = new RecordScanner(await folder.open("f"), 2 ** 33);
  assert.equal(await scan.recordAt(0), undefined);
  assert.ok(folder.largestRead <= CHUNK_BYTES, `read ${folder.largestRead} bytes at once`);
});
