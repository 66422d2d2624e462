import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readInt64, toInt64, writeInt64 } from "./int64.ts";

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;
const any64 = fc.oneof(
  fc.bigInt({ min: MIN, max: MAX }),
  fc.maxSafeInteger().map(BigInt),
  fc.constantFrom(MIN, MAX, 0n, -1n, 2n ** 53n - 1n, 2n ** 53n, 1n - 2n ** 53n, -(2n ** 53n), 2n ** 32n, -(2n ** 32n)),
);

test("64-bit integers beyond 2^53: exact in both directions, as Node reads and writes them", () => {
  const roundTrip = fc.property(any64, (value) => {
    const expected = Buffer.alloc(10);
    expected.writeBigInt64BE(value, 1);
    const actual = Buffer.alloc(10);
    writeInt64(actual, 1, value);
    assert.deepEqual(actual, expected);
    writeInt64(actual, 1, toInt64(value));
    assert.deepEqual(actual, expected);
    const read = readInt64(expected, 1);
    assert.equal(read, toInt64(value));
    assert.equal(typeof read, Number.isSafeInteger(Number(value)) ? "number" : "bigint");
  });
  fc.assert(roundTrip, { numRuns: 2000 });
});

test("a number that may have lost digits is refused, and a bigint beyond 64 bits", () => {
  const buffer = Buffer.alloc(8);
  for (const value of [2 ** 53, -(2 ** 53), 1.5, Number.NaN, Number.POSITIVE_INFINITY, MAX + 1n, MIN - 1n]) {
    assert.throws(() => writeInt64(buffer, 0, value), RangeError);
  }
});
