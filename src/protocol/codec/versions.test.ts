import assert from "node:assert/strict";
import { test } from "node:test";
import { hasVersion, LAST_VERSION, parseVersions } from "./versions.ts";

test("ranges as Kafka writes them", () => {
  assert.deepEqual(parseVersions("3"), { min: 3, max: 3 });
  assert.deepEqual(parseVersions("0-12"), { min: 0, max: 12 });
  assert.deepEqual(parseVersions("9+"), { min: 9, max: LAST_VERSION });
  for (const version of [0, 1, LAST_VERSION]) assert.equal(hasVersion(parseVersions("none"), version), false);
});

test("what is no range is refused", () => {
  for (const text of ["", "+", "3-", "-3", "5-3", "a", "1-2+", "99999"]) {
    assert.throws(() => parseVersions(text), SyntaxError);
  }
});
