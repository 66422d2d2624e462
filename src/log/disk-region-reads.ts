/** Reads regions by means of a disk, in the thread that asks for them. */
import type { Disk } from "../ports/disk.ts";
import { RecordEnds, type RegionRead, type RegionReadResult, type RegionReads } from "../ports/region-reads.ts";
import { verifiedRecordsEnd } from "./wal-record.ts";

export class DiskRegionReads implements RegionReads {
  readonly #disk: Disk;
  readonly #ends = new RecordEnds();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  allocate(sizeBytes: number): Buffer {
    return Buffer.allocUnsafeSlow(sizeBytes);
  }

  async read(request: RegionRead): Promise<RegionReadResult> {
    const { name, position, memory, from, to } = request;
    const file = await this.#disk.open(name, "read");
    try {
      const readBytes = await file.read(memory.subarray(from, to), position);
      const recordAt = this.#ends.startOf(request);
      const verifiedTo = recordAt === undefined ? from : verifiedRecordsEnd(memory, recordAt, from + readBytes);
      this.#ends.ended(request, verifiedTo);
      return { readBytes, recordAt, verifiedTo };
    } finally {
      await file.close();
    }
  }

  close(): void {}
}
