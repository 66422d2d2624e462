/** Time, as the broker sees it. The only way to wait. */
export interface Clock {
  /** Wall clock, milliseconds since 1970-01-01 UTC, whole. May jump. For record timestamps and retention only. */
  wallMs(): number;
  /** Milliseconds from an arbitrary start, with fraction. Never goes back. For deadlines and durations. */
  monotonicMs(): number;
  /** Runs `task` once, `delayMs` (≥ 0) from now or a little later. */
  schedule(delayMs: number, task: () => void): Timer;
  /** Runs `task` soon, after all input that has already arrived was handled. Tasks run in the order they were given. */
  defer(task: () => void): void;
}

/** A task that waits for its time. */
export interface Timer {
  /** Keeps the task from running; without effect once it ran. */
  cancel(): void;
}
