/** Whatever Chronik Stream can have written is read back; whatever else stands there, even with a right CRC, is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { toInt64 } from "../base/int64.ts";
import { readSingleRecord, type SingleRecord } from "./wal-record-v1.ts";

const RUNS = { seed: 1, numRuns: 300 };

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const content = fc.record(
  {
    offset: fc.maxSafeNat(),
    timestamp: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(toInt64),
    key: fc.option(bytes),
    value: fc.option(bytes),
    headers: fc.array(
      fc.record({ name: fc.string({ unit: "grapheme", maxLength: 10 }), value: bytes }, { noNullPrototype: true }),
      {
        maxLength: 4,
      },
    ),
  },
  { noNullPrototype: true },
);

/** What the program that wrote version 1 did, seen from its layout. */
function encodeSingleRecord(record: Omit<SingleRecord, "sizeBytes">): Buffer {
  const body = Buffer.concat([
    ...[record.key, record.value].flatMap((field) => (field === null ? [int32(-1)] : [int32(field.length), field])),
    int32(record.headers.length),
    ...record.headers.flatMap(({ name, value }) => [
      uint16(Buffer.byteLength(name)),
      Buffer.from(name),
      int32(value.length),
      value,
    ]),
  ]);
  const head = Buffer.alloc(28);
  head.writeUInt32LE(0x0001ca7e, 0);
  head.writeUInt32LE(head.length + body.length, 4);
  head.writeBigInt64LE(BigInt(record.offset), 8);
  head.writeBigInt64LE(BigInt(record.timestamp), 16);
  return sealed(Buffer.concat([head, body]));
}

/** Mends the CRC. */
function sealed(record: Buffer): Buffer {
  record.writeUInt32LE(crc32(record.subarray(28), crc32(record.subarray(0, 24))), 24);
  return record;
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}

function uint16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16LE(value);
  return buffer;
}

test("every record is read back, wherever it stands", () => {
  fc.assert(
    fc.property(content, bytes, bytes, (record, before, behind) => {
      const encoded = encodeSingleRecord(record);
      const buffer = Buffer.concat([before, encoded, behind]);
      const read = readSingleRecord(buffer, before.length, buffer.length);
      assert.deepEqual(read, { sizeBytes: encoded.length, ...record });
    }),
    RUNS,
  );
});

test("any bytes behind a right header and CRC give a record or nothing", () => {
  fc.assert(
    fc.property(content, fc.array(fc.tuple(fc.nat(100), fc.nat(255)), { minLength: 1 }), (record, changes) => {
      const encoded = encodeSingleRecord(record);
      for (const [at, byte] of changes) encoded[28 + (at % (encoded.length - 28))] = byte;
      const read = readSingleRecord(sealed(encoded), 0, encoded.length);
      if (read !== undefined) assert.deepEqual(encodeSingleRecord(read), encoded);
    }),
    RUNS,
  );
});

test("any bytes at all give a record or nothing", () => {
  fc.assert(
    fc.property(bytes, (random) => {
      assert.equal(readSingleRecord(random, 0, random.length), undefined);
    }),
    RUNS,
  );
});

test("another magic number or version is refused, although the CRC is right", () => {
  for (const [at, byte] of [
    [0, 0x7f],
    [1, 0xcb],
    [2, 0],
    [2, 2],
  ] as const) {
    const encoded = encodeSingleRecord({ offset: 0, timestamp: 0, key: null, value: null, headers: [] });
    encoded[at] = byte;
    assert.equal(readSingleRecord(sealed(encoded), 0, encoded.length), undefined, `byte ${at}`);
  }
});

test("a negative offset, and one beyond 2^53, is refused", () => {
  for (const offset of [-1n, -(2n ** 63n), 2n ** 53n, 2n ** 63n - 1n]) {
    const encoded = encodeSingleRecord({ offset: 0, timestamp: 0, key: null, value: null, headers: [] });
    encoded.writeBigInt64LE(offset, 8);
    assert.equal(readSingleRecord(sealed(encoded), 0, encoded.length), undefined, String(offset));
  }
});
