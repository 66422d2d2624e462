import assert from "node:assert/strict";
import { test } from "node:test";
import { Reader, Writer } from "@platformatic/kafka";
import { closeInTime } from "./batches.ts";

const FAR = 2n ** 31n;

function written(distance: bigint): bigint {
  return Reader.from(Writer.create().appendVarInt64(distance).buffer).readVarInt64();
}

test("a batch is cut where the library would write another timestamp, and nowhere else", () => {
  for (const distance of [0n, 1n, -1n, FAR - 1n, -FAR]) {
    assert.equal(written(distance), distance);
    assert.equal(closeInTime([0n, distance], (timestamp) => timestamp).length, 1, String(distance));
  }
  for (const distance of [FAR, -FAR - 1n, 2n ** 40n]) {
    assert.notEqual(written(distance), distance, "the library is right now: src/cli/batches.ts can go");
    assert.equal(closeInTime([0n, distance], (timestamp) => timestamp).length, 2, String(distance));
  }
});

test("all records stay, in their order", () => {
  const records = [0n, 5n, FAR + 1n, FAR + 2n, 3n, 4n * FAR];
  assert.deepEqual(closeInTime(records, (timestamp) => timestamp).flat(), records);
});
