/** Where the records of the last reads of files ended, for reads that go on behind them: see `RecordStart`. */
import type { RegionRead } from "../ports/region-reads.ts";
import { LruCache } from "./lru-cache.ts";

const REMEMBERED_READS = 64;

type Read = Omit<RegionRead, "memory">;

export class RecordEnds {
  readonly #ends = new LruCache<number>(REMEMBERED_READS, () => undefined);

  /** Where in its memory the first record of a read begins; undefined when nobody knows: then nothing may be taken for one. */
  startOf({ name, position, from, to, recordAt }: Read): number | undefined {
    if (typeof recordAt === "number") return recordAt;
    const end = this.#ends.get(keyOf(name, recordAt.behind));
    const at = end === undefined ? -1 : end - position + from;
    return at >= 0 && at <= to ? at : undefined; // before `from` too: what stands there was read before
  }

  /** A read is done, whose records end at `verifiedTo` in its memory. */
  done({ name, position, from, to }: Read, verifiedTo: number): void {
    this.#ends.set(keyOf(name, position + to - from), position + verifiedTo - from, 1);
  }
}

function keyOf(name: string, readTo: number): string {
  return `${name}/${readTo}`;
}
