/** The rules of the schema form: versions, defaults, null, tagged fields, what may be dropped. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ZERO_UUID } from "../../base/uuid.ts";
import { decode, encode, type Message, type MessageInput } from "./message.ts";
import { MalformedMessage, Reader } from "./reader.ts";
import {
  array,
  arrayOf,
  bool,
  bytes,
  defineMessage,
  int8,
  int16,
  int32,
  int64,
  offset64,
  records,
  string,
  struct,
  uuid,
} from "./schema.ts";
import { UnencodableMessage, Writer } from "./writer.ts";

const schema = defineMessage({
  name: "Example",
  valid: "0-3",
  flexible: "2+",
  fields: {
    name: string({ nullable: "1+" }),
    count: int32({ versions: "1+", default: -1 }),
    hint: int16({ versions: "1+", ignorable: true }),
    parts: array({ nullable: "1+" })({ index: int32(), label: string({ versions: "3+" }) }),
    place: struct({ versions: "2+", nullable: "3+", ignorable: true })({ x: int8(), y: int8({ default: 7 }) }),
    late: string({ versions: "2+", tag: 1, nullable: "0+", default: null }),
    first: struct({ versions: "2+", tag: 0 })({ a: int32({ default: 4 }), b: bool() }),
    far: int64({ versions: "3+", tag: 5, default: 9223372036854775807n }),
  },
});

const DEFAULTS: Message<typeof schema> = {
  name: "",
  count: -1,
  hint: 0,
  parts: [],
  place: { x: 0, y: 7 },
  late: null,
  first: { a: 4, b: false },
  far: 9223372036854775807n,
};

/** Version 2 of a message of defaults, up to its tagged fields: name, count, hint, parts, place. */
const VERSION_2_BEFORE_TAGS = "01 ffffffff 0000 01 000700";

function encodeHex(version: number, value: MessageInput<typeof schema>): string {
  const writer = new Writer();
  encode(schema, version, value, writer);
  return Buffer.concat(writer.finish().parts).toString("hex");
}

function decodeHex(version: number, hex: string): Message<typeof schema> {
  const reader = new Reader(Buffer.from(hex.replaceAll(" ", ""), "hex"));
  const message = decode(schema, version, reader);
  reader.expectEnd();
  return message;
}

test("what is left out takes its default, and what a version lacks decodes to it", () => {
  assert.equal(encodeHex(0, {}), "000000000000");
  assert.deepEqual(decodeHex(0, encodeHex(0, {})), DEFAULTS);
  assert.deepEqual(decodeHex(3, encodeHex(3, {})), DEFAULTS);
});

test("decoded values have their properties in the order of the schema in every version", () => {
  for (const version of [0, 1, 2, 3]) {
    assert.deepEqual(Object.keys(decodeHex(version, encodeHex(version, {}))), Object.keys(schema.fields));
  }
});

test("null and empty stay apart, and null is refused where it is not allowed", () => {
  assert.equal(decodeHex(1, encodeHex(1, { name: null })).name, null);
  assert.equal(decodeHex(1, encodeHex(1, { name: "" })).name, "");
  assert.equal(decodeHex(1, encodeHex(1, { parts: null })).parts, null);
  assert.equal(decodeHex(3, encodeHex(3, { parts: null })).parts, null);
  assert.deepEqual(decodeHex(3, encodeHex(3, { parts: [] })).parts, []);
  assert.equal(decodeHex(3, encodeHex(3, { place: null })).place, null);
  for (const value of [{ name: null }, { parts: null }]) assert.throws(() => encodeHex(0, value), UnencodableMessage);
  assert.throws(() => decodeHex(0, "ffff 00000000"), MalformedMessage);
  assert.throws(() => decodeHex(0, "0000 ffffffff"), MalformedMessage);
});

test("a value that the version cannot carry is dropped only where the schema allows it", () => {
  assert.equal(encodeHex(0, { hint: 3, place: { x: 1 } }), "000000000000");
  assert.equal(encodeHex(0, { count: -1, first: { a: 4 }, far: 2n ** 63n - 1n }), "000000000000");
  const refused = /Example version 0 has no field /;
  assert.throws(() => encodeHex(0, { count: 0 }), refused);
  assert.throws(() => encodeHex(0, { late: "" }), refused);
  assert.throws(() => encodeHex(0, { first: { b: true } }), refused);
  assert.throws(() => encodeHex(0, { far: 0 }), refused);
  assert.throws(() => encodeHex(2, { parts: [{ label: "x" }] }), /has no field label/);
});

test("tagged fields are written in the order of their tags, and only when they are not the default", () => {
  const bare = `${VERSION_2_BEFORE_TAGS} 00`;
  assert.equal(encodeHex(2, { late: null, first: { a: 4, b: false } }), bare.replaceAll(" ", ""));
  const tagged = `${VERSION_2_BEFORE_TAGS} 02  00 06 00000005 00 00  01 01 01`;
  assert.equal(encodeHex(2, { late: "", first: { a: 5 } }), tagged.replaceAll(" ", ""));
  assert.deepEqual(decodeHex(2, tagged), { ...DEFAULTS, late: "", first: { a: 5, b: false } });
});

test("unknown tagged fields are passed over, known ones must fill their size", () => {
  assert.equal(decodeHex(2, `${VERSION_2_BEFORE_TAGS} 02 01 01 01 07 03 aabbcc`).late, "");
  assert.throws(() => decodeHex(2, `${VERSION_2_BEFORE_TAGS} 01 01 03 01 aa`), MalformedMessage);
  assert.throws(() => decodeHex(2, `${VERSION_2_BEFORE_TAGS} 01 01 03 04 6162`), MalformedMessage);
  assert.throws(() => decodeHex(2, `${VERSION_2_BEFORE_TAGS} 01 01 7f 01`), MalformedMessage);
});

test("a tagged field of any size and with spliced bytes inside gets its right size", () => {
  const sized = defineMessage({
    name: "Sized",
    valid: "0",
    flexible: "0+",
    fields: { head: bytes(), tail: struct({ tag: 0 })({ text: string(), body: bytes(), batches: records() }) },
  });
  for (const length of [1, 100, 126, 127, 128, 1023, 1024, 16383, 20000]) {
    const body = Buffer.alloc(length, 1);
    const message = { head: body, tail: { text: "t".repeat(length), body, batches: [body] } };
    const writer = new Writer();
    encode(sized, 0, message, writer);
    const { parts, sizeBytes } = writer.finish();
    const reader = new Reader(Buffer.concat(parts));
    assert.equal(reader.remaining, sizeBytes);
    assert.deepEqual(decode(sized, 0, reader), message);
    reader.expectEnd();
  }
});

test("an array of elements without bytes is no valid schema", () => {
  const empty = defineMessage({ name: "Empty", valid: "0", flexible: "none", fields: { none: array()({}) } });
  assert.throws(() => decode(empty, 0, new Reader(Buffer.alloc(4))), /at least one byte/);
});

test("only plain names can be fields", () => {
  const define = (name: string) =>
    defineMessage({ name: "Bad", valid: "0", flexible: "0", fields: { list: array()({ [name]: int32() }) } });
  for (const name of ["", "Upper", "a-b", "a;b", "x = 1"]) assert.throws(() => define(name), /not a plain/);
});

test("types follow from the schema", () => {
  const typed = defineMessage({
    name: "Typed",
    valid: "0",
    flexible: "0+",
    fields: {
      offset: offset64(),
      id: uuid(),
      tags: arrayOf(string(), { nullable: "0+" }),
      data: bytes({ nullable: "0+" }),
      batches: records(),
    },
  });
  const message: {
    readonly offset: number;
    readonly id: string;
    readonly tags: readonly string[] | null;
    readonly data: Buffer | null;
    readonly batches: readonly Buffer[];
  } = decode(typed, 0, new Reader(Buffer.from(`${"00".repeat(24)}00000100`, "hex")));
  const empty = Buffer.alloc(0);
  assert.deepEqual(message, { offset: 0, id: ZERO_UUID, tags: null, data: null, batches: [empty] });
});
