/**
 * When files are read: at once while nothing is written, and in its share of the disk's time while something is.
 *
 * A disk that is read as fast as it can makes a sync wait for many milliseconds, and who reads gigabytes takes the processor
 * from producers too. So as long as the log was written lately, files are read in pieces, one at a time, with pauses.
 */
import type { Clock } from "../ports/clock.ts";
import { ByteBudget } from "./byte-budget.ts";
import { Pauses } from "./pauses.ts";

/**
 * What a read takes of all turns, so that three are under way at once, and of those that keep a queue themselves four more
 * (`DiskRegionReads`): fewer than the threads that all file operations share, or a sync would not find one free.
 */
const READ_TURNS = 5;
/** Of those so many are given to their queue at once as are read ahead at most, or it would wait for us to give it the next. */
const QUEUED_READ_TURNS = 1;
const ALL_TURNS = 16;
/** Clients write to the log as long as their last commit is no older. */
const LIVE_MS = 100;
const LIVE_PIECE_BYTES = 512 * 1024;
const PAUSE_FACTOR = 8;
const COUNTED_MS_PER_MEBIBYTE = 1;

type ReadPiece = (bytes: Buffer, at: number) => Promise<number>;

export class ReadTurns {
  readonly #clock: Clock;
  readonly #servedMs: () => number;
  readonly #turns = new ByteBudget(ALL_TURNS);
  readonly #pauses: Pauses;

  /** `servedMs`: when something was committed for a client last, monotonic milliseconds. */
  constructor(clock: Clock, servedMs: () => number) {
    this.#clock = clock;
    this.#servedMs = servedMs;
    this.#pauses = new Pauses(clock, COUNTED_MS_PER_MEBIBYTE);
  }

  /** Fills `bytes` from position `at` on by calls of `read`, which answers how much there was. Answers the sum. */
  read(bytes: Buffer, at: number, read: ReadPiece): Promise<number> {
    return this.#read(bytes, at, READ_TURNS, read);
  }

  /** As `read`, of what keeps a queue itself. */
  readQueued(bytes: Buffer, at: number, read: ReadPiece): Promise<number> {
    return this.#read(bytes, at, QUEUED_READ_TURNS, read);
  }

  async #read(bytes: Buffer, at: number, readTurns: number, read: ReadPiece): Promise<number> {
    let got = 0;
    for (;;) {
      const isLive = this.#clock.monotonicMs() - this.#servedMs() < LIVE_MS;
      const turns = isLive ? ALL_TURNS : readTurns;
      const piece = bytes.subarray(got, isLive ? got + LIVE_PIECE_BYTES : bytes.length);
      await this.#turns.acquire(turns);
      try {
        if (isLive) await this.#pauses.wait();
        const pieceAt = at + got;
        const factor = isLive ? PAUSE_FACTOR : 0;
        const pieceBytes = await this.#pauses.after(piece.length, factor, () => read(piece, pieceAt));
        got += pieceBytes;
        if (pieceBytes < piece.length || got === bytes.length) return got;
      } finally {
        this.#turns.release(turns);
      }
    }
  }
}
