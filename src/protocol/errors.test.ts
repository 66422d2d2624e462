import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode, errorName } from "./errors.ts";

test("error codes are distinct, without holes, and have names", () => {
  const codes = Object.values(ErrorCode);
  assert.deepEqual(
    codes,
    codes.map((_, i) => i - 1),
  );
  assert.equal(ErrorCode.UNSUPPORTED_VERSION, 35);
  assert.equal(errorName(-1), "UNKNOWN_SERVER_ERROR");
  assert.equal(errorName(3), "UNKNOWN_TOPIC_OR_PARTITION");
  assert.equal(errorName(999), "error 999");
});
