/**
 * Which writes of the log the deciding thread makes itself, standing still until they are done, rather than having a thread of the pool
 * make them. That saves waking two threads, which on a machine that has little to do takes as long as the disk does; but nothing else
 * is done meanwhile. So only where the disk is quick, and only for a part of the time.
 */

/** What writes took lately must be at most this on average. */
const QUICK_MS = 1;
/** Of the last write in that average. */
const WEIGHT = 1 / 16;
/** For each ms of standing still so many must pass from its beginning on. */
const TIMES = 3;
/** What was not used may be saved up, so much of it: writes do not come evenly. */
const SAVED_MS = 10;

export class BlockingWrites {
  #meanMs: number | undefined;
  /** What was stood still for is made up for from then on. */
  #freeAtMs = Number.NEGATIVE_INFINITY;

  /** Whether the thread may stand still for a write that begins now. */
  mayBegin(nowMs: number): boolean {
    return this.#meanMs !== undefined && this.#meanMs <= QUICK_MS && this.#freeAtMs <= nowMs;
  }

  /** To be told of every write of the kind, whoever made it. */
  ended({ beganMs, endedMs, wasBlocking }: { beganMs: number; endedMs: number; wasBlocking: boolean }): void {
    const tookMs = endedMs - beganMs;
    this.#meanMs = this.#meanMs === undefined ? tookMs : this.#meanMs + (tookMs - this.#meanMs) * WEIGHT;
    if (wasBlocking) this.#freeAtMs = Math.max(this.#freeAtMs, beganMs - SAVED_MS) + tookMs * TIMES;
  }
}
