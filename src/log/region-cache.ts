/**
 * Stretches of sealed files in memory, for readers that go through them.
 *
 * A file interleaves all partitions, so what one of them needs next lies beside what another needs now, and a consumer asks
 * for them one after the other. A region is read in one go, serves all of them, and the one behind it is begun before
 * it is needed. Sealed files do not change, so neither do regions. One that is near the end of another begins where that one
 * ends, rather than with the batch that is wanted first, or readers of several partitions would each have regions of their own.
 * Its records are gone over when it is read, as far as is known where one begins; others are when they are wanted.
 *
 * Several who go through the same files at about the same time are kept together: what is still to come for one of them is not given up
 * for another, who is ahead of it, before that one has waited for a while. Left to themselves they drift apart until none finds what another
 * has read.
 *
 * Bounds: so many regions of one size, a power of two, in memory that is taken with the first, and given back when nobody has
 * wanted any for a while. One that answers still refer to is not taken for another; when all are, readers wait for a while, and then do without.
 */
import type { Clock, Timer } from "../ports/clock.ts";
import type { RecordStart, RegionRead, RegionReadResult, RegionReads } from "../ports/region-reads.ts";
import type { LogFile } from "./log-file.ts";
import { ReadingPlaces, type ReadStretch } from "./reading-places.ts";

/** All are given back when nobody has looked for one for so long, or for twice as long. */
const IDLE_MS = 30_000;
const MIN_REGIONS = 8;
/** As much as a consumer asks of a partition at once, so that many of them find room. */
const LARGEST_REGION_BYTES = 1024 * 1024;
/** Positions are multiples of this, which suits every device whose reads have to be aligned. */
const PAGE_BYTES = 4096;
/** A region joins one that ends no farther before it than this share of its size ... */
const NEAR_SHARE = 1 / 4;
/** ... and reads this share of that one's end again, for the record that lies across it. */
const EDGE_SHARE = 1 / 16;
/** Of all memory, how much is kept for a reader behind the place where it stands. */
const KEPT_SHARE = 3 / 4;

/**
 * What is wanted now takes the memory of what no answer refers to and is not to come for anybody; what is read ahead only if that was used, too,
 * and who has waited takes that of anything that no answer refers to.
 */
export type Wanted = "ahead" | "now" | "anyhow";

/** Who waits for a region. */
interface Waiting {
  readonly file: LogFile;
  readonly at: number;
  readonly sizeBytes: number;
  readonly resolve: (region: Region | undefined) => void;
  readonly timer: Timer;
}

/** A part of a file. */
interface Stretch {
  readonly file: LogFile;
  /** Where in the file its memory begins. */
  readonly position: number;
  /** Where in the file the first record begins that is gone over. */
  readonly recordAt: RecordStart;
  /** Where it ends at most. */
  readonly to: number;
}

export class Region {
  readonly file: LogFile;
  readonly position: number;
  readonly to: number;
  readonly memory: Buffer;
  /** Where the first record begins that was gone over; undefined as long as that is not known. */
  recordAt: number | undefined;
  /** Resolves when it was read. */
  readonly read: Promise<void>;
  /** How far it was read. */
  readTo = 0;
  /** From `recordAt` up to here all records are what was written. */
  verifiedTo = 0;
  /** Answers that refer to it. */
  holders = 0;
  /** Whether any answer ever referred to it: what was read ahead may still be waited for. */
  wasHeld = false;
  /** Not to be found any more: its memory is free once nobody holds it. */
  retired = false;
  #isRead = false;

  constructor({ file, position, recordAt, to }: Stretch, memory: Buffer, read: Promise<RegionReadResult>) {
    this.file = file;
    this.position = position;
    this.recordAt = typeof recordAt === "number" ? recordAt : undefined;
    this.to = to;
    this.memory = memory;
    this.read = read.then(({ readBytes, recordAt: foundAt, verifiedTo }) => {
      this.recordAt = foundAt === undefined ? undefined : position + foundAt;
      this.readTo = position + readBytes;
      this.verifiedTo = position + verifiedTo;
      this.#isRead = true;
    });
  }

  /** Whether its read is done, and has not failed. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** Whether these bytes lie in it. */
  spans(file: LogFile, at: number, sizeBytes: number): boolean {
    return this.file === file && this.position <= at && at + sizeBytes <= this.to;
  }

  /** Whether the record that lies there need not be gone over any more. */
  isVerified(at: number, sizeBytes: number): boolean {
    return this.recordAt !== undefined && this.recordAt <= at && at + sizeBytes <= this.verifiedTo;
  }
}

export class RegionCache {
  readonly regionBytes: number;
  readonly #reads: RegionReads;
  /** Reads a part of a region in its turn: see `ReadTurns`. */
  readonly #inTurn: (request: RegionRead) => Promise<RegionReadResult>;
  readonly #maxRegions: number;
  /** Taken with the first region. */
  #memory: Buffer | undefined;
  readonly #free: Buffer[] = [];
  #count = 0;
  /** The one used last comes last. */
  readonly #regions: Region[] = [];
  readonly #places: ReadingPlaces;
  /** In order of arrival. */
  #waiting: Waiting[] = [];
  /** Answers refer to all regions, and somebody has waited in vain: until one lets go nobody else waits. */
  #allAreStuck = false;
  readonly #clock: Clock;
  #idleTimer: Timer | undefined;
  #wasUsed = false;
  #closed = false;

  constructor(options: {
    readonly memoryBytes: number;
    readonly reads: RegionReads;
    readonly clock: Clock;
    readonly inTurn: (request: RegionRead) => Promise<RegionReadResult>;
  }) {
    const eachBytes = Math.min(options.memoryBytes / MIN_REGIONS, LARGEST_REGION_BYTES);
    this.regionBytes = 2 ** Math.floor(Math.log2(eachBytes));
    this.#maxRegions = Math.floor(options.memoryBytes / this.regionBytes);
    this.#reads = options.reads;
    this.#clock = options.clock;
    this.#places = new ReadingPlaces(options.clock);
    this.#inTurn = options.inTurn;
  }

  /** Memory of all regions, whether it is in use or not. */
  get memoryBytes(): number {
    return this.#maxRegions * this.regionBytes;
  }

  /** Memory in use, whether anybody refers to it or not. */
  get bytes(): number {
    return this.#count * this.regionBytes;
  }

  /** The bytes from the start of a record on that a region has room for, wherever the record begins. */
  get roomBytes(): number {
    return this.regionBytes * (1 - NEAR_SHARE - EDGE_SHARE) - (PAGE_BYTES - 1);
  }

  /** Of the end of a region what the one behind it reads again. */
  get edgeBytes(): number {
    return this.regionBytes * EDGE_SHARE;
  }

  /** A region that all of these bytes lie in, perhaps being read still. */
  find(file: LogFile, at: number, sizeBytes: number): Region | undefined {
    this.#wasUsed = true;
    const index = this.#regions.findIndex((region) => region.spans(file, at, sizeBytes));
    const [region] = index === -1 ? [] : this.#regions.splice(index, 1);
    if (region !== undefined) this.#regions.push(region);
    return region;
  }

  /** A query is going to read this. */
  standsAt(read: ReadStretch): void {
    this.#places.standsAt(read);
    this.#serveWaiting(); // its reader is through with what was before
  }

  /**
   * Begins to read a region of a sealed file for the record that begins at `at`, which is wanted now or only will be; undefined when
   * there is no memory for it.
   */
  begin(file: LogFile, at: number, wanted: Wanted): Region | undefined {
    const memory = this.#take(wanted);
    return memory === undefined ? undefined : this.#begin(this.#stretchFor(file, at), memory);
  }

  /**
   * A region for the record of `sizeBytes` that begins at `at` in a sealed file, where none was found. It is held by the caller, who waits for
   * memory until then (monotonic milliseconds); undefined when there was none.
   */
  async obtain(file: LogFile, at: number, sizeBytes: number, untilMs: number): Promise<Region | undefined> {
    let region = this.#waiting.length === 0 ? this.begin(file, at, "now") : undefined;
    const waitMs = untilMs - this.#clock.monotonicMs();
    if (region === undefined && waitMs > 0 && !this.#closed && !this.#allAreStuck)
      return this.#wait(file, at, sizeBytes, waitMs);
    region ??= this.begin(file, at, "anyhow");
    if (region !== undefined) this.hold(region);
    return region;
  }

  /**
   * Begins to read ahead behind a region that is being read and does not reach the end of the file, so that nobody knows yet where
   * its records end; undefined when there is no memory for it.
   */
  beginBehind({ file, to }: Region): Region | undefined {
    const memory = this.#take("ahead");
    if (memory === undefined) return undefined;
    const position = pageOf(to - this.edgeBytes);
    const end = Math.min(position + this.regionBytes, file.end - file.base);
    return this.#begin({ file, position, recordAt: { behind: to }, to: end }, memory);
  }

  #wait(file: LogFile, at: number, sizeBytes: number, waitMs: number): Promise<Region | undefined> {
    return new Promise((resolve) => {
      const timer = this.#clock.schedule(waitMs, () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        const region = this.find(file, at, sizeBytes) ?? this.begin(file, at, "anyhow");
        if (region === undefined) this.#allAreStuck = true;
        else this.hold(region);
        resolve(region);
      });
      const waiting: Waiting = { file, at, sizeBytes, resolve, timer };
      this.#waiting.push(waiting);
    });
  }

  #serveWaiting(): void {
    let isRoom = true;
    this.#waiting = this.#waiting.filter(({ file, at, sizeBytes, resolve, timer }) => {
      const region = this.find(file, at, sizeBytes) ?? (isRoom ? this.begin(file, at, "now") : undefined);
      if (region === undefined) {
        isRoom = false;
        return true;
      }
      this.hold(region);
      timer.cancel();
      resolve(region);
      return false;
    });
  }

  #begin(stretch: Stretch, memory: Buffer): Region {
    const { file } = stretch;
    file.readers += 1;
    const region: Region = new Region(stretch, memory, this.#read(stretch, memory));
    region.holders += 1; // the read itself
    this.#regions.push(region);
    const ended = (): void => {
      file.readers -= 1;
      this.release(region);
    };
    region.read.then(ended, () => {
      this.retire(region);
      ended();
    });
    return region;
  }

  hold(region: Region): void {
    region.holders += 1;
    region.wasHeld = true;
  }

  release(region: Region): void {
    region.holders -= 1;
    if (region.holders > 0) return;
    if (region.retired) this.#free.push(region.memory);
    this.#allAreStuck = false;
    this.#serveWaiting();
  }

  /** Lets nobody find it any more: another is read in its place, or it is not what was written. */
  retire(region: Region): void {
    if (region.retired) return;
    region.retired = true;
    this.#regions.splice(this.#regions.indexOf(region), 1);
    if (region.holders === 0) this.#free.push(region.memory);
  }

  /** The file is going to be removed. */
  forget(file: LogFile): void {
    for (const region of this.#regions.filter((each) => each.file === file)) this.retire(region);
    this.#reads.forget(file.name);
    this.#serveWaiting();
  }

  /** No region is begun any more. */
  close(): void {
    this.#closed = true;
    this.#idleTimer?.cancel();
    for (const { timer, resolve } of this.#waiting.splice(0)) {
      timer.cancel();
      resolve(undefined);
    }
    this.#retireAll();
  }

  #retireAll(): void {
    for (const region of [...this.#regions]) this.retire(region);
  }

  #giveBackWhenIdle(): void {
    this.#idleTimer = undefined;
    const isHeld =
      this.#count > this.#free.length + this.#regions.length || this.#regions.some(({ holders }) => holders > 0);
    if (this.#wasUsed || isHeld) {
      this.#wasUsed = false;
      return this.#watch();
    }
    this.#retireAll();
    this.#free.length = 0;
    this.#count = 0;
    this.#memory = undefined;
    this.#reads.release();
  }

  #watch(): void {
    this.#idleTimer ??= this.#clock.schedule(IDLE_MS, () => this.#giveBackWhenIdle());
  }

  #take(wanted: Wanted): Buffer | undefined {
    if (this.#closed || (wanted === "ahead" && this.#waiting.length > 0)) return undefined;
    if (this.#free.length === 0 && this.#count < this.#maxRegions) {
      this.#memory ??= this.#reads.allocate(this.memoryBytes);
      this.#watch();
      const from = this.#count * this.regionBytes;
      this.#count += 1;
      return this.#memory.subarray(from, from + this.regionBytes);
    }
    if (this.#free.length === 0) {
      const free = this.#regions.filter(({ holders }) => holders === 0);
      const done = free.find((region) => (wanted !== "ahead" || region.wasHeld) && !this.#isToCome(region));
      const unused = done ?? (wanted === "anyhow" ? free[0] : undefined);
      if (unused !== undefined) this.retire(unused);
    }
    return this.#free.pop();
  }

  /** Whether somebody who is close behind seems to come for it. */
  #isToCome(region: Region): boolean {
    return this.#places.areBefore(region, KEPT_SHARE * this.memoryBytes);
  }

  #stretchFor(file: LogFile, at: number): Stretch {
    const nearBytes = this.regionBytes * NEAR_SHARE;
    const { edgeBytes } = this;
    const before = this.#regions.find(
      (region) => region.file === file && region.to - edgeBytes <= at && at <= region.to + nearBytes,
    );
    let recordAt = at;
    let from = at;
    if (before !== undefined) {
      from = Math.min(at, before.to - edgeBytes);
      if (before.verifiedTo >= from && before.verifiedTo <= at) recordAt = from = before.verifiedTo;
    }
    const position = pageOf(from);
    return { file, position, recordAt, to: Math.min(position + this.regionBytes, file.end - file.base) };
  }

  #read({ file, position, recordAt, to }: Stretch, memory: Buffer): Promise<RegionReadResult> {
    return this.#inTurn({
      name: file.name,
      position,
      memory,
      from: 0,
      to: to - position,
      recordAt: typeof recordAt === "number" ? recordAt - position : recordAt,
    });
  }
}

/** Where its page begins. */
function pageOf(position: number): number {
  return position - (position % PAGE_BYTES);
}
