import assert from "node:assert/strict";
import { test } from "node:test";
import { Report } from "./membership.ts";

function linesOf(body: (report: Report) => void): readonly string[] {
  const lines: string[] = [];
  body(new Report((line) => lines.push(line)));
  return lines;
}

test("a run ends where an offset is missing", () => {
  const read = (offsets: readonly number[]) => linesOf((report) => report.read(3, offsets));
  assert.deepEqual(read([]), []);
  assert.deepEqual(read([7]), ["read 3 7 7"]);
  assert.deepEqual(read([0, 1, 2]), ["read 3 0 2"]);
  assert.deepEqual(read([0, 2, 3, 9]), ["read 3 0 0", "read 3 2 3", "read 3 9 9"]);
  assert.deepEqual(read([8, 9, 8, 9]), ["read 3 8 9", "read 3 8 9"]);
});

test("what is owned is said when it has changed, all of it", () => {
  const lines = linesOf((report) => {
    report.owns([]);
    report.owns([10, 2]);
    report.owns([2, 10]);
    report.owns([2]);
    report.problem(new Error("one\ntwo"));
  });
  assert.deepEqual(lines, ["assigned -", "assigned 2,10", "assigned 2", "problem Error: one two", "assigned -"]);
});
