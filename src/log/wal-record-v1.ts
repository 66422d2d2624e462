/**
 * Version 1 of the WAL record: a single record, as Chronik Stream first wrote it. Read so that such data can be imported,
 * never written.
 *
 * Little endian, with a header in an order of its own:
 *
 *      0 magic u16 = 0xCA7E    8 offset i64      28 key length i32 (-1: null), key
 *      2 version u8 = 1       16 timestamp i64      value length i32 (-1: null), value
 *      3 flags u8             24 crc32 u32          header count i32, and of each header:
 *      4 length u32                                   name length u16, name, value length u32, value
 *
 * `length` counts the whole record. `crc32` is CRC-32 (IEEE 802.3), not CRC-32C, of every other byte.
 */
import { isUtf8 } from "node:buffer";
import { crc32 } from "node:zlib";
import { type Int64, toInt64 } from "../base/int64.ts";
import { VERSION_SINGLE_RECORD, WAL_MAGIC } from "./wal-record.ts";

/** A record of version 1, taken apart in place: byte fields are views on the buffer. */
export interface SingleRecord {
  /** Bytes of the whole record: where the next one begins. */
  readonly sizeBytes: number;
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly timestamp: Int64;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly name: string; readonly value: Buffer }[];
}

const LENGTH_AT = 4;
const OFFSET_AT = 8;
const TIMESTAMP_AT = 16;
const CRC_AT = 24;
const BODY_AT = 28;
/** With neither key nor value nor headers. */
const SMALLEST_RECORD_BYTES = BODY_AT + 4 + 4 + 4;
const SMALLEST_HEADER_BYTES = 2 + 4;

/** The record at `at`, or undefined when there is no whole and intact one that ends before or at `end`. */
export function readSingleRecord(buffer: Buffer, at: number, end: number): SingleRecord | undefined {
  if (end - at < SMALLEST_RECORD_BYTES) return undefined;
  if (buffer.readUInt16LE(at) !== WAL_MAGIC || buffer[at + 2] !== VERSION_SINGLE_RECORD) return undefined;
  const sizeBytes = buffer.readUInt32LE(at + LENGTH_AT);
  if (sizeBytes < SMALLEST_RECORD_BYTES || sizeBytes > end - at) return undefined;
  const record = buffer.subarray(at, at + sizeBytes);
  const crc = crc32(record.subarray(BODY_AT), crc32(record.subarray(0, CRC_AT)));
  if (crc !== record.readUInt32LE(CRC_AT)) return undefined;
  const body = new Body(record);
  const key = body.nullableBytes();
  const value = body.nullableBytes();
  const headers = body.headers();
  const offset = Number(record.readBigInt64LE(OFFSET_AT));
  if (!body.isWhole || offset < 0 || !Number.isSafeInteger(offset)) return undefined;
  return { sizeBytes, offset, timestamp: toInt64(record.readBigInt64LE(TIMESTAMP_AT)), key, value, headers };
}

/** Reads the fields of a body. What does not fit gives nothing, and leaves the body not whole. */
class Body {
  readonly #record: Buffer;
  #at = BODY_AT;
  #fits = true;

  constructor(record: Buffer) {
    this.#record = record;
  }

  /** Whether everything fitted, with nothing left over. */
  get isWhole(): boolean {
    return this.#fits && this.#at === this.#record.length;
  }

  nullableBytes(): Buffer | null {
    const length = this.#take(4)?.readInt32LE() ?? -1;
    return length === -1 ? null : this.#bytes(length);
  }

  headers(): SingleRecord["headers"] {
    const count = this.#take(4)?.readInt32LE() ?? 0;
    if (count < 0 || count * SMALLEST_HEADER_BYTES > this.#record.length - this.#at) this.#fits = false;
    const headers: { name: string; value: Buffer }[] = [];
    while (this.#fits && headers.length < count) {
      const name = this.#bytes(this.#take(2)?.readUInt16LE() ?? 0);
      this.#fits &&= isUtf8(name); // no other name was ever written
      headers.push({ name: name.toString(), value: this.#bytes(this.#take(4)?.readUInt32LE() ?? 0) });
    }
    return headers;
  }

  #bytes(length: number): Buffer {
    return this.#take(length) ?? this.#record.subarray(0, 0);
  }

  #take(length: number): Buffer | undefined {
    this.#fits &&= length >= 0 && length <= this.#record.length - this.#at;
    if (!this.#fits) return undefined;
    this.#at += length;
    return this.#record.subarray(this.#at - length, this.#at);
  }
}
