import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSides, REPORT_SIDES } from "./sides.ts";

test("sides lie behind semicolons, their settings behind commas", () => {
  assert.deepEqual(parseSides("kafka;chronik,wal.sync=interval,a=b=c"), [
    { text: "kafka", kind: "kafka", settings: {} },
    { text: "chronik,wal.sync=interval,a=b=c", kind: "chronik", settings: { "wal.sync": "interval", a: "b=c" } },
  ]);
  assert.equal(parseSides(REPORT_SIDES).length, 4);
});

test("what is no side, no setting, or there twice is refused", () => {
  assert.throws(() => parseSides("kafka;redpanda"), /"redpanda" is no side/);
  assert.throws(() => parseSides("kafka,sync"), /"sync" is not of the form key=value/);
  assert.throws(() => parseSides("kafka;kafka"), /two sides are the same/);
});
