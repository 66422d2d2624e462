/** A clock for work that waits for nothing else: time passes when it is spent, and a wait is over at once. */
import assert from "node:assert/strict";
import type { Clock, Timer } from "../../src/ports/clock.ts";

export class WorkClock implements Clock {
  nowMs = 1_000_000;

  wallMs(): number {
    return Math.floor(this.nowMs);
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  schedule(delayMs: number, task: () => void): Timer {
    this.nowMs += delayMs;
    queueMicrotask(task);
    return { cancel: () => assert.fail("nothing is taken back") };
  }

  defer(task: () => void): void {
    queueMicrotask(task);
  }
}
