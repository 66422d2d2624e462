/**
 * Exact 64-bit signed integers, big endian, without paying for them.
 *
 * A JavaScript number holds integers exactly up to 2^53-1, and nearly every 64-bit field on the wire (timestamps,
 * producer ids) stays far below. So an `Int64` is a number whenever the value is a safe integer and a bigint only
 * beyond: no allocation in the common case, no rounding in the rare one (`retention.ms` = 9223372036854775807). The
 * form is canonical, so `===` compares two decoded values correctly.
 */
export type Int64 = number | bigint;

const TWO_32 = 0x1_0000_0000;

/** Reads 8 bytes at `at`. The caller has checked the bounds. */
export function readInt64(buffer: Uint8Array, at: number): Int64 {
  const high = readInt32(buffer, at);
  const low = readInt32(buffer, at + 4) >>> 0;
  const value = high * TWO_32 + low;
  return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(low);
}

/**
 * Writes 8 bytes at `at`. The caller has checked the bounds. Accepts a bigint in the safe range too.
 * @throws RangeError for a number that is no safe integer (it may have lost digits already) or a bigint beyond 64 bits.
 */
export function writeInt64(buffer: Uint8Array, at: number, value: Int64): void {
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer: pass a bigint`);
    writeInt32(buffer, at, Math.floor(value / TWO_32));
    writeInt32(buffer, at + 4, value);
    return;
  }
  if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} does not fit in 64 bits`);
  writeInt32(buffer, at, Number(value >> 32n));
  writeInt32(buffer, at + 4, Number(value & 0xffff_ffffn));
}

/** The canonical form of `value`: a number where it is a safe integer. */
export function toInt64(value: bigint): Int64 {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Wraps around at 64 bits, like Java's long. */
export function addInt64(a: Int64, b: Int64): Int64 {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return toInt64(BigInt.asIntN(64, BigInt(a) + BigInt(b)));
}

/** Wraps around at 64 bits, like Java's long. */
export function subtractInt64(a: Int64, b: Int64): Int64 {
  return addInt64(a, typeof b === "number" ? -b : BigInt.asIntN(64, -b));
}

function readInt32(buffer: Uint8Array, at: number): number {
  return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
}

function writeInt32(buffer: Uint8Array, at: number, value: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}
