import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeBatch, walkBatches } from "./record-batch.ts";

/** Batches as a broker stores them: one behind the other, with their offsets. */
function stored(count: number): { readonly bytes: Buffer; readonly recordCount: number } {
  const { bytes, recordCount } = encodeBatch({ recordSizeBytes: 100, batchSizeBytes: 1000 });
  const batches = Array.from({ length: count }, (_, index) => {
    const batch = Buffer.from(bytes);
    batch.writeInt32BE(index * recordCount, 4);
    return batch;
  });
  return { bytes: Buffer.concat(batches), recordCount: recordCount * count };
}

test("a batch is filled up to its size, and holds a record that is larger", () => {
  const { bytes, recordCount } = encodeBatch({ recordSizeBytes: 100, batchSizeBytes: 1000 });
  assert.equal(recordCount, 8);
  assert.ok(bytes.length <= 1000 && bytes.length > 1000 - 110);
  assert.equal(encodeBatch({ recordSizeBytes: 5000, batchSizeBytes: 1000 }).recordCount, 1);
});

test("a walk counts the whole batches and leaves out one that is cut off", () => {
  const { bytes, recordCount } = stored(3);
  const all = { from: 0, to: bytes.length, expectedOffset: 0, checkCrc: true };
  assert.deepEqual(walkBatches(bytes, all), { nextOffset: recordCount, recordCount, batchCount: 3 });
  assert.equal(walkBatches(bytes, { ...all, to: bytes.length - 1 }).batchCount, 2);
  assert.equal(walkBatches(bytes, { ...all, to: 30 }).batchCount, 0);
});

test("canary: a gap in the offsets and a flipped bit are noticed", () => {
  const { bytes } = stored(2);
  const all = { from: 0, to: bytes.length, expectedOffset: 0, checkCrc: true };
  assert.throws(() => walkBatches(bytes, { ...all, expectedOffset: 1 }), /a batch at offset 0 where 1 comes next/);
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
  assert.throws(() => walkBatches(bytes, all), /wrong CRC in the batch at offset 8/);
});
