/** The table of all figures, in Markdown. */
import { figureTable } from "../figures.ts";
import { METRICS, type Metric } from "../metrics.ts";
import { ratioOf, type Sample, type Spread, spreadOf } from "./samples.ts";

/** One line for each case and metric: every side, and the ratio of each to the first. */
export function tableOf(samples: readonly Sample[], sides: readonly string[]): string {
  const [base = "", ...others] = sides;
  const head = ["case", "", ...sides.map((side, index) => `${letter(index)}: ${side}`)];
  for (const index of others.keys()) head.push(`${letter(index + 1)} : A`);
  const rows: string[][] = [];
  for (const caseName of new Set(samples.map((sample) => sample.caseName))) {
    for (const metric of Object.keys(METRICS) as Metric[]) {
      const figure = { caseName, metric };
      const spreads = sides.map((side) => spreadOf(samples, side, figure));
      if (spreads.every((spread) => spread === undefined)) continue;
      const ratios = others.map((side) => ratioOf(samples, { side, base }, figure));
      const { title, digits } = METRICS[metric];
      const figures = [
        ...spreads.map((spread) => spreadText(spread, digits)),
        ...ratios.map((ratio) => spreadText(ratio, 2)),
      ];
      rows.push([caseName, title, ...figures]);
    }
  }
  return figureTable(head, rows, 2);
}

function letter(index: number): string {
  return String.fromCharCode("A".charCodeAt(0) + index);
}

/** "median (min–max)"; only the value when there is one; nothing when there is none. */
export function spreadText(spread: Spread | undefined, digits: number): string {
  if (spread === undefined) return "";
  const text = (value: number): string => value.toFixed(digits);
  const { median, min, max } = spread;
  return text(min) === text(max) ? text(median) : `${text(median)} (${text(min)}–${text(max)})`;
}
