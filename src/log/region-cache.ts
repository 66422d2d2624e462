/**
 * Stretches of sealed files in memory, for readers that go through them.
 *
 * A file interleaves all partitions, so what one of them needs next lies beside what another needs now, and a consumer asks
 * for them one after the other. A region is read in one go, serves all of them, and the one behind it is begun before
 * it is needed. Sealed files do not change, so neither do regions.
 *
 * Bounds: `MAX_REGIONS` of one size, a power of two. One that answers still refer to is not taken for another; when all are, readers do
 * without.
 */
import type { BufferPool } from "../base/buffer-pool.ts";
import type { LogFile } from "./log-file.ts";

const MAX_REGIONS = 8;
const LARGEST_REGION_BYTES = 4 * 1024 * 1024;

export class Region {
  readonly file: LogFile;
  /** Where it begins in the file. */
  readonly from: number;
  readonly bytes: Buffer;
  /** What the bytes lie in. */
  readonly memory: Buffer;
  /** Resolves to the number of bytes that were there to be read. */
  readonly read: Promise<number>;
  /** Answers that refer to it. */
  holders = 0;
  /** Not to be found any more: its memory is free once nobody holds it. */
  retired = false;

  constructor(fields: Pick<Region, "file" | "from" | "bytes" | "memory" | "read">) {
    this.file = fields.file;
    this.from = fields.from;
    this.bytes = fields.bytes;
    this.memory = fields.memory;
    this.read = fields.read;
  }

  get to(): number {
    return this.from + this.bytes.length;
  }
}

export class RegionCache {
  readonly regionBytes: number;
  readonly #buffers: BufferPool;
  readonly #readFile: (file: LogFile, bytes: Buffer, at: number) => Promise<number>;
  /** The one used last comes last. */
  readonly #regions: Region[] = [];

  constructor(options: {
    readonly memoryBytes: number;
    readonly buffers: BufferPool;
    readonly readFile: (file: LogFile, bytes: Buffer, at: number) => Promise<number>;
  }) {
    const eachBytes = Math.min(options.memoryBytes / MAX_REGIONS, LARGEST_REGION_BYTES);
    this.regionBytes = 2 ** Math.floor(Math.log2(eachBytes));
    this.#buffers = options.buffers;
    this.#readFile = options.readFile;
  }

  /** Memory in use, whether anybody refers to it or not. */
  get bytes(): number {
    return this.#regions.length * this.regionBytes;
  }

  /** A region that holds all of these bytes, perhaps being read still. */
  find(file: LogFile, at: number, sizeBytes: number): Region | undefined {
    const index = this.#regions.findIndex(
      (region) => region.file === file && region.from <= at && at + sizeBytes <= region.to,
    );
    const [region] = index === -1 ? [] : this.#regions.splice(index, 1);
    if (region !== undefined) this.#regions.push(region);
    return region;
  }

  /** Begins to read a region of a sealed file; undefined when there is no memory for it. */
  begin(file: LogFile, from: number): Region | undefined {
    if (this.#regions.length >= MAX_REGIONS) {
      const free = this.#regions.find(({ holders }) => holders === 0);
      if (free === undefined) return undefined;
      this.retire(free);
    }
    const sizeBytes = Math.min(this.regionBytes, file.end - file.base - from);
    const memory = this.#buffers.take(this.regionBytes);
    const bytes = memory.subarray(0, sizeBytes);
    file.readers += 1;
    const region: Region = new Region({ file, from, bytes, memory, read: this.#readFile(file, bytes, from) });
    region.holders += 1; // the read itself
    this.#regions.push(region);
    const ended = (): void => {
      file.readers -= 1;
      this.release(region);
    };
    region.read.then(ended, () => {
      this.retire(region);
      ended();
    });
    return region;
  }

  hold(region: Region): void {
    region.holders += 1;
  }

  release(region: Region): void {
    region.holders -= 1;
    if (region.holders === 0 && region.retired) this.#giveBack(region);
  }

  /** Lets nobody find it any more: another is read in its place, or it is not what was written. */
  retire(region: Region): void {
    if (region.retired) return;
    region.retired = true;
    this.#regions.splice(this.#regions.indexOf(region), 1);
    if (region.holders === 0) this.#giveBack(region);
  }

  /** The file is going to be removed. */
  forget(file: LogFile): void {
    for (const region of this.#regions.filter((each) => each.file === file)) this.retire(region);
  }

  clear(): void {
    for (const region of [...this.#regions]) this.retire(region);
  }

  #giveBack({ memory }: Region): void {
    this.#buffers.give(memory);
  }
}
