import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toInt64 } from "../base/int64.ts";
import { MalformedMessage } from "./codec/reader.ts";
import { encodeBatch, readRecords } from "./record.ts";
import { BATCH_HEADER_BYTES, COMPRESSION_NAMES, findBatchProblem } from "./record-batch.ts";

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 2000 }).map((array) => Buffer.from(array)));
const header = fc.record({ key: fc.string({ unit: "binary" }), value: bytesOrNull }, { noNullPrototype: true });
const record = fc.record({
  timestamp: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(toInt64),
  key: bytesOrNull,
  value: bytesOrNull,
  headers: fc.array(header, { maxLength: 3 }),
});
const codec = fc.constantFrom(...COMPRESSION_NAMES);

test("records survive a batch in every codec", () => {
  const roundTrip = fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), codec, (records, compression) => {
    const batch = encodeBatch(records, { compression, baseOffset: 1000 });
    assert.notEqual(findBatchProblem(batch, 0, batch.length), "crc");
    assert.deepEqual(
      [...readRecords(batch)],
      records.map((expected, index) => ({ offset: 1000 + index, ...expected })),
    );
  });
  fc.assert(roundTrip, { numRuns: 200 });
});

test("any bytes in place of records are records or MalformedMessage", () => {
  const anything = fc.property(fc.uint8Array({ maxLength: 300, size: "max" }), codec, (bytes, compression) => {
    const header = encodeBatch([{}], { compression }).subarray(0, BATCH_HEADER_BYTES);
    const batch = Buffer.concat([header, bytes]);
    batch.writeInt32BE(batch.length - 12, 8);
    batch.writeInt32BE(bytes[0] ?? 1, 57);
    readsOrRefuses(batch);
  });
  fc.assert(anything, { numRuns: 1000 });
});

test("a batch damaged at any byte of its records gives records or MalformedMessage", () => {
  for (const compression of COMPRESSION_NAMES) {
    const batch = encodeBatch([{ key: "key", value: "v".repeat(100) }, { value: "w".repeat(50) }], { compression });
    for (let at = BATCH_HEADER_BYTES; at < batch.length; at++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const damaged = Buffer.from(batch);
        damaged[at]! ^= mask;
        readsOrRefuses(damaged);
      }
    }
  }
});

function readsOrRefuses(batch: Buffer): void {
  try {
    for (const { offset } of readRecords(batch, 1_000_000)) assert.equal(typeof offset, "number");
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
  }
}
