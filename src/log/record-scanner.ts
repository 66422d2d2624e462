/**
 * Reads records that stand one behind the other in a file without groups: those of Chronik Stream, or a piece of a log.
 * Says where bytes are no record, and finds the next one behind them.
 *
 * Memory: one chunk, or one record when that is larger. Nothing but a record's checksum vouches for its length, so a
 * record beyond `RECORD_MAX_BYTES` is taken for bytes that are none.
 */
import type { DiskFile } from "../ports/disk.ts";
import {
  RECORD_HEADER_BYTES,
  VERSION_GROUP,
  VERSION_SINGLE_RECORD,
  verifiedRecordBytes,
  WAL_MAGIC,
} from "./wal-record.ts";
import { readSingleRecord } from "./wal-record-v1.ts";

/** No request that a broker takes is larger. */
export const RECORD_MAX_BYTES = 256 * 1024 * 1024;

const CHUNK_BYTES = 1024 * 1024;
const LENGTH_AT = 4;

/** A whole, intact record of any version. `buffer` is only valid until the scanner is asked for more. */
export interface ScannedRecord {
  readonly version: number;
  readonly buffer: Buffer;
  /** Where the record begins and ends in `buffer`. */
  readonly at: number;
  readonly end: number;
}

export class RecordScanner {
  readonly #disk: DiskFile;
  readonly #sizeBytes: number;
  #buffer: Buffer;
  /** File offset of the first byte in the buffer, and how many bytes it holds. */
  #bufferAt = 0;
  #bufferBytes = 0;

  constructor(disk: DiskFile, sizeBytes: number) {
    this.#disk = disk;
    this.#sizeBytes = sizeBytes;
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, sizeBytes));
  }

  /** The record at file offset `at`, or undefined when there is no whole one. */
  async recordAt(at: number): Promise<ScannedRecord | undefined> {
    const totalBytes = await this.#statedBytes(at);
    if (totalBytes === undefined || totalBytes > RECORD_MAX_BYTES || !(await this.#fill(at, totalBytes)))
      return undefined;
    const start = at - this.#bufferAt;
    const end = start + totalBytes;
    const version = this.#buffer[start + 2]!;
    const isWhole =
      version === VERSION_SINGLE_RECORD
        ? readSingleRecord(this.#buffer, start, end) !== undefined
        : verifiedRecordBytes(this.#buffer, start, end) === totalBytes;
    return isWhole ? { version, buffer: this.#buffer, at: start, end } : undefined;
  }

  /** File offset of the first whole record at `from` or behind it, or undefined. */
  async findRecord(from: number): Promise<number | undefined> {
    const magic = Buffer.from([WAL_MAGIC & 0xff, WAL_MAGIC >>> 8]);
    let at = from;
    while (this.#sizeBytes - at >= RECORD_HEADER_BYTES) {
      if (!(await this.#fill(at, RECORD_HEADER_BYTES))) return undefined;
      const found = this.#buffer.subarray(0, this.#bufferBytes).indexOf(magic, at - this.#bufferAt);
      if (found === -1) {
        at = this.#bufferAt + this.#bufferBytes - magic.length + 1;
        continue;
      }
      at = this.#bufferAt + found;
      if ((await this.recordAt(at)) !== undefined) return at;
      at += 1;
    }
    return undefined;
  }

  /** Whether what begins at `at` is what a write leaves that was broken off: a record beyond the end, or zeroes. */
  async isBrokenOff(at: number): Promise<boolean> {
    const restBytes = this.#sizeBytes - at;
    if (restBytes < RECORD_HEADER_BYTES) {
      if (!(await this.#fill(at, restBytes))) return true;
      const start = at - this.#bufferAt;
      const magic = [WAL_MAGIC & 0xff, WAL_MAGIC >>> 8].slice(0, restBytes);
      return magic.every((byte, index) => this.#buffer[start + index] === byte) || this.#isZero(at);
    }
    const totalBytes = await this.#statedBytes(at);
    return (totalBytes !== undefined && totalBytes > restBytes) || this.#isZero(at);
  }

  /** Bytes of the whole record at `at`, as its header has it. Undefined when no header stands there. */
  async #statedBytes(at: number): Promise<number | undefined> {
    if (this.#sizeBytes - at < RECORD_HEADER_BYTES || !(await this.#fill(at, RECORD_HEADER_BYTES))) return undefined;
    const start = at - this.#bufferAt;
    const version = this.#buffer[start + 2]!;
    if (this.#buffer.readUInt16LE(start) !== WAL_MAGIC) return undefined;
    if (version < VERSION_SINGLE_RECORD || version > VERSION_GROUP) return undefined;
    const length = this.#buffer.readUInt32LE(start + LENGTH_AT);
    return version === VERSION_SINGLE_RECORD ? length : RECORD_HEADER_BYTES + length;
  }

  async #isZero(from: number): Promise<boolean> {
    for (let at = from; at < this.#sizeBytes; at = this.#bufferAt + this.#bufferBytes) {
      if (!(await this.#fill(at, 1))) return true;
      const rest = this.#buffer.subarray(at - this.#bufferAt, this.#bufferBytes);
      if (rest.some((byte) => byte !== 0)) return false;
    }
    return true;
  }

  /** Makes the buffer hold `bytes` bytes from file offset `at` on. False when the file ends before. */
  async #fill(at: number, bytes: number): Promise<boolean> {
    if (bytes > this.#sizeBytes - at) return false;
    if (at >= this.#bufferAt && at + bytes <= this.#bufferAt + this.#bufferBytes) return true;
    if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(bytes);
    else if (this.#buffer.length > CHUNK_BYTES && bytes <= CHUNK_BYTES)
      this.#buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    const wanted = Math.min(this.#buffer.length, this.#sizeBytes - at);
    this.#bufferBytes = await this.#disk.read(this.#buffer.subarray(0, wanted), at);
    this.#bufferAt = at;
    return this.#bufferBytes >= bytes;
  }
}
