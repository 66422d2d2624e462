/** From values to pixels, with round numbers on the axis. */

const TICKS_WANTED = 5;
const ROUND_STEPS = [1, 2, 2.5, 5, 10];

export interface Scale {
  /** From 0 to at least the largest value. */
  readonly ticks: readonly number[];
  /** The share of the axis, from 0 to 1. */
  place(value: number): number;
}

/** An axis that begins at 0: a bar that does not lies about ratios. */
export function scaleTo(largest: number): Scale {
  const bound = largest > 0 ? largest : 1;
  const power = 10 ** Math.floor(Math.log10(bound / TICKS_WANTED));
  const step = power * (ROUND_STEPS.find((each) => bound / (each * power) <= TICKS_WANTED) ?? 10);
  const count = Math.ceil(bound / step - 1e-9);
  const ticks = Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
  const end = count * step;
  return { ticks, place: (value) => value / end };
}

/** Three digits that count, and thousands with a comma. */
export function numberText(value: number): string {
  const digits = value === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}
