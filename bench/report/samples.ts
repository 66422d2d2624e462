/** Samples, and what is made of them: medians with their spread, and ratios between sides. */
import { median } from "../figures.ts";
import type { Measurements, Metric, Series } from "../metrics.ts";

export interface Sample {
  /** The side's text. */
  readonly side: string;
  readonly round: number;
  readonly caseName: string;
  readonly measurements: Measurements;
  readonly series?: Series;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Figure {
  readonly caseName: string;
  readonly metric: Metric;
}

/**
 * Without the rounds of a case in which the host took more than so many percent of the processors from any of the sides: they
 * say how the host was. A case that has no other rounds keeps them.
 */
export function undisturbed(samples: readonly Sample[], maxStolenPercent: number): Sample[] {
  const roundOf = ({ caseName, round }: Sample): string => `${caseName} ${round}`;
  const isDisturbed = ({ measurements }: Sample): boolean => (measurements.stolenPercent ?? 0) > maxStolenPercent;
  const disturbed = new Set(samples.filter(isDisturbed).map(roundOf));
  const left = samples.filter((sample) => !disturbed.has(roundOf(sample)));
  const cases = new Set(left.map(({ caseName }) => caseName));
  return samples.filter((sample) => !disturbed.has(roundOf(sample)) || !cases.has(sample.caseName));
}

/** Over all rounds of one side; undefined when it was not measured. */
export function spreadOf(samples: readonly Sample[], side: string, figure: Figure): Spread | undefined {
  return spread(valuesOf(samples, side, figure).map(({ value }) => value));
}

/** `side` : `base`, made within each round, whose runs were made one after the other. Rounds that lack one do not count. */
export function ratioOf(
  samples: readonly Sample[],
  sides: { readonly side: string; readonly base: string },
  figure: Figure,
): Spread | undefined {
  const bases = new Map(valuesOf(samples, sides.base, figure).map(({ round, value }) => [round, value]));
  const ratios = valuesOf(samples, sides.side, figure).flatMap(({ round, value }) => {
    const base = bases.get(round);
    return base === undefined ? [] : [value === base ? 1 : value / base]; // whole milliseconds may both be 0
  });
  return spread(ratios);
}

function valuesOf(
  samples: readonly Sample[],
  side: string,
  { caseName, metric }: Figure,
): { readonly round: number; readonly value: number }[] {
  return samples.flatMap((sample) => {
    const value = sample.measurements[metric];
    const isMeant = sample.side === side && sample.caseName === caseName;
    return isMeant && value !== undefined ? [{ round: sample.round, value }] : [];
  });
}

function spread(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}
