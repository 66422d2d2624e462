/** What was measured before, and what has become slower since. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { MicroFigure } from "./harness.ts";

export const BASELINE_FILE = fileURLToPath(new URL("baseline.json", import.meta.url));
/** A figure this many times the one before is slower; less is noise. */
export const TOLERANCE = 1.3;

export interface Baseline {
  /** Where it was made. */
  readonly cpu: string;
  readonly node: string;
  /** By name: time of one call, as a multiple of the calibration. */
  readonly ratios: Readonly<Record<string, number>>;
}

export interface Slower {
  readonly name: string;
  /** How many times as long as before. */
  readonly factor: number;
}

export interface Comparison {
  /** The worst first. */
  readonly slower: readonly Slower[];
  /** Measured, and not in the baseline: it has to be updated. */
  readonly unknown: readonly string[];
  /** In the baseline, and not measured. */
  readonly missing: readonly string[];
}

export function compareWith(baseline: Baseline, figures: readonly MicroFigure[]): Comparison {
  const measured = new Set(figures.map(({ name }) => name));
  const slower = figures.flatMap(({ name, ratio }) => {
    const before = baseline.ratios[name];
    return before !== undefined && ratio > before * TOLERANCE ? [{ name, factor: ratio / before }] : [];
  });
  return {
    slower: slower.toSorted((one, other) => other.factor - one.factor),
    unknown: figures.map(({ name }) => name).filter((name) => !(name in baseline.ratios)),
    missing: Object.keys(baseline.ratios).filter((name) => !measured.has(name)),
  };
}

export function readBaseline(): Baseline {
  return JSON.parse(readFileSync(BASELINE_FILE, "utf8")) as Baseline;
}

/** Four digits are more than the noise leaves. */
export function writeBaseline(
  made: { readonly cpu: string; readonly node: string },
  figures: readonly MicroFigure[],
): void {
  const ratios = Object.fromEntries(figures.map(({ name, ratio }) => [name, Number(ratio.toPrecision(4))]));
  const baseline: Baseline = { ...made, ratios };
  writeFileSync(BASELINE_FILE, `${JSON.stringify(baseline, undefined, 2)}\n`);
}
