import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDuration, parsePosition, parseTime } from "./position.ts";

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
  ["-1h30m", { kind: "ago", ms: 5_400_000n }],
  ["-P1D", { kind: "ago", ms: 86_400_000n }],
  ["-soon", undefined],
  ["1h", undefined],
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
  ["2026-01-31", "2026-01-31T00:00:00.000Z"],
  ["2026-01-31T12", "2026-01-31T12:00:00.000Z"],
  ["2026-01-31T12:00:01,25", "2026-01-31T12:00:01.250Z"],
  ["2026-01-31T12:00:01.000000Z", "2026-01-31T12:00:01.000Z"],
  ["2026-01-31T12:00:01.999999999Z", "2026-01-31T12:00:02.000Z"],
  ["2026-01-31T12:00:01.0001Z", "2026-01-31T12:00:01.001Z"],
  ["2026-01-31T12:00z", "2026-01-31T12:00:00.000Z"],
  ["2026-01-31t00:30+02", "2026-01-30T22:30:00.000Z"],
  ["2026-01-31T24:00", "2026-02-01T00:00:00.000Z"],
  ["2024-02-29T23:59:59.999-12:00", "2024-03-01T11:59:59.999Z"],
  ["1969-12-31T23:59:59.5", "1969-12-31T23:59:59.500Z"],
  ["@0", "1970-01-01T00:00:00.000Z"],
  ["2026-02-29", undefined],
  ["2026-01-31T", undefined],
  ["2026-01-31Z", undefined],
  ["2026-01-31T12:60", undefined],
  ["2026-01-31T12:00:60", undefined],
  ["2026-01-31T25:00", undefined],
  ["2026-01-31T12.5", undefined],
  ["2026-01-31T12:00+99:00", undefined],
  [" 2026-01-31", undefined],
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

for (const [text, ms] of [
  ["90s", 90_000n],
  ["1.5s", 1500n],
  ["1h30m", 5_400_000n],
  ["2d", 172_800_000n],
  ["1w", 604_800_000n],
  ["P1DT12H", 129_600_000n],
  ["PT0.25S", 250n],
  ["pt5m", 300_000n],
  ["PT0S", 0n],
  ["", undefined],
  ["P", undefined],
  ["PT", undefined],
  ["P1DT", undefined],
  ["P1M", undefined],
  ["P1Y", undefined],
  ["5", undefined],
  ["-5m", undefined],
  ["30m1h", undefined],
] as const) {
  test(`"${text}" as a duration`, () => {
    assert.equal(parseDuration(text), ms);
  });
}
