/** Reads regions by means of a disk, in the thread that asks for them. */
import type { Disk } from "../ports/disk.ts";
import type { RegionRead, RegionReadResult, RegionReads } from "../ports/region-reads.ts";
import { RecordEnds } from "./record-ends.ts";
import { verifiedRecordsEnd } from "./wal-record.ts";

export class DiskRegionReads implements RegionReads {
  readonly #disk: Disk;
  readonly #ends = new RecordEnds();
  /** All reads that were asked for so far. */
  #earlier = Promise.resolve();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  allocate(sizeBytes: number): Buffer {
    return Buffer.allocUnsafeSlow(sizeBytes);
  }

  read(request: RegionRead): Promise<RegionReadResult> {
    const result = this.#readAndVerify(request, this.#earlier);
    this.#earlier = Promise.allSettled([this.#earlier, result]).then(() => undefined);
    return result;
  }

  async #readAndVerify(request: RegionRead, earlier: Promise<void>): Promise<RegionReadResult> {
    const { name, position, memory, from, to } = request;
    const file = await this.#disk.open(name, "read");
    try {
      const readBytes = await file.read(memory.subarray(from, to), position);
      if (typeof request.recordAt !== "number") await earlier;
      const recordAt = this.#ends.startOf(request);
      const verifiedTo = recordAt === undefined ? from : verifiedRecordsEnd(memory, recordAt, from + readBytes);
      this.#ends.done(request, verifiedTo);
      return { readBytes, recordAt, verifiedTo };
    } finally {
      await file.close();
    }
  }

  release(): void {}

  close(): void {}
}
