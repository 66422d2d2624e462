/**
 * A sealed file of the write-ahead log becomes a segment: its batches, sorted by partition.
 *
 * The log interleaves partitions, so the batches that are next in the segment lie all over the file. They are put together
 * a window at a time: which batches go into the window the index tells, and they are read in the order in which they lie in
 * the file. A file of the default size is one window, and is read from front to back. Memory: the window, one piece of the
 * file, and the index.
 */
import { toPosition } from "../base/brands.ts";
import type { BatchIndex } from "../log/batch-index.ts";
import { CorruptionError } from "../log/corruption.ts";
import { readRows } from "../log/file-index.ts";
import { rebuildIndexes, rebuiltIndex } from "../log/index-rebuild.ts";
import { WalFile } from "../log/wal-file.ts";
import { claimedBatchRecordBytes, verifiedRecordBytes } from "../log/wal-record.ts";
import { type Disk, type DiskFile, isMissing } from "../ports/disk.ts";
import type { ConvertJob } from "./jobs.ts";
import { openInput } from "./range-reader.ts";
import { type SegmentOutput, SegmentWriter, type WrittenSegment } from "./segment-writer.ts";
import { Window, type WindowOptions } from "./window.ts";

/** A file of the default size fits, with the group that it may exceed it by. */
const WINDOW_BYTES = 72 * 1024 * 1024;
/** Ranges whose rows are read before progress is told. */
const INDEXES_PER_PROGRESS = 256;

type Range = ConvertJob["ranges"][number];

/**
 * What comes of it counts only if it reads back with its checksum.
 * @throws CorruptionError when a batch is not what was written: then the file has to stay as it is.
 */
export async function convertWalFile(
  output: SegmentOutput,
  job: ConvertJob,
  progress: () => void,
): Promise<WrittenSegment | undefined> {
  if (job.ranges.length === 0) return undefined;
  return readBatches(output, job, { progress, recordBytes: claimedBatchRecordBytes }, async (source) => {
    const writer = await SegmentWriter.create(output, job.output);
    try {
      await pourWindows(source, writer);
      return await writer.finish();
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  });
}

/**
 * Goes over every byte of a job's batches.
 * @throws CorruptionError when they are not what was written.
 */
export async function verifyWalFile(output: SegmentOutput, job: ConvertJob, progress: () => void): Promise<void> {
  await readBatches(output, job, { progress, recordBytes: verifiedRecordBytes }, (source) => pourWindows(source));
}

interface Source {
  readonly window: Window<Range>;
  /** In the order of the segment, each with its rows. */
  readonly ranges: readonly Range[];
  readonly indexes: readonly BatchIndex[];
  readonly progress: () => void;
}

async function readBatches<Result>(
  output: SegmentOutput,
  { wal, ranges }: ConvertJob,
  reading: Pick<WindowOptions, "progress" | "recordBytes">,
  use: (source: Source) => Promise<Result>,
): Promise<Result> {
  const file = new WalFile(toPosition(wal.base), wal.incarnation, toPosition(wal.end));
  const sorted = ranges.toSorted(bySegmentOrder);
  const source = await openInput(() => output.open(file.name), file.name);
  try {
    const indexes = await readIndexes(output.disk, file, sorted, reading.progress);
    const window = new Window<Range>({ ...reading, output, source, file, limitBytes: WINDOW_BYTES });
    try {
      return await use({ window, ranges: sorted, indexes, progress: reading.progress });
    } finally {
      window.release();
    }
  } finally {
    await source.close();
  }
}

/** Reads a window after the other, to the last batch of the last range, and adds them to the writer, if there is one. */
async function pourWindows({ window, ranges, indexes, progress }: Source, writer?: SegmentWriter): Promise<void> {
  let openRange: Range | undefined;
  const turnTo = (range: Range): void => {
    if (openRange !== undefined) writer?.endRange();
    openRange = range;
    const { topicId, topicName, partition, firstOffset, endOffset } = range;
    writer?.beginRange({ topicId, topicName: Buffer.from(topicName), partition, firstOffset, endOffset });
  };
  const pour = async (): Promise<void> => {
    for (const { owner, dataAt, sizeBytes, crc } of await window.read()) {
      if (owner !== openRange) turnTo(owner);
      writer?.add(window.bytes, dataAt, sizeBytes, crc);
      if (writer?.needsFlush !== true) continue;
      await writer.flush();
      progress();
    }
    window.clear();
  };
  for (const [place, range] of ranges.entries()) {
    const index = indexes[place]!;
    const topicBytes = Buffer.byteLength(range.topicName);
    for (let row = 0; row < index.count; row += 1) {
      if (!window.hasRoom(topicBytes, index.sizeAt(row))) await pour();
      window.place(range, topicBytes, {
        position: index.positionAt(row),
        sizeBytes: index.sizeAt(row),
        baseOffset: index.baseOffsetAt(row),
        endOffset: index.endOffsetAt(row),
      });
    }
  }
  await pour();
  writer?.endRange();
}

/** The order of ranges in a segment. */
export function bySegmentOrder(
  a: { readonly topicId: string; readonly partition: number; readonly firstOffset: number },
  b: { readonly topicId: string; readonly partition: number; readonly firstOffset: number },
): number {
  if (a.topicId !== b.topicId) return a.topicId < b.topicId ? -1 : 1;
  return a.partition - b.partition || a.firstOffset - b.firstOffset;
}

/** The rows of each range: from the index, or from the file itself where they are damaged. */
async function readIndexes(
  disk: Disk,
  file: WalFile,
  ranges: readonly Range[],
  progress: () => void,
): Promise<BatchIndex[]> {
  const source = await openIfThere(disk, file.indexName);
  const indexes: (BatchIndex | undefined)[] = [];
  try {
    for (const range of ranges) {
      indexes.push(source && (await readIntact(source, file.indexName, range)));
      if (indexes.length % INDEXES_PER_PROGRESS === 0) progress();
    }
  } finally {
    await source?.close();
  }
  const lost = ranges.flatMap((range, place) =>
    indexes[place] === undefined ? { ...range, stored: range, place } : [],
  );
  if (lost.length > 0) {
    const rebuilt = await rebuildIndexes(disk, file, lost, progress);
    for (const range of lost) indexes[range.place] = rebuiltIndex(rebuilt, file, range);
  }
  return indexes as BatchIndex[];
}

async function openIfThere(disk: Disk, name: string): Promise<DiskFile | undefined> {
  try {
    return await disk.open(name, "read");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function readIntact(source: DiskFile, name: string, range: Range): Promise<BatchIndex | undefined> {
  try {
    return await readRows(source, name, range);
  } catch (error) {
    if (error instanceof CorruptionError) return undefined;
    throw error;
  }
}
