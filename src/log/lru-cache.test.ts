import assert from "node:assert/strict";
import { test } from "node:test";
import { LruCache } from "./lru-cache.ts";

function cacheOf(limit: number): { cache: LruCache<string>; evicted: string[] } {
  const evicted: string[] = [];
  return { cache: new LruCache<string>(limit, (value) => evicted.push(value)), evicted };
}

test("the longest unused goes first, and being read is a use", () => {
  const { cache, evicted } = cacheOf(3);
  for (const name of ["a", "b", "c"]) cache.set(name, name, 1);
  assert.equal(cache.get("a"), "a");
  cache.set("d", "d", 1);
  assert.deepEqual(evicted, ["b"]);
  assert.equal(cache.get("b"), undefined);
  assert.equal(cache.weight, 3);
});

test("as many go as the new one needs, and one that is too large for the cache is still there once", () => {
  const { cache, evicted } = cacheOf(10);
  cache.set("a", "a", 4);
  cache.set("b", "b", 4);
  cache.set("large", "large", 50);
  assert.deepEqual(evicted, ["a", "b"]);
  assert.equal(cache.get("large"), "large");
  cache.set("c", "c", 1);
  assert.deepEqual(evicted, ["a", "b", "large"]);
  assert.equal(cache.weight, 1);
});

test("a value in place of another takes over its key, not its weight", () => {
  const { cache, evicted } = cacheOf(10);
  cache.set("a", "old", 9);
  cache.set("a", "new", 2);
  assert.deepEqual(evicted, ["old"]);
  assert.equal(cache.get("a"), "new");
  assert.equal(cache.weight, 2);
});

test("whatever leaves is told of, once", () => {
  const { cache, evicted } = cacheOf(10);
  cache.set("a", "a", 1);
  cache.set("b", "b", 1);
  cache.delete("a");
  cache.delete("a");
  cache.clear();
  assert.deepEqual(evicted, ["a", "b"]);
  assert.equal(cache.weight, 0);
});
