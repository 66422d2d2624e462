/**
 * Batches of a log file that are wanted together, in memory as they lie in the file: read past the system's memory, in one go
 * where they are neighbours, and handed out in the order in which they were asked for.
 */
import { CorruptionError } from "../log/corruption.ts";
import type { WalFile } from "../log/wal-file.ts";
import {
  type BatchOwner,
  batchDataOffset,
  batchRecordBytes,
  isBatchRecordOf,
  wholeBatchCrc,
} from "../log/wal-record.ts";
import type { DiskFile } from "../ports/disk.ts";
import { batchBaseOffset, batchOffsetCount } from "../protocol/record-batch.ts";
import type { SegmentOutput } from "./segment-writer.ts";

/** What one call reads at most. */
const READ_BYTES = 1024 * 1024;
/** Neighbours are read together when no more than this lies between them, of a file that fits into the window. */
const GAP_BYTES = 16 * 1024;
/** Windows are of multiples of this, so that the next file can have the memory of the last one, and a bit is to spare. */
const MEMORY_STEP_BYTES = 8 * 1024 * 1024;

export interface WindowOptions {
  readonly output: SegmentOutput;
  readonly source: DiskFile;
  readonly file: WalFile;
  /** What is placed at most before it is read, unless one batch is larger. */
  readonly limitBytes: number;
  /** Called for every read. */
  readonly progress: () => void;
  /** How the record at `at` is checked: answers its size, or 0. */
  readonly recordBytes: (bytes: Buffer, at: number, end: number) => number;
}

export interface WindowBatch<Owner> {
  readonly owner: Owner;
  readonly sizeBytes: number;
  /** Where the batch lies in the window. */
  readonly dataAt: number;
  /** CRC-32C of the whole batch, as it was found to be what was written. */
  readonly crc: number;
}

interface Placed<Owner> extends WindowBatch<Owner> {
  /** Where its record begins in the file, and its bytes. */
  readonly at: number;
  readonly recordBytes: number;
  readonly topicBytes: number;
  readonly baseOffset: number;
  readonly endOffset: number;
  dataAt: number;
  crc: number;
}

export class Window<Owner extends BatchOwner> {
  bytes: Buffer;
  readonly #options: WindowOptions;
  readonly #gapBytes: number;
  /** What a batch takes up besides its record. */
  readonly #edgeBytes: number;
  #placed: Placed<Owner>[] = [];
  #placedBytes = 0;

  constructor(options: WindowOptions) {
    const { output, file, limitBytes } = options;
    this.#options = options;
    // Of a larger file no more is read than is wanted, but for the blocks of the device at both ends.
    const isWhole = file.end - file.base <= limitBytes;
    this.#edgeBytes = isWhole ? 0 : 2 * output.alignmentBytes;
    this.#gapBytes = isWhole ? GAP_BYTES : this.#edgeBytes;
    const neededBytes = Math.min(file.end - file.base, limitBytes) + output.alignmentBytes;
    this.bytes = output.takeWindow(Math.ceil(neededBytes / MEMORY_STEP_BYTES) * MEMORY_STEP_BYTES);
  }

  /** Its memory is for the next one. */
  release(): void {
    if (this.bytes.length <= this.#options.limitBytes + MEMORY_STEP_BYTES) this.#options.output.giveWindow(this.bytes);
  }

  /** Always true for an empty window. */
  hasRoom(topicBytes: number, sizeBytes: number): boolean {
    const totalBytes = this.#placedBytes + batchRecordBytes(topicBytes, sizeBytes) + this.#edgeBytes;
    return this.#placed.length === 0 || totalBytes <= this.#options.limitBytes;
  }

  place(
    owner: Owner,
    topicBytes: number,
    batch: Pick<Placed<Owner>, "sizeBytes" | "baseOffset" | "endOffset"> & { readonly position: number },
  ): void {
    const { position, sizeBytes, baseOffset, endOffset } = batch;
    const recordBytes = batchRecordBytes(topicBytes, sizeBytes);
    const at = position - this.#options.file.base;
    this.#placed.push({ owner, at, recordBytes, topicBytes, sizeBytes, baseOffset, endOffset, dataAt: 0, crc: 0 });
    this.#placedBytes += recordBytes + this.#edgeBytes;
  }

  /** Reads what was placed; in the order of placing. @throws CorruptionError when a record is not what was written. */
  async read(): Promise<readonly WindowBatch<Owner>[]> {
    const { alignmentBytes } = this.#options.output;
    const batches = this.#placed.toSorted((a, b) => a.at - b.at);
    let windowAt = 0;
    for (let first = 0; first < batches.length; ) {
      let end = batches[first]!.at + batches[first]!.recordBytes;
      let next = first + 1;
      for (; next < batches.length && batches[next]!.at - end <= this.#gapBytes; next += 1) {
        end = batches[next]!.at + batches[next]!.recordBytes;
      }
      const from = batches[first]!.at - (batches[first]!.at % alignmentBytes);
      const stretchBytes = Math.ceil((end - from) / alignmentBytes) * alignmentBytes;
      this.#makeRoom(windowAt, stretchBytes);
      await this.#readStretch(windowAt, from, stretchBytes);
      this.#check(batches.slice(first, next), windowAt - from, end - from + windowAt);
      windowAt += stretchBytes;
      first = next;
    }
    return this.#placed;
  }

  clear(): void {
    this.#placed = [];
    this.#placedBytes = 0;
  }

  #makeRoom(usedBytes: number, moreBytes: number): void {
    if (usedBytes + moreBytes <= this.bytes.length) return;
    const wider = this.#options.output.takeWindow(Math.max(usedBytes + moreBytes, this.bytes.length * 1.25));
    this.bytes.copy(wider, 0, 0, usedBytes);
    this.bytes = wider;
  }

  async #readStretch(windowAt: number, from: number, stretchBytes: number): Promise<void> {
    const { source, progress } = this.#options;
    for (let done = 0; done < stretchBytes; done += READ_BYTES) {
      const piece = this.bytes.subarray(windowAt + done, windowAt + Math.min(done + READ_BYTES, stretchBytes));
      const got = await source.read(piece, from + done);
      piece.fill(0, got); // the memory has held other records, and none of them may be taken for one of these
      progress();
    }
  }

  #check(batches: readonly Placed<Owner>[], shift: number, end: number): void {
    for (const batch of batches) {
      const at = batch.at + shift;
      batch.dataAt = at + batchDataOffset(batch.topicBytes);
      batch.crc = wholeBatchCrc(this.bytes, batch.dataAt, batch.sizeBytes);
      const isGood =
        this.#options.recordBytes(this.bytes, at, end) === batch.recordBytes &&
        isBatchRecordOf(this.bytes, at, batch.owner, batch) &&
        batchBaseOffset(this.bytes, batch.dataAt) === batch.baseOffset &&
        batch.baseOffset + batchOffsetCount(this.bytes, batch.dataAt) === batch.endOffset;
      if (isGood) continue;
      const { file } = this.#options;
      throw new CorruptionError(file.name, file.base + batch.at, "a record does not match its checksum");
    }
  }
}
