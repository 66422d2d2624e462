import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeBatch } from "../protocol/record.ts";
import { COMPRESSION_NAMES, setBatchCrc } from "../protocol/record-batch.ts";
import { mapBatch } from "./compaction-map-builder.ts";
import { BYTES_PER_ENTRY, CompactionOffsetMap, NO_OFFSET } from "./compaction-offset-map.ts";

const LIMIT_BYTES = 1_000_000;

function mapOf(entries: number): CompactionOffsetMap {
  return new CompactionOffsetMap({
    memoryBytes: (entries + 1) * BYTES_PER_ENTRY,
    secret: Buffer.alloc(16),
    loadFactor: 1,
  });
}

function newest(map: CompactionOffsetMap, ...keys: readonly string[]): number[] {
  return keys.map((key) => map.get(Buffer.from(key)));
}

test("each key of a batch gets its newest offset, in every codec", () => {
  for (const compression of COMPRESSION_NAMES) {
    const map = mapOf(10);
    const batch = encodeBatch([{ key: "a" }, { key: "b", value: "1" }, { value: "2" }, { key: "a", value: "3" }], {
      baseOffset: 10,
      compression,
    });
    assert.deepEqual(mapBatch(map, batch, { fromOffset: 0, limitBytes: LIMIT_BYTES }), { kind: "whole" });
    assert.deepEqual(newest(map, "a", "b"), [13, 11]);
    assert.equal(map.size, 2);
  }
});

test("records before the first dirty offset do not count", () => {
  const map = mapOf(10);
  mapBatch(map, encodeBatch([{ key: "a" }, { key: "b" }, { key: "c" }]), { fromOffset: 1, limitBytes: LIMIT_BYTES });
  assert.deepEqual(newest(map, "a", "b", "c"), [NO_OFFSET, 1, 2]);
});

test("a full map says where it ends; it has gone on as far as it knew the keys", () => {
  const map = mapOf(2);
  const keys = ["a", "b", "a", "c", "a"];
  const batch = encodeBatch(
    keys.map((key) => ({ key })),
    { baseOffset: 10 },
  );
  const mapped = mapBatch(map, batch, { fromOffset: 0, limitBytes: LIMIT_BYTES });
  assert.deepEqual(mapped, { kind: "full", endOffset: 13 });
  assert.deepEqual(newest(map, "a", "b", "c"), [12, 11, NO_OFFSET]);
});

test("markers of transactions do not count", () => {
  const map = mapOf(2);
  const marker = encodeBatch([{ key: "a" }], { control: true, transactional: true, producerId: 1, producerEpoch: 0 });
  assert.deepEqual(mapBatch(map, marker, { fromOffset: 0, limitBytes: LIMIT_BYTES }), { kind: "whole" });
  assert.equal(map.size, 0);
});

test("hazard: no key of a batch counts when a later record of it cannot be read", () => {
  const map = mapOf(10);
  const batch = encodeBatch([{ key: "a" }, { key: "b", value: "v".repeat(10) }]);
  batch[batch.length - 1] = 2; // one header more than there is
  setBatchCrc(batch, 0, batch.length);
  assert.equal(mapBatch(map, batch, { fromOffset: 0, limitBytes: LIMIT_BYTES }).kind, "unreadable");
  assert.equal(map.size, 0);
});

test("hazard: a batch that unpacks to more than the limit is not unpacked", () => {
  const map = mapOf(10);
  const batch = encodeBatch([{ key: "a", value: Buffer.alloc(2 * LIMIT_BYTES) }], { compression: "gzip" });
  const mapped = mapBatch(map, batch, { fromOffset: 0, limitBytes: LIMIT_BYTES });
  assert.equal(mapped.kind, "unreadable");
});
