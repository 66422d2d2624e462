/**
 * Reads the groups of one WAL file in order, and says where bytes are not a group.
 *
 * A group counts only whole: its header and bytes intact, at its own position, with the incarnation of its file. So bytes
 * inside a producer's value, or left over from an earlier life of the disk, never pass for one. The reader moves by the
 * bytes it consumed. Memory: one chunk, or one group when that is larger.
 */
import { crc32c } from "../base/crc32c.ts";
import type { DiskFile } from "../ports/disk.ts";
import type { WalFile } from "./wal-file.ts";
import {
  GROUP_HEADER_BYTES,
  type GroupHeader,
  readGroupHeader,
  VERSION_GROUP,
  verifiedRecordBytes,
  WAL_MAGIC,
} from "./wal-record.ts";

const CHUNK_BYTES = 4 * 1024 * 1024;

/** One whole group. `buffer` is only valid until the scanner is asked for more. */
export interface ScannedGroup {
  readonly header: GroupHeader;
  readonly buffer: Buffer;
  /** Where the group's records begin and end in `buffer`. */
  readonly recordsAt: number;
  readonly end: number;
}

export class GroupScanner {
  readonly #file: WalFile;
  readonly #disk: DiskFile;
  readonly #sizeBytes: number;
  #buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  /** File offset of the first byte in the buffer, and how many bytes it holds. */
  #bufferAt = 0;
  #bufferBytes = 0;

  constructor(file: WalFile, disk: DiskFile, sizeBytes: number) {
    this.#file = file;
    this.#disk = disk;
    this.#sizeBytes = sizeBytes;
  }

  /** The group at file offset `at`, or undefined when there is no whole one. */
  async groupAt(at: number): Promise<ScannedGroup | undefined> {
    if (this.#sizeBytes - at < GROUP_HEADER_BYTES || !(await this.#fill(at, GROUP_HEADER_BYTES))) return undefined;
    let headerAt = at - this.#bufferAt;
    if (this.#buffer[headerAt + 2] !== VERSION_GROUP) return undefined;
    if (verifiedRecordBytes(this.#buffer, headerAt, this.#bufferBytes) !== GROUP_HEADER_BYTES) return undefined;
    const header = readGroupHeader(this.#buffer, headerAt);
    if (header === undefined) return undefined;
    if (header.position !== this.#file.base + at || header.incarnation !== this.#file.incarnation) return undefined;
    const totalBytes = GROUP_HEADER_BYTES + header.lengthBytes;
    if (totalBytes > this.#sizeBytes - at || !(await this.#fill(at, totalBytes))) return undefined;
    headerAt = at - this.#bufferAt;
    const recordsAt = headerAt + GROUP_HEADER_BYTES;
    const end = headerAt + totalBytes;
    if (crc32c(this.#buffer.subarray(recordsAt, end)) !== header.crc) return undefined;
    return { header, buffer: this.#buffer, recordsAt, end };
  }

  /** File offset of the first whole group at `from` or behind it, or undefined. */
  async findGroup(from: number): Promise<number | undefined> {
    const magic = Buffer.from([WAL_MAGIC & 0xff, WAL_MAGIC >>> 8, VERSION_GROUP]);
    let at = from;
    while (this.#sizeBytes - at >= GROUP_HEADER_BYTES) {
      await this.#fill(at, Math.min(CHUNK_BYTES, this.#sizeBytes - at));
      // The file can have become shorter since its size was asked.
      if (this.#bufferAt + this.#bufferBytes - at < GROUP_HEADER_BYTES) return undefined;
      const found = this.#buffer.subarray(0, this.#bufferBytes).indexOf(magic, at - this.#bufferAt);
      if (found === -1) {
        at = this.#bufferAt + this.#bufferBytes - magic.length + 1;
        continue;
      }
      at = this.#bufferAt + found;
      if ((await this.groupAt(at)) !== undefined) return at;
      at += 1;
    }
    return undefined;
  }

  /** Makes the buffer hold `bytes` bytes from file offset `at` on. False when the file ends before. */
  async #fill(at: number, bytes: number): Promise<boolean> {
    const inside = at >= this.#bufferAt && at + bytes <= this.#bufferAt + this.#bufferBytes;
    if (inside) return true;
    if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(bytes);
    else if (this.#buffer.length > CHUNK_BYTES && bytes <= CHUNK_BYTES)
      this.#buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    const wanted = Math.min(this.#buffer.length, this.#sizeBytes - at);
    this.#bufferBytes = await this.#disk.read(this.#buffer.subarray(0, wanted), at);
    this.#bufferAt = at;
    return this.#bufferBytes >= bytes;
  }
}
