/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), as Kafka's record batches and this log's records use it.
 * The one native routine on the hot path: hardware CRC at about 10 GB/s, 0.1 µs a call.
 */
import { crc32c as native } from "@node-rs/crc32";

/** CRC-32C of `bytes`, going on from `initial` (the CRC of what came before). Result in 0..2^32-1. */
export function crc32c(bytes: Uint8Array, initial = 0): number {
  return native(bytes as Buffer, initial) >>> 0;
}
