import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dropBytes } from "./node-disk.ts";

describe("dropBytes: what a short write leaves to be written", () => {
  const parts = ["abc", "d", "efgh"].map((text) => Buffer.from(text));
  for (let size = 0; size <= 8; size++) {
    it(`drops ${size} bytes`, () => {
      const rest = dropBytes(parts, size);
      assert.equal(Buffer.concat(rest).toString(), "abcdefgh".slice(size));
      assert(rest.every((part) => part.length > 0));
    });
  }
});
