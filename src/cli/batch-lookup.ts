/** Finds the batch of an offset in the file that a range lies in, as a reader of the broker does. */
import type { BatchIndex } from "../log/batch-index.ts";
import { CorruptionError } from "../log/corruption.ts";
import { readRows } from "../log/file-index.ts";
import { rebuildIndex } from "../log/index-rebuild.ts";
import type { FileRange } from "../log/log-file.ts";
import { LruCache } from "../log/lru-cache.ts";
import { batchDataOffset, batchRecordBytes, verifiedRecordBytes } from "../log/wal-record.ts";
import { type DiskFile, isMissing } from "../ports/disk.ts";
import type { ReadableDisk } from "../state/read-state.ts";
import { MissingFile } from "./data-folder.ts";
import { type BatchHeader, batchesIn } from "./stored-batches.ts";

const MAX_OPEN_FILES = 16;

export interface FoundBatch {
  /** Where its record stands: in the log for a WAL file, in the file for a segment. */
  readonly position: number;
  /** In the file. */
  readonly at: number;
  readonly recordBytes: number;
  /** Its place among the batches of the record, and how many those are. */
  readonly place: number;
  readonly batchesInRecord: number;
  readonly header: BatchHeader;
  readonly bytes: Buffer;
}

/** Keeps files open between two look-ups, a few of them. */
export class BatchLookup {
  readonly #disk: ReadableDisk;
  readonly #files: LruCache<Promise<DiskFile>>;
  readonly #closing: Promise<void>[] = [];

  constructor(disk: ReadableDisk) {
    this.#disk = disk;
    const close = (file: Promise<DiskFile>): Promise<void> =>
      file.then(
        (open) => open.close(),
        () => undefined, // whoever wanted it knows
      );
    this.#files = new LruCache(MAX_OPEN_FILES, (file) => void this.#closing.push(close(file)));
  }

  /**
   * The batch that holds `offset`, or the next one in the range.
   * @throws CorruptionError when it cannot be read, MissingFile when its file is gone.
   */
  async find(range: FileRange, topicName: string, offset: number): Promise<FoundBatch | undefined> {
    const { file } = range;
    const index = await this.#indexOf(range);
    const row = index.find(offset);
    if (row === index.count) return undefined;
    const position = index.positionAt(row);
    const topicBytes = Buffer.byteLength(topicName);
    const recordBytes = batchRecordBytes(topicBytes, index.sizeAt(row));
    const record = Buffer.allocUnsafe(recordBytes);
    const at = position - file.base;
    const got = await (await this.#open(file.name)).read(record, at);
    if (verifiedRecordBytes(record, 0, got) !== recordBytes)
      throw new CorruptionError(file.name, at, "a record does not match its checksum");
    const dataAt = batchDataOffset(topicBytes);
    const batches = [...batchesIn(record, dataAt, dataAt + index.sizeAt(row))];
    const place = batches.findIndex(({ header }) => header === undefined || header.lastOffset >= offset);
    const batch = batches[place];
    if (batch?.header === undefined || batch.problem !== undefined)
      throw new CorruptionError(file.name, at, batch?.problem ?? "its batches end before the index says");
    const bytes = record.subarray(batch.at, batch.end);
    return { position, at, recordBytes, place, batchesInRecord: batches.length, header: batch.header, bytes };
  }

  async close(): Promise<void> {
    this.#files.clear();
    await Promise.all(this.#closing);
  }

  async #indexOf(range: FileRange): Promise<BatchIndex> {
    if (range.index !== undefined) return range.index;
    const { indexName } = range.file;
    try {
      return await readRows(await this.#open(indexName), indexName, range.stored!);
    } catch (error) {
      const isLost = error instanceof MissingFile && indexName !== range.file.name;
      if (!(error instanceof CorruptionError) && !isLost) throw error;
      await this.#open(range.file.name); // says it when the file is gone, too
      return rebuildIndex(this.#disk, range);
    }
  }

  #open(name: string): Promise<DiskFile> {
    const known = this.#files.get(name);
    if (known !== undefined) return known;
    const opened = this.#disk.open(name, "read").catch((error: unknown) => {
      throw isMissing(error) ? new MissingFile(name, error) : error;
    });
    this.#files.set(name, opened, 1);
    return opened;
  }
}
