/** Reads regions by means of a disk, in the thread that asks for them. */
import { type Disk, IoError, type SyncedWrites } from "../ports/disk.ts";
import type { RegionRead, RegionReadResult, RegionReads } from "../ports/region-reads.ts";
import { ByteBudget } from "./byte-budget.ts";
import { OpenFiles } from "./open-files.ts";
import { RecordEnds } from "./record-ends.ts";
import { verifiedRecordsEnd } from "./wal-record.ts";

/** Enough for the disk always to have something to do while the records of what it gave are gone over. */
const READS_AT_ONCE = 4;
/** Kept open until others are read, or nobody reads. */
const MAX_OPEN_FILES = 4;

export class DiskRegionReads implements RegionReads {
  readonly #files: OpenFiles;
  readonly #filesPastMemory: OpenFiles | undefined;
  readonly #pastMemory: Pick<SyncedWrites, "alignmentBytes" | "allocate" | "open"> | undefined;
  readonly #turns = new ByteBudget(READS_AT_ONCE);
  readonly #ends = new RecordEnds();
  /** All reads that were asked for so far. */
  #earlier = Promise.resolve();

  /**
   * `pastMemory`: to read past the system's memory whatever is aligned, into memory that it has allocated or that is aligned as well.
   * Where the disk does not take it so, it is read the other way.
   */
  constructor(disk: Disk, pastMemory?: Pick<SyncedWrites, "alignmentBytes" | "allocate" | "open">) {
    this.#files = new OpenFiles(MAX_OPEN_FILES, (name) => disk.open(name, "read"));
    this.#pastMemory = pastMemory;
    if (pastMemory !== undefined) {
      this.#filesPastMemory = new OpenFiles(MAX_OPEN_FILES, (name) => pastMemory.open(name));
    }
  }

  allocate(sizeBytes: number): Buffer {
    return this.#pastMemory?.allocate(sizeBytes) ?? Buffer.allocUnsafeSlow(sizeBytes);
  }

  read(request: RegionRead): Promise<RegionReadResult> {
    const result = this.#readAndVerify(request, this.#earlier);
    this.#earlier = Promise.allSettled([this.#earlier, result]).then(() => undefined);
    return result;
  }

  async #readAndVerify(request: RegionRead, earlier: Promise<void>): Promise<RegionReadResult> {
    const { memory, from } = request;
    const readBytes = await this.#readInTurn(request);
    if (typeof request.recordAt !== "number") await earlier;
    const recordAt = this.#ends.startOf(request);
    const verifiedTo = recordAt === undefined ? from : verifiedRecordsEnd(memory, recordAt, from + readBytes);
    this.#ends.done(request, verifiedTo);
    return { readBytes, recordAt, verifiedTo };
  }

  async #readInTurn(request: RegionRead): Promise<number> {
    await this.#turns.acquire(1);
    try {
      return await this.#read(request);
    } finally {
      this.#turns.release(1);
    }
  }

  async #read({ name, position, memory, from, to }: RegionRead): Promise<number> {
    const alignmentBytes = this.#pastMemory?.alignmentBytes ?? 1;
    const alignedTo = Math.ceil(to / alignmentBytes) * alignmentBytes;
    const isAligned = position % alignmentBytes === 0 && from % alignmentBytes === 0 && alignedTo <= memory.length;
    if (this.#filesPastMemory !== undefined && isAligned) {
      try {
        const got = await this.#filesPastMemory.read(name, memory.subarray(from, alignedTo), position);
        return Math.min(got, to - from); // the file may go on behind what is asked for
      } catch (error) {
        if (!(error instanceof IoError) || error.code !== "EINVAL") throw error;
      }
    }
    return this.#files.read(name, memory.subarray(from, to), position);
  }

  forget(name: string): void {
    this.#files.close(name);
    this.#filesPastMemory?.close(name);
  }

  release(): void {
    this.#files.closeAll();
    this.#filesPastMemory?.closeAll();
  }

  close(): void {
    this.release();
  }
}
