import assert from "node:assert/strict";
import { test } from "node:test";
import { UnencodableMessage, Writer } from "./writer.ts";

test("a number that does not fit its type is refused, not cut", () => {
  const writer = new Writer();
  const refused: (() => void)[] = [
    () => writer.int8(128),
    () => writer.int16(-0x8001),
    () => writer.uint16(-1),
    () => writer.int32(2 ** 31),
    () => writer.uint32(-1),
    () => writer.int32(1.5),
    () => writer.int16(Number.NaN),
  ];
  for (const write of refused) assert.throws(write, UnencodableMessage);
  assert.throws(() => writer.offset64(2 ** 53), RangeError);
  assert.throws(() => writer.int64(2n ** 63n), RangeError);
});

test("one writer serves message after message, and earlier ones stay as they were", () => {
  const writer = new Writer();
  const first = (writer.string("first"), writer.finish());
  const second = (writer.string("second"), writer.finish());
  assert.equal(Buffer.concat(first.parts).toString("latin1", 2), "first");
  assert.equal(Buffer.concat(second.parts).toString("latin1", 2), "second");
  assert.equal(writer.sizeBytes, 0);
});

test("small byte fields are copied, large ones become parts of their own", () => {
  const writer = new Writer();
  const small = Buffer.alloc(1023, 1);
  const large = Buffer.alloc(1024, 2);
  writer.raw(small);
  writer.raw(large);
  writer.raw(large);
  writer.int8(3);
  const { parts, sizeBytes } = writer.finish();
  assert.deepEqual(
    parts.map(({ length }) => length),
    [1023, 1024, 1024, 1],
  );
  assert.notEqual(parts[0], small);
  assert.equal(parts[1], large);
  assert.equal(sizeBytes, 1023 + 2 * 1024 + 1);
});

test("the scratch buffer grows in the middle of any field", () => {
  for (let before = 4080; before <= 4100; before++) {
    const writer = new Writer();
    for (let i = 0; i < before; i++) writer.int8(1);
    writer.int32(0x01010101);
    writer.int64(0x0101_0101_0101 * 0x100 + 1);
    writer.compactString("\u0001".repeat(20));
    const [bytes] = writer.finish().parts;
    assert.ok(bytes !== undefined && bytes.length === before + 33);
    assert.deepEqual([...bytes.subarray(before, before + 4)], [1, 1, 1, 1]);
    assert.deepEqual([...bytes.subarray(before + 12)], [21, ...Array.from({ length: 20 }, () => 1)]);
  }
});
