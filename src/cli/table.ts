/** Tables for people: columns aligned with spaces, numbers to the right, no lines. */

export type Cell = string | number | bigint | null;

/** What stands for a cell without content. */
const NOTHING = "-";

/** The lines of a table, with its head. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): readonly string[] {
  const texts = rows.map((row) => row.map((cell) => (cell === null || cell === "" ? NOTHING : String(cell))));
  const widths = head.map((name, column) => Math.max(name.length, ...texts.map((row) => row[column]!.length)));
  const isNumeric = head.map(
    (_, column) =>
      rows.some((row) => isNumber(row[column]!)) && rows.every((row) => row[column] === null || isNumber(row[column]!)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (isNumeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd();
  return [line(head), ...texts.map(line)];
}

function isNumber(cell: Cell): boolean {
  return typeof cell === "number" || typeof cell === "bigint";
}
