import assert from "node:assert/strict";
import test from "node:test";
import { BufferPool, capacityFor } from "./buffer-pool.ts";

const MIB = 1024 * 1024;

test("a buffer that was given back is used for the next of its class", () => {
  const pool = new BufferPool();
  const first = pool.take(100_000);
  assert.equal(first.length, 131_072);
  assert.notEqual(pool.take(100_000), first, "it is in use");
  pool.give(first);
  assert.notEqual(pool.take(200_000), first, "it is too small");
  assert.equal(pool.take(66_000), first);
  assert.equal(pool.keptBytes, 0);
});

test("small and huge ones are what they need, and nothing of it is kept", () => {
  const pool = new BufferPool();
  for (const sizeBytes of [0, 1, 16 * 1024, 8 * MIB + 1, 100 * MIB]) {
    const buffer = pool.take(sizeBytes);
    assert.equal(buffer.length, sizeBytes);
    pool.give(buffer);
  }
  assert.equal(pool.keptBytes, 0);
});

test("what is kept is bounded", () => {
  const pool = new BufferPool();
  const buffers = Array.from({ length: 10 }, () => pool.take(5 * MIB));
  for (const buffer of buffers) pool.give(buffer);
  assert.equal(pool.keptBytes, 32 * MIB);
});

test("what is asked for fits into its capacity, which is at most twice its size", () => {
  for (let sizeBytes = 0; sizeBytes < 10 * MIB; sizeBytes += 4093) {
    const capacity = capacityFor(sizeBytes);
    assert.ok(capacity >= sizeBytes && capacity <= Math.max(2 * sizeBytes, 0), `${sizeBytes}: ${capacity}`);
  }
  assert.equal(capacityFor(8 * MIB), 8 * MIB);
});
