import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toInt64 } from "../../base/int64.ts";
import { MalformedMessage, Reader } from "./reader.ts";
import { unzigzag32, unzigzag64, uvarintBytes, uvarlongBytes, zigzag32, zigzag64 } from "./varint.ts";
import { Writer } from "./writer.ts";

const writer = new Writer();

function written(write: () => void): Buffer {
  write();
  return Buffer.concat(writer.finish().parts);
}

test("signed varints of 32 bits", () => {
  const roundTrip = fc.property(fc.integer(), (value) => {
    assert.equal(unzigzag32(zigzag32(value)), value);
    const bytes = written(() => writer.varint(value));
    assert.equal(bytes.length, uvarintBytes(zigzag32(value)));
    assert.equal(new Reader(bytes).varint(), value);
    assert.equal(new Reader(bytes).varlong(), value);
  });
  fc.assert(roundTrip, { examples: [[-(2 ** 31)], [2 ** 31 - 1], [0], [-1]] });
});

test("signed varints of 64 bits, exact to the ends", () => {
  const min = -(2n ** 63n);
  const max = 2n ** 63n - 1n;
  const edges = [min, max, 2n ** 53n, -(2n ** 53n), 2n ** 52n, -(2n ** 52n), 2n ** 48n, -(2n ** 48n) - 1n, 0n, -1n];
  const any64 = fc.oneof(fc.bigInt({ min, max }), fc.maxSafeInteger().map(BigInt), fc.constantFrom(...edges));
  const roundTrip = fc.property(any64, (wide) => {
    const value = toInt64(wide);
    assert.equal(BigInt(zigzag64(value)), BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n)));
    assert.equal(unzigzag64(zigzag64(value)), value);
    const bytes = written(() => writer.varlong(value));
    assert.equal(bytes.length, uvarlongBytes(zigzag64(value)));
    assert.equal(new Reader(bytes).varlong(), value);
  });
  fc.assert(roundTrip, { numRuns: 1000 });
});

test("known bytes", () => {
  const known = [
    [0, "00"],
    [-1, "01"],
    [1, "02"],
    [63, "7e"],
    [-64, "7f"],
    [64, "8001"],
    [2_147_483_647, "feffffff0f"],
    [-2_147_483_648, "ffffffff0f"],
  ] as const;
  for (const [value, hex] of known) assert.equal(written(() => writer.varint(value)).toString("hex"), hex);
  assert.equal(written(() => writer.varlong(-(2n ** 63n))).toString("hex"), "ffffffffffffffffff01");
  assert.throws(() => new Reader(Buffer.alloc(11, 0xff)).varlong(), MalformedMessage);
});
