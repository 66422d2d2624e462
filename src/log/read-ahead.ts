/**
 * Reads on behind what queries want: whoever goes through a file asks for as much again, and should not wait for it.
 * What several queries want side by side is one stretch, and so is what lies behind it. A range's end does not end it: the
 * partition goes on in another file.
 */
import type { BatchIndex } from "./batch-index.ts";
import type { BatchQuery } from "./batch-query.ts";
import type { FileRange, LogFile } from "./log-file.ts";
import type { Region, RegionCache } from "./region-cache.ts";

/** Of all regions, how many are read ahead for one stretch. */
const AHEAD_SHARE = 3 / 8;

/** What a query wants, as places in its range's file. */
export interface WantedPlace {
  readonly query: BatchQuery;
  readonly range: FileRange;
  readonly from: number;
  readonly to: number;
  /** Where the range ends. */
  readonly rangeTo: number;
  /** Bytes of the batches that lie there. */
  readonly sizeBytes: number;
  readonly largestRecordBytes: number;
}

interface Stretch {
  readonly file: LogFile;
  readonly from: number;
  to: number;
  readonly places: WantedPlace[];
}

export class ReadAhead {
  readonly #regions: RegionCache;
  readonly #indexOf: (range: FileRange) => Promise<BatchIndex>;

  constructor(regions: RegionCache, indexOf: (range: FileRange) => Promise<BatchIndex>) {
    this.#regions = regions;
    this.#indexOf = indexOf;
  }

  /** Resolves when it is done. Whatever fails is left to those who need it: they read it themselves, and are told. */
  async behind(places: readonly WantedPlace[]): Promise<void> {
    await Promise.allSettled(
      stretchesOf(places, this.#regions.regionBytes).map((stretch) => this.#readBehind(stretch)),
    );
  }

  async #readBehind({ file, from, to, places }: Stretch): Promise<void> {
    const last = this.#regions.find(file, to - 1, 1);
    if (last === undefined) return; // too little is wanted there
    const recordBytes = Math.max(...places.map(({ largestRecordBytes }) => largestRecordBytes));
    // As densely as these. They were cut short where a range ends; the next ones will not be.
    const nextBytes =
      ((to - from) / sumOf(places, ({ sizeBytes }) => sizeBytes)) * sumOf(places, ({ query }) => query.maxBytes);
    const aheadTo = to + Math.min(nextBytes, this.#regions.memoryBytes * AHEAD_SHARE);
    await this.#readOn(last, Math.min(aheadTo, Math.max(...places.map(({ rangeTo }) => rangeTo))), recordBytes);
    for (const place of places) await this.#readNextRange(place, aheadTo - place.rangeTo, recordBytes);
  }

  async #readNextRange({ query, range }: WantedPlace, bytes: number, recordBytes: number): Promise<void> {
    if (bytes <= 0 || range.endOffset >= query.limitOffset) return;
    const next = query.partition.findRange(range.endOffset);
    if (next?.file.isClosed !== true) return;
    const { file } = next;
    file.readers += 1;
    try {
      const index = await this.#indexOf(next);
      if (index.count === 0) return;
      const at = index.positionAt(0) - file.base;
      const first = this.#regions.find(file, at, 1) ?? this.#regions.begin(file, at);
      if (first !== undefined) await this.#readOn(first, at + bytes, recordBytes);
    } finally {
      file.readers -= 1;
    }
  }

  /**
   * Reads the regions behind this one up to there, each of which begins where the records of the one before end. Two are under
   * way at once, unless a record is larger than what the second one reads of the first again: then its beginning would be missing.
   */
  async #readOn(first: Region, to: number, recordBytes: number): Promise<void> {
    const mayOverlap = recordBytes <= this.#regions.edgeBytes;
    for (let last = first; last.to < to; ) {
      if (!mayOverlap) await last.read;
      const next = this.#regionBehind(last);
      if (next === undefined || next.to <= last.to) return;
      if (mayOverlap) await last.read;
      last = next;
    }
  }

  /** The region behind this one, which may still be being read; undefined when there is none, or nobody knows where it begins. */
  #regionBehind(region: Region): Region | undefined {
    const { file, to, recordAt, verifiedTo } = region;
    if (to >= file.end - file.base) return undefined;
    if (!region.isRead) return region.retired ? undefined : this.#regions.beginBehind(region);
    if (recordAt === undefined || verifiedTo <= recordAt) return undefined;
    // With the first byte behind this one, or it would be found itself: mostly a record lies across its end.
    return this.#regions.find(file, verifiedTo, to + 1 - verifiedTo) ?? this.#regions.begin(file, verifiedTo);
  }
}

function sumOf(places: readonly WantedPlace[], bytesOf: (place: WantedPlace) => number): number {
  return places.reduce((sum, place) => sum + bytesOf(place), 0);
}

/** Joins what lies in one file with no more than `gapBytes` between. */
function stretchesOf(places: readonly WantedPlace[], gapBytes: number): Stretch[] {
  const stretches: Stretch[] = [];
  const nameOf = ({ range }: WantedPlace): string => range.file.name;
  const inOrder = places.toSorted((a, b) =>
    nameOf(a) === nameOf(b) ? a.from - b.from : nameOf(a) < nameOf(b) ? -1 : 1,
  );
  for (const place of inOrder) {
    const last = stretches.at(-1);
    if (last?.file === place.range.file && place.from <= last.to + gapBytes) {
      last.to = Math.max(last.to, place.to);
      last.places.push(place);
    } else {
      stretches.push({ file: place.range.file, from: place.from, to: place.to, places: [place] });
    }
  }
  return stretches;
}
