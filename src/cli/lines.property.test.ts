import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { LineSplitter } from "./lines.ts";

function split(chunks: readonly Buffer[]): readonly string[] {
  const splitter = new LineSplitter();
  const lines = chunks.flatMap((chunk) => [...splitter.push(chunk)]);
  const last = splitter.end();
  return [...lines, ...(last === undefined ? [] : [last])].map((line) => line.toString("latin1"));
}

test("lines are the same however the bytes are cut; only a line feed ends one", () => {
  const bytes = fc.array(fc.oneof(fc.constantFrom(0x0a, 0x0d), fc.integer({ min: 0, max: 255 })));
  fc.assert(
    fc.property(bytes, fc.array(fc.nat({ max: 20 })), (content, sizes) => {
      const whole = Buffer.from(content);
      const chunks: Buffer[] = [];
      let at = 0;
      for (const size of sizes) chunks.push(whole.subarray(at, (at += size)));
      chunks.push(whole.subarray(at));
      const expected = whole.toString("latin1").split("\n");
      if (expected.at(-1) === "") expected.pop();
      assert.deepEqual(split(chunks), expected);
    }),
  );
});

test("a line that is too long is refused before it fills the memory", () => {
  const splitter = new LineSplitter(4);
  assert.deepEqual([...splitter.push(Buffer.from("1234\n12"))].map(String), ["1234"]);
  assert.throws(() => [...splitter.push(Buffer.from("345"))], {
    name: "CommandFailure",
    message: /longer than 4 bytes/,
  });
});
