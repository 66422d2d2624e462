/**
 * Varints: 7 bits a byte, the lowest first, the top bit set in all bytes but the last. Signed ones are mapped to
 * unsigned ones first ("zigzag": 0, -1, 1, -2, … become 0, 1, 2, 3, …), so that small negative numbers stay short.
 */
import type { Int64 } from "../../base/int64.ts";

/** Of an int32, as an unsigned 32-bit number. */
export function zigzag32(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

export function unzigzag32(zigzag: number): number {
  return (zigzag >>> 1) ^ -(zigzag & 1);
}

/** Of an int64, as an unsigned 64-bit integer: a number where that is a safe integer. */
export function zigzag64(value: Int64): Int64 {
  const zigzag = value < 0 ? -2 * Number(value) - 1 : 2 * Number(value);
  if (Number.isSafeInteger(zigzag)) return zigzag;
  const wide = BigInt(value);
  return BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
}

export function unzigzag64(zigzag: Int64): Int64 {
  if (typeof zigzag === "number") return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  const value = BigInt.asIntN(64, (zigzag >> 1n) ^ -(zigzag & 1n));
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The bytes that an unsigned varint of at most 32 bits takes. */
export function uvarintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

/** The bytes that an unsigned varint of at most 64 bits takes. */
export function uvarlongBytes(value: Int64): number {
  let bytes = 1;
  if (typeof value === "number") for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  else for (let rest = value; rest > 0x7fn; rest >>= 7n) bytes++;
  return bytes;
}

/** Writes an unsigned varint of at most 64 bits at `at`, and returns where it ends. The caller has seen to the room. */
export function writeUvarlong(bytes: Uint8Array, at: number, value: Int64): number {
  let end = at;
  let rest = value;
  for (; typeof rest === "bigint" && rest > 0x7fn; rest >>= 7n) bytes[end++] = Number(rest & 0x7fn) | 0x80;
  let small = Number(rest);
  for (; small >= 0x80; small = Math.floor(small / 0x80)) bytes[end++] = (small % 0x80) | 0x80;
  bytes[end++] = small;
  return end;
}
