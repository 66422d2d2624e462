import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BYTES_PER_ENTRY, CompactionOffsetMap, NO_OFFSET } from "./compaction-offset-map.ts";

const SECRET = Buffer.from("0123456789abcdef");

function mapOf(slots: number, loadFactor?: number): CompactionOffsetMap {
  return new CompactionOffsetMap({ memoryBytes: slots * BYTES_PER_ENTRY, secret: SECRET, loadFactor });
}

test("a map answers like a Map, whatever the keys, up to its capacity", () => {
  const key = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
  const few = fc.constantFrom(...["", "a", "b", "\0", "\0\0", "a".repeat(16)].map((text) => Buffer.from(text)));
  const puts = fc.array(fc.tuple(fc.oneof(key, few), fc.nat(Number.MAX_SAFE_INTEGER - 1)), { maxLength: 60 });
  const sameAsMap = fc.property(puts, fc.integer({ min: 2, max: 30 }), (entries, slots) => {
    const map = mapOf(slots);
    const model = new Map<string, number>();
    for (const [bytes, offset] of entries) {
      const name = bytes.toString("hex");
      const fits = model.has(name) || model.size < map.capacity;
      assert.equal(map.put(bytes, offset), fits);
      if (fits) model.set(name, Math.max(offset, model.get(name) ?? NO_OFFSET));
      assert.equal(map.size, model.size);
    }
    for (const [bytes] of entries) assert.equal(map.get(bytes), model.get(bytes.toString("hex")) ?? NO_OFFSET);
  });
  fc.assert(sameAsMap, { numRuns: 500 });
});

test("a key may be a part of other bytes", () => {
  const map = mapOf(10);
  map.put(Buffer.from("xkeyx"), 7, 1, 4);
  assert.equal(map.get(Buffer.from("key")), 7);
  assert.equal(map.get(Buffer.from("..key"), 2, 5), 7);
  assert.equal(map.get(Buffer.from("xkeyx")), NO_OFFSET);
});

test("a full map still takes keys that it has, and finds them all at any load", () => {
  for (const loadFactor of [0.5, 0.9, 1, 5]) {
    const map = mapOf(1000, loadFactor);
    assert.equal(map.capacity, Math.min(1000 * loadFactor, 999));
    for (let i = 0; i < map.capacity; i += 1) assert.ok(map.put(Buffer.from(`key-${i}`), i));
    assert.equal(map.put(Buffer.from("one more"), 5000), false);
    assert.equal(map.get(Buffer.from("one more")), NO_OFFSET);
    assert.equal(map.put(Buffer.from("key-3"), 5000), true);
    assert.equal(map.get(Buffer.from("key-3")), 5000);
    for (let i = 4; i < map.capacity; i += 1) assert.equal(map.get(Buffer.from(`key-${i}`)), i);
  }
});

test("a cleared map is empty and takes everything again", () => {
  const map = mapOf(10);
  for (let i = 0; i < map.capacity; i += 1) map.put(Buffer.from(`key-${i}`), i);
  map.clear();
  assert.equal(map.size, 0);
  assert.equal(map.get(Buffer.from("key-0")), NO_OFFSET);
  assert.ok(map.put(Buffer.from("another"), 0));
  assert.equal(map.get(Buffer.from("another")), 0);
});

test("memory for no entry at all is refused", () => {
  assert.throws(() => mapOf(1), /too few/);
  assert.equal(mapOf(2).capacity, 1);
});
