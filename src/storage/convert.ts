/**
 * A sealed file of the write-ahead log becomes a segment: its batches, sorted by partition.
 *
 * The log interleaves partitions, so the batches that are next in the segment lie all over the file. They are put together
 * a window at a time: which batches go into the window the index tells, and they are read in the order in which they lie in
 * the file. Memory: the window, one piece of the file, and the index.
 */
import { assert } from "../base/assert.ts";
import { toPosition } from "../base/brands.ts";
import type { BatchIndex } from "../log/batch-index.ts";
import { CorruptionError } from "../log/corruption.ts";
import { readRows } from "../log/file-index.ts";
import { rebuildIndexes, rebuiltIndex } from "../log/index-rebuild.ts";
import { WalFile } from "../log/wal-file.ts";
import { batchDataOffset, batchRecordBytes, verifiedRecordBytes } from "../log/wal-record.ts";
import { type Disk, type DiskFile, IoError } from "../ports/disk.ts";
import { batchBaseOffset } from "../protocol/record-batch.ts";
import type { ConvertJob } from "./jobs.ts";
import { openInput } from "./range-reader.ts";
import { type SegmentOutput, SegmentWriter, type WrittenSegment } from "./segment-writer.ts";

const WINDOW_BYTES = 16 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;
/** Neighbours are read together when no more than this lies between them. */
const GAP_BYTES = 64 * 1024;
/** Ranges whose rows are read before progress is told. */
const INDEXES_PER_PROGRESS = 256;

type Range = ConvertJob["ranges"][number];

/** A batch, where it lies in the file and where in the window. */
interface Placed {
  readonly at: number;
  readonly topicBytes: number;
  readonly sizeBytes: number;
  readonly baseOffset: number;
  readonly windowAt: number;
}

/** @throws CorruptionError when a batch is not what was written: then the file has to stay as it is. */
export async function convertWalFile(
  output: SegmentOutput,
  job: ConvertJob,
  progress: () => void,
): Promise<WrittenSegment | undefined> {
  const { wal, ranges } = job;
  if (ranges.length === 0) return undefined;
  const { disk } = output;
  const file = new WalFile(toPosition(wal.base), wal.incarnation, toPosition(wal.end));
  const sorted = ranges.toSorted(bySegmentOrder);
  const source = await openInput(disk, file.name);
  try {
    const indexes = await readIndexes(disk, file, sorted, progress);
    const writer = await SegmentWriter.create(output, job.output);
    const window = new Window(source, file, progress);
    try {
      await writeRanges(writer, window, { ranges: sorted, indexes, progress });
      return await writer.finish();
    } catch (error) {
      await writer.abandon();
      throw error;
    } finally {
      window.release();
    }
  } finally {
    await source.close();
  }
}

/** A window after the other, to the last batch of the last range. */
async function writeRanges(
  writer: SegmentWriter,
  window: Window,
  job: { readonly ranges: readonly Range[]; readonly indexes: readonly BatchIndex[]; readonly progress: () => void },
): Promise<void> {
  let openRange: Range | undefined;
  const turnTo = (range: Range): void => {
    if (openRange === range) return;
    if (openRange !== undefined) writer.endRange();
    openRange = range;
    const { topicId, topicName, partition, firstOffset, endOffset } = range;
    writer.beginRange({ topicId, topicName: Buffer.from(topicName), partition, firstOffset, endOffset });
  };
  const pour = async (): Promise<void> => {
    for await (const { owner, at, sizeBytes } of window.filled()) {
      turnTo(owner);
      writer.add(window.bytes, at, sizeBytes);
      if (!writer.needsFlush) continue;
      await writer.flush();
      job.progress();
    }
  };
  for (const [place, range] of job.ranges.entries()) {
    const index = job.indexes[place]!;
    for (let row = 0; row < index.count; row += 1) {
      if (!window.hasRoom(index.sizeAt(row))) await pour();
      window.place(range, index, row);
    }
  }
  await pour();
  writer.endRange();
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
    if (error instanceof IoError && error.kind === "notFound") return undefined;
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

/** Windows that are not in use. */
const FREE_WINDOWS: Buffer[] = [];
const KEPT_WINDOWS = 2;

class Window {
  bytes = FREE_WINDOWS.pop() ?? Buffer.allocUnsafeSlow(WINDOW_BYTES);
  readonly #source: DiskFile;
  readonly #file: WalFile;
  readonly #progress: () => void;
  #placed: Placed[] = [];
  #owners: Range[] = [];
  #usedBytes = 0;
  #piece = Buffer.allocUnsafe(PIECE_BYTES);

  constructor(source: DiskFile, file: WalFile, progress: () => void) {
    this.#source = source;
    this.#file = file;
    this.#progress = progress;
  }

  /** Its memory is for the next one. */
  release(): void {
    if (this.bytes.length === WINDOW_BYTES && FREE_WINDOWS.length < KEPT_WINDOWS) FREE_WINDOWS.push(this.bytes);
  }

  /** Always true for an empty window. */
  hasRoom(sizeBytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + sizeBytes <= WINDOW_BYTES;
  }

  place(owner: Range, index: BatchIndex, row: number): void {
    const sizeBytes = index.sizeAt(row);
    this.#owners.push(owner);
    this.#placed.push({
      at: index.positionAt(row) - this.#file.base,
      topicBytes: Buffer.byteLength(owner.topicName),
      sizeBytes,
      baseOffset: index.baseOffsetAt(row),
      windowAt: this.#usedBytes,
    });
    this.#usedBytes += sizeBytes;
  }

  /** Reads what was placed, hands it out in the order of placing, and is empty again. */
  async *filled(): AsyncGenerator<{ readonly owner: Range; readonly at: number; readonly sizeBytes: number }> {
    if (this.#usedBytes > this.bytes.length) this.bytes = Buffer.allocUnsafe(this.#usedBytes);
    await this.#read();
    for (const [index, { windowAt: at, sizeBytes }] of this.#placed.entries()) {
      yield { owner: this.#owners[index]!, at, sizeBytes };
    }
    this.#placed = [];
    this.#owners = [];
    this.#usedBytes = 0;
  }

  async #read(): Promise<void> {
    const batches = this.#placed.toSorted((a, b) => a.at - b.at);
    for (let first = 0; first < batches.length; ) {
      const from = batches[first]!.at;
      let to = from + recordBytes(batches[first]!);
      let next = first + 1;
      for (; next < batches.length; next += 1) {
        const batch = batches[next]!;
        const end = batch.at + recordBytes(batch);
        if (batch.at - to > GAP_BYTES || end - from > PIECE_BYTES) break;
        to = end;
      }
      await this.#readPiece(batches.slice(first, next), from, to - from);
      first = next;
    }
  }

  async #readPiece(batches: readonly Placed[], from: number, bytes: number): Promise<void> {
    if (this.#piece.length < bytes) this.#piece = Buffer.allocUnsafe(bytes);
    const got = await this.#source.read(this.#piece.subarray(0, bytes), from);
    this.#progress();
    for (const batch of batches) {
      const at = batch.at - from;
      if (verifiedRecordBytes(this.#piece, at, got) !== recordBytes(batch)) {
        throw new CorruptionError(this.#file.name, batch.at, "a record does not match its checksum");
      }
      const dataAt = at + batchDataOffset(batch.topicBytes);
      assert(batchBaseOffset(this.#piece, dataAt) === batch.baseOffset, "the index tells where each batch lies");
      this.#piece.copy(this.bytes, batch.windowAt, dataAt, dataAt + batch.sizeBytes);
    }
  }
}

function recordBytes({ topicBytes, sizeBytes }: Placed): number {
  return batchRecordBytes(topicBytes, sizeBytes);
}
