/**
 * How often something took how long, or was how large: counts in buckets with fixed upper bounds, and the sum. What is
 * measured all the time is measured with this, so an observation allocates nothing: a few comparisons, two additions.
 */
import { assert } from "./assert.ts";

export class Histogram {
  /** Upper bounds, each belonging to its bucket, rising. One more bucket takes what is beyond the last. */
  readonly bounds: readonly number[];
  /** Observations in each bucket, the one beyond the last bound included. */
  readonly counts: Float64Array;
  /** In an array: a field would be a number on the heap. */
  readonly #sum = new Float64Array(1);

  constructor(bounds: readonly number[]) {
    assert(
      bounds.every((bound, index) => index === 0 || bound > bounds[index - 1]!),
      "the bounds of a histogram rise",
    );
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Of all observations. */
  get sum(): number {
    return this.#sum[0]!;
  }

  observe(value: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket += 1;
    this.counts[bucket]! += 1;
    this.#sum[0]! += value;
  }
}

/** For durations of requests and of synced writes, in milliseconds. */
export const DURATION_BOUNDS_MS: readonly number[] = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
];
