/**
 * Reads large stretches of sealed files, and sees which records in them are what was written. Apart from `Disk` since going over
 * that many bytes is work for another thread, where there is one.
 */

export interface RegionReads {
  /** The memory of all regions, with anything in it. Asked for once, and again behind `release`, in the same size. */
  allocate(sizeBytes: number): Buffer;
  /** Nobody needs what stands in the memory, and no read is under way: what it takes up can be given back. */
  release(): void;
  /** @throws IoError */
  read(request: RegionRead): Promise<RegionReadResult>;
  /** The file is going to be removed: as long as it is open it takes up disk. */
  forget(name: string): void;
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
  readonly recordAt: RecordStart;
}

/**
 * Where the first record of a read begins: in its memory, where what stands between that and `from` was read before; or where the
 * records end of an earlier read of the file, which went up to `behind` there, if that is known by then.
 */
export type RecordStart = number | { readonly behind: number };

export interface RegionReadResult {
  /** Less than was asked for at the end of the file. */
  readonly readBytes: number;
  /** Where in `memory` a record begins: as asked, or found; undefined when nobody knows. */
  readonly recordAt: number | undefined;
  /** Up to here in `memory`, from there on, there is one intact record after the other. */
  readonly verifiedTo: number;
}
