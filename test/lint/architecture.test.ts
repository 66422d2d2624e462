/** docs/ARCHITECTURE.md shows the rooms as tools/lint/rooms.ts has them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { mayImport, ROOMS, type Room } from "../../tools/lint/rooms.ts";

const PAGE = readFileSync(join(import.meta.dirname, "..", "..", "docs", "ARCHITECTURE.md"), "utf8");

test("the table of rooms in docs/ARCHITECTURE.md is that of the linter", () => {
  const rows = [...PAGE.matchAll(/^\| `([\w-]+)` \| [^|]+ \| ?([^|]*?) ?\|$/gm)];
  assert.deepEqual(new Set(rows.map(([, room]) => room)), new Set(ROOMS));
  for (const [, room, cell = ""] of rows) {
    assert.deepEqual(named(cell), mayImport(room as Room), `the row of ${room}`);
  }
});

/** `base, ports`, or `+ log` for log and all that it may import. */
function named(cell: string): Set<Room> {
  const rooms = cell.replace("+ ", "").split(", ").filter(Boolean) as Room[];
  return new Set(cell.startsWith("+") ? rooms.flatMap((room) => [room, ...mayImport(room)]) : rooms);
}
