import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { decodeJsonRecord, encodeJsonRecord } from "./json-record.ts";

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

const bytes = fc.oneof(
  fc.constant(null),
  fc.constant(Buffer.from("\uFEFFbyte order mark")),
  fc.constant(ALL_BYTES),
  fc.uint8Array().map((array) => Buffer.from(array)),
  fc.string({ unit: "grapheme" }).map((text) => Buffer.from(text)),
);
const record = fc.record({
  topic: fc.constantFrom("t", "events-1"),
  partition: fc.nat(),
  offset: fc.bigInt(0n, 2n ** 63n - 1n),
  timestamp: fc.bigInt(-1n, 2n ** 63n - 1n),
  key: bytes,
  value: bytes,
  headers: fc.array(fc.tuple(bytes.filter((key) => key !== null) as fc.Arbitrary<Buffer>, bytes)),
});

test("any record comes back as it was, but for topic and offset; and is one line", () => {
  fc.assert(
    fc.property(record, (stored) => {
      const line = encodeJsonRecord(stored);
      assert.ok(!line.includes("\n"));
      const { topic: _, offset: __, ...rest } = stored;
      assert.deepEqual(decodeJsonRecord(Buffer.from(line)), rest);
    }),
  );
});

test("what is text is text, other bytes are base64 and say so, 64-bit numbers keep their digits", () => {
  const line = encodeJsonRecord({
    topic: "t",
    partition: 3,
    offset: 9223372036854775807n,
    timestamp: 9007199254740993n,
    key: Buffer.from("ä\n"),
    value: Buffer.from([0xff]),
    headers: [
      [Buffer.from("h"), null],
      [Buffer.from("h"), Buffer.from("")],
    ],
  });
  assert.equal(
    line,
    '{"topic":"t","partition":3,"offset":9223372036854775807,"timestamp":9007199254740993,' +
      '"key":"ä\\n","valueBase64":"/w==","headers":[{"key":"h","value":null},{"key":"h","value":""}]}',
  );
});

test("people may leave out all but the value, and write headers as an object", () => {
  assert.deepEqual(decodeJsonRecord(Buffer.from('{"value":null,"headers":{"a":"b"}}')), {
    key: null,
    value: null,
    headers: [[Buffer.from("a"), Buffer.from("b")]],
    partition: undefined,
    timestamp: undefined,
  });
});

for (const [line, complaint] of [
  ["{", /^this is not JSON: /],
  ["[]", /is an object/],
  ["{}", /there is no "value"/],
  ['{"vale":"x"}', /a record has no field "vale"/],
  ['{"value":1}', /"value" is a text or null/],
  ['{"value":"\\ud800"}', /half of a character/],
  ['{"value":"","valueBase64":""}', /not both/],
  ['{"valueBase64":"?"}', /"valueBase64" is not base64/],
  ['{"value":"","partition":-1}', /"partition" is a whole number/],
  ['{"value":"","timestamp":1.5}', /"timestamp" is a whole number/],
  ['{"value":"","timestamp":9223372036854775808}', /"timestamp" is a whole number/],
  ['{"value":"","headers":[{"value":"x"}]}', /a header needs a "key"/],
  ['{"value":"","headers":[{"key":"x","valu":""}]}', /a header has no field "valu"/],
] as const) {
  test(`refused: ${line}`, () => {
    assert.throws(() => decodeJsonRecord(Buffer.from(line)), { name: "CommandFailure", message: complaint });
  });
}

test("refused: a line that is not UTF-8", () => {
  assert.throws(() => decodeJsonRecord(Buffer.from([0x22, 0xff, 0x22])), { message: /not UTF-8/ });
});
