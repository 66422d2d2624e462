/**
 * Reads on behind what queries want: whoever goes through a file asks for as much again, and should not wait for it. A range's
 * end does not end it: the partition goes on in another file.
 *
 * Bounds: so many regions are being read ahead, for all queries together, and none that was read ahead for another and not used
 * yet is given up for one (`RegionCache`).
 */
import type { BatchIndex } from "./batch-index.ts";
import type { BatchQuery } from "./batch-query.ts";
import type { FileRange } from "./log-file.ts";
import type { Region, RegionCache } from "./region-cache.ts";

/**
 * Of all regions, how many are begun for the queries that came together, and are under way at most for all: those of who comes then
 * are left out, or whoever waits for a region would wait for all of them.
 */
const AHEAD_SHARE = 1 / 2;
/** Of so many requests to come, each as large as the one that came, what they will want is read ahead: one is not enough for the disk never to wait. */
const REQUESTS_AHEAD = 2;

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

/** What may still be begun. */
interface Allowance {
  regions: number;
}

export class ReadAhead {
  readonly #regions: RegionCache;
  readonly #indexOf: (range: FileRange) => Promise<BatchIndex | undefined>;
  readonly #maxUnderWay: number;
  #underWay = 0;

  /** `indexOf`: undefined when it cannot be read. That is news for who needs it. */
  constructor(regions: RegionCache, indexOf: (range: FileRange) => Promise<BatchIndex | undefined>) {
    this.#regions = regions;
    this.#indexOf = indexOf;
    this.#maxUnderWay = (AHEAD_SHARE * regions.memoryBytes) / regions.regionBytes;
  }

  /** Resolves when all was begun. Whatever fails is left to those who need it: they read it themselves, and are told. */
  async behind(places: readonly WantedPlace[]): Promise<void> {
    const allowance = { regions: this.#maxUnderWay };
    // What lies side by side finds what was begun for the first of them.
    for (const place of places) await this.#behindPlace(place, allowance).catch(() => undefined);
  }

  async #behindPlace(place: WantedPlace, allowance: Allowance): Promise<void> {
    const { query, range, from, to, rangeTo, sizeBytes, largestRecordBytes } = place;
    const last = this.#regions.find(range.file, to - 1, 1);
    if (last === undefined) return; // too little is wanted there
    // As densely as these, which are cut short where a range ends: the next ones will not be.
    const aheadTo = to + ((to - from) / sizeBytes) * query.maxBytes * REQUESTS_AHEAD;
    await this.#readOn(last, Math.min(aheadTo, rangeTo), largestRecordBytes, allowance);
    if (aheadTo > rangeTo) await this.#inNextRange(place, aheadTo - rangeTo, allowance);
  }

  async #inNextRange(place: WantedPlace, bytes: number, allowance: Allowance): Promise<void> {
    const { query, range, largestRecordBytes } = place;
    if (range.endOffset >= query.limitOffset) return;
    const next = query.partition.findRange(range.endOffset);
    if (next?.file.isClosed !== true) return;
    const { file } = next;
    file.readers += 1;
    try {
      const index = await this.#indexOf(next);
      if (index === undefined || index.count === 0) return;
      const at = index.positionAt(0) - file.base;
      const to = Math.min(at + bytes, index.recordsEnd(query.topicBytes) - file.base);
      const first =
        this.#regions.find(file, at, 1) ?? this.#begin(allowance, () => this.#regions.begin(file, at, "ahead"));
      if (first !== undefined) await this.#readOn(first, to, largestRecordBytes, allowance);
    } finally {
      file.readers -= 1;
    }
  }

  /**
   * Reads the regions behind this one up to there, each of which begins where the records of the one before end. All at once, unless
   * a record is larger than what one reads of the one before again: then its beginning would be missing.
   */
  async #readOn(first: Region, to: number, recordBytes: number, allowance: Allowance): Promise<void> {
    const mayOverlap = recordBytes <= this.#regions.edgeBytes;
    for (let last = first; last.to < to; ) {
      if (!mayOverlap) await last.read;
      const next = this.#regionBehind(last, allowance);
      if (next === undefined || next.to <= last.to) return;
      last = next;
    }
  }

  /** The region behind this one, which may still be being read; undefined when there is none, or nobody knows where it begins. */
  #regionBehind(region: Region, allowance: Allowance): Region | undefined {
    const { file, to, recordAt, verifiedTo } = region;
    if (to >= file.end - file.base) return undefined;
    if (!region.isRead) {
      if (region.retired) return undefined;
      return this.#regions.find(file, to, 1) ?? this.#begin(allowance, () => this.#regions.beginBehind(region));
    }
    if (recordAt === undefined || verifiedTo <= recordAt) return undefined;
    // With the first byte behind this one, or it would be found itself: mostly a record lies across its end.
    return (
      this.#regions.find(file, verifiedTo, to + 1 - verifiedTo) ??
      this.#begin(allowance, () => this.#regions.begin(file, verifiedTo, "ahead"))
    );
  }

  #begin(allowance: Allowance, begin: () => Region | undefined): Region | undefined {
    if (allowance.regions < 1 || this.#underWay >= this.#maxUnderWay) return undefined;
    const region = begin();
    if (region === undefined) return undefined;
    allowance.regions -= 1;
    this.#underWay += 1;
    const ended = (): void => {
      this.#underWay -= 1;
    };
    region.read.then(ended, ended);
    return region;
  }
}
