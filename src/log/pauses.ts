/**
 * Pauses after work on the disk, in proportion to the time that it took: so whoever can wait leaves the disk, and the
 * processor, to those who cannot. What takes little time, because it comes from memory, hardly pauses; a disk or a processor
 * at its limit makes pauses longer, up to a bound, so that the work always goes on.
 */
import type { Clock } from "../ports/clock.ts";

/** Shorter pauses are saved up: timers are no finer. */
const MIN_PAUSE_MS = 1;

export class Pauses {
  readonly #clock: Clock;
  readonly #countedMsPerByte: number;
  #untilMs = 0;

  /** `countedMsPerMebibyte`: no more of the work's time counts, for the bytes that it was about. */
  constructor(clock: Clock, countedMsPerMebibyte: number) {
    this.#clock = clock;
    this.#countedMsPerByte = countedMsPerMebibyte / (1024 * 1024);
  }

  /** Resolves when what was done before is paid for. */
  async wait(): Promise<void> {
    const ms = this.#untilMs - this.#clock.monotonicMs();
    if (ms >= MIN_PAUSE_MS) await new Promise<void>((resolve) => this.#clock.schedule(ms, resolve));
  }

  /** Does work on so many bytes, and owes `factor` times as long as it took. */
  async after<T>(bytes: number, factor: number, work: () => Promise<T>): Promise<T> {
    const beganMs = this.#clock.monotonicMs();
    const result = await work();
    const endedMs = this.#clock.monotonicMs();
    const countedMs = Math.min(endedMs - beganMs, bytes * this.#countedMsPerByte);
    this.#untilMs = Math.max(this.#untilMs, endedMs) + countedMs * factor;
    return result;
  }
}
