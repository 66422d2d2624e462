/**
 * Compares the index beside a WAL file with the batches in the file, in memory that grows with the number of partitions
 * only: of each partition's rows a checksum is kept, not the rows.
 *
 * The newest timestamp of a row is left out. Where a batch's header claimed too much, the index knows better.
 */
import { crc32c } from "../base/crc32c.ts";
import { BatchIndex, type BatchRow, BYTES_PER_ROW } from "../log/batch-index.ts";
import type { DirectoryRow, FileDirectory } from "../log/file-index.ts";
import type { DiskFile } from "../ports/disk.ts";

type Row = Omit<BatchRow, "maxTimestamp">;

const ROWS_AT_ONCE = 20_000;

/** Rows in order, as their number and a checksum. */
class Digest {
  readonly #cells = new Float64Array(4);
  readonly #bytes = new Uint8Array(this.#cells.buffer);
  #rows = 0;
  #crc = 0;

  add({ baseOffset, endOffset, position, sizeBytes }: Row): void {
    this.#cells.set([baseOffset, endOffset, position, sizeBytes]);
    this.#crc = crc32c(this.#bytes, this.#crc);
    this.#rows += 1;
  }

  equals(other: Digest): boolean {
    return this.#rows === other.#rows && this.#crc === other.#crc;
  }

  get rows(): number {
    return this.#rows;
  }
}

export class IndexCheck {
  /** By topic id and partition. */
  readonly #found = new Map<string, Digest>();

  /** A batch in the WAL file. */
  add(topicId: string, partition: number, row: Row): void {
    digestOf(this.#found, topicId, partition).add(row);
  }

  /**
   * What is wrong with the index, undefined when nothing is. `isWhole`: all batches of the file were added; without,
   * only the index's own checksums count.
   */
  async problem(index: DiskFile, { rows }: FileDirectory, isWhole: boolean): Promise<string | undefined> {
    const stored = new Map<string, Digest>();
    for (const row of rows) {
      if (!(await readRows(index, row, digestOf(stored, row.topicId, row.partition))))
        return `its rows of ${name(row)} do not match their checksum`;
    }
    if (!isWhole) return undefined;
    // A partition without any row is of a topic that was deleted before the index was written.
    const wrong = rows.find((row) => !digestOf(stored, row.topicId, row.partition).equals(this.#of(row)));
    if (wrong === undefined) return undefined;
    const [said, is] = [digestOf(stored, wrong.topicId, wrong.partition).rows, this.#of(wrong).rows];
    return `its ${said} rows of ${name(wrong)} are not the ${is} batches in the file`;
  }

  #of({ topicId, partition }: DirectoryRow): Digest {
    return this.#found.get(keyOf(topicId, partition)) ?? new Digest();
  }
}

/** Adds a partition's rows. False when they are not what was written. */
async function readRows(index: DiskFile, { stored }: DirectoryRow, digest: Digest): Promise<boolean> {
  let crc = 0;
  for (let from = 0; from < stored.rows; from += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, stored.rows - from);
    const bytes = Buffer.allocUnsafe(count * BYTES_PER_ROW);
    if ((await index.read(bytes, stored.at + from * BYTES_PER_ROW)) < bytes.length) return false;
    crc = crc32c(bytes, crc);
    const rows = BatchIndex.read(bytes, 0, count);
    for (let row = 0; row < count; row += 1) {
      digest.add({
        baseOffset: rows.baseOffsetAt(row),
        endOffset: rows.endOffsetAt(row),
        position: rows.positionAt(row),
        sizeBytes: rows.sizeAt(row),
      });
    }
  }
  return crc === stored.crc;
}

function digestOf(digests: Map<string, Digest>, topicId: string, partition: number): Digest {
  const key = keyOf(topicId, partition);
  const known = digests.get(key) ?? new Digest();
  digests.set(key, known);
  return known;
}

function keyOf(topicId: string, partition: number): string {
  return `${topicId}/${partition}`;
}

function name({ topicId, partition }: DirectoryRow): string {
  return `topic ${Buffer.from(topicId, "latin1").toString("base64url")} partition ${partition}`;
}
