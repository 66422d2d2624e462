/**
 * The topic's `compression.type`, applied to checked batches before they get offsets.
 *
 * A batch with another codec is unpacked and packed anew at once, on the one thread that decides: batches keep their order
 * and a request its atomicity without any further machinery. It costs what the codec costs, 5 to 50 ms a MiB, during which
 * nothing else is served; that is why producers should compress, and why what one request may have unpacked is bounded.
 */
import type { TopicConfig } from "../config/tables.ts";
import { MalformedMessage } from "../protocol/codec/reader.ts";
import { DecompressedTooLarge } from "../protocol/compression.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { recompressBatch } from "../protocol/recompress.ts";
import { batchCompression, type CompressionName } from "../protocol/record-batch.ts";
import type { BatchSpan } from "./batch-check.ts";
import type { Refusal } from "./topic-creation.ts";

/** What one batch may unpack to here. */
export const MAX_UNPACKED_BYTES = 16 * 1024 * 1024;

/**
 * What may still be unpacked for one request, for its checks and to be packed anew: `socket.request.max.bytes` in all.
 * Attempts that fail count in full.
 */
export interface UnpackBudget {
  leftBytes: number;
}

/** A batch as it is stored. */
export interface PackedBatch extends BatchSpan {
  readonly buffer: Buffer;
}

/** Kafka's default: what gzip takes for its best compromise. */
const GZIP_DEFAULT = -1;

/** The batches in `records` with the topic's codec: those that have it already are not touched. */
export function packBatches(
  records: Buffer,
  batches: readonly BatchSpan[],
  { config, budget }: { readonly config: TopicConfig; readonly budget: UnpackBudget },
): readonly PackedBatch[] | Refusal {
  const codec = codecOf(config);
  const packed: PackedBatch[] = [];
  for (const { at, sizeBytes } of batches) {
    if (codec === "producer" || batchCompression(records, at) === codec) {
      packed.push({ buffer: records, at, sizeBytes });
      continue;
    }
    const batch = repack(records.subarray(at, at + sizeBytes), codec, config, budget);
    if ("errorCode" in batch) return batch;
    packed.push({ buffer: batch, at: 0, sizeBytes: batch.length });
  }
  return packed;
}

function repack(original: Buffer, codec: CompressionName, config: TopicConfig, budget: UnpackBudget): Buffer | Refusal {
  const limitBytes = Math.min(MAX_UNPACKED_BYTES, budget.leftBytes);
  budget.leftBytes -= limitBytes;
  try {
    const { batch, unpackedBytes } = recompressBatch(original, { codec, level: levelOf(codec, config), limitBytes });
    budget.leftBytes += limitBytes - unpackedBytes;
    const limit = config["max.message.bytes"];
    if (batch.length <= limit) return batch;
    return tooLarge(`a record batch has ${batch.length} bytes with compression.type=${codec}, more than ${limit}`);
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    if (error instanceof DecompressedTooLarge) return tooLarge(error.message);
    return { errorCode: ErrorCode.CORRUPT_MESSAGE, message: `the records of a batch cannot be read: ${error.message}` };
  }
}

function tooLarge(message: string): Refusal {
  return { errorCode: ErrorCode.MESSAGE_TOO_LARGE, message };
}

function codecOf(config: TopicConfig): CompressionName | "producer" {
  const type = config["compression.type"];
  return type === "uncompressed" ? "none" : type;
}

function levelOf(codec: CompressionName, config: TopicConfig): number | undefined {
  if (codec === "zstd") return config["compression.zstd.level"];
  if (codec !== "gzip") return undefined;
  const level = config["compression.gzip.level"];
  return level === GZIP_DEFAULT ? undefined : level;
}
