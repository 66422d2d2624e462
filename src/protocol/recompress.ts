/**
 * A record batch with another codec: what `compression.type` asks for. One of the few exceptions from "bytes in, bytes out".
 *
 * Only the packing of the records changes. Their bytes are the same again when unpacked, and of the header only the length,
 * the CRC and the codec in the attributes differ, and the base offset, which the log sets anyway: timestamps, deltas, producer
 * fields and the other attributes stay.
 */
import { MalformedMessage } from "./codec/reader.ts";
import { compress, DecompressedTooLarge, decompress } from "./compression.ts";
import { readRecords } from "./record.ts";
import {
  BATCH_HEADER_BYTES,
  batchCompression,
  type CompressionName,
  setBatchBaseOffset,
  setBatchCompression,
} from "./record-batch.ts";

export interface RecompressOptions {
  readonly codec: CompressionName;
  /** Of gzip or zstd; the codec's own when undefined. */
  readonly level: number | undefined;
  /** What the records may unpack to. */
  readonly limitBytes: number;
}

export interface Recompressed {
  readonly batch: Buffer;
  /** What the records unpacked to. */
  readonly unpackedBytes: number;
}

/**
 * `original`, one whole batch whose header has been checked, packed with `codec`; a copy. Its records are read once, so that nothing
 * is stored that consumers could not read.
 * @throws MalformedMessage when the records cannot be read, or (DecompressedTooLarge) are too many bytes.
 */
export function recompressBatch(original: Buffer, { codec, level, limitBytes }: RecompressOptions): Recompressed {
  const header = original.subarray(0, BATCH_HEADER_BYTES);
  const unpacked = decompress(batchCompression(original, 0), original.subarray(BATCH_HEADER_BYTES), limitBytes);
  if (unpacked.length > limitBytes) throw new DecompressedTooLarge("none", limitBytes);
  const plain = Buffer.concat([header, unpacked]);
  setBatchBaseOffset(plain, 0, 0);
  setBatchCompression(plain, "none");
  checkRecords(plain);
  const unpackedBytes = unpacked.length;
  if (codec === "none") return { batch: plain, unpackedBytes };
  const batch = Buffer.concat([plain.subarray(0, BATCH_HEADER_BYTES), compress(codec, unpacked, level)]);
  setBatchCompression(batch, codec);
  return { batch, unpackedBytes };
}

/** Reads all records. @throws MalformedMessage */
function checkRecords(plain: Buffer): void {
  let index = 0;
  for (const { offset } of readRecords(plain)) {
    if (offset !== index) throw new MalformedMessage(`record ${index} of a batch has the offset delta ${offset}`);
    index += 1;
  }
}
