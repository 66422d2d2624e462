/**
 * Where readers of files stand, so that what they will want next can be kept for them.
 *
 * Nobody says who asks: whoever goes on where an earlier query ended is taken for the one who asked it. Readers who stand at the same
 * place are told apart by their number.
 *
 * Bounds: so many places, each a reader's in one partition, and none is kept for who comes when there are as many; one is forgotten when its
 * reader has not gone on for a while.
 */
import type { Clock } from "../ports/clock.ts";
import type { LogFile } from "./log-file.ts";
import type { PartitionLog } from "./partition-log.ts";

const MAX_PLACES = 256;
/** Who has not gone on for so long reads so slowly that the disk can serve it. */
const KEPT_MS = 100;

/** What a query is about to read of a partition. */
export interface ReadStretch {
  readonly partition: PartitionLog;
  /** From this offset on ... */
  readonly offset: number;
  /** ... up to this one, with which its reader goes on. */
  readonly nextOffset: number;
  readonly file: LogFile;
  /** Where its first batch lies in the file. */
  readonly at: number;
  /** Where the partition ends in the file. */
  readonly rangeTo: number;
}

interface FilePart {
  readonly file: LogFile;
  readonly position: number;
  readonly to: number;
}

export class ReadingPlaces {
  readonly #clock: Clock;
  /** In order of time. */
  readonly #places: { readonly read: ReadStretch; readonly ms: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Its reader stands there now, no longer where it stood. */
  standsAt(read: ReadStretch): void {
    const ms = this.#clock.monotonicMs();
    const before = this.#placeBefore(read);
    if (before !== -1) this.#places.splice(before, 1);
    while (this.#places.length > 0 && this.#places[0]!.ms < ms - KEPT_MS) this.#places.shift();
    if (this.#places.length < MAX_PLACES) this.#places.push({ read, ms });
  }

  /** Whether any reader that has less than `withinBytes` to go to this part of a file, or is in it, has not got through it. */
  areBefore(part: FilePart, withinBytes: number): boolean {
    const sinceMs = this.#clock.monotonicMs() - KEPT_MS;
    return this.#places.some(({ read, ms }) => ms >= sinceMs && isBefore(read, part, withinBytes));
  }

  /** What it goes on from; -1 when there is none. An answer can end before what was read for it did. */
  #placeBefore({ partition, offset }: ReadStretch): number {
    let nearest = -1;
    for (const [index, { read }] of this.#places.entries()) {
      const mayBe = read.partition === partition && read.offset < offset && offset <= read.nextOffset;
      if (mayBe && (nearest === -1 || read.nextOffset < this.#places[nearest]!.read.nextOffset)) nearest = index;
    }
    return nearest;
  }
}

/** In a segment a partition lies in one piece, and goes on in another one; files of the log lie one behind the other. */
function isBefore({ file, at, rangeTo }: ReadStretch, part: FilePart, withinBytes: number): boolean {
  if (file.hasBlocks || part.file.hasBlocks) {
    return file === part.file && at < part.to && part.position < Math.min(at + withinBytes, rangeTo);
  }
  const place = file.base + at;
  const { base } = part.file;
  return place < base + part.to && base + part.position < place + withinBytes;
}
