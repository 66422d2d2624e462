/**
 * How often work on something has failed, and when it may be tried again: each file, segment and partition for itself, so that
 * one that always fails holds up nothing else.
 *
 * A worker that dies takes all of its jobs with it, and which of them is to blame nobody knows. So their inputs come under
 * suspicion: nothing is counted yet, but each is tried again with nothing beside it. The one that fails then is the one; it
 * stays alone whenever it is tried, so that it takes nobody down again.
 */
import type { Clock } from "../ports/clock.ts";

export const FIRST_REST_MS = 1_000;
/** Work that hangs, alone, keeps the worker from all else for half a minute each time. */
export const LAST_REST_MS = 600_000;

interface Mark {
  failures: number;
  restsUntilMs: number;
  needsWorkerAlone: boolean;
}

export class Attempts {
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** Of what has failed since it was last done. */
  readonly #marks = new WeakMap<object, Mark>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  failuresOf(input: object): number {
    return this.#marks.get(input)?.failures ?? 0;
  }

  /** Whether it is too early to try again. */
  isResting(input: object): boolean {
    return (this.#marks.get(input)?.restsUntilMs ?? 0) > this.#clock.monotonicMs();
  }

  /** Whether no other job may be under way beside one on any of these. */
  needsWorkerAlone(inputs: readonly object[]): boolean {
    return inputs.some((input) => this.#marks.get(input)?.needsWorkerAlone === true);
  }

  /** Whether this is to be tried before all else, to find out whether it is to blame. */
  isSuspect(input: object): boolean {
    const mark = this.#marks.get(input);
    return mark !== undefined && mark.needsWorkerAlone && mark.failures === 0;
  }

  /** The worker died, with other jobs under way: one of them may have been the cause. */
  suspect(inputs: readonly object[]): void {
    for (const input of inputs) this.#mark(input).needsWorkerAlone = true;
  }

  /** Work on these failed. `tookWorkerDown`: and nothing else was under way. Answers how long they rest, in ms. */
  failed(inputs: readonly object[], { tookWorkerDown }: { readonly tookWorkerDown: boolean }): number {
    const failures = 1 + inputs.reduce<number>((most, input) => Math.max(most, this.failuresOf(input)), 0);
    const restMs = Math.min(FIRST_REST_MS * 2 ** (failures - 1), LAST_REST_MS);
    for (const input of inputs) {
      const mark = this.#mark(input);
      mark.needsWorkerAlone = tookWorkerDown || (mark.needsWorkerAlone && mark.failures > 0); // no suspicion any more
      mark.failures = failures;
      mark.restsUntilMs = this.#clock.monotonicMs() + restMs;
    }
    return restMs;
  }

  /** Work on these was done. */
  done(inputs: readonly object[]): void {
    for (const input of inputs) this.#marks.delete(input);
  }

  #mark(input: object): Mark {
    let mark = this.#marks.get(input);
    if (mark === undefined) {
      mark = { failures: 0, restsUntilMs: 0, needsWorkerAlone: false };
      this.#marks.set(input, mark);
    }
    return mark;
  }
}
