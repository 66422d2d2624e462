import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MalformedMessage } from "./codec/reader.ts";
import { DecompressedTooLarge } from "./compression.ts";
import { recompressBatch } from "./recompress.ts";
import { encodeBatch, type RecordInput, readRecords } from "./record.ts";
import {
  BATCH_HEADER_BYTES,
  batchCompression,
  COMPRESSION_NAMES,
  findBatchProblem,
  setBatchCrc,
} from "./record-batch.ts";

const LIMIT_BYTES = 1 << 20;
const RECORDS: readonly RecordInput[] = [
  { timestamp: 1_700_000_000_007, key: "a", value: "x".repeat(500), headers: [{ key: "h", value: null }] },
  { timestamp: 1_700_000_000_001, key: null, value: null },
  { timestamp: -1, key: "", value: "" },
];

function recompressed(batch: Buffer, codec: (typeof COMPRESSION_NAMES)[number], level?: number) {
  return recompressBatch(batch, { codec, level, limitBytes: LIMIT_BYTES });
}

test("from every codec to every codec: valid, with the same records and header", () => {
  const options = { producerId: 9_007_199_254_740_993n, producerEpoch: 3, baseSequence: 77, transactional: true };
  for (const from of COMPRESSION_NAMES) {
    const original = encodeBatch(RECORDS, { ...options, compression: from });
    for (const codec of COMPRESSION_NAMES) {
      const { batch, unpackedBytes } = recompressed(original, codec);
      assert.equal(findBatchProblem(batch, 0, batch.length), undefined, `${from} to ${codec}`);
      assert.equal(batchCompression(batch, 0), codec);
      assert.deepEqual([...readRecords(batch)], [...readRecords(original)]);
      // From the attributes' high byte on, all that is not length, CRC and codec.
      assert.deepEqual(batch.subarray(23, BATCH_HEADER_BYTES), original.subarray(23, BATCH_HEADER_BYTES));
      assert.equal(batch.readInt16BE(21) & ~7, original.readInt16BE(21) & ~7);
      assert.equal(unpackedBytes, encodeBatch(RECORDS).length - BATCH_HEADER_BYTES);
    }
  }
});

test("any records come out as they went in", () => {
  const bytes = fc.option(fc.uint8Array({ maxLength: 200 }));
  const record = fc.record({ timestamp: fc.integer(), key: bytes, value: bytes });
  const codec = fc.constantFrom(...COMPRESSION_NAMES);
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), codec, codec, (records, from, to) => {
      const original = encodeBatch(records, { compression: from });
      assert.deepEqual([...readRecords(recompressed(original, to).batch)], [...readRecords(original)]);
    }),
    { numRuns: 50 },
  );
});

test("levels count", () => {
  const value = Array.from({ length: 5000 }, (_, index) => `{"n":${index % 97},"m":${index * 7}}`).join();
  const original = encodeBatch([{ value }]);
  const size = (codec: "gzip" | "zstd", level?: number): number => recompressed(original, codec, level).batch.length;
  assert.ok(size("gzip", 9) < size("gzip", 1));
  assert.ok(size("zstd", 19) < size("zstd", -100));
});

test("what cannot be read is refused", () => {
  const garbage = encodeBatch([{ value: "x".repeat(50) }], { compression: "gzip" });
  garbage.fill(7, BATCH_HEADER_BYTES);
  setBatchCrc(garbage, 0, garbage.length);
  assert.throws(() => recompressed(garbage, "none"), MalformedMessage);

  const gap = encodeBatch([
    { value: "a", offsetDelta: 0 },
    { value: "b", offsetDelta: 2 },
  ]);
  assert.throws(() => recompressed(gap, "zstd"), /record 1 of a batch has the offset delta 2/);
});

test("no more is unpacked than the limit says, whatever the codec", () => {
  for (const compression of COMPRESSION_NAMES) {
    const batch = encodeBatch([{ value: Buffer.alloc(2000) }], { compression });
    assert.throws(
      () => recompressBatch(batch, { codec: "zstd", level: undefined, limitBytes: 1999 }),
      DecompressedTooLarge,
    );
  }
});
