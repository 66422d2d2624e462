/** What is asked of a reader of batches, and what it answers: bytes, as they lie in memory. */
import type { Block, BlockCache } from "./blocks.ts";
import type { FileRange } from "./log-file.ts";
import type { PartitionLog } from "./partition-log.ts";

/** Batches smaller than this are copied together: a view and an I/O vector each would cost more than the copy. */
const SMALL_BATCH_BYTES = 4 * 1024;

/** What is wanted of one partition. */
export interface BatchQuery {
  readonly partition: PartitionLog;
  /** Bytes of the topic's name: they stand before each batch in the log. */
  readonly topicBytes: number;
  /** The first batch is the one that holds it, or the next one. */
  readonly offset: number;
  /** Batches that do not end before or at this are left out: the high watermark, or the last stable offset. */
  readonly limitOffset: number;
  readonly maxBytes: number;
  /** The first batch comes even when it is larger than `maxBytes`. */
  readonly atLeastOne: boolean;
  /** Where to read files, when not in the range that holds `offset` now. The caller counts as a reader of its file. */
  readonly range?: FileRange;
}

/** Whole batches in offset order. `release` when their bytes have been sent. */
export interface BatchResult {
  readonly parts: readonly Uint8Array[];
  readonly sizeBytes: number;
  /** Whether the asked bytes ended the result rather than the log's end. */
  readonly more: boolean;
  readonly release: () => void;
}

export const NOTHING_READ: BatchResult = { parts: [], sizeBytes: 0, more: false, release: () => undefined };

/**
 * Collects views on blocks, each block retained once. Copies small batches together, and all when slow readers hold too
 * many blocks already.
 */
export class ResultBuilder {
  readonly #blocks: BlockCache;
  readonly #parts: Uint8Array[] = [];
  readonly #retained: Block[] = [];
  #small: { block: Block; at: number; sizeBytes: number }[] = [];
  #smallBytes = 0;
  #sizeBytes = 0;

  constructor(blocks: BlockCache) {
    this.#blocks = blocks;
  }

  get isEmpty(): boolean {
    return this.#sizeBytes === 0;
  }

  fits(sizeBytes: number, query: BatchQuery): boolean {
    return this.#sizeBytes + sizeBytes <= query.maxBytes || (this.isEmpty && query.atLeastOne);
  }

  addView(block: Block, at: number, sizeBytes: number): void {
    this.#sizeBytes += sizeBytes;
    if (sizeBytes < SMALL_BATCH_BYTES || this.#blocks.lendsTooMuch) {
      this.#small.push({ block, at, sizeBytes });
      this.#smallBytes += sizeBytes;
      return;
    }
    this.#copySmall();
    if (this.#retained.at(-1) !== block) {
      block.retain();
      this.#retained.push(block);
    }
    this.#parts.push(block.bytes.subarray(at, at + sizeBytes));
  }

  finish(more: boolean): BatchResult {
    this.#copySmall();
    const retained = this.#retained;
    const release = (): void => {
      for (const block of retained) this.#blocks.release(block);
    };
    return { parts: this.#parts, sizeBytes: this.#sizeBytes, more, release };
  }

  #copySmall(): void {
    if (this.#smallBytes === 0) return;
    const copy = Buffer.allocUnsafe(this.#smallBytes);
    let to = 0;
    for (const { block, at, sizeBytes } of this.#small) to += block.bytes.copy(copy, to, at, at + sizeBytes);
    this.#parts.push(copy);
    this.#small = [];
    this.#smallBytes = 0;
  }
}
