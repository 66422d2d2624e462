/**
 * When files are read: at once while nothing is written, and in its share of the disk's time while something is.
 *
 * A disk that is read as fast as it can makes a sync wait for many milliseconds, and who reads gigabytes takes the processor
 * from producers too. So as long as the log was written lately, files are read in pieces, one at a time, each followed by
 * a pause in proportion to the time that it took. What comes from the page cache takes little time and hardly waits; a disk
 * or a processor at its limit makes the pauses longer, up to a bound, so that readers always go on.
 */
import type { Clock } from "../ports/clock.ts";
import { ByteBudget } from "./byte-budget.ts";

/** Reads at once. Fewer than the threads that all file operations share, so that a sync always finds one free. */
const READS_AT_ONCE = 2;
/** The log is being written as long as its last commit is no older. */
const LIVE_MS = 100;
const LIVE_PIECE_BYTES = 512 * 1024;
/** A piece is followed by a pause of so many times what it took ... */
const PAUSE_FACTOR = 8;
/** ... and never longer than this per byte: 8 ms after 1 MiB. */
const MAX_PAUSE_MS_PER_BYTE = 8 / (1024 * 1024);
/** Shorter pauses are saved up: timers are no finer. */
const MIN_PAUSE_MS = 1;

export class ReadTurns {
  readonly #clock: Clock;
  readonly #committedMs: () => number;
  readonly #turns = new ByteBudget(READS_AT_ONCE);
  #pauseUntilMs = 0;

  /** `committedMs`: when the log was committed last, monotonic milliseconds. */
  constructor(clock: Clock, committedMs: () => number) {
    this.#clock = clock;
    this.#committedMs = committedMs;
  }

  /** Fills `bytes` from position `at` on by calls of `read`, which answers how much there was. Answers the sum. */
  async read(bytes: Buffer, at: number, read: (bytes: Buffer, at: number) => Promise<number>): Promise<number> {
    let got = 0;
    for (;;) {
      const isLive = this.#clock.monotonicMs() - this.#committedMs() < LIVE_MS;
      const turns = isLive ? READS_AT_ONCE : 1;
      await this.#turns.acquire(turns);
      try {
        if (isLive) await this.#pause();
        const piece = bytes.subarray(got, isLive ? got + LIVE_PIECE_BYTES : bytes.length);
        const beganMs = this.#clock.monotonicMs();
        const pieceBytes = await read(piece, at + got);
        const endedMs = this.#clock.monotonicMs();
        const pauseMs = Math.min((endedMs - beganMs) * PAUSE_FACTOR, piece.length * MAX_PAUSE_MS_PER_BYTE);
        this.#pauseUntilMs = Math.max(this.#pauseUntilMs, endedMs) + pauseMs;
        got += pieceBytes;
        if (pieceBytes < piece.length || got === bytes.length) return got;
      } finally {
        this.#turns.release(turns);
      }
    }
  }

  async #pause(): Promise<void> {
    const ms = this.#pauseUntilMs - this.#clock.monotonicMs();
    if (ms >= MIN_PAUSE_MS) await new Promise<void>((resolve) => this.#clock.schedule(ms, resolve));
  }
}
