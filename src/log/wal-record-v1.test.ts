import assert from "node:assert/strict";
import { test } from "node:test";
import { compatBytes } from "../../test/compat-data/read.ts";
import { verifiedRecordBytes } from "./wal-record.ts";
import { readSingleRecord } from "./wal-record-v1.ts";

const RECORD = compatBytes("wal-record-v1.hex");
const NULLS = compatBytes("wal-record-v1-nulls.hex");

test("reads the released bytes of version 1, one record behind the other", () => {
  const both = Buffer.concat([RECORD, NULLS]);
  assert.deepEqual(readSingleRecord(both, 0, both.length), {
    sizeBytes: RECORD.length,
    offset: 123_456_789_012,
    timestamp: 1_700_000_000_000,
    key: Buffer.from("key"),
    value: Buffer.from("wärme"),
    headers: [
      { name: "trace", value: Buffer.from("abc") },
      { name: "none", value: Buffer.alloc(0) },
    ],
  });
  assert.deepEqual(readSingleRecord(both, RECORD.length, both.length), {
    sizeBytes: NULLS.length,
    offset: 0,
    timestamp: -1,
    key: null,
    value: null,
    headers: [],
  });
});

test("hazard: a null value stays null, an empty one stays empty", () => {
  // The value's length of the record without anything, made 0; the CRC-32 was worked out by other means.
  const empty = Buffer.from(NULLS);
  empty.writeInt32LE(0, 32);
  empty.writeUInt32LE(0xfa32378a, 24);
  assert.deepEqual(readSingleRecord(empty, 0, empty.length)?.value, Buffer.alloc(0));
});

test("the CRC covers every other byte", () => {
  for (let bit = 0; bit < RECORD.length * 8; bit += 1) {
    const damaged = Buffer.from(RECORD);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(readSingleRecord(damaged, 0, damaged.length), undefined, `bit ${bit}`);
  }
});

test("a record that is cut anywhere is none", () => {
  for (let end = 0; end < RECORD.length; end += 1) {
    assert.equal(readSingleRecord(RECORD, 0, end), undefined, `cut at ${end}`);
  }
});

test("the newer versions' reader does not take it for one of its own", () => {
  assert.equal(verifiedRecordBytes(RECORD, 0, RECORD.length), 0);
});
