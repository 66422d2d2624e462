import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc32c } from "../base/crc32c.ts";
import { encodeBatch } from "../protocol/record.ts";
import {
  batchDataOffset,
  batchRecordBytes,
  GROUP_HEADER_BYTES,
  readBatchRecord,
  readGroupHeader,
  sealBatchRecord,
  sealRecord,
  stateRecordBytes,
  stateRecordType,
  VERSION_BATCH,
  VERSION_STATE,
  verifiedRecordBytes,
  WAL_MAGIC,
  writeBatchRecordFrame,
  writeGroupHeader,
  writeStateRecord,
} from "./wal-record.ts";

const RUNS = { seed: 1, numRuns: 300 };

const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));
const batch = fc
  .array(fc.record({ key: fc.option(bytes), value: fc.option(bytes) }), { minLength: 1, maxLength: 5 })
  .map((records) => encodeBatch(records));
const batchFields = fc.record({
  topicName: fc.uint8Array({ maxLength: 249 }).map((array) => Buffer.from(array)),
  topicId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((array) => Buffer.from(array)),
  partition: fc.integer({ min: 0, max: 0x7fff_ffff }),
});

type BatchFields = typeof batchFields extends fc.Arbitrary<infer T> ? T : never;

function batchRecord(fields: BatchFields, data: Buffer): Buffer {
  const { topicName } = fields;
  const buffer = Buffer.alloc(batchRecordBytes(topicName.length, data.length));
  writeBatchRecordFrame(buffer, 0, { ...fields, dataBytes: data.length });
  data.copy(buffer, batchDataOffset(topicName.length));
  sealBatchRecord(buffer, 0, buffer.length, topicName.length);
  return buffer;
}

/** Reads a verified record as what it says it is; must not throw. */
function readVerified(buffer: Buffer, at: number, totalBytes: number): void {
  const version = buffer[at + 2];
  if (version === VERSION_BATCH) readBatchRecord(buffer, at, totalBytes);
  else if (version === VERSION_STATE) stateRecordType(buffer, at);
  else readGroupHeader(buffer, at);
}

test("batch records survive a round trip, anywhere in a buffer", () => {
  fc.assert(
    fc.property(batchFields, batch, bytes, bytes, (fields, data, before, behind) => {
      const record = batchRecord(fields, data);
      const buffer = Buffer.concat([before, record, behind]);
      const at = before.length;
      assert.equal(verifiedRecordBytes(buffer, at, buffer.length), record.length);
      const read = readBatchRecord(buffer, at, record.length);
      assert.ok(read !== undefined);
      assert.equal(read.partition, fields.partition);
      assert.equal(read.topicName, fields.topicName.toString());
      assert.equal(read.topicId, fields.topicId.toString("latin1"));
      assert.deepEqual(buffer.subarray(read.dataAt, read.dataAt + read.dataBytes), data);
    }),
    RUNS,
  );
});

test("the CRC that is put together from the batch's own is the one over all bytes", () => {
  fc.assert(
    fc.property(batchFields, batch, (fields, data) => {
      const putTogether = batchRecord(fields, data);
      const workedOut = Buffer.from(putTogether);
      sealRecord(workedOut, 0, workedOut.length);
      assert.deepEqual(putTogether, workedOut);
      const again = Buffer.from(putTogether);
      assert.equal(sealBatchRecord(again, 0, again.length, fields.topicName.length), crc32c(workedOut));
    }),
    RUNS,
  );
});

test("state records survive a round trip", () => {
  fc.assert(
    fc.property(fc.nat(0xffff), fc.array(bytes, { maxLength: 3 }), (type, fields) => {
      const all = Buffer.concat(fields);
      const record = Buffer.alloc(stateRecordBytes(all.length));
      writeStateRecord(record, 0, type, fields);
      assert.equal(verifiedRecordBytes(record, 0, record.length), record.length);
      assert.equal(stateRecordType(record, 0), type);
      assert.deepEqual(record.subarray(record.length - all.length), all);
    }),
    RUNS,
  );
});

test("group headers survive a round trip with positions up to 2^53-1, and none beyond is taken for a number", () => {
  const position = fc.maxSafeNat();
  const header = fc.record(
    {
      position,
      incarnation: fc.nat(2 ** 48 - 1),
      wasOther: fc.boolean(),
      durablePosition: position,
      previousStatePosition: position,
      lengthBytes: fc.nat(0xffff_ffff),
      crc: fc.nat(0xffff_ffff),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(header, fc.constantFrom(12, 20, 28, 36), fc.bigInt(2n ** 53n, 2n ** 64n - 1n), (fields, at, wide) => {
      const record = Buffer.alloc(GROUP_HEADER_BYTES);
      writeGroupHeader(record, 0, fields);
      assert.equal(verifiedRecordBytes(record, 0, record.length), GROUP_HEADER_BYTES);
      assert.deepEqual(readGroupHeader(record, 0), fields);
      record.writeBigUInt64LE(wide, at);
      sealRecord(record, 0, record.length);
      assert.equal(readGroupHeader(record, 0), undefined);
    }),
    RUNS,
  );
});

test("any bytes, also behind the magic number and a right CRC, are read or refused", () => {
  const anything = fc.uint8Array({ minLength: 12, maxLength: 120, size: "max" }).map((array) => Buffer.from(array));
  fc.assert(
    fc.property(anything, fc.nat(6), fc.boolean(), (buffer, version, sealed) => {
      buffer.writeUInt16LE(WAL_MAGIC, 0);
      buffer[2] = version;
      if (sealed) {
        buffer.writeUInt32LE(buffer.length - 12, 4);
        sealRecord(buffer, 0, buffer.length);
      }
      const totalBytes = verifiedRecordBytes(buffer, 0, buffer.length);
      assert.ok(totalBytes >= 0 && totalBytes <= buffer.length);
      if (totalBytes > 0) readVerified(buffer, 0, totalBytes);
    }),
    RUNS,
  );
});
