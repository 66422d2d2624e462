import assert from "node:assert/strict";
import { test } from "node:test";
import { appendToList, subtractFromList } from "./list-value.ts";

test("an item is appended once", () => {
  assert.equal(appendToList("", "a"), "a");
  assert.equal(appendToList("a", "b,c"), "a,b,c");
  assert.equal(appendToList("a,b", "b,a,c"), "a,b,c");
});

test("items are taken out, whatever their order, and strangers are no matter", () => {
  assert.equal(subtractFromList("a,b,c", "c,x,a"), "b");
  assert.equal(subtractFromList("a", "a"), "");
  assert.equal(subtractFromList("", "a"), "");
});
