/**
 * What waits for becoming segments: sealed files of the log. How much there is decides who has to wait: as long as it is little,
 * the work on it leaves the disk to the log; when it is much, producers are held back.
 */
import type { WalFile } from "../log/wal-file.ts";
import type { Clock } from "../ports/clock.ts";
import type { Store } from "../state/store.ts";

/** With more than this written to the log, or read from files, clients have the disk and the processors for themselves, until ... */
const BUSY_BYTES_PER_SECOND = 16 * 1024 * 1024;
/** ... this share of the bound is used, or of the memory that what waits may have: a range of a partition in a file has 250 bytes of it. */
const BUSY_SHARE = 1 / 2;
const RANGES_BOUND = 200_000;
/** How long what clients write and read is measured. */
const RATE_WINDOW_SECONDS = 0.25;
/** Only a log that grows more slowly lets everything wait for readers. */
const FEW_BYTES_PER_SECOND = 1024 * 1024;
/** From this share on the backlog comes first: nothing pauses any more, readers have to share, and producers are slowed. */
const URGENT_SHARE = 3 / 4;
/** Clients write to the log as long as their last commit is no older. */
const LIVE_MS = 1_000;
/** The worker's pauses, times its work on the disk, as long as what can wait should: it hardly moves. */
const STANDSTILL_FACTOR = 32;
/** Otherwise, while the log is written: fewer the nearer the backlog is to coming first. */
const PACE_FACTOR = 4;
/** A producer is held back so long half way from there to the bound, and more beyond. */
const SLOW_DOWN_MS = 10;
const LONGEST_DELAY_MS = 1_000;

interface Rates {
  /** Measured up to then. */
  readonly sinceMs: number;
  readonly writtenBytes: number;
  readonly readBytes: number;
  readonly writesPerSecond: number;
  readonly readsPerSecond: number;
}

export class Backlog {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: (line: string) => void;
  /** Files with damage: they do not wait, they stay as they are. */
  readonly #stuck: ReadonlySet<WalFile>;
  /** Of the last look. */
  #bytes = 0;
  #ranges = 0;
  #holdsProducers = false;
  /** How much clients wrote and read lately. */
  #rates: Rates;

  constructor(options: {
    readonly store: Store;
    readonly clock: Clock;
    readonly log: (line: string) => void;
    readonly stuck: ReadonlySet<WalFile>;
  }) {
    const { store, clock, log, stuck } = options;
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#stuck = stuck;
    this.#rates = { ...this.#now, writesPerSecond: 0, readsPerSecond: 0 };
  }

  /** Bytes of the files that wait. */
  get bytes(): number {
    let bytes = 0;
    for (const file of this.#store.files.closed) if (this.#waits(file)) bytes += file.end - file.base;
    return bytes;
  }

  /** The file that has waited longest. */
  get oldest(): WalFile | undefined {
    return this.#store.files.closed.find((file) => this.#waits(file));
  }

  /** How long a producer is to be held back, in ms: until it is asked again when the bound is reached. Asked for every request. */
  get delayMs(): number {
    const urgentBytes = this.#boundBytes * URGENT_SHARE;
    const over = (this.#bytes - urgentBytes) / (this.#boundBytes - urgentBytes);
    if (over <= 0) return 0;
    return over >= 1 ? LONGEST_DELAY_MS : Math.min((SLOW_DOWN_MS * over) / (1 - over), LONGEST_DELAY_MS);
  }

  get isFull(): boolean {
    return this.#bytes >= this.#boundBytes;
  }

  /** Whether what can wait should. */
  get isBusy(): boolean {
    const { writesPerSecond, readsPerSecond } = this.#measured();
    return writesPerSecond + readsPerSecond > BUSY_BYTES_PER_SECOND;
  }

  /** Whether clients read much, and write so little that nothing is urgent yet. */
  get isOnlyRead(): boolean {
    if (this.#use > URGENT_SHARE) return false;
    return this.isBusy && this.#rates.writesPerSecond < FEW_BYTES_PER_SECOND;
  }

  /** Whether what can wait need not: files may become segments, and segments be merged and compacted. */
  get mayWork(): boolean {
    if (this.isOnlyRead) return false;
    return !this.isBusy || this.#use >= BUSY_SHARE;
  }

  /** How much longer than its work on the disk each of the worker's pauses is to be now. */
  get paceFactor(): number {
    if (!this.mayWork) return STANDSTILL_FACTOR;
    const isLive = this.#clock.monotonicMs() - this.#store.servedMs < LIVE_MS;
    const room = (URGENT_SHARE - this.#use) / (URGENT_SHARE - BUSY_SHARE);
    const factor = PACE_FACTOR * Math.min(Math.max(room, 0), 1);
    return isLive ? Math.round(factor * 4) / 4 : 0;
  }

  /** Looks how much there is: whenever that may have changed. Says when producers have to wait, and when nobody is slowed any more. */
  look(): void {
    this.#bytes = this.bytes;
    this.#ranges = 0;
    for (const file of this.#store.files.closed) if (this.#waits(file)) this.#ranges += file.users;
    if (!this.#holdsProducers && this.isFull) {
      this.#log(
        `warning: ${this.#bytes} bytes of log wait for becoming segments (wal.backlog.max.bytes): producers are held back`,
      );
      this.#holdsProducers = true;
    } else if (this.#holdsProducers && this.delayMs === 0) {
      this.#log("the log's backlog is below three quarters of its bound again: producers are not held back any more");
      this.#holdsProducers = false;
    }
  }

  #measured(): Rates {
    const { sinceMs, writtenBytes, readBytes } = this.#rates;
    const now = this.#now;
    const seconds = (now.sinceMs - sinceMs) / 1_000;
    if (seconds >= RATE_WINDOW_SECONDS) {
      const writesPerSecond = (now.writtenBytes - writtenBytes) / seconds;
      this.#rates = { ...now, writesPerSecond, readsPerSecond: (now.readBytes - readBytes) / seconds };
    }
    return this.#rates;
  }

  get #now(): Pick<Rates, "sinceMs" | "writtenBytes" | "readBytes"> {
    const { wal, reader } = this.#store;
    return { sinceMs: this.#clock.monotonicMs(), writtenBytes: wal.position, readBytes: reader.readBytes };
  }

  /** How much of what may wait does. */
  get #use(): number {
    return Math.max(this.#bytes / this.#boundBytes, this.#ranges / RANGES_BOUND);
  }

  get #boundBytes(): number {
    return this.#store.state.broker["wal.backlog.max.bytes"];
  }

  #waits(file: WalFile): boolean {
    return file.users > 0 && !this.#stuck.has(file);
  }
}
