import assert from "node:assert/strict";
import { test } from "node:test";
import { toPosition } from "../base/brands.ts";
import { BLOCK_BYTES, type Block, BlockCache } from "./blocks.ts";

function newCache(limitBytes: number): BlockCache {
  return new BlockCache(limitBytes, (sizeBytes) => Buffer.allocUnsafeSlow(sizeBytes));
}

/** Appends a record of `bytes` bytes at `position`, as the log does; answers its block. */
function append(cache: BlockCache, position: number, bytes: number): Block {
  const block = cache.blockFor(toPosition(position), bytes);
  block.usedBytes += bytes;
  return block;
}

test("records that fit share a block; one that does not begins the next, and never straddles two", () => {
  const cache = newCache(0);
  const first = append(cache, 0, 2_600_000);
  assert.equal(append(cache, 2_600_000, 1_400_000), first);
  const second = append(cache, 4_000_000, 200_000);
  assert.notEqual(second, first);
  assert.equal(second.base, 4_000_000);
  assert.equal(second.usedBytes, 200_000);
});

test("a record larger than a block has one of its own", () => {
  const cache = newCache(0);
  const large = append(cache, 0, BLOCK_BYTES + 1);
  assert.equal(large.bytes.length, BLOCK_BYTES + 1);
  assert.notEqual(append(cache, BLOCK_BYTES + 1, 1), large);
});

test("a position that does not follow begins a new block, so that a block's positions have no gap", () => {
  const cache = newCache(0);
  const first = append(cache, 0, 10);
  const second = append(cache, 50, 10);
  assert.notEqual(second, first);
  assert.equal(second.base, 50);
  assert.equal(cache.find(9), first);
  assert.equal(cache.find(10), undefined);
  assert.equal(cache.find(49), undefined);
  assert.equal(cache.find(50), second);
  assert.equal(cache.find(60), undefined);
});

test("finds the block of any position among many", () => {
  const cache = newCache(100 * BLOCK_BYTES);
  const blocks = Array.from({ length: 9 }, (_, index) => append(cache, index * BLOCK_BYTES, BLOCK_BYTES));
  blocks.forEach((block, index) => {
    assert.equal(cache.find(index * BLOCK_BYTES), block);
    assert.equal(cache.find((index + 1) * BLOCK_BYTES - 1), block);
  });
  assert.equal(cache.find(9 * BLOCK_BYTES), undefined);
});

test("the oldest go first, but none that is still to be written, and never the one being filled", () => {
  const cache = newCache(2 * BLOCK_BYTES);
  for (let index = 0; index < 5; index += 1) append(cache, index * BLOCK_BYTES, BLOCK_BYTES);
  cache.trim(toPosition(2 * BLOCK_BYTES - 1));
  assert.equal(cache.find(0), undefined);
  assert.notEqual(cache.find(BLOCK_BYTES), undefined, "its last byte is not durable");
  cache.trim(toPosition(5 * BLOCK_BYTES));
  assert.equal(cache.find(2 * BLOCK_BYTES), undefined);
  assert.notEqual(cache.find(3 * BLOCK_BYTES), undefined);
  assert.notEqual(cache.find(4 * BLOCK_BYTES), undefined);
});

test("memory is used again only when no answer refers to it any more", () => {
  const cache = newCache(2 * BLOCK_BYTES);
  const held = append(cache, 0, BLOCK_BYTES);
  const free = append(cache, BLOCK_BYTES, BLOCK_BYTES);
  held.retain();
  held.retain();
  for (let index = 2; index < 4; index += 1) append(cache, index * BLOCK_BYTES, BLOCK_BYTES);
  cache.trim(toPosition(4 * BLOCK_BYTES));
  assert.equal(cache.lentBytes, BLOCK_BYTES);
  assert.equal(cache.memoryBytes, 4 * BLOCK_BYTES);
  assert.equal(append(cache, 4 * BLOCK_BYTES, BLOCK_BYTES).bytes, free.bytes);
  cache.release(held);
  assert.equal(cache.lentBytes, BLOCK_BYTES);
  assert.notEqual(append(cache, 5 * BLOCK_BYTES, BLOCK_BYTES).bytes, held.bytes);
  cache.release(held);
  assert.equal(cache.lentBytes, 0);
  assert.equal(append(cache, 6 * BLOCK_BYTES, BLOCK_BYTES).bytes, held.bytes);
});

test("an answer's reference outlives the cache's, and a block in the cache that of any answer", () => {
  const cache = newCache(2 * BLOCK_BYTES);
  const block = append(cache, 0, BLOCK_BYTES);
  block.retain();
  cache.release(block);
  assert.equal(cache.find(0), block);
  assert.equal(cache.lentBytes, 0);
});

test("memory that was given back is bounded", () => {
  const cache = newCache(2 * BLOCK_BYTES);
  const blocks = Array.from({ length: 50 }, (_, index) => append(cache, index * BLOCK_BYTES, BLOCK_BYTES));
  for (const block of blocks) block.retain();
  cache.trim(toPosition(50 * BLOCK_BYTES));
  for (const block of blocks) cache.release(block);
  assert.ok(cache.memoryBytes <= 10 * BLOCK_BYTES, `${cache.memoryBytes}`);
});

test("a reference that was never taken is a broken invariant", () => {
  const cache = newCache(2 * BLOCK_BYTES);
  const block = append(cache, 0, BLOCK_BYTES);
  for (let index = 1; index < 4; index += 1) append(cache, index * BLOCK_BYTES, BLOCK_BYTES);
  cache.trim(toPosition(4 * BLOCK_BYTES));
  assert.throws(() => cache.release(block), { name: "InvariantError" });
  assert.throws(() => block.retain(), { name: "InvariantError" });
});
