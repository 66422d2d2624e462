/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), as Kafka's record batches and this log's records use it.
 *
 * Long inputs go to the one native routine of the hot path: hardware CRC at 20 GB/s and more, 0.1 µs a call. Short ones
 * are as quick by table. And since the log checksums every byte three times over (the producer's batch, the WAL record
 * around it, the group around that), the outer two are computed from the inner one with `crc32cCombine`, in 0.1 µs
 * whatever the length, rather than by going over the bytes again.
 */
import { crc32c as native } from "@node-rs/crc32";

/** The generator polynomial, reflected. */
const POLYNOMIAL = 0x82f63b78;

/** CRC of every single byte. */
const TABLE = new Int32Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (POLYNOMIAL & -(crc & 1));
  TABLE[byte] = crc;
}

/** x^0 in the reflected representation. */
const ONE = 0x8000_0000 | 0;

/** POWERS[k][b] is x^(8 · b · 256^k) modulo the polynomial: what b · 256^k zero bytes multiply a CRC with. */
const POWERS: readonly Int32Array[] = makePowers();

/** CRC-32C of `bytes`, going on from `initial` (the CRC of what came before). Result in 0..2^32-1. */
export function crc32c(bytes: Uint8Array, initial = 0): number {
  return native(bytes as Buffer, initial) >>> 0;
}

/** As `crc32c` of `from`..`to`, quicker for less than about 50 bytes. */
export function crc32cShort(bytes: Uint8Array, from: number, to: number, initial = 0): number {
  let crc = ~initial;
  for (let at = from; at < to; at += 1) crc = TABLE[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** The CRC of A followed by B, from the CRC of each and the length of B in bytes (Adler, zlib's crc32_combine). */
export function crc32cCombine(crcA: number, crcB: number, lengthB: number): number {
  return (multiply(zeros(lengthB), crcA) ^ crcB) >>> 0;
}

/** x^(8 · length): what `length` zero bytes multiply a CRC with. */
function zeros(length: number): number {
  let power = ONE;
  let rest = length;
  for (let digit = 0; rest > 0; digit += 1) {
    if ((rest & 0xff) !== 0) power = multiply(power, POWERS[digit]![rest & 0xff]!);
    rest >>>= 8;
  }
  return power;
}

/** a · b modulo the polynomial, without branches that depend on the bits. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit -= 1) {
    product ^= shifted & -((a >>> bit) & 1);
    shifted = (shifted >>> 1) ^ (POLYNOMIAL & -(shifted & 1));
  }
  return product;
}

function makePowers(): Int32Array[] {
  const powers: Int32Array[] = [];
  let base = ONE;
  for (let bit = 0; bit < 8; bit += 1) base = (base >>> 1) ^ (POLYNOMIAL & -(base & 1));
  for (let digit = 0; digit < 4; digit += 1) {
    const row = new Int32Array(256);
    row[0] = ONE;
    for (let count = 1; count < 256; count += 1) row[count] = multiply(row[count - 1]!, base);
    powers.push(row);
    base = multiply(row[255]!, base);
  }
  return powers;
}
