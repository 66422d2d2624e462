import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePosition, parseTime } from "./position.ts";

for (const [text, position] of [
  ["beginning", { kind: "beginning" }],
  ["earliest", { kind: "beginning" }],
  ["end", { kind: "end" }],
  ["latest", { kind: "end" }],
  ["0", { kind: "offset", offset: 0n }],
  ["9223372036854775807", { kind: "offset", offset: 9223372036854775807n }],
  ["-10", { kind: "last", count: 10n }],
  ["@1700000000000", { kind: "time", ms: 1700000000000n }],
  ["2026-01-31", { kind: "time", ms: BigInt(Date.UTC(2026, 0, 31)) }],
  ["9223372036854775808", undefined],
  ["yesterday", undefined],
  ["", undefined],
  ["1.5", undefined],
] as const) {
  test(`${text} as a position`, () => {
    assert.deepEqual(parsePosition(text), position);
  });
}

for (const [text, iso] of [
  ["2026-01-31T12:00", "2026-01-31T12:00:00.000Z"],
  ["2026-01-31 12:00:01", "2026-01-31T12:00:01.000Z"],
  ["2026-01-31T12:00:01.5Z", "2026-01-31T12:00:01.500Z"],
  ["2026-01-31T12:00+02:00", "2026-01-31T10:00:00.000Z"],
  ["2026-01-31T12:00-0530", "2026-01-31T17:30:00.000Z"],
  ["2026-02-31", undefined],
  ["2026-13-01", undefined],
  ["12:00", undefined],
  ["@1.5", undefined],
] as const) {
  test(`${text} as a time, wherever this machine is`, () => {
    const ms = parseTime(text);
    assert.equal(ms === undefined ? undefined : new Date(Number(ms)).toISOString(), iso);
  });
}
