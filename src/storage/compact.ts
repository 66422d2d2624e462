/**
 * Compaction of partitions: their ranges, cleaned, in a new segment. What is dirty is gone over first, to learn the newest
 * offset of each key; then everything is, and what is left is written.
 */
import { batchBaseOffset, batchOffsetCount, batchSizeBytes } from "../protocol/record-batch.ts";
import { buildMap, cleanPass } from "./compaction.ts";
import { BYTES_PER_ENTRY, CompactionOffsetMap } from "./compaction-offset-map.ts";
import { bySegmentOrder } from "./convert.ts";
import type { CompactedPartition, CompactJob, CompactPartition, SegmentRangeSource } from "./jobs.ts";
import { InputSegments } from "./range-reader.ts";
import { type SegmentOutput, SegmentWriter, type WrittenSegment } from "./segment-writer.ts";

const LOAD_FACTOR = 0.9;
const SMALLEST_MAP_BYTES = 1024 * BYTES_PER_ENTRY;

export interface Compacted {
  readonly segment: WrittenSegment | undefined;
  readonly partitions: readonly CompactedPartition[];
}

/** @throws CorruptionError when a batch is not what was written: then everything has to stay as it is. */
export async function compactPartitions(
  output: SegmentOutput,
  job: CompactJob,
  progress: () => void,
): Promise<Compacted> {
  const inputs = new InputSegments(output.disk, job.inputs, progress);
  const partitions: CompactedPartition[] = [];
  const writer = await SegmentWriter.create(output, job.output);
  try {
    const map = new CompactionOffsetMap({ memoryBytes: mapBytes(job), secret: job.secret, loadFactor: LOAD_FACTOR });
    const places = job.partitions.map((partition) => ({ ...partition, firstOffset: 0 }));
    for (const partition of places.toSorted(bySegmentOrder)) {
      partitions.push(await compactPartition(inputs, writer, map, job, partition));
    }
    const segment = await writer.finish();
    return { segment, partitions };
  } catch (error) {
    await writer.abandon();
    throw error;
  } finally {
    await inputs.close();
  }
}

async function compactPartition(
  inputs: InputSegments,
  writer: SegmentWriter,
  map: CompactionOffsetMap,
  job: CompactJob,
  partition: CompactPartition,
): Promise<CompactedPartition> {
  const { ranges, cleanedTo: firstDirtyOffset, deleteRetentionMs } = partition;
  const topicBytes = Buffer.byteLength(partition.topicName);
  const uncleanableFrom = ranges.at(-1)!.endOffset;
  const dirty = ranges.filter(({ endOffset }) => endOffset > firstDirtyOffset);
  const { endOffset } = await buildMap(batchesOf(inputs, dirty, topicBytes), {
    map,
    firstDirtyOffset,
    uncleanableFrom,
  });
  const newest = new Set(partition.newestBatches);
  const ranger = new RangeWriter(writer, partition);
  const { tombstonesDueMs, firstUnreadable } = await cleanPass(
    batchesOf(inputs, ranges, topicBytes),
    {
      map,
      endOffset,
      nowMs: job.nowMs,
      deleteRetentionMs,
      // The last one, too: consumers who read on to the end come there by it.
      keepsWhenEmpty: (batch) => newest.has(batchBaseOffset(batch, 0)) || endOf(batch) === uncleanableFrom,
    },
    ranger,
  );
  ranger.end();
  return {
    topicId: partition.topicId,
    partition: partition.partition,
    cleanedTo: endOffset,
    horizonMs: tombstonesDueMs ?? -1,
    unreadable:
      firstUnreadable && `the batch at offset ${firstUnreadable.baseOffset} cannot be read (${firstUnreadable.reason})`,
  };
}

function endOf(batch: Buffer): number {
  return batchBaseOffset(batch, 0) + batchOffsetCount(batch, 0);
}

/** Writes what is left of each group of ranges as one range. */
class RangeWriter {
  readonly #writer: SegmentWriter;
  readonly #partition: CompactPartition;
  readonly #topicName: Buffer;
  readonly #groups: { readonly firstOffset: number; readonly endOffset: number }[];
  #open: { readonly endOffset: number } | undefined;

  constructor(writer: SegmentWriter, partition: CompactPartition) {
    this.#writer = writer;
    this.#partition = partition;
    this.#topicName = Buffer.from(partition.topicName);
    this.#groups = groupsOf(partition);
  }

  write(batch: Buffer): Promise<void> | undefined {
    const offset = batchBaseOffset(batch, 0);
    if (this.#open !== undefined && offset >= this.#open.endOffset) this.end();
    if (this.#open === undefined) {
      const group = this.#groups.find(({ endOffset }) => endOffset > offset)!;
      const { topicId, partition } = this.#partition;
      this.#writer.beginRange({ topicId, partition, topicName: this.#topicName, ...group });
      this.#open = group;
    }
    this.#writer.add(batch, 0, batch.length);
    return this.#writer.needsFlush ? this.#writer.flush() : undefined;
  }

  end(): void {
    if (this.#open !== undefined) this.#writer.endRange();
    this.#open = undefined;
  }
}

/** Neighbouring ranges that become one: no more together than segment.bytes and segment.ms allow. */
function groupsOf({ ranges, segmentBytes, segmentMs }: CompactPartition): { firstOffset: number; endOffset: number }[] {
  const groups: { firstOffset: number; endOffset: number; bytes: number; fromMs: number }[] = [];
  for (const { firstOffset, endOffset, sizeBytes, maxTimestamp } of ranges) {
    const group = groups.at(-1);
    const joins =
      group !== undefined && group.bytes + sizeBytes <= segmentBytes && maxTimestamp - group.fromMs <= segmentMs;
    if (joins) {
      group.endOffset = endOffset;
      group.bytes += sizeBytes;
    } else {
      groups.push({ firstOffset, endOffset, bytes: sizeBytes, fromMs: maxTimestamp });
    }
  }
  return groups.map(({ firstOffset, endOffset }) => ({ firstOffset, endOffset }));
}

/** Each batch alone, valid until the next one is asked for. */
async function* batchesOf(
  inputs: InputSegments,
  ranges: readonly SegmentRangeSource[],
  topicBytes: number,
): AsyncGenerator<Buffer> {
  for (const range of ranges) {
    for await (const { bytes, at, end } of inputs.blocks(range, topicBytes)) {
      for (let next = at; next < end; ) {
        const batchEnd = next + batchSizeBytes(bytes, next);
        yield bytes.subarray(next, batchEnd);
        next = batchEnd;
      }
    }
  }
}

/** Room for every record that may be dirty in the largest partition, as far as it is allowed. */
function mapBytes({ partitions, mapBytes: limitBytes }: CompactJob): number {
  const dirty = partitions.map(({ ranges, cleanedTo }) => ranges.at(-1)!.endOffset - cleanedTo);
  const neededBytes = Math.ceil((Math.max(...dirty) * BYTES_PER_ENTRY) / LOAD_FACTOR) + SMALLEST_MAP_BYTES;
  return Math.min(limitBytes, neededBytes);
}
