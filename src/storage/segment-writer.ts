/**
 * Writes one segment: ranges one after the other, each batch as it is. Small batches share a record, up to `BLOCK_BYTES`:
 * a reader finds the record by the index and the batch in it by going through it.
 *
 * Memory: the record that is being gathered, the chunks that are full and not yet written, and 40 bytes of index for each
 * record. `add` only gathers; the caller has to `flush` whenever `needsFlush` says so.
 */
import { assert } from "../base/assert.ts";
import { crc32c, crc32cCombine } from "../base/crc32c.ts";
import type { Uuid } from "../base/uuid.ts";
import { BatchIndex, BYTES_PER_ROW, indexedTimestamp } from "../log/batch-index.ts";
import { segmentName } from "../log/segment.ts";
import {
  batchDataOffset,
  batchRecordBytes,
  sealBlockRecord,
  wholeBatchCrc,
  writeBatchRecordFrame,
} from "../log/wal-record.ts";
import type { Disk, DiskFile, SyncedFile, SyncedWrites } from "../ports/disk.ts";
import { wrappedFile } from "../ports/wrapped-disk.ts";
import { batchBaseOffset, batchOffsetCount } from "../protocol/record-batch.ts";
import { type DirectoryRow, encodeHeader, encodeTail, paddingBytes, type SegmentIdentity } from "./segment-format.ts";

/** What a record holds at most, unless one batch is larger. */
export const BLOCK_BYTES = 32 * 1024;
const CHUNK_BYTES = 4 * 1024 * 1024;
/** Chunks that are kept to be filled again. */
const KEPT_CHUNKS = 4;

/** Where segments are written, with memory that one can take over from another. */
export class SegmentOutput {
  readonly disk: Disk;
  readonly #writes: Omit<SyncedWrites, "reuse">;
  readonly #free: Buffer[] = [];
  #freeWindow: Buffer | undefined;

  constructor(disk: Disk, writes: Omit<SyncedWrites, "reuse">) {
    this.disk = disk;
    this.#writes = writes;
  }

  get alignmentBytes(): number {
    return this.#writes.alignmentBytes;
  }

  create(name: string): Promise<SyncedFile> {
    return this.#writes.create(name);
  }

  /** Opens a file to be read past the system's memory: alignment is as for writes, memory as that of windows. */
  open(name: string): Promise<DiskFile> {
    return this.#writes.open(name);
  }

  /** As `open`, to be read from any place into any memory. */
  async openUnaligned(name: string): Promise<DiskFile> {
    const file = await this.open(name);
    if (this.alignmentBytes === 1) return file;
    return wrappedFile(file, { read: (into, position) => this.#readUnaligned(file, into, position) });
  }

  /** Memory of at least this size: the window that was used last, if it is large enough. */
  takeWindow(sizeBytes: number): Buffer {
    const free = this.#freeWindow;
    this.#freeWindow = undefined;
    if (free !== undefined && free.length >= sizeBytes) return free;
    return this.#writes.allocate(this.#aligned(sizeBytes));
  }

  giveWindow(window: Buffer): void {
    this.#freeWindow = window;
  }

  takeChunk(): Buffer {
    return this.#free.pop() ?? this.#writes.allocate(CHUNK_BYTES);
  }

  giveChunk(chunk: Buffer): void {
    if (this.#free.length < KEPT_CHUNKS) this.#free.push(chunk);
  }

  async #readUnaligned(file: DiskFile, into: Uint8Array, position: number): Promise<number> {
    const chunk = this.takeChunk();
    try {
      let done = 0;
      while (done < into.length) {
        const skipped = (position + done) % this.alignmentBytes;
        const wanted = Math.min(this.#aligned(skipped + into.length - done), chunk.length);
        const got = await file.read(chunk.subarray(0, wanted), position + done - skipped);
        const bytes = Math.min(got - skipped, into.length - done);
        if (bytes <= 0) break; // the file ends here
        into.set(chunk.subarray(skipped, skipped + bytes), done);
        done += bytes;
      }
      return done;
    } finally {
      this.giveChunk(chunk);
    }
  }

  #aligned(sizeBytes: number): number {
    return Math.ceil(sizeBytes / this.alignmentBytes) * this.alignmentBytes;
  }
}

/** Where a range belongs. */
export interface RangePlace {
  readonly topicId: Uuid;
  readonly topicName: Buffer;
  readonly partition: number;
  /** The range stands for these offsets, whether or not batches are left for all of them. */
  readonly firstOffset: number;
  readonly endOffset: number;
}

export interface WrittenSegment {
  readonly sizeBytes: number;
  /** CRC-32C of the whole file. */
  readonly crc: number;
  readonly ranges: readonly DirectoryRow[];
}

interface OpenRange {
  readonly place: RangePlace;
  readonly idBytes: Buffer;
  readonly dataAt: number;
  readonly index: BatchIndex;
  sizeBytes: number;
  batches: number;
  maxTimestamp: number;
}

interface ClosedRange extends Omit<DirectoryRow, "rowsAt" | "rowsCrc"> {
  readonly index: BatchIndex;
}

/** The record that is being gathered. */
interface Block {
  bytes: Buffer;
  /** CRC-32C of its data so far. */
  crc: number;
  dataBytes: number;
  batches: number;
  baseOffset: number;
  endOffset: number;
  maxTimestamp: number;
}

export class SegmentWriter {
  readonly #output: SegmentOutput;
  readonly #file: SyncedFile;
  readonly #identity: SegmentIdentity;
  readonly #ranges: ClosedRange[] = [];
  #range: OpenRange | undefined;
  readonly #block: Block;
  #chunk: Buffer;
  #chunkUsed = 0;
  #full: Buffer[] = [];
  #writtenBytes = 0;
  /** Where the next byte goes. */
  #at = 0;
  #crc = 0;

  private constructor(output: SegmentOutput, file: SyncedFile, identity: SegmentIdentity) {
    this.#output = output;
    this.#file = file;
    this.#identity = identity;
    this.#chunk = output.takeChunk();
    this.#block = { ...EMPTY_BLOCK, bytes: Buffer.allocUnsafe(2 * BLOCK_BYTES) };
    this.#put(encodeHeader(identity));
  }

  /** Creates the file. Its name is durable when `finish` has resolved and the folder was synced. */
  static async create(output: SegmentOutput, identity: SegmentIdentity): Promise<SegmentWriter> {
    return new SegmentWriter(output, await output.create(segmentName(identity.walPosition, identity.id)), identity);
  }

  get needsFlush(): boolean {
    return this.#full.length > 0;
  }

  /** Bytes so far, but for those of the record that is being gathered. */
  get sizeBytes(): number {
    return this.#at;
  }

  beginRange(place: RangePlace): void {
    assert(this.#range === undefined, "a range begins when the one before has ended");
    this.#range = {
      place,
      idBytes: Buffer.from(place.topicId, "latin1"),
      dataAt: this.#at,
      index: new BatchIndex(),
      sizeBytes: 0,
      batches: 0,
      maxTimestamp: -1,
    };
  }

  /**
   * Adds a batch, whose CRC has been verified, to the range. The bytes are copied. `crc`: of the whole batch, where the caller
   * has seen that this is what was written; then the segment will not read back if the bytes have changed since.
   */
  add(source: Buffer, at: number, sizeBytes: number, crc = wholeBatchCrc(source, at, sizeBytes)): void {
    const range = this.#range!;
    const block = this.#block;
    if (block.dataBytes > 0 && block.dataBytes + sizeBytes > BLOCK_BYTES) this.#endBlock(range);
    const baseOffset = batchBaseOffset(source, at);
    const endOffset = baseOffset + batchOffsetCount(source, at);
    const { firstOffset, endOffset: rangeEnd } = range.place;
    assert(baseOffset >= firstOffset && endOffset <= rangeEnd, "a batch lies within its range");
    const dataAt = batchDataOffset(range.place.topicName.length);
    const neededBytes = batchRecordBytes(range.place.topicName.length, block.dataBytes + sizeBytes);
    if (block.bytes.length < neededBytes) {
      const wider = Buffer.allocUnsafe(Math.max(neededBytes, 2 * block.bytes.length));
      block.bytes.copy(wider, 0, 0, dataAt + block.dataBytes);
      block.bytes = wider;
    }
    source.copy(block.bytes, dataAt + block.dataBytes, at, at + sizeBytes);
    const timestamp = indexedTimestamp(source, at);
    if (block.batches === 0) block.baseOffset = baseOffset;
    block.maxTimestamp = block.batches === 0 ? timestamp : Math.max(block.maxTimestamp, timestamp);
    block.endOffset = endOffset;
    block.crc = crc32cCombine(block.crc, crc, sizeBytes);
    block.dataBytes += sizeBytes;
    block.batches += 1;
  }

  /** Ends the range. One without batches leaves no trace. */
  endRange(): void {
    const range = this.#range!;
    if (this.#block.batches > 0) this.#endBlock(range);
    this.#range = undefined;
    if (range.batches === 0) return;
    const { topicId, partition, firstOffset, endOffset } = range.place;
    const { dataAt, index, sizeBytes, batches, maxTimestamp } = range;
    const dataBytes = this.#at - dataAt;
    const rows = index.count;
    this.#ranges.push({
      topicId,
      partition,
      firstOffset,
      endOffset,
      sizeBytes,
      maxTimestamp,
      dataAt,
      dataBytes,
      rows,
      batches,
      index,
    });
  }

  /** Writes what is full. */
  async flush(): Promise<void> {
    for (let chunk = this.#full.shift(); chunk !== undefined; chunk = this.#full.shift()) {
      await this.#file.write([chunk], this.#writtenBytes);
      this.#writtenBytes += chunk.length;
      this.#output.giveChunk(chunk);
    }
  }

  /** Writes the rest. Everything is durable then, but for the name. */
  async finish(): Promise<WrittenSegment> {
    const ranges: DirectoryRow[] = [];
    for (const { index, ...range } of this.#ranges) {
      const rows = Buffer.allocUnsafe(index.count * BYTES_PER_ROW);
      index.writeTo(rows, 0);
      ranges.push({ ...range, rowsAt: this.#at, rowsCrc: crc32c(rows) });
      this.#put(rows);
      if (this.needsFlush) await this.flush();
    }
    this.#put(Buffer.alloc(paddingBytes(this.#at, ranges.length, this.#output.alignmentBytes)));
    this.#put(encodeTail({ ...this.#identity, rows: ranges }, this.#at));
    await this.flush();
    if (this.#chunkUsed > 0) await this.#file.write([this.#chunk.subarray(0, this.#chunkUsed)], this.#writtenBytes);
    await this.abandon();
    return { sizeBytes: this.#at, crc: this.#crc, ranges };
  }

  /** Lets go of the file, finished or not. */
  async abandon(): Promise<void> {
    await this.#file.close();
    this.#output.giveChunk(this.#chunk);
  }

  #endBlock(range: OpenRange): void {
    const block = this.#block;
    const { topicName, partition } = range.place;
    const { dataBytes, batches, baseOffset, endOffset, maxTimestamp } = block;
    const totalBytes = batchRecordBytes(topicName.length, dataBytes);
    const several = batches > 1;
    writeBatchRecordFrame(block.bytes, 0, { topicName, topicId: range.idBytes, partition, dataBytes, several });
    const crc = sealBlockRecord(block.bytes, 0, { totalBytes, topicBytes: topicName.length, dataCrc: block.crc });
    range.index.push({ baseOffset, endOffset, position: this.#at, sizeBytes: dataBytes, maxTimestamp });
    range.maxTimestamp = range.batches === 0 ? maxTimestamp : Math.max(range.maxTimestamp, maxTimestamp);
    range.sizeBytes += dataBytes;
    range.batches += batches;
    this.#put(block.bytes.subarray(0, totalBytes), crc);
    block.dataBytes = 0;
    block.crc = 0;
    block.batches = 0;
  }

  #put(bytes: Buffer, crc = crc32c(bytes)): void {
    this.#crc = crc32cCombine(this.#crc, crc, bytes.length);
    this.#at += bytes.length;
    for (let from = 0; from < bytes.length; ) {
      const copied = bytes.copy(this.#chunk, this.#chunkUsed, from);
      from += copied;
      this.#chunkUsed += copied;
      if (this.#chunkUsed < this.#chunk.length) continue;
      this.#full.push(this.#chunk);
      this.#chunk = this.#output.takeChunk();
      this.#chunkUsed = 0;
    }
  }
}

const EMPTY_BLOCK: Omit<Block, "bytes"> = {
  crc: 0,
  dataBytes: 0,
  batches: 0,
  baseOffset: 0,
  endOffset: 0,
  maxTimestamp: 0,
};
