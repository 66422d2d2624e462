import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProperties } from "./properties.ts";

/** What java.util.Properties reads from each text; null is where it throws. */
const JAVA: readonly (readonly [text: string, properties: Readonly<Record<string, string>> | null])[] = [
  ["a=b", { a: "b" }],
  ["a = b ", { a: "b " }],
  ["a:b", { a: "b" }],
  ["a b", { a: "b" }],
  ["  a\t=\tb", { a: "b" }],
  ["a\\=b=c", { "a=b": "c" }],
  ["a\\:b:c", { "a:b": "c" }],
  ["a\\ b c", { "a b": "c" }],
  ["#c=d\na=b", { a: "b" }],
  ["!c\na=b", { a: "b" }],
  ["a=b\\\n   c", { a: "bc" }],
  ["a=b\\\\\nc=d", { a: "b\\", c: "d" }],
  ["a=b\\\\\\\nc=d", { a: "b\\c=d" }],
  ["a\\\n=b", { a: "b" }],
  ["a=\\u0041\\u00e9", { a: "Aé" }],
  ["a=\\t\\n\\x\\q", { a: "\t\nxq" }],
  ["a", { a: "" }],
  ["a=", { a: "" }],
  ["=b", { "": "b" }],
  ["  =b", { "": "b" }],
  [":", { "": "" }],
  ["a==b", { a: "=b" }],
  ["a=:b", { a: ":b" }],
  ["a =:b", { a: ":b" }],
  ["a=b#c", { a: "b#c" }],
  ["a=b\\", { a: "b" }],
  ["a=b\r\nc=d\re=f", { a: "b", c: "d", e: "f" }],
  ["a\\u003db=c", { "a=b": "c" }],
  ["a=1\na=2", { a: "2" }],
  ["a\\\n  b\\\n  c=d", { abc: "d" }],
  ["#x\\\na=b", { a: "b" }],
  ["a=b\\\n#c", { a: "b#c" }],
  ["\\#a=b", { "#a": "b" }],
  ["\\u00", null],
  ["a=\\u12g4", null],
  ["a=\\\\u12", { a: "\\u12" }],
  ["a\fb", { a: "b" }],
  ["a=b\\\n\nc=d", { a: "b", c: "d" }],
  ["a=b\\\n   \\\nc", { a: "bc" }],
  ["   ", {}],
  ["a\\\\=b", { "a\\": "b" }],
  ["a\\\\\\=b=c", { "a\\=b": "c" }],
  ["k\\", { k: "" }],
  [" \\\nk=v", { k: "v" }],
  ["a=b\\\r\n c", { a: "bc" }],
  ["\\\n#a=b", {}],
];

for (const [text, expected] of JAVA) {
  test(`${JSON.stringify(text)} is read as Java reads it`, () => {
    const { properties, errors } = parseProperties(text);
    assert.equal(errors.length > 0, expected === null);
    if (expected !== null)
      assert.deepEqual(Object.fromEntries(properties.map(({ key, value }) => [key, value])), expected);
  });
}

test("a property knows the line it starts on", () => {
  const text = "# comment\r\na=1\r\n\r\nb=2\\\r\n  3\r\nc=\\u00\r\na=4";
  assert.deepEqual(parseProperties(text), {
    properties: [
      { key: "a", value: "1", line: 2 },
      { key: "b", value: "23", line: 4 },
      { key: "a", value: "4", line: 7 },
    ],
    errors: [{ line: 6, message: "\\u must be followed by four hexadecimal digits" }],
  });
});
