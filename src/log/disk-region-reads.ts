/** Reads regions by means of a disk, in the thread that asks for them. */
import type { Disk } from "../ports/disk.ts";
import type { RegionRead, RegionReadResult, RegionReads } from "../ports/region-reads.ts";
import { verifiedRecordsEnd } from "./wal-record.ts";

export class DiskRegionReads implements RegionReads {
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  allocate(sizeBytes: number): Buffer {
    return Buffer.allocUnsafeSlow(sizeBytes);
  }

  async read({ name, position, memory, from, to, recordAt }: RegionRead): Promise<RegionReadResult> {
    const file = await this.#disk.open(name, "read");
    try {
      const readBytes = await file.read(memory.subarray(from, to), position);
      return { readBytes, verifiedTo: verifiedRecordsEnd(memory, recordAt, from + readBytes) };
    } finally {
      await file.close();
    }
  }

  close(): void {}
}
