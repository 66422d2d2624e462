/**
 * Which writes of the log the deciding thread makes itself, standing still until they are done, rather than having a thread of the pool
 * make them. That saves waking two threads, each of which may wait for a processor longer than the disk takes; but nothing else is
 * done meanwhile. So only where the disk is quick, and only for a part of the time.
 */

/** Larger ones take a disk longer than threads to wake. */
const MAX_BYTES = 256 * 1024;
/** What writes took lately must be at most this on average. */
const QUICK_MS = 1;
/** Of the last write in that average. */
const WEIGHT = 1 / 16;
/** For each ms of standing still so many must pass from its beginning on. */
const TIMES = 2;
/** What was not used may be saved up, so much of it: writes do not come evenly. */
const SAVED_MS = 10;

export class BlockingWrites {
  #meanMs: number | undefined;
  /** What was stood still for is made up for from then on. */
  #freeAtMs = Number.NEGATIVE_INFINITY;

  /** Whether the thread may stand still for a write that begins now. */
  mayBegin({ nowMs, sizeBytes }: { nowMs: number; sizeBytes: number }): boolean {
    return sizeBytes <= MAX_BYTES && this.#meanMs !== undefined && this.#meanMs <= QUICK_MS && this.#freeAtMs <= nowMs;
  }

  /** To be told of every write, whoever made it. */
  ended(write: { sizeBytes: number; beganMs: number; endedMs: number; wasBlocking: boolean }): void {
    const { sizeBytes, beganMs, endedMs, wasBlocking } = write;
    if (sizeBytes > MAX_BYTES) return;
    const tookMs = endedMs - beganMs;
    this.#meanMs = this.#meanMs === undefined ? tookMs : this.#meanMs + (tookMs - this.#meanMs) * WEIGHT;
    if (wasBlocking) this.#freeAtMs = Math.max(this.#freeAtMs, beganMs - SAVED_MS) + tookMs * TIMES;
  }
}
