/** Virtual time, for one process or for all clients. Waiting costs nothing: time jumps to the next event. */
import type { Clock, Timer } from "../src/ports/clock.ts";
import type { SimRandom } from "./random.ts";
import type { EventOrder, Lifetime, Scheduler, SimEvent } from "./scheduler.ts";

/** 2026-01-01T00:00:00Z: where the wall clock of every simulation begins. */
const WALL_START_MS = 1_767_225_600_000;

/** Timers run "or a little later": by so much at most. */
const MAX_LATE_MS = 1;

export class SimClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #random: SimRandom;
  readonly #lifetime: Lifetime | undefined;
  readonly #startMs: number;
  #wallShiftMs = 0;

  constructor(options: { scheduler: Scheduler; random: SimRandom; lifetime?: Lifetime }) {
    this.#scheduler = options.scheduler;
    this.#random = options.random;
    this.#lifetime = options.lifetime;
    // Another arbitrary start for each process: an instant that was written to disk means nothing to the next one.
    this.#startMs = options.random.between(0, 1_000_000) - options.scheduler.nowMs;
  }

  wallMs(): number {
    return Math.floor(WALL_START_MS + this.#scheduler.nowMs + this.#wallShiftMs);
  }

  monotonicMs(): number {
    return this.#startMs + this.#scheduler.nowMs;
  }

  schedule(delayMs: number, task: () => void): Timer {
    const lateMs = this.#random.chance(0.5) ? 0 : this.#random.fraction() * MAX_LATE_MS;
    return this.#at(delayMs + lateMs, "any", task);
  }

  defer(task: () => void): void {
    this.#at(0, "last", task);
  }

  /** Sets the wall clock forward, or back, as an operator or NTP does. */
  jumpWall(byMs: number): void {
    this.#wallShiftMs += byMs;
  }

  #at(delayMs: number, order: EventOrder, task: () => void): SimEvent {
    const lifetime = this.#lifetime;
    return this.#scheduler.at(lifetime === undefined ? { delayMs, order } : { delayMs, order, lifetime }, task);
  }
}
