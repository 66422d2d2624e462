/**
 * Files of the log that nobody needs any more, kept to be written over by the next ones: `….free` beside the log's own.
 *
 * A write into blocks that were written before has nothing to allocate, and no size of a file to note down: on a disk that is
 * allocated as it is written to (thin volumes, images, flash after TRIM) a synced one takes a half to a third of the time.
 *
 * What such a file held before stays in it until it is written over. It never passes for the log's: each group says at which
 * position it stands and which start of the broker wrote it, and who reads single records looks whose they are and at their offset.
 */
import { type Disk, ignoreMissing } from "../ports/disk.ts";
import { WAL_FOLDER, type WalFile } from "./wal-file.ts";

const NAME = new RegExp(`^${WAL_FOLDER}/\\d{20}-[0-9a-f]{14}\\.free$`);

/** Of what is free beyond what must be, they take this share at most. */
const FREE_SHARE = 1 / 4;

export interface RecycledFile {
  /** With its folder. */
  readonly name: string;
  readonly sizeBytes: number;
}

/** Whether a file is one of these, by its name with its folder. */
export function isRecycled(name: string): boolean {
  return NAME.test(name);
}

/** The files that a broker before this one has kept. */
export async function listRecycled(disk: Pick<Disk, "list" | "open">): Promise<RecycledFile[]> {
  const found: RecycledFile[] = [];
  for (const each of await disk.list(WAL_FOLDER)) {
    const name = `${WAL_FOLDER}/${each}`;
    if (!isRecycled(name)) continue;
    const file = await disk.open(name, "read");
    found.push({ name, sizeBytes: await file.sizeBytes() });
    await file.close();
  }
  return found;
}

export class RecycledFiles {
  readonly #disk: Disk;
  readonly #maxBytes: number;
  readonly #minFreeBytes: number;
  /** The largest comes last. */
  readonly #files: RecycledFile[];

  /** `maxBytes`: of all of them; 0 keeps none. `minFreeBytes`: of the disk. `files`: those that are there. */
  constructor(options: {
    readonly disk: Disk;
    readonly maxBytes: number;
    readonly minFreeBytes: number;
    readonly files: readonly RecycledFile[];
  }) {
    this.#disk = options.disk;
    this.#maxBytes = options.maxBytes;
    this.#minFreeBytes = options.minFreeBytes;
    this.#files = options.files.toSorted(bySize);
  }

  get count(): number {
    return this.#files.length;
  }

  get bytes(): number {
    return this.#files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /**
   * The name of a file for the log to write over, which is the caller's from now on: one with room for so much rather than a larger
   * one, which would be cut off there.
   */
  take(sizeBytes: number): string | undefined {
    const index = this.#files.findIndex((file) => file.sizeBytes >= sizeBytes);
    return this.#files.splice(index, 1)[0]?.name; // -1: the last one, which is the largest
  }

  /** Keeps a file that nobody refers to, as far as `shrink` lets it. The folder is to be synced afterwards. */
  async keep(file: WalFile): Promise<void> {
    const name = file.name.replace(/wal$/, "free");
    await this.#disk.rename(file.name, name);
    this.#files.push({ name, sizeBytes: file.end - file.base });
    this.#files.sort(bySize);
  }

  /**
   * Removes the smallest, until they take no more than they may: after each time that some were kept. Whoever needed space may have
   * removed them already.
   */
  async shrink(): Promise<void> {
    if (this.#files.length === 0) return;
    const spareBytes = Math.max(0, (await this.#disk.freeBytes()) - this.#minFreeBytes);
    const maxBytes = Math.min(this.#maxBytes, spareBytes * FREE_SHARE);
    while (this.bytes > maxBytes) await this.#disk.discard(this.#files.shift()!.name).catch(ignoreMissing);
  }

  /** Others need the space. */
  async removeAll(): Promise<void> {
    for (const { name } of this.#files.splice(0)) await this.#disk.remove(name).catch(ignoreMissing);
  }
}

function bySize(a: RecycledFile, b: RecycledFile): number {
  return a.sizeBytes - b.sizeBytes;
}
