import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { type LineOptions, lineRecord } from "./line-record.ts";

for (const [line, options, key, value] of [
  ["a:b", {}, null, "a:b"],
  ["a:b:c", { keySeparator: ":" }, "a", "b:c"],
  ["a::b", { keySeparator: "::" }, "a", "b"],
  ["ab", { keySeparator: ":" }, null, "ab"],
  [":", { keySeparator: ":" }, "", ""],
  ["", {}, null, ""],
  ["NULL", { nullMarker: "NULL" }, null, null],
  ["NULLS", { nullMarker: "NULL" }, null, "NULLS"],
  ["k:", { keySeparator: ":", nullMarker: "" }, "k", null],
  [":v", { keySeparator: ":", nullMarker: "" }, null, "v"],
  ["v", { key: "k" }, "k", "v"],
] as const) {
  test(`"${line}" with ${JSON.stringify(options)}`, () => {
    const bytes = Object.fromEntries(Object.entries(options).map(([name, text]) => [name, Buffer.from(text)]));
    const record = lineRecord(Buffer.from(line), { headers: [], ...bytes } as LineOptions);
    assert.deepEqual([record.key?.toString() ?? null, record.value?.toString() ?? null], [key, value]);
  });
}
