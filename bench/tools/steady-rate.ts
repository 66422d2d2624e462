/**
 * When a load with a fixed rate runs at that rate. ProducerPerformance makes up for what it was behind: a producer that has
 * just begun has compiled nothing, sends half of its rate for seconds, and then all that the broker takes.
 */

/** So many reports in a row ... */
const STEADY_REPORTS = 3;
/** ... are no farther from the rate than this share of it. */
const STEADY_SHARE = 0.05;
/** A broker that has not come to the rate by then can't keep it up. */
const MAX_REPORTS = 60;

export class SteadyRate {
  readonly #rate: number;
  #reports = 0;
  #steady = 0;

  constructor(rate: number) {
    this.#rate = rate;
  }

  /** The next report says this rate. Whether it is time to measure: the load is steady, or will not be. */
  reported(rate: number): boolean {
    this.#reports += 1;
    this.#steady = Math.abs(rate - this.#rate) <= STEADY_SHARE * this.#rate ? this.#steady + 1 : 0;
    return this.#steady >= STEADY_REPORTS || this.#reports >= MAX_REPORTS;
  }
}
