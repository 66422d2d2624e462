/**
 * The codecs of record batches. The broker stores and serves compressed batches as they came; this is for the few
 * places that look into them or make them anew.
 *
 * gzip and zstd are Node's own. snappy and lz4 are native packages, loaded when first needed: most brokers never do,
 * and each costs memory and a few milliseconds of the start.
 *
 * Decompression is bounded: a batch of a megabyte can unpack to gigabytes. Each codec refuses before it allocates more
 * than the limit.
 */
import { createRequire } from "node:module";
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { unreachable } from "../base/assert.ts";
import { MalformedMessage } from "./codec/reader.ts";
import { lz4ContentBytes } from "./lz4-frame.ts";
import type { CompressionName } from "./record-batch.ts";
import { snappyBlocks, snappyContentBytes, XERIAL_BLOCK_BYTES, xerialFrame } from "./snappy-framing.ts";

/** What one batch may unpack to unless the caller says otherwise. */
export const MAX_DECOMPRESSED_BYTES = 64 * 1024 * 1024;

/** The bytes are in order but unpack to more than the limit. */
export class DecompressedTooLarge extends MalformedMessage {
  constructor(codec: CompressionName, limitBytes: number) {
    super(`${codec}: the data unpacks to more than ${limitBytes} bytes`);
  }
}

const require = createRequire(import.meta.url);

/**
 * Packs `bytes` the way Kafka's own clients do: snappy in xerial framing, lz4 as a frame of independent blocks. `level`
 * is that of gzip (1 to 9) or zstd (1 to 22); the other codecs have none. "none" gives `bytes` itself.
 */
export function compress(codec: CompressionName, bytes: Buffer, level?: number): Buffer {
  switch (codec) {
    case "none":
      return bytes;
    case "gzip":
      return gzipSync(bytes, level === undefined ? {} : { level });
    case "zstd":
      return zstdCompressSync(
        bytes,
        level === undefined ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } },
      );
    case "snappy":
      return compressSnappy(bytes);
    case "lz4":
      return lz4().compressFrameSync(bytes);
    default:
      return unreachable(codec);
  }
}

/**
 * Unpacks `bytes`. "none" gives `bytes` itself, whatever its size.
 * @throws DecompressedTooLarge when the result would have more than `limitBytes` bytes.
 * @throws MalformedMessage when `bytes` is not data of this codec.
 */
export function decompress(codec: CompressionName, bytes: Buffer, limitBytes = MAX_DECOMPRESSED_BYTES): Buffer {
  try {
    switch (codec) {
      case "none":
        return bytes;
      case "gzip":
        return gunzipSync(bytes, { maxOutputLength: limitBytes });
      case "zstd":
        return zstdDecompressSync(bytes, { maxOutputLength: limitBytes });
      case "snappy":
        if (snappyContentBytes(bytes) > limitBytes) throw new DecompressedTooLarge(codec, limitBytes);
        return decompressSnappy(bytes);
      case "lz4":
        if (lz4ContentBytes(bytes, limitBytes) > limitBytes) throw new DecompressedTooLarge(codec, limitBytes);
        return lz4().decompressFrameSync(bytes);
      default:
        return unreachable(codec);
    }
  } catch (error) {
    if (error instanceof MalformedMessage) throw error;
    if (isBeyondOutputLimit(error)) throw new DecompressedTooLarge(codec, limitBytes);
    throw new MalformedMessage(`${codec}: ${(error as Error).message}`, { cause: error });
  }
}

function compressSnappy(bytes: Buffer): Buffer {
  const { compressSync } = snappy();
  const blocks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += XERIAL_BLOCK_BYTES) {
    blocks.push(compressSync(bytes.subarray(at, at + XERIAL_BLOCK_BYTES)));
  }
  return xerialFrame(blocks);
}

function decompressSnappy(bytes: Buffer): Buffer {
  const { uncompressSync } = snappy();
  const blocks = snappyBlocks(bytes).map((block) => uncompressSync(block) as Buffer);
  return blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks);
}

function snappy(): typeof import("snappy") {
  return require("snappy");
}

function lz4(): typeof import("lz4-napi") {
  return require("lz4-napi");
}

/** Node's zlib refuses output beyond `maxOutputLength` with this code. */
function isBeyondOutputLimit(error: unknown): boolean {
  return error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
}
