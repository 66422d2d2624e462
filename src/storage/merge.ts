/** Segments become others: what each partition has in several of them comes together. Batches stay as they are. */
import { batchSizeBytes } from "../protocol/record-batch.ts";
import { bySegmentOrder } from "./convert.ts";
import type { MergeJob } from "./jobs.ts";
import { InputSegments } from "./range-reader.ts";
import { type SegmentOutput, SegmentWriter, type WrittenSegment } from "./segment-writer.ts";

/** Ends before what was written counts: the caller verifies it. @throws CorruptionError */
export async function mergeSegments(
  output: SegmentOutput,
  job: MergeJob,
  progress: () => void,
): Promise<(WrittenSegment | undefined)[]> {
  const inputs = new InputSegments(output, job.inputs, progress);
  try {
    const written: (WrittenSegment | undefined)[] = [];
    for (const { identity, ranges } of job.outputs) {
      const writer = await SegmentWriter.create(output, identity);
      try {
        for (const range of ranges.map(withEnds).toSorted(bySegmentOrder)) {
          const topicName = Buffer.from(range.topicName);
          writer.beginRange({ ...range, topicName });
          for (const from of range.from) {
            for await (const { bytes, at, end } of inputs.blocks(from, topicName.length)) {
              for (let next = at; next < end; next += batchSizeBytes(bytes, next)) {
                writer.add(bytes, next, batchSizeBytes(bytes, next));
              }
              if (writer.needsFlush) await writer.flush();
            }
          }
          writer.endRange();
        }
        written.push(await writer.finish());
      } catch (error) {
        await writer.abandon();
        throw error;
      }
    }
    return written;
  } finally {
    await inputs.close();
  }
}

type Range = MergeJob["outputs"][number]["ranges"][number];

function withEnds(range: Range): Range & { readonly firstOffset: number; readonly endOffset: number } {
  return { ...range, firstOffset: range.from[0]!.firstOffset, endOffset: range.from.at(-1)!.endOffset };
}
