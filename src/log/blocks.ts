/**
 * Blocks: the memory that WAL bytes are gathered in, written from and served to tail readers from, with no further copy.
 *
 * A block holds one contiguous range of log positions. Blocks stay as the tail cache, oldest dropped first, and a dropped
 * block's memory is used again once no answer that is still being sent refers to it (`retain`/`release`). A record never
 * straddles two blocks; one larger than a block gets a block of its own.
 */
import { assert } from "../base/assert.ts";
import type { Position } from "../base/brands.ts";

export const BLOCK_BYTES = 4 * 1024 * 1024;

export class Block {
  readonly bytes: Buffer;
  /** Position of the first byte. */
  readonly base: Position;
  /** Bytes in use, from the start. */
  usedBytes = 0;
  #references = 1;

  constructor(bytes: Buffer, base: Position) {
    this.bytes = bytes;
    this.base = base;
  }

  retain(): void {
    assert(this.#references > 0, "a block was used after its memory had been given back");
    this.#references += 1;
  }

  /** Answers true when nothing refers to the block any more. */
  release(): boolean {
    assert(this.#references > 0, "a block was released twice");
    this.#references -= 1;
    return this.#references === 0;
  }
}

export class BlockCache {
  /** In order of position. The last one is being filled. */
  readonly #blocks: Block[] = [];
  readonly #free: Buffer[] = [];
  readonly #limitBytes: number;
  readonly #allocate: (sizeBytes: number) => Buffer;
  #heldBytes = 0;
  /** Memory of dropped blocks that answers still refer to. */
  #lentBytes = 0;

  /** Keeps about `limitBytes` of the newest log positions, in memory of `allocate`. */
  constructor(limitBytes: number, allocate: (sizeBytes: number) => Buffer) {
    this.#limitBytes = Math.max(limitBytes, 2 * BLOCK_BYTES);
    this.#allocate = allocate;
  }

  /** Bytes of all blocks, those only kept alive by answers included. */
  get memoryBytes(): number {
    return this.#heldBytes + this.#lentBytes + this.#free.length * BLOCK_BYTES;
  }

  /** Bytes of blocks that have left the cache and only wait for slow readers. */
  get lentBytes(): number {
    return this.#lentBytes;
  }

  /** Whether `neededBytes` at `position` fit into the block being filled. */
  hasRoom(position: Position, neededBytes: number): boolean {
    const current = this.#blocks.at(-1);
    if (current === undefined || current.base + current.usedBytes !== position) return false;
    return current.bytes.length - current.usedBytes >= neededBytes;
  }

  /** Whether slow readers hold so much that further views had better be copied: each keeps a whole block. */
  get lendsTooMuch(): boolean {
    return this.#lentBytes >= this.#limitBytes;
  }

  /** The block being filled, replaced by a new one at `position` when `neededBytes` do not fit. */
  blockFor(position: Position, neededBytes: number): Block {
    if (this.hasRoom(position, neededBytes)) return this.#blocks.at(-1)!;
    const fits = neededBytes <= BLOCK_BYTES;
    const bytes = (fits ? this.#free.pop() : undefined) ?? this.#allocate(Math.max(neededBytes, BLOCK_BYTES));
    const block = new Block(bytes, position);
    this.#blocks.push(block);
    this.#heldBytes += bytes.length;
    return block;
  }

  /** Drops the oldest blocks over the limit, but none that reaches beyond `written`: it is still to be written. */
  trim(written: Position): void {
    while (this.#heldBytes > this.#limitBytes && this.#blocks.length > 1) {
      const oldest = this.#blocks[0]!;
      if (oldest.base + oldest.usedBytes > written) return;
      this.#blocks.shift();
      this.#heldBytes -= oldest.bytes.length;
      this.#lentBytes += oldest.bytes.length;
      this.release(oldest);
    }
  }

  /** Gives back one reference that `find` or an answer took. */
  release(block: Block): void {
    if (!block.release()) return;
    this.#lentBytes -= block.bytes.length;
    const spare = this.#heldBytes + this.#free.length * BLOCK_BYTES < this.#limitBytes + 4 * BLOCK_BYTES;
    if (block.bytes.length === BLOCK_BYTES && spare) this.#free.push(block.bytes);
  }

  /** The block that holds `position`, or undefined when it has left the cache. The caller retains it for later use. */
  find(position: number): Block | undefined {
    const blocks = this.#blocks;
    let low = 0;
    let high = blocks.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const block = blocks[middle]!;
      if (position < block.base) high = middle - 1;
      else if (position >= block.base + block.usedBytes) low = middle + 1;
      else return block;
    }
    return undefined;
  }
}
