/**
 * Work of the broker's own thread that grows with the number of partitions is done a slice at a time, so that requests are not
 * kept waiting: a generator yields after each slice. What it goes over may change meanwhile: topics go, log starts move.
 */
import type { Clock } from "../ports/clock.ts";

/** Partitions, or ranges, that are looked at without a pause: about a millisecond. */
export const SLICE = 1_000;

export type Slices<Result> = Generator<undefined, Result>;

/** Does the work with pauses, in which all that has arrived is handled. */
export async function runInSlices<Result>(slices: Slices<Result>, clock: Pick<Clock, "defer">): Promise<Result> {
  for (;;) {
    const step = slices.next();
    if (step.done === true) return step.value;
    await pause(clock);
  }
}

/** Lets all that has arrived be handled. */
export function pause(clock: Pick<Clock, "defer">): Promise<void> {
  return new Promise((resolve) => clock.defer(resolve));
}
