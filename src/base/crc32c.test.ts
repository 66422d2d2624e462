import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc32c, crc32cCombine, crc32cShort } from "./crc32c.ts";

test("gives the check value of the standard", () => {
  const digits = Buffer.from("123456789");
  assert.equal(crc32c(digits), 0xe3069283);
  assert.equal(crc32cShort(digits, 0, digits.length), 0xe3069283);
});

test("the table gives what the native routine gives, from any start", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(0xffff_ffff), (bytes, initial) => {
      assert.equal(crc32cShort(bytes, 0, bytes.length, initial), crc32c(bytes, initial));
    }),
  );
});

test("combining gives the CRC of both parts together", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 3000 }), (a, b) => {
      assert.equal(crc32cCombine(crc32c(a), crc32c(b), b.length), crc32c(Buffer.concat([a, b])));
    }),
  );
});

test("combining works for lengths of every number of digits", () => {
  const head = Buffer.from("head");
  for (const length of [0, 1, 255, 256, 257, 65_535, 65_536, 16_777_216, 16_777_217 + 65_536 * 3]) {
    const tail = Buffer.alloc(length, 7);
    assert.equal(crc32cCombine(crc32c(head), crc32c(tail), length), crc32c(tail, crc32c(head)), `length ${length}`);
  }
});
