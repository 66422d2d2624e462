import assert from "node:assert/strict";
import { test } from "node:test";
import { drift } from "./soak.ts";

test("drift compares the last third with the first, and one odd minute does not count", () => {
  assert.equal(drift([2, 2, 90, 5, 5, 5, 3, 3, 0]), 1.5);
  assert.equal(drift([4]), 1);
});
