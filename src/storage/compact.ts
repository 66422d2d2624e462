/**
 * Compaction of partitions: what is dirty is gone over first, to learn the newest offset of each key; then everything is, a
 * group of ranges after the other, and what is left is written. Whenever a part of the job is done it is told, and counts:
 * whatever happens then, it need not be done again.
 *
 * Parts follow the order of offsets. So at each moment what is clean is clean from the log's start on, as tombstones need it
 * (`cleanPass`); how far the keys of the dirty part are known counts with the last part only.
 */
import { segmentName } from "../log/segment.ts";
import { batchBaseOffset, batchOffsetCount, batchSizeBytes } from "../protocol/record-batch.ts";
import { buildMap, cleanPass } from "./compaction.ts";
import { BYTES_PER_ENTRY, CompactionOffsetMap } from "./compaction-offset-map.ts";
import type { CompactedPart, CompactedPartition, CompactJob, CompactPartition, SegmentRangeSource } from "./jobs.ts";
import { InputSegments } from "./range-reader.ts";
import { type SegmentOutput, SegmentWriter } from "./segment-writer.ts";

const LOAD_FACTOR = 0.9;
const SMALLEST_MAP_BYTES = 1024 * BYTES_PER_ENTRY;

/**
 * `finished` is waited for before the next part is begun.
 * @throws CorruptionError when a batch is not what was written: then what is left has to stay as it is.
 */
export async function compactPartitions(
  output: SegmentOutput,
  job: CompactJob,
  { progress, finished }: { readonly progress: () => void; readonly finished: (part: CompactedPart) => Promise<void> },
): Promise<void> {
  const inputs = new InputSegments(output, job.inputs, progress);
  const map = new CompactionOffsetMap({ memoryBytes: mapBytes(job), secret: job.secret, loadFactor: LOAD_FACTOR });
  let open: OpenPart | undefined;
  const end = async (): Promise<void> => {
    const part = open;
    open = undefined;
    if (part !== undefined) await finished(await part.end());
    await inputs.close(); // what they hold of the disk may be given back now
  };
  try {
    for (const partition of job.partitions) {
      const cleaner = await PartitionCleaner.begin(inputs, map, job, partition);
      for (const group of partition.groups) {
        if (open?.part !== group.part) {
          await end();
          if (group.part > 0) await seeToRoom(output, job, group.part); // the broker has, for the first one
          open = await OpenPart.begin(output, job, group.part);
        }
        await cleaner.clean(group, open);
      }
    }
    await end();
  } finally {
    await open?.abandon();
    await inputs.close();
  }
}

async function seeToRoom({ disk }: SegmentOutput, { parts, minFreeBytes }: CompactJob, part: number): Promise<void> {
  const { sizeBytes } = parts[part]!;
  const freeBytes = (await disk.freeBytes()) - minFreeBytes;
  if (sizeBytes <= freeBytes) return;
  throw new Error(`the next part needs ${sizeBytes} bytes of the disk, of which ${freeBytes} may be used`);
}

type Group = CompactPartition["groups"][number];

/** The segment that is being written, and what has gone into it. */
class OpenPart {
  readonly part: number;
  readonly writer: SegmentWriter;
  readonly #output: SegmentOutput;
  readonly #name: string;
  readonly #partitions = new Map<number, CompactedPartition>();
  #isSame = true;

  private constructor(output: SegmentOutput, writer: SegmentWriter, part: number, name: string) {
    this.#output = output;
    this.writer = writer;
    this.part = part;
    this.#name = name;
  }

  static async begin(output: SegmentOutput, { parts }: CompactJob, part: number): Promise<OpenPart> {
    const identity = parts[part]!.output;
    const name = segmentName(identity.walPosition, identity.id);
    return new OpenPart(output, await SegmentWriter.create(output, identity), part, name);
  }

  /** A group was cleaned. `isSame`: what was written is the very range that was read. */
  add(done: CompactedPartition, isSame: boolean): void {
    const before = this.#partitions.get(done.partition);
    this.#partitions.set(done.partition, { ...done, from: before?.from ?? done.from });
    this.#isSame &&= isSame;
  }

  /** A segment of which nothing is needed goes at once. */
  async end(): Promise<CompactedPart> {
    const segment = await this.writer.finish().catch(async (error: unknown) => {
      await this.abandon();
      throw error;
    });
    const isNeeded = !this.#isSame && segment.ranges.length > 0;
    if (!isNeeded) await this.#output.disk.remove(this.#name);
    const partitions = [...this.#partitions.values()];
    return { part: this.part, segment: isNeeded ? segment : undefined, isSame: this.#isSame, partitions };
  }

  abandon(): Promise<void> {
    return this.writer.abandon();
  }
}

/** Cleans a partition, a group after the other, with what the map knows of its keys. */
class PartitionCleaner {
  readonly #inputs: InputSegments;
  readonly #map: CompactionOffsetMap;
  readonly #nowMs: number;
  readonly #partition: CompactPartition;
  readonly #topicName: Buffer;
  readonly #newest: ReadonlySet<number>;
  /** The map knows the keys before this. */
  readonly #mappedTo: number;
  readonly #uncleanableFrom: number;
  #horizonMs = Infinity;
  #unreadable: string | undefined;

  private constructor(
    inputs: InputSegments,
    map: CompactionOffsetMap,
    { nowMs }: CompactJob,
    partition: CompactPartition,
    ends: { readonly mappedTo: number; readonly uncleanableFrom: number },
  ) {
    this.#inputs = inputs;
    this.#map = map;
    this.#nowMs = nowMs;
    this.#partition = partition;
    this.#topicName = Buffer.from(partition.topicName);
    this.#newest = new Set(partition.newestBatches);
    this.#mappedTo = ends.mappedTo;
    this.#uncleanableFrom = ends.uncleanableFrom;
  }

  static async begin(
    inputs: InputSegments,
    map: CompactionOffsetMap,
    job: CompactJob,
    partition: CompactPartition,
  ): Promise<PartitionCleaner> {
    const { cleanedTo: firstDirtyOffset, topicName } = partition;
    const uncleanableFrom = endOfLast(partition);
    const dirty = partition.groups.flatMap(({ ranges }) =>
      ranges.filter((range) => range.endOffset > firstDirtyOffset),
    );
    const { endOffset: mappedTo } = await buildMap(batchesOf(inputs, dirty, Buffer.byteLength(topicName)), {
      map,
      firstDirtyOffset,
      uncleanableFrom,
    });
    return new PartitionCleaner(inputs, map, job, partition, { mappedTo, uncleanableFrom });
  }

  async clean({ ranges }: Group, open: OpenPart): Promise<void> {
    const { topicId, partition, deleteRetentionMs, cleanedTo } = this.#partition;
    const place = { firstOffset: ranges[0]!.firstOffset, endOffset: ranges.at(-1)!.endOffset };
    const { writer } = open;
    writer.beginRange({ topicId, partition, topicName: this.#topicName, ...place });
    const cleaned = await cleanPass(
      batchesOf(this.#inputs, ranges, this.#topicName.length),
      {
        map: this.#map,
        endOffset: this.#mappedTo,
        nowMs: this.#nowMs,
        deleteRetentionMs,
        keepsTombstones: this.#unreadable !== undefined,
        // The last one, too: consumers who read on to the end come there by it.
        keepsWhenEmpty: (batch) =>
          this.#newest.has(batchBaseOffset(batch, 0)) || endOf(batch) === this.#uncleanableFrom,
      },
      {
        write(batch) {
          writer.add(batch, 0, batch.length);
          return writer.needsFlush ? writer.flush() : undefined;
        },
      },
    );
    writer.endRange();
    this.#horizonMs = Math.min(this.#horizonMs, cleaned.tombstonesDueMs ?? Infinity);
    const { firstUnreadable } = cleaned;
    this.#unreadable ??=
      firstUnreadable && `the batch at offset ${firstUnreadable.baseOffset} cannot be read (${firstUnreadable.reason})`;
    const isLast = place.endOffset === this.#uncleanableFrom;
    open.add(
      {
        topicId,
        partition,
        from: place.firstOffset,
        to: place.endOffset,
        cleanedTo: isLast ? this.#mappedTo : cleanedTo,
        isLast,
        horizonMs: this.#horizonMs === Infinity ? -1 : this.#horizonMs,
        unreadable: isLast ? this.#unreadable : undefined,
      },
      ranges.length === 1 && cleaned.batchesKept === cleaned.batchesRead && cleaned.batchesRewritten === 0,
    );
  }
}

function endOfLast({ groups }: CompactPartition): number {
  return groups.at(-1)!.ranges.at(-1)!.endOffset;
}

function endOf(batch: Buffer): number {
  return batchBaseOffset(batch, 0) + batchOffsetCount(batch, 0);
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
  const dirty = partitions.reduce((most, each) => Math.max(most, endOfLast(each) - each.cleanedTo), 0);
  return Math.min(limitBytes, Math.ceil((dirty * BYTES_PER_ENTRY) / LOAD_FACTOR) + SMALLEST_MAP_BYTES);
}
