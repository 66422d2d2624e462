/** What each codec accepts, and that none gives out more than it may. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MalformedMessage } from "./codec/reader.ts";
import { compress, DecompressedTooLarge, decompress, MAX_DECOMPRESSED_BYTES } from "./compression.ts";
import { lz4ContentBytes } from "./lz4-frame.ts";
import { COMPRESSION_NAMES } from "./record-batch.ts";

const CODECS = COMPRESSION_NAMES.slice(1);
/** "chronik " 60 times, packed by the reference command line tool: default, and with linked blocks and content size. */
const LZ4_FRAMES = [
  "04224d186440a7130000008f6368726f6e696b200800ffc1506f6e696b2000000000971d0d0d",
  "04224d186c40e0010000000000002a130000008f6368726f6e696b200800ffc1506f6e696b2000000000971d0d0d",
];
const CHRONIK = "chronik ".repeat(60);

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(" ", ""), "hex");
}

test("every codec gives back what it packed, of any size", () => {
  for (const codec of COMPRESSION_NAMES) {
    for (const size of [0, 1, 32 * 1024, 32 * 1024 + 1, 300_000]) {
      const bytes = Buffer.from(Array.from({ length: size }, (_, i) => (i * i) >> 7));
      assert.deepEqual(decompress(codec, compress(codec, bytes)), bytes, `${codec} of ${size} bytes`);
    }
  }
});

test("snappy has two framings, and both are read", () => {
  const bare = Buffer.concat([hex("05 10"), Buffer.from("hello")]);
  assert.equal(decompress("snappy", bare).toString(), "hello");
  const xerial = hex("82534e4150505900 00000001 00000001");
  const block = Buffer.concat([hex("00000007"), bare]);
  assert.equal(decompress("snappy", Buffer.concat([xerial, block, block])).toString(), "hellohello");
  assert.equal(decompress("snappy", xerial).length, 0);
  assert.deepEqual(compress("snappy", Buffer.from("hello")), Buffer.concat([xerial, block]));
});

test("lz4 frames of the reference implementation are read", () => {
  for (const frame of LZ4_FRAMES) {
    assert.equal(decompress("lz4", hex(frame)).toString(), CHRONIK);
    assert.equal(lz4ContentBytes(hex(frame), MAX_DECOMPRESSED_BYTES), CHRONIK.length);
  }
});

test("lz4 had a broken header checksum before v2: ours is right, and blocks are independent", () => {
  const frame = compress("lz4", Buffer.from(CHRONIK));
  // Magic, flags (version 1, independent blocks), blocks of 64 KiB, and the second byte of the xxHash-32 of both.
  assert.equal(frame.toString("hex", 0, 7), "04224d18604082");
  frame[6]! ^= 1;
  assert.throws(() => decompress("lz4", frame), MalformedMessage);
});

test("nothing is unpacked beyond the limit, and up to it all is", () => {
  const bytes = Buffer.alloc(1_000_000);
  for (const codec of CODECS) {
    const packed = compress(codec, bytes);
    assert.equal(decompress(codec, packed, bytes.length).length, bytes.length);
    assert.throws(() => decompress(codec, packed, bytes.length - 1), DecompressedTooLarge, codec);
  }
});

test("a length that lies allocates nothing", () => {
  assert.throws(() => decompress("snappy", hex("ffffffff0f 00")), DecompressedTooLarge);
  const liar = hex("82534e4150505900 00000001 00000001 00000006 ffffffff07 00");
  assert.throws(() => decompress("snappy", liar), DecompressedTooLarge);
  assert.throws(() => decompress("snappy", hex("82534e4150505900 00000001 00000001 7fffffff 00")), MalformedMessage);
  assert.throws(() => decompress("lz4", hex("04224d18604082 ffffff7f 00")), MalformedMessage);
});

test("data that is cut or of another codec is malformed", () => {
  for (const codec of CODECS) {
    const packed = compress(codec, Buffer.from(CHRONIK));
    for (let size = 0; size < packed.length; size++) {
      // A xerial stream may end behind its header, and behind any block.
      if (codec === "snappy" && size === 16) continue;
      assert.throws(() => decompress(codec, packed.subarray(0, size)), MalformedMessage, `${codec} cut at ${size}`);
    }
    assert.throws(() => decompress(codec, Buffer.from("neither fish nor fowl")), MalformedMessage);
  }
});

test("levels reach gzip and zstd", () => {
  const bytes = Buffer.from(Array.from({ length: 50_000 }, (_, i) => ((i * 7919) % 251) ^ (i >> 5)));
  for (const [codec, low, high] of [
    ["gzip", 1, 9],
    ["zstd", 1, 19],
  ] as const) {
    assert.ok(compress(codec, bytes, high).length < compress(codec, bytes, low).length, codec);
  }
});
