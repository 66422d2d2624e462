/**
 * Reads the protocol's primitive types out of one buffer.
 *
 * Every byte comes from a peer, so every read is checked against the end, and nothing is allocated before the bytes
 * that justify it have been seen: a count of elements is compared with the bytes left, a string or byte field is at
 * most as long as what is there. Whatever does not fit throws `MalformedMessage` and nothing else.
 */
import { type Int64, readInt64 } from "../../base/int64.ts";
import { UUID_BYTES, type Uuid, uuidFromBytes } from "../../base/uuid.ts";
import { unzigzag32, unzigzag64 } from "./varint.ts";

/** The peer sent bytes that are no message. The connection they came from cannot be understood any further. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}

/** The longest string, in bytes of UTF-8, in either encoding: Kafka's own limit. */
export const MAX_STRING_BYTES = 0x7fff;

/**
 * The most elements that all arrays of one message can have together. An empty string takes a byte in a frame but eight
 * in an array, and a struct takes far more, so without this a frame within the size limit could still exhaust the
 * memory.
 */
export const MAX_ELEMENTS = 1 << 20;

/** The bytes of a varint that a number holds exactly: 7 × 7 bits. */
const MAX_EXACT_VARLONG_BYTES = 7;

/** Invalid UTF-8 is replaced by U+FFFD, which makes one byte into three. */
const MAX_REPLACEMENT_GROWTH = 3;

export class Reader {
  readonly buffer: Buffer;
  /** The next byte to read. */
  position: number;
  /** The first byte that is not to be read any more. */
  end: number;
  private elementsLeft = MAX_ELEMENTS;

  constructor(buffer: Buffer, position = 0, end = buffer.length) {
    this.buffer = buffer;
    this.position = position;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  /** @throws MalformedMessage when bytes are left over. */
  expectEnd(): void {
    if (this.position !== this.end) throw new MalformedMessage(`${this.remaining} bytes behind the message`);
  }

  bool(): boolean {
    return this.buffer[this.advance(1)] !== 0;
  }

  int8(): number {
    return (this.buffer[this.advance(1)]! << 24) >> 24;
  }

  int16(): number {
    const at = this.advance(2);
    return ((this.buffer[at]! << 24) | (this.buffer[at + 1]! << 16)) >> 16;
  }

  uint16(): number {
    return this.int16() & 0xffff;
  }

  int32(): number {
    const at = this.advance(4);
    const buffer = this.buffer;
    return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  int64(): Int64 {
    return readInt64(this.buffer, this.advance(8));
  }

  /** An int64 that must be a safe integer. */
  offset64(): number {
    const value = this.int64();
    if (typeof value !== "number") throw new MalformedMessage(`${value} is not in -(2^53-1)..2^53-1`);
    return value;
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.advance(8));
  }

  uuid(): Uuid {
    return uuidFromBytes(this.buffer, this.advance(UUID_BYTES));
  }

  /** An unsigned varint of at most 32 bits: 7 bits a byte, the lowest first. */
  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer[this.advance(1)]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new MalformedMessage("a varint of more than 5 bytes");
  }

  /** A signed varint of 32 bits (zigzag), as records have it. */
  varint(): number {
    return unzigzag32(this.uvarint());
  }

  /** A signed varint of 64 bits (zigzag). */
  varlong(): Int64 {
    let value = 0;
    let scale = 1;
    for (let bytes = 1; bytes <= MAX_EXACT_VARLONG_BYTES; bytes++) {
      const byte = this.buffer[this.advance(1)]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return unzigzag64(value);
      scale *= 0x80;
    }
    let wide = BigInt(value);
    for (let shift = 7n * BigInt(MAX_EXACT_VARLONG_BYTES); shift < 70n; shift += 7n) {
      const byte = this.buffer[this.advance(1)]!;
      wide |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return unzigzag64(BigInt.asUintN(64, wide));
    }
    throw new MalformedMessage("a varint of more than 10 bytes");
  }

  string(): string {
    return this.text(this.int16());
  }

  nullableString(): string | null {
    const length = this.int16();
    return length === -1 ? null : this.text(length);
  }

  compactString(): string {
    return this.text(this.uvarint() - 1);
  }

  compactNullableString(): string | null {
    const length = this.uvarint() - 1;
    return length === -1 ? null : this.text(length);
  }

  bytes(): Buffer {
    return this.view(this.int32());
  }

  nullableBytes(): Buffer | null {
    const length = this.int32();
    return length === -1 ? null : this.view(length);
  }

  compactBytes(): Buffer {
    return this.view(this.uvarint() - 1);
  }

  compactNullableBytes(): Buffer | null {
    const length = this.uvarint() - 1;
    return length === -1 ? null : this.view(length);
  }

  /** Bytes after a signed varint of their number; -1 stands for null. */
  varintBytes(): Buffer | null {
    const length = this.varint();
    return length === -1 ? null : this.view(length);
  }

  records(): Buffer[] {
    return [this.bytes()];
  }

  nullableRecords(): Buffer[] | null {
    const view = this.nullableBytes();
    return view === null ? null : [view];
  }

  compactRecords(): Buffer[] {
    return [this.compactBytes()];
  }

  compactNullableRecords(): Buffer[] | null {
    const view = this.compactNullableBytes();
    return view === null ? null : [view];
  }

  /** The number of elements that follow, each of at least `elementBytes` bytes. */
  count(elementBytes: number): number {
    return this.checkedCount(this.int32(), elementBytes);
  }

  /** Like `count`; -1 stands for null. */
  nullableCount(elementBytes: number): number {
    const count = this.int32();
    return count === -1 ? -1 : this.checkedCount(count, elementBytes);
  }

  compactCount(elementBytes: number): number {
    return this.checkedCount(this.uvarint() - 1, elementBytes);
  }

  compactNullableCount(elementBytes: number): number {
    const count = this.uvarint() - 1;
    return count === -1 ? -1 : this.checkedCount(count, elementBytes);
  }

  /** Is a struct there (1) or null (-1)? */
  structPresent(): boolean {
    const marker = this.int8();
    if (marker !== 1 && marker !== -1) throw new MalformedMessage(`${marker} before a struct instead of 1 or -1`);
    return marker === 1;
  }

  /** Enters a sized (tagged) field: nothing beyond it can be read. Returns what `leaveSized` takes. */
  enterSized(): number {
    const size = this.uvarint();
    const outerEnd = this.end;
    this.end = this.advance(size) + size;
    this.position = this.end - size;
    return outerEnd;
  }

  /** @throws MalformedMessage when the field was longer than its content. */
  leaveSized(outerEnd: number): void {
    this.expectEnd();
    this.end = outerEnd;
  }

  /** Passes over what `varintBytes` reads, and returns its length: -1 for null. */
  skipVarintBytes(): number {
    const length = this.varint();
    if (length < -1) throw new MalformedMessage(`a byte field of ${length} bytes`);
    if (length > 0) this.advance(length);
    return length;
  }

  /** Passes over the rest of a sized field. */
  skipToEnd(): void {
    this.position = this.end;
  }

  /** Passes over tagged fields, none of which is known. */
  skipTags(): void {
    for (let left = this.uvarint(); left > 0; left--) {
      this.uvarint();
      this.advance(this.uvarint());
    }
  }

  /** Moves on by `size` bytes and returns where they begin. */
  private advance(size: number): number {
    const at = this.position;
    if (size > this.end - at) throw new MalformedMessage(`${size} bytes expected, ${this.end - at} left`);
    this.position = at + size;
    return at;
  }

  private view(size: number): Buffer {
    if (size < 0) throw new MalformedMessage(`a byte field of ${size} bytes`);
    const at = this.advance(size);
    return this.buffer.subarray(at, at + size);
  }

  /** Whatever this returns can be written again: replacing invalid UTF-8 must not make a string too long. */
  private text(size: number): string {
    if (size < 0 || size > MAX_STRING_BYTES) throw new MalformedMessage(`a string of ${size} bytes`);
    const at = this.advance(size);
    const text = this.buffer.toString("utf8", at, at + size);
    if (size * MAX_REPLACEMENT_GROWTH > MAX_STRING_BYTES && Buffer.byteLength(text) > MAX_STRING_BYTES) {
      throw new MalformedMessage(`a string of ${size} bytes, too many of them no valid UTF-8`);
    }
    return text;
  }

  private checkedCount(count: number, elementBytes: number): number {
    if (count < 0 || count * elementBytes > this.remaining) {
      throw new MalformedMessage(`${count} elements announced in ${this.remaining} bytes`);
    }
    this.elementsLeft -= count;
    if (this.elementsLeft < 0) throw new MalformedMessage(`more than ${MAX_ELEMENTS} elements in one message`);
    return count;
  }
}
