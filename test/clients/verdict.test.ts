import assert from "node:assert/strict";
import { test } from "node:test";
import { complaints } from "./verdict.ts";

const GOOD = { records: 100, problems: [], withoutOffset: 0, duplicates: 0 };
const STRICT = { duplicates: false, withoutOffset: false };

test("there is nothing to say of a topic with all records, each once and at a known offset", () => {
  assert.deepEqual(complaints(GOOD, 100, STRICT), []);
});

test("a single duplicate is wrong, unless duplicates are allowed", () => {
  const twice = { ...GOOD, records: 101, duplicates: 1 };
  assert.deepEqual(complaints(twice, 100, STRICT), ["1 records are there again"]);
  assert.deepEqual(complaints(twice, 100, { ...STRICT, duplicates: true }), []);
});

test("a single record without an offset is wrong, unless that is allowed", () => {
  const unplaced = { ...GOOD, withoutOffset: 1 };
  assert.deepEqual(complaints(unplaced, 100, STRICT), ["1 records were sent without an offset"]);
  assert.deepEqual(complaints(unplaced, 100, { ...STRICT, withoutOffset: true }), []);
});

test("what the client found wrong is wrong, whatever is allowed", () => {
  const lenient = { duplicates: true, withoutOffset: true };
  assert.deepEqual(complaints({ ...GOOD, problems: ["another key"] }, 100, lenient), ["another key"]);
});

test("a record too few or too many is wrong, even when the client says nothing and duplicates are allowed", () => {
  const lenient = { duplicates: true, withoutOffset: true };
  for (const records of [99, 101]) {
    assert.deepEqual(complaints({ ...GOOD, records }, 100, lenient), [`${records} different records are there of 100`]);
  }
});

test("an answer of a client that counts no duplicates is wrong", () => {
  assert.notDeepEqual(complaints({ ...GOOD, duplicates: Number.NaN }, 100, STRICT), []);
});
