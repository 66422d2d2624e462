/**
 * Time in which this process was able to work. While it is stopped, swapped out or collects garbage for long, peers talk
 * to it in vain; so this clock stands still then, and every deadline by it comes later by as much.
 *
 * A stall shows when the clock is read: the beat reads it all the time, so a longer gap between two readings is one.
 */
import type { Clock, Timer } from "../ports/clock.ts";

const BEAT_MS = 500;
/** A beat that is late by more than this was held up. */
const TOLERANCE_MS = 250;

export class WorkingTime {
  readonly #clock: Clock;
  #readMs: number;
  #stalledMs = 0;
  #beat: Timer;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#readMs = clock.monotonicMs();
    this.#beat = this.#nextBeat();
  }

  /** Milliseconds from an arbitrary start, with fraction. Never goes back. */
  nowMs(): number {
    const readMs = this.#clock.monotonicMs();
    const gapMs = readMs - this.#readMs;
    if (gapMs > BEAT_MS + TOLERANCE_MS) this.#stalledMs += gapMs;
    this.#readMs = readMs;
    return readMs - this.#stalledMs;
  }

  stop(): void {
    this.#beat.cancel();
  }

  #nextBeat(): Timer {
    return this.#clock.schedule(BEAT_MS, () => {
      this.nowMs();
      this.#beat = this.#nextBeat();
    });
  }
}
