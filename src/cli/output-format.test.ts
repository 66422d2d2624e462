import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { type Format, formatRecord, parseFormat } from "./output-format.ts";
import type { StoredRecord } from "./record.ts";

const RECORD: StoredRecord = {
  topic: "events",
  partition: 2,
  offset: 9007199254740993n,
  timestamp: 1700000000000n,
  key: Buffer.from("kä"),
  value: Buffer.from([0, 0xff]),
  headers: [
    [Buffer.from("a"), Buffer.from("1")],
    [Buffer.from("b"), null],
  ],
};

function formatted(text: string, record = RECORD): string {
  return formatRecord(parseFormat(text) as Format, record, Buffer.from("NULL")).toString("latin1");
}

test("every letter stands for its part, bytes stay as they are", () => {
  assert.equal(formatted("%t %p %o %T"), "events 2 9007199254740993 1700000000000");
  assert.equal(formatted("%k %K"), Buffer.from("kä 3").toString("latin1"));
  assert.equal(formatted("%v %s %S"), "\0\xff \0\xff 2");
  assert.equal(formatted("%h"), "a=1,b=NULL");
  assert.equal(formatted("100%%"), "100%");
});

test("null is the marker, and its length -1; empty is neither", () => {
  assert.equal(formatted("%k %K %v %S", { ...RECORD, key: null, value: null }), "NULL -1 NULL -1");
  assert.equal(formatted("%k %K", { ...RECORD, key: Buffer.alloc(0) }), " 0");
});

test("escapes", () => {
  assert.equal(formatted("\\n\\t\\r\\0\\\\\\x41\\xfF"), "\n\t\r\0\\A\xff");
});

for (const text of ["%", "%x", "%q%v", "\\", "\\q", "\\xg0", "\\x1"]) {
  test(`${text} is no format`, () => {
    assert.ok("error" in parseFormat(text));
  });
}
