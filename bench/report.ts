/** Samples of both sides, and the table that is made of them. */
import { METRICS, type Measurements, type Metric } from "./metrics.ts";

export interface Sample {
  /** "A" or "B". */
  readonly side: string;
  readonly round: number;
  readonly caseName: string;
  readonly measurements: Measurements;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Row {
  readonly caseName: string;
  readonly metric: Metric;
  readonly a: Spread;
  readonly b: Spread;
  /** B : A, of the runs of one round, which were made one right after the other. */
  readonly ratio: Spread;
}

/** One row for each case and metric, in the order of the samples. Rounds that lack a side are left out. */
export function rowsOf(samples: readonly Sample[]): Row[] {
  const rows: Row[] = [];
  for (const caseName of new Set(samples.map((sample) => sample.caseName))) {
    const own = samples.filter((sample) => sample.caseName === caseName);
    for (const metric of Object.keys(METRICS) as Metric[]) {
      const pairs = own.flatMap(({ side, round, measurements }) => {
        const other = own.find((sample) => sample.side === "B" && sample.round === round);
        const a = measurements[metric];
        const b = other?.measurements[metric];
        return side === "A" && a !== undefined && b !== undefined ? [{ a, b }] : [];
      });
      if (pairs.length === 0) continue;
      rows.push({
        caseName,
        metric,
        a: spreadOf(pairs.map(({ a }) => a)),
        b: spreadOf(pairs.map(({ b }) => b)),
        ratio: spreadOf(pairs.map(({ a, b }) => b / a)),
      });
    }
  }
  return rows;
}

/** A table in Markdown, its columns aligned so that it reads well as it is. */
export function tableOf(rows: readonly Row[], names: { readonly a: string; readonly b: string }): string {
  const ratioTitle = `${names.b} : ${names.a}`;
  const lines = [["case", "", names.a, names.b, ratioTitle]];
  for (const { caseName, metric, a, b, ratio } of rows) {
    const { title, digits } = METRICS[metric];
    lines.push([caseName, title, textOf(a, digits), textOf(b, digits), textOf(ratio, 2)]);
  }
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const format = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, column) => (column < 2 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  const [head = [], ...body] = lines;
  return [format(head), format(rule), ...body.map(format)].join("\n");
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((x, y) => x - y);
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
  return { median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

/** "median (min–max)"; only the value when there is one. */
function textOf({ median, min, max }: Spread, digits: number): string {
  const text = (value: number): string => value.toFixed(digits);
  return min === max ? text(median) : `${text(median)} (${text(min)}–${text(max)})`;
}
