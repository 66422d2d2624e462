/** Plans as messages to the storage worker: plain data, with segments and topics by name and number. */
import type { FileRange } from "../log/log-file.ts";
import type { Segment } from "../log/segment.ts";
import type { WalFile } from "../log/wal-file.ts";
import type { Topic } from "../state/state.ts";
import type { CompactionPlan } from "./compaction-plan.ts";
import type { CompactJob, ConvertJob, MergeJob, RangeSource, SegmentSource } from "./jobs.ts";
import type { PartSpan } from "./move.ts";
import type { MergePlan } from "./plan.ts";
import type { SegmentIdentity } from "./segment-format.ts";

/** A file of the log becomes a segment of these ranges. */
export function convertJob(
  { base, incarnation, end }: WalFile,
  ranges: readonly { readonly topic: Topic; readonly range: FileRange }[],
  output: SegmentIdentity,
): ConvertJob {
  return {
    kind: "convert",
    wal: { base, incarnation, end },
    output,
    ranges: ranges.map(({ topic, range }) => ({
      topicId: topic.id,
      topicName: topic.name,
      partition: range.partition,
      ...sourceOf(range),
    })),
  };
}

/** `identities`: one for each output of the plan. */
export function mergeJob({ inputs, outputs }: MergePlan, identities: readonly SegmentIdentity[]): MergeJob {
  const places = placesOf(inputs);
  return {
    kind: "merge",
    inputs: inputs.map(segmentSource),
    outputs: outputs.map(({ groups }, index) => ({
      identity: identities[index]!,
      ranges: groups.map(({ topic, partition, ranges }) => ({
        topicId: topic.id,
        topicName: topic.name,
        partition,
        from: ranges.map((range) => ({ input: places.get(range.file)!, ...sourceOf(range) })),
      })),
    })),
  };
}

/** `identities`: one for each part of the plan. */
export function compactJob(
  { topic, partitions, parts }: CompactionPlan,
  inputs: readonly Segment[],
  identities: readonly SegmentIdentity[],
  circumstances: Pick<CompactJob, "nowMs" | "secret" | "mapBytes" | "minFreeBytes">,
): CompactJob {
  const places = placesOf(inputs);
  return {
    kind: "compact",
    inputs: inputs.map(segmentSource),
    parts: parts.map((sizeBytes, part) => ({ output: identities[part]!, sizeBytes })),
    ...circumstances,
    partitions: partitions.map(({ partition, groups, firstDirtyOffset }) => ({
      topicId: topic.id,
      topicName: topic.name,
      partition: partition.partition,
      groups: groups.map(({ part, ranges }) => ({
        part,
        ranges: ranges.map((range) => ({ input: places.get(range.file)!, ...sourceOf(range) })),
      })),
      cleanedTo: firstDirtyOffset,
      deleteRetentionMs: topic.config["delete.retention.ms"],
      newestBatches: [...partition.producers.entries()].flatMap(([, { batches }]) => batches.at(-1)?.baseOffset ?? []),
    })),
  };
}

/** What a part of a compaction is to clean of each partition. */
export function spansOf({ partitions }: CompactionPlan, part: number): PartSpan[] {
  return partitions.flatMap(({ partition, groups }) => {
    const ranges = groups.filter((group) => group.part === part).flatMap((group) => group.ranges);
    return ranges.length === 0 ? [] : { partition, from: ranges[0]!.firstOffset, to: ranges.at(-1)!.endOffset };
  });
}

/** The segments that the parts behind this one are made of. */
export function segmentsBehind({ partitions }: CompactionPlan, part: number): Segment[] {
  const groups = partitions.flatMap((partition) => partition.groups.filter((group) => group.part > part));
  return groups.flatMap(({ ranges }) => ranges.map(({ file }) => file));
}

function placesOf(inputs: readonly Segment[]): ReadonlyMap<FileRange["file"], number> {
  return new Map(inputs.map((segment, index) => [segment, index]));
}

function segmentSource({ id, walPosition, sizeBytes }: Segment): SegmentSource {
  return { id, walPosition, sizeBytes };
}

function sourceOf({ firstOffset, endOffset, stored }: FileRange): RangeSource {
  return { firstOffset, endOffset, ...stored! };
}
