/** Reads regions by means of a disk, in the thread that asks for them. */
import { type Disk, type DiskFile, IoError, type SyncedWrites } from "../ports/disk.ts";
import type { RegionRead, RegionReadResult, RegionReads } from "../ports/region-reads.ts";
import { RecordEnds } from "./record-ends.ts";
import { verifiedRecordsEnd } from "./wal-record.ts";

export class DiskRegionReads implements RegionReads {
  readonly #disk: Disk;
  readonly #pastMemory: Pick<SyncedWrites, "alignmentBytes" | "allocate" | "open"> | undefined;
  readonly #ends = new RecordEnds();
  /** All reads that were asked for so far. */
  #earlier = Promise.resolve();

  /**
   * `pastMemory`: to read past the system's memory whatever is aligned, into memory that it has allocated or that is aligned as well.
   * Where the disk does not take it so, it is read the other way.
   */
  constructor(disk: Disk, pastMemory?: Pick<SyncedWrites, "alignmentBytes" | "allocate" | "open">) {
    this.#disk = disk;
    this.#pastMemory = pastMemory;
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
    const readBytes = await this.#read(request);
    if (typeof request.recordAt !== "number") await earlier;
    const recordAt = this.#ends.startOf(request);
    const verifiedTo = recordAt === undefined ? from : verifiedRecordsEnd(memory, recordAt, from + readBytes);
    this.#ends.done(request, verifiedTo);
    return { readBytes, recordAt, verifiedTo };
  }

  async #read({ name, position, memory, from, to }: RegionRead): Promise<number> {
    const pastMemory = this.#pastMemory;
    const alignmentBytes = pastMemory?.alignmentBytes ?? 1;
    const alignedTo = Math.ceil(to / alignmentBytes) * alignmentBytes;
    const isAligned = position % alignmentBytes === 0 && from % alignmentBytes === 0 && alignedTo <= memory.length;
    if (pastMemory !== undefined && isAligned) {
      try {
        const got = await readOf(pastMemory.open(name), memory.subarray(from, alignedTo), position);
        return Math.min(got, to - from); // the file may go on behind what is asked for
      } catch (error) {
        if (!(error instanceof IoError) || error.code !== "EINVAL") throw error;
      }
    }
    return readOf(this.#disk.open(name, "read"), memory.subarray(from, to), position);
  }

  release(): void {}

  close(): void {}
}

async function readOf(opened: Promise<DiskFile>, bytes: Buffer, position: number): Promise<number> {
  const file = await opened;
  try {
    return await file.read(bytes, position);
  } finally {
    await file.close();
  }
}
