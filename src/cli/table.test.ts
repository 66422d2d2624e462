import assert from "node:assert/strict";
import { test } from "node:test";
import { table } from "./table.ts";

test("columns are aligned, numbers to the right, nothing is a dash", () => {
  assert.deepEqual(
    table(
      ["TOPIC", "LAG"],
      [
        ["t", 1n],
        ["orders", 100],
        ["", null],
      ],
    ),
    ["TOPIC   LAG", "t         1", "orders  100", "-         -"],
  );
});

test("without rows there is only the head", () => {
  assert.deepEqual(table(["A", "B"], []), ["A  B"]);
});
