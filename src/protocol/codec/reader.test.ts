/** What a peer may not send. Round trips of every type are in message.property.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_ELEMENTS, MAX_STRING_BYTES, MalformedMessage, Reader } from "./reader.ts";
import { UnencodableMessage, Writer } from "./writer.ts";

function reader(hex: string): Reader {
  return new Reader(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

function compactText(bytes: Buffer): Reader {
  const writer = new Writer();
  writer.uvarint(bytes.length + 1);
  writer.raw(bytes);
  return new Reader(Buffer.concat(writer.finish().parts));
}

test("null array turned into a huge allocation: a count is checked against the bytes left", () => {
  assert.throws(() => reader("7fffffff 0000").count(1), /2147483647 elements announced in 2 bytes/);
  assert.throws(() => reader("ffffffff").count(1), MalformedMessage);
  assert.throws(() => reader("80000000").nullableCount(1), MalformedMessage);
  assert.throws(() => reader("ffffffff0f 00").compactCount(1), MalformedMessage);
  assert.throws(() => reader("00").compactCount(1), MalformedMessage);
  assert.throws(() => reader("00000003 0000 0000").count(2), MalformedMessage);
  assert.equal(reader("00000002 0000 0000").count(2), 2);
  assert.equal(reader("ffffffff").nullableCount(8), -1);
  assert.equal(reader("00").compactNullableCount(8), -1);
});

test("a frame of many tiny elements cannot exhaust the memory", () => {
  const elements = new Reader(Buffer.alloc(2 * MAX_ELEMENTS));
  const count = (n: number): void => {
    elements.position = 0;
    elements.buffer.writeInt32BE(n);
    assert.equal(elements.count(1), n);
  };
  count(MAX_ELEMENTS - 1);
  count(1);
  assert.throws(() => count(1), MalformedMessage);
});

test("a byte field longer than what is there is malformed before it is read", () => {
  assert.throws(() => reader("7fffffff 00").bytes(), /2147483647 bytes expected, 1 left/);
  assert.throws(() => reader("fffffffe").nullableBytes(), MalformedMessage);
  assert.throws(() => reader("ffffffff").bytes(), MalformedMessage);
  assert.throws(() => reader("ffffffff0f").compactBytes(), MalformedMessage);
  assert.throws(() => reader("fffe").nullableString(), MalformedMessage);
});

test("a varint ends after 5 bytes", () => {
  assert.equal(reader("ffffffff0f").uvarint(), 0xffff_ffff);
  assert.throws(() => reader("ffffffffff01").uvarint(), MalformedMessage);
  assert.throws(() => reader("8080").uvarint(), MalformedMessage);
});

test("an offset beyond 2^53-1 is malformed, any other int64 exact", () => {
  assert.equal(reader("001fffffffffffff").offset64(), Number.MAX_SAFE_INTEGER);
  assert.throws(() => reader("0020000000000000").offset64(), MalformedMessage);
  assert.equal(reader("0020000000000000").int64(), 2n ** 53n);
  assert.equal(reader("7fffffffffffffff").int64(), 2n ** 63n - 1n);
});

test("a nullable struct is preceded by 1 or -1", () => {
  assert.equal(reader("01").structPresent(), true);
  assert.equal(reader("ff").structPresent(), false);
  assert.throws(() => reader("00").structPresent(), MalformedMessage);
});

test("nothing beyond a sized field can be read while inside it", () => {
  const sized = reader("02 0001 0002");
  const outer = sized.enterSized();
  assert.equal(sized.int16(), 1);
  assert.throws(() => sized.int16(), MalformedMessage);
  sized.leaveSized(outer);
  assert.equal(sized.int16(), 2);
  sized.expectEnd();
});

test("whatever string was read can be written again, invalid UTF-8 included", () => {
  const writer = new Writer();
  for (const size of [10, 10_922, MAX_STRING_BYTES]) {
    const valid = compactText(Buffer.alloc(size, "a")).compactString();
    assert.equal(valid.length, size);
    writer.compactString(valid);
  }
  const replaced = compactText(Buffer.alloc(10_922, 0xff)).compactString();
  assert.equal(replaced, "\ufffd".repeat(10_922));
  writer.compactString(replaced);
  assert.throws(() => compactText(Buffer.alloc(10_923, 0xff)).compactString(), MalformedMessage);
  assert.throws(() => compactText(Buffer.alloc(MAX_STRING_BYTES + 1, "a")).compactString(), MalformedMessage);
  assert.throws(() => writer.compactString("a".repeat(MAX_STRING_BYTES + 1)), UnencodableMessage);
});
