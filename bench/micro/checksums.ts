/** The checksum that every byte gets, and the check of a batch as it comes from a producer. */
import { crc32c, crc32cCombine, crc32cShort } from "../../src/base/crc32c.ts";
import { findBatchProblem } from "../../src/protocol/record-batch.ts";
import { encodeBatch } from "../load/record-batch.ts";
import type { MicroBench } from "./harness.ts";

const KIBIBYTE = 1024;
const SHORT_BYTES = 64;

export function checksumBenches(): MicroBench[] {
  const short = Buffer.alloc(SHORT_BYTES, 1);
  const { bytes: batch } = encodeBatch({ recordSizeBytes: 100, batchSizeBytes: 16 * KIBIBYTE });
  return [
    ...[SHORT_BYTES, KIBIBYTE, 16 * KIBIBYTE, KIBIBYTE ** 2].map((sizeBytes): MicroBench => {
      const bytes = Buffer.alloc(sizeBytes, 1);
      return { name: `CRC-32C of ${sizeText(sizeBytes)}`, bytes: sizeBytes, run: () => crc32c(bytes) };
    }),
    {
      name: `CRC-32C of ${sizeText(SHORT_BYTES)}, by table`,
      bytes: SHORT_BYTES,
      run: () => crc32cShort(short, 0, SHORT_BYTES),
    },
    { name: "CRC-32C of two, combined", run: () => crc32cCombine(0x12345678, 0x9abcdef0, 16_400) },
    {
      name: "check of a batch of 16 KiB",
      bytes: batch.length,
      run: () => {
        if (findBatchProblem(batch, 0, batch.length) !== undefined) throw new Error("a good batch was refused");
      },
    },
  ];
}

function sizeText(bytes: number): string {
  return bytes < KIBIBYTE
    ? `${bytes} B`
    : bytes < KIBIBYTE ** 2
      ? `${bytes / KIBIBYTE} KiB`
      : `${bytes / KIBIBYTE ** 2} MiB`;
}
