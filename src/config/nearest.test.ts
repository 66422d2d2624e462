import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "./nearest.ts";

const KNOWN = ["log.retention.ms", "log.retention.minutes", "log.roll.ms", "node.id", "wal.sync"];

for (const [given, meant] of [
  ["log.retentoin.ms", "log.retention.ms"],
  ["log.retention.m", "log.retention.ms"],
  ["log_retention_ms", "log.retention.ms"],
  ["log.retention.minuts", "log.retention.minutes"],
  ["node.ids", "node.id"],
  ["nod.eid", "node.id"],
  ["wal.snyc", "wal.sync"],
  ["zookeeper.connect", undefined],
  ["x", undefined],
  ["", undefined],
] as const) {
  test(`${given} stands for ${meant}`, () => {
    assert.equal(nearest(given, KNOWN), meant);
  });
}
