import type { Slices } from "../../src/storage/slices.ts";

/** Does the work at once. */
export function runAtOnce<Result>(slices: Slices<Result>): Result {
  for (;;) {
    const step = slices.next();
    if (step.done === true) return step.value;
  }
}
