/**
 * Reads large stretches of sealed files, and sees which records in them are what was written. Apart from `Disk` since going over
 * that many bytes is work for another thread, where there is one.
 */

export interface RegionReads {
  /** The memory of all regions, with anything in it. Asked for once. */
  allocate(sizeBytes: number): Buffer;
  /** @throws IoError */
  read(request: RegionRead): Promise<RegionReadResult>;
  /** Ends what it runs. Reads under way are done. */
  close(): void;
}

export interface RegionRead {
  readonly name: string;
  /** Where in the file. */
  readonly position: number;
  /** A part of the memory that was allocated, from `from` to `to` of which is filled. */
  readonly memory: Buffer;
  readonly from: number;
  readonly to: number;
  /**
   * Where in `memory` a record begins; what stands between that and `from` was read before. Undefined: where the records of an
   * earlier read end, if that is known by then.
   */
  readonly recordAt: number | undefined;
  /** Where in the file that read ended. */
  readonly behind?: number;
}

export interface RegionReadResult {
  /** Less than was asked for at the end of the file. */
  readonly readBytes: number;
  /** Where in `memory` a record begins: as asked, or found; undefined when nobody knows. */
  readonly recordAt: number | undefined;
  /** Up to here in `memory`, from there on, there is one intact record after the other. */
  readonly verifiedTo: number;
}

/** How many reads behind which others may go on are remembered. */
const REMEMBERED = 64;

/** Where the records of the last reads ended, for those that go on behind them. */
export class RecordEnds {
  readonly #ends = new Map<string, number>();

  /** Where in its memory the first record of a read begins; undefined when nobody knows: then none may be taken for one. */
  startOf({ name, position, from, to, recordAt, behind }: Omit<RegionRead, "memory">): number | undefined {
    if (recordAt !== undefined) return recordAt;
    const end = this.#ends.get(`${name} ${behind}`);
    const at = end === undefined ? -1 : end - position + from;
    return at >= from && at <= to ? at : undefined;
  }

  /** A read is done. */
  ended({ name, position, from, to }: Omit<RegionRead, "memory">, verifiedTo: number): void {
    const key = `${name} ${position + to - from}`;
    this.#ends.delete(key);
    this.#ends.set(key, position + verifiedTo - from);
    if (this.#ends.size > REMEMBERED) for (const oldest of this.#ends.keys()) return void this.#ends.delete(oldest);
  }
}
