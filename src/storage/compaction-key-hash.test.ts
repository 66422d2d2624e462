import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyHash } from "./compaction-key-hash.ts";

const SECRET = Buffer.from("33343d839f389f004fe6982339cf7a41", "hex");

/** Of the battery that the authors of Chaskey published: the hash of the bytes 0, 1, 2, … up to this length. */
const PUBLISHED: readonly (readonly [number, readonly number[]])[] = [
  [0, [0x792e8fe5, 0x75ce87aa, 0x2d1450b5, 0x1191970b]],
  [1, [0x13a9307b, 0x50e62c89, 0x4577bd88, 0xc0bbdc18]],
  [15, [0x51b94da4, 0xefcc4de8, 0x192412ea, 0xbbc170dd]],
  [16, [0x79271ca9, 0xd66a1c71, 0x81ca474e, 0x49831cad]],
  [17, [0x048da968, 0x4e25d096, 0x2d6cf897, 0xbc3959ca]],
  [32, [0x60b3f7af, 0x37eee7c8, 0x836cfd98, 0x782ca060]],
  [33, [0xdf44ea33, 0xb0b2c398, 0x0583ce6f, 0x846d823e]],
  [63, [0x9047fad7, 0x88136d8c, 0xa488286b, 0x7fe9352c]],
];

function hashOf(hash: KeyHash, bytes: Uint8Array, from = 0, to = bytes.length): number[] {
  hash.update(bytes, from, to);
  return [hash.word0 >>> 0, hash.word1 >>> 0, hash.word2 >>> 0, hash.word3 >>> 0];
}

test("the hash is that of the published vectors, wherever the key stands", () => {
  const hash = new KeyHash(SECRET);
  const message = Uint8Array.from({ length: 64 }, (_, index) => index);
  const around = Buffer.concat([Buffer.alloc(3, 0xff), message, Buffer.alloc(16, 0xff)]);
  for (const [length, words] of PUBLISHED) {
    assert.deepEqual(hashOf(hash, message.subarray(0, length)), words, `${length} bytes`);
    assert.deepEqual(hashOf(hash, around, 3, 3 + length), words, `${length} bytes within others`);
  }
});

test("another secret gives other hashes", () => {
  const key = Buffer.from("key");
  assert.notDeepEqual(hashOf(new KeyHash(SECRET), key), hashOf(new KeyHash(Buffer.alloc(16)), key));
});
