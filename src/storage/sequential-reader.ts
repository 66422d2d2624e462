/** Reads a file from front to back, in large pieces, and hands out small ones. */
import { crc32c } from "../base/crc32c.ts";
import type { DiskFile } from "../ports/disk.ts";

const PIECE_BYTES = 1024 * 1024;

export class SequentialReader {
  readonly #file: DiskFile;
  readonly #end: number;
  readonly #progress: () => void;
  #buffer: Buffer;
  /** File offset of the first byte in the buffer, and how many there are. */
  #from: number;
  #bytes = 0;
  #crc = 0;

  /** Reads `from`..`end`. `progress` is called for every piece. */
  constructor(file: DiskFile, from: number, end: number, progress: () => void) {
    this.#file = file;
    this.#progress = progress;
    this.#from = from;
    this.#end = end;
    this.#buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, Math.max(end - from, 0)));
  }

  /** CRC-32C of all bytes read so far. */
  get crc(): number {
    return this.#crc;
  }

  /**
   * The bytes at `at`, valid until the next call; fewer at the end. Places only grow from call to call.
   */
  async view(at: number, bytes: number): Promise<Buffer> {
    if (at + bytes > this.#from + this.#bytes) await this.#fill(at, bytes);
    const start = at - this.#from;
    return this.#buffer.subarray(start, Math.min(start + bytes, this.#bytes));
  }

  async #fill(at: number, bytes: number): Promise<void> {
    this.#dropBefore(at, bytes);
    while (this.#from + this.#bytes < Math.min(at + bytes, this.#end)) {
      if (this.#bytes === this.#buffer.length) this.#dropBefore(at, bytes); // what is passed over is read all the same
      const readAt = this.#from + this.#bytes;
      const free = this.#buffer.subarray(
        this.#bytes,
        this.#bytes + Math.min(this.#buffer.length - this.#bytes, this.#end - readAt, PIECE_BYTES),
      );
      const got = await this.#file.read(free, readAt);
      this.#crc = crc32c(free.subarray(0, got), this.#crc);
      this.#bytes += got;
      this.#progress();
      if (got < free.length) return;
    }
  }

  /** Makes room for `bytes` from `at` on. */
  #dropBefore(at: number, bytes: number): void {
    const skipped = Math.min(at - this.#from, this.#bytes);
    const old = this.#buffer;
    if (old.length < bytes) this.#buffer = Buffer.allocUnsafe(bytes + PIECE_BYTES);
    old.copy(this.#buffer, 0, skipped, this.#bytes);
    this.#from += skipped;
    this.#bytes -= skipped;
  }
}
