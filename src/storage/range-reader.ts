/** Reads a range of a segment from its first batch to its last, a record at a time. */
import { CorruptionError } from "../log/corruption.ts";
import { readRows } from "../log/file-index.ts";
import { segmentName } from "../log/segment.ts";
import { batchDataOffset, batchRecordBytes, verifiedRecordBytes } from "../log/wal-record.ts";
import { type DiskFile, IoError, isMissing } from "../ports/disk.ts";
import type { SegmentRangeSource, SegmentSource } from "./jobs.ts";
import type { SegmentOutput } from "./segment-writer.ts";
import { SequentialReader } from "./sequential-reader.ts";

const MAX_OPEN_FILES = 16;
/**
 * Of a range that is read past the system's memory: that reads far ahead of whoever goes through a file, and the log's writes would
 * wait. Small ones, of many partitions, are neighbours, and are best read so.
 */
const DIRECT_MIN_BYTES = 1024 * 1024;

/** The disk does not give what a segment holds. */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly file: string;

  constructor(file: string, cause: IoError) {
    super(cause.message, { cause });
    this.file = file;
  }
}

/** Batches, one behind the other, in `bytes`. Valid until the next ones are asked for. */
export interface RangeBlock {
  readonly bytes: Buffer;
  readonly at: number;
  readonly end: number;
}

/** The segments of a job, opened when they are needed. */
export class InputSegments {
  readonly #output: SegmentOutput;
  readonly #inputs: readonly SegmentSource[];
  /** Called for every piece that is read. */
  readonly #progress: () => void;
  /** The one used last comes last. */
  readonly #open = new Map<string, DiskFile>();

  constructor(output: SegmentOutput, inputs: readonly SegmentSource[], progress: () => void) {
    this.#output = output;
    this.#progress = progress;
    this.#inputs = inputs;
  }

  /** @throws CorruptionError when something is not what was written. @throws InputError */
  async *blocks(range: SegmentRangeSource, topicBytes: number): AsyncGenerator<RangeBlock> {
    try {
      yield* this.#blocks(range, topicBytes);
    } catch (error) {
      throw error instanceof IoError && error.code === "EIO" ? new InputError(this.name(range.input), error) : error;
    }
  }

  async *#blocks(range: SegmentRangeSource, topicBytes: number): AsyncGenerator<RangeBlock> {
    const name = this.name(range.input);
    const index = await readRows(await this.#file(name, false), name, range);
    if (index.count === 0) return;
    const begin = index.positionAt(0);
    const end = index.recordsEnd(topicBytes);
    const file = await this.#file(name, end - begin >= DIRECT_MIN_BYTES);
    const reader = new SequentialReader(file, begin, end, this.#progress);
    for (let row = 0; row < index.count; row += 1) {
      const sizeBytes = index.sizeAt(row);
      const totalBytes = batchRecordBytes(topicBytes, sizeBytes);
      const bytes = await reader.view(index.positionAt(row), totalBytes);
      if (verifiedRecordBytes(bytes, 0, bytes.length) !== totalBytes) {
        throw new CorruptionError(name, index.positionAt(row), "a record does not match its checksum");
      }
      const at = batchDataOffset(topicBytes);
      yield { bytes, at, end: at + sizeBytes };
    }
  }

  name(input: number): string {
    const { walPosition, id } = this.#inputs[input]!;
    return segmentName(walPosition, id);
  }

  async close(): Promise<void> {
    for (const file of this.#open.values()) await file.close();
    this.#open.clear();
  }

  async #file(name: string, isDirect: boolean): Promise<DiskFile> {
    const { disk } = this.#output;
    const key = `${name} ${isDirect}`;
    const open =
      this.#open.get(key) ??
      (await openInput(() => (isDirect ? this.#output.openUnaligned(name) : disk.open(name, "read")), name));
    this.#open.delete(key);
    this.#open.set(key, open);
    const [oldest] = this.#open.keys();
    if (this.#open.size > MAX_OPEN_FILES && oldest !== undefined) {
      await this.#open.get(oldest)!.close();
      this.#open.delete(oldest);
    }
    return open;
  }
}

/** Opens a file that is to be there. @throws CorruptionError when it is not: trying again would not help. */
export async function openInput(open: () => Promise<DiskFile>, name: string): Promise<DiskFile> {
  try {
    return await open();
  } catch (error) {
    if (isMissing(error)) throw new CorruptionError(name, 0, "it is missing");
    throw error;
  }
}
