import assert from "node:assert/strict";
import { test } from "node:test";
import { formatUuid, newUuid, parseUuid, uuidFromBytes, ZERO_UUID } from "./uuid.ts";

const BYTES = Buffer.from("fb00112233445566778899aabbccddee", "hex");

test("the text form is Kafka's: 22 characters of base64url", () => {
  assert.equal(formatUuid(ZERO_UUID), "AAAAAAAAAAAAAAAAAAAAAA");
  assert.equal(formatUuid(uuidFromBytes(BYTES, 0)), "-wARIjNEVWZ3iJmqu8zd7g");
  assert.equal(parseUuid("-wARIjNEVWZ3iJmqu8zd7g"), uuidFromBytes(BYTES, 0));
  for (const text of ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAA=="]) {
    assert.equal(parseUuid(text), undefined);
  }
});

test("an id in memory has one character for each byte", () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  for (let at = 0; at <= 240; at += 16) {
    const uuid = uuidFromBytes(all, at);
    assert.equal(uuid.length, 16);
    assert.deepEqual(Buffer.from(uuid, "latin1"), all.subarray(at, at + 16));
  }
});

test("new ids are of version 4 and never begin with a hyphen", () => {
  for (let first = 0; first < 256; first++) {
    const uuid = newUuid({ bytes: (size) => Buffer.alloc(size, first) });
    const bytes = Buffer.from(uuid, "latin1");
    assert.equal(bytes[6]! >> 4, 4);
    assert.equal(bytes[8]! >> 6, 2);
    assert.notEqual(formatUuid(uuid)[0], "-");
  }
});
