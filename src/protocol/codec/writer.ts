/**
 * Writes the protocol's primitive types.
 *
 * Small fields gather in one scratch buffer that is reused from message to message. Large byte fields (record batches
 * in a fetch response) are not copied: the writer remembers the view and the place where it belongs, and `finish` gives
 * the message as a list of parts for one gathered write.
 */
import { type Int64, writeInt64 } from "../../base/int64.ts";
import { UUID_BYTES, type Uuid } from "../../base/uuid.ts";
import { MAX_STRING_BYTES } from "./reader.ts";
import { uvarintBytes, uvarlongBytes, writeUvarlong, zigzag32, zigzag64 } from "./varint.ts";

/** A value that the message format cannot carry: a mistake of the caller. */
export class UnencodableMessage extends Error {
  override readonly name = "UnencodableMessage";
}

/** An encoded message: `parts` in order are its bytes, some of them views on what was passed in. */
export interface EncodedMessage {
  readonly parts: readonly Uint8Array[];
  readonly sizeBytes: number;
}

/** Below this a byte field is copied: one more part in a gathered write costs more, and keeps its whole block alive. */
const SPLICE_MIN_BYTES = 1024;

const FIRST_CAPACITY = 4096;

/** Scratch space beyond this is given back after a message. */
const MAX_KEPT_CAPACITY = 1024 * 1024;

/** Up to this length a string is written character by character, which is quicker than a call into native code. */
const SHORT_STRING = 48;

export class Writer {
  private scratch = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
  private position = 0;
  private readonly maxBytes: number;
  private readonly splices: { at: number; readonly view: Uint8Array }[] = [];
  private splicedBytes = 0;

  /** `maxBytes`: what one message may have, but for spliced bytes, which are there already. */
  constructor(maxBytes = Number.POSITIVE_INFINITY) {
    this.maxBytes = maxBytes;
  }

  /** Bytes written since the last `finish` or `reset`. */
  get sizeBytes(): number {
    return this.position + this.splicedBytes;
  }

  /** Throws away what was written, as after an error in the middle of a message. */
  reset(): void {
    this.position = 0;
    this.splices.length = 0;
    this.splicedBytes = 0;
    if (this.scratch.length > MAX_KEPT_CAPACITY) this.scratch = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
  }

  /** The message written so far. The writer can be used for the next one at once. */
  finish(): EncodedMessage {
    const sizeBytes = this.sizeBytes;
    const small = Buffer.allocUnsafe(this.position);
    this.scratch.copy(small, 0, 0, this.position);
    const parts: Uint8Array[] = [];
    let from = 0;
    for (const { at, view } of this.splices) {
      if (at > from) parts.push(small.subarray(from, at));
      parts.push(view);
      from = at;
    }
    if (from < small.length) parts.push(from === 0 ? small : small.subarray(from));
    this.reset();
    return { parts, sizeBytes };
  }

  bool(value: boolean): void {
    this.put8(value ? 1 : 0);
  }

  int8(value: number): void {
    if ((value << 24) >> 24 !== value) throw new UnencodableMessage(`${value} is not an int8`);
    this.put8(value);
  }

  int16(value: number): void {
    if ((value << 16) >> 16 !== value) throw new UnencodableMessage(`${value} is not an int16`);
    this.put16(value);
  }

  uint16(value: number): void {
    if ((value & 0xffff) !== value) throw new UnencodableMessage(`${value} is not a uint16`);
    this.put16(value);
  }

  int32(value: number): void {
    if ((value | 0) !== value) throw new UnencodableMessage(`${value} is not an int32`);
    this.put32(this.advance(4), value);
  }

  uint32(value: number): void {
    if (value >>> 0 !== value) throw new UnencodableMessage(`${value} is not a uint32`);
    this.put32(this.advance(4), value);
  }

  int64(value: Int64): void {
    const at = this.advance(8);
    writeInt64(this.scratch, at, value);
  }

  offset64(value: number): void {
    const at = this.advance(8);
    writeInt64(this.scratch, at, value);
  }

  float64(value: number): void {
    const at = this.advance(8);
    this.scratch.writeDoubleBE(value, at);
  }

  uuid(value: Uuid): void {
    if (value.length !== UUID_BYTES) throw new UnencodableMessage(`a uuid of ${value.length} bytes`);
    const at = this.advance(UUID_BYTES);
    this.scratch.write(value, at, UUID_BYTES, "latin1");
  }

  /** An unsigned varint of at most 32 bits. */
  uvarint(value: number): void {
    let at = this.advance(uvarintBytes(value));
    let rest = value;
    while (rest > 0x7f) {
      this.scratch[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.scratch[at] = rest;
  }

  /** A signed varint of 32 bits (zigzag), as records have it. */
  varint(value: number): void {
    this.uvarint(zigzag32(value));
  }

  /** A signed varint of 64 bits (zigzag). */
  varlong(value: Int64): void {
    const zigzag = zigzag64(value);
    const at = this.advance(uvarlongBytes(zigzag));
    writeUvarlong(this.scratch, at, zigzag);
  }

  string(value: string): void {
    this.nullableString(value ?? refuseNull());
  }

  nullableString(value: string | null): void {
    if (value === null) return this.int16(-1);
    const size = byteLength(value);
    this.put16(size);
    this.text(value, size);
  }

  compactString(value: string): void {
    this.compactNullableString(value ?? refuseNull());
  }

  compactNullableString(value: string | null): void {
    if (value === null) return this.uvarint(0);
    const size = byteLength(value);
    this.uvarint(size + 1);
    this.text(value, size);
  }

  bytes(value: Uint8Array): void {
    this.nullableBytes(value ?? refuseNull());
  }

  nullableBytes(value: Uint8Array | null): void {
    if (value === null) return this.int32(-1);
    this.int32(value.length);
    this.raw(value);
  }

  compactBytes(value: Uint8Array): void {
    this.compactNullableBytes(value ?? refuseNull());
  }

  compactNullableBytes(value: Uint8Array | null): void {
    if (value === null) return this.uvarint(0);
    this.uvarint(value.length + 1);
    this.raw(value);
  }

  /** Bytes after a signed varint of their number; -1 stands for null. */
  varintBytes(value: Uint8Array | null): void {
    if (value === null) return this.varint(-1);
    this.varint(value.length);
    this.raw(value);
  }

  records(value: readonly Uint8Array[]): void {
    this.nullableRecords(value ?? refuseNull());
  }

  nullableRecords(value: readonly Uint8Array[] | null): void {
    if (value === null) return this.int32(-1);
    this.int32(totalBytes(value));
    for (const view of value) this.raw(view);
  }

  compactRecords(value: readonly Uint8Array[]): void {
    this.compactNullableRecords(value ?? refuseNull());
  }

  compactNullableRecords(value: readonly Uint8Array[] | null): void {
    if (value === null) return this.uvarint(0);
    this.uvarint(totalBytes(value) + 1);
    for (const view of value) this.raw(view);
  }

  /** The number of elements that follow. */
  count(elements: readonly unknown[]): void {
    this.int32((elements ?? refuseNull()).length);
  }

  nullableCount(elements: readonly unknown[] | null): void {
    this.int32(elements === null ? -1 : elements.length);
  }

  compactCount(elements: readonly unknown[]): void {
    this.uvarint((elements ?? refuseNull()).length + 1);
  }

  compactNullableCount(elements: readonly unknown[] | null): void {
    this.uvarint(elements === null ? 0 : elements.length + 1);
  }

  structPresent(present: boolean): void {
    this.int8(present ? 1 : -1);
  }

  /** Bytes without a length before them. Large ones are not copied, so they must stay unchanged until they are sent. */
  raw(value: Uint8Array): void {
    if (value.length < SPLICE_MIN_BYTES) {
      const at = this.advance(value.length);
      this.scratch.set(value, at);
    } else {
      this.splices.push({ at: this.position, view: value });
      this.splicedBytes += value.length;
    }
  }

  /** Begins a field that is preceded by its size. Returns what `endSized` takes. */
  beginSized(): { readonly at: number; readonly spliceCount: number; readonly splicedBytes: number } {
    const at = this.advance(1);
    return { at, spliceCount: this.splices.length, splicedBytes: this.splicedBytes };
  }

  /** Fills in the size. One byte was left for it, so the rare field beyond 127 bytes is moved up. */
  endSized(begin: { readonly at: number; readonly spliceCount: number; readonly splicedBytes: number }): void {
    const contentAt = begin.at + 1;
    const contentEnd = this.position;
    const size = contentEnd - contentAt + (this.splicedBytes - begin.splicedBytes);
    const shift = uvarintBytes(size) - 1;
    if (shift > 0) {
      this.advance(shift);
      this.scratch.copyWithin(contentAt + shift, contentAt, contentEnd);
      for (const splice of this.splices.slice(begin.spliceCount)) splice.at += shift;
    }
    const end = this.position;
    this.position = begin.at;
    this.uvarint(size);
    this.position = end;
  }

  /** Leaves 4 bytes for a size. Returns what `endPrefixed` takes. */
  beginPrefixed(): number {
    return this.advance(4);
  }

  /** Writes the number of bytes since `beginPrefixed`, spliced ones included, which must all be behind it. */
  endPrefixed(at: number): void {
    const size = this.sizeBytes - at - 4;
    if ((size | 0) !== size) throw new UnencodableMessage(`a message of ${size} bytes`);
    this.put32(at, size);
  }

  private put8(value: number): void {
    const at = this.advance(1);
    this.scratch[at] = value;
  }

  private put16(value: number): void {
    const at = this.advance(2);
    this.scratch[at] = value >>> 8;
    this.scratch[at + 1] = value;
  }

  private put32(at: number, value: number): void {
    const scratch = this.scratch;
    scratch[at] = value >>> 24;
    scratch[at + 1] = value >>> 16;
    scratch[at + 2] = value >>> 8;
    scratch[at + 3] = value;
  }

  private text(value: string, size: number): void {
    const at = this.advance(size);
    if (size !== value.length || size > SHORT_STRING) {
      this.scratch.write(value, at, size, "utf8");
    } else {
      for (let i = 0; i < size; i++) this.scratch[at + i] = value.charCodeAt(i);
    }
  }

  /**
   * Moves on by `size` bytes, making room for them, and returns where they begin. Making room replaces `scratch`, so
   * this call has to be a statement of its own before `scratch` is read.
   */
  private advance(size: number): number {
    const at = this.position;
    const end = at + size;
    if (end > this.scratch.length) this.grow(end);
    this.position = end;
    return at;
  }

  private grow(capacity: number): void {
    if (capacity > this.maxBytes) throw new UnencodableMessage(`it has more than ${this.maxBytes} bytes`);
    const larger = Buffer.allocUnsafeSlow(Math.max(capacity, Math.min(this.scratch.length * 2, this.maxBytes)));
    this.scratch.copy(larger, 0, 0, this.position);
    this.scratch = larger;
  }
}

function byteLength(text: string): number {
  const size = Buffer.byteLength(text);
  if (size > MAX_STRING_BYTES)
    throw new UnencodableMessage(`a string of ${size} bytes; the limit is ${MAX_STRING_BYTES}`);
  return size;
}

function totalBytes(views: readonly Uint8Array[]): number {
  let total = 0;
  for (const view of views) total += view.length;
  return total;
}

function refuseNull(): never {
  throw new UnencodableMessage("null in a field that cannot be null in this version");
}
