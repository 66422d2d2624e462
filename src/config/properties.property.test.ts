import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseProperties } from "./properties.ts";

/** Characters that mean something in the format, among others. */
const TEXT = fc.string({ unit: fc.constantFrom(...Array.from("\\=: \t\f\r\n#!uabt0é€")), maxLength: 20 });

/** Writes a text so that it is read back: everything but letters and digits is escaped. */
function escaped(text: string): string {
  return text.replace(/[^a-z0-9]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

test("what was written is read", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(TEXT, TEXT), { maxLength: 5 }), (pairs) => {
      const text = pairs.map(([key, value]) => `${escaped(key)}=${escaped(value)}`).join("\n");
      const { properties, errors } = parseProperties(text);
      assert.deepEqual(errors, []);
      assert.deepEqual(
        properties.map(({ key, value }) => [key, value]),
        pairs,
      );
    }),
  );
});

test("any text is read without throwing, on the lines that it has", () => {
  fc.assert(
    fc.property(fc.oneof(TEXT, fc.string({ unit: "binary" })), (text) => {
      const { properties, errors } = parseProperties(text);
      const lines = text.split(/\r\n|\r|\n/).length;
      for (const { line } of [...properties, ...errors]) assert.ok(line >= 1 && line <= lines);
    }),
    { numRuns: 1000 },
  );
});
