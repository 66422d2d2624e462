/**
 * The newest offset of each key, in a memory that is fixed when the map is made: what log compaction decides by.
 *
 * Not the key is stored but its hash of 128 bits (`compaction-key-hash.ts`), so that an entry takes 24 bytes whatever the
 * key. A table with open addressing and linear probing:
 *
 *     hash, 4 words of 32 bits · offset + 1 as a double, 0 being a free slot
 *
 * Nothing is ever removed but everything at once.
 */
import { assert } from "../base/assert.ts";
import { KeyHash } from "./compaction-key-hash.ts";

export const BYTES_PER_ENTRY = 24;
const WORDS_PER_ENTRY = BYTES_PER_ENTRY / 4;
const DOUBLES_PER_ENTRY = BYTES_PER_ENTRY / 8;
/** Where in an entry the offset stands, in doubles. */
const OFFSET = 2;
const TWO_32 = 0x1_0000_0000;

/** Kafka's, of `log.cleaner.io.buffer.load.factor`: beyond it searches become long. */
const DEFAULT_LOAD_FACTOR = 0.9;

/** What `get` answers for a key that is not there. */
export const NO_OFFSET = -1;

export class CompactionOffsetMap {
  /** Entries that it takes. */
  readonly capacity: number;
  readonly #slots: number;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #hash: KeyHash;
  #size = 0;

  /** `secret`: 16 random bytes, which nobody else learns. There must be memory for two entries at least. */
  constructor(options: {
    readonly memoryBytes: number;
    readonly secret: Uint8Array;
    readonly loadFactor?: number | undefined;
  }) {
    const { memoryBytes, secret, loadFactor = DEFAULT_LOAD_FACTOR } = options;
    this.#slots = Math.floor(memoryBytes / BYTES_PER_ENTRY);
    // A search ends at a free slot, so one there must always be.
    this.capacity = Math.min(Math.max(Math.floor(this.#slots * loadFactor), 1), this.#slots - 1);
    assert(this.capacity >= 1, `${memoryBytes} bytes are too few for an offset map`);
    const memory = new ArrayBuffer(this.#slots * BYTES_PER_ENTRY);
    this.#words = new Int32Array(memory);
    this.#doubles = new Float64Array(memory);
    this.#hash = new KeyHash(secret);
  }

  get size(): number {
    return this.#size;
  }

  clear(): void {
    this.#doubles.fill(0);
    this.#size = 0;
  }

  /**
   * Makes `offset` the newest of the key, which is `bytes` or the part of it that is given, unless a newer one is known.
   * False when the key is not there and there is no room for it: nothing changed.
   */
  put(bytes: Uint8Array, offset: number, from = 0, to = bytes.length): boolean {
    const slot = this.#find(bytes, from, to);
    const at = slot * DOUBLES_PER_ENTRY + OFFSET;
    if (this.#doubles[at] === 0) {
      if (this.#size === this.capacity) return false;
      this.#size += 1;
      const { word0, word1, word2, word3 } = this.#hash;
      const words = this.#words;
      const word = slot * WORDS_PER_ENTRY;
      words[word] = word0;
      words[word + 1] = word1;
      words[word + 2] = word2;
      words[word + 3] = word3;
    }
    if (offset >= this.#doubles[at]!) this.#doubles[at] = offset + 1;
    return true;
  }

  /** The newest offset of the key, or `NO_OFFSET`. */
  get(bytes: Uint8Array, from = 0, to = bytes.length): number {
    const slot = this.#find(bytes, from, to);
    return this.#doubles[slot * DOUBLES_PER_ENTRY + OFFSET]! - 1;
  }

  /** The slot of the key, or the free one that it would take. Leaves the key's hash in `#hash`. */
  #find(bytes: Uint8Array, from: number, to: number): number {
    const hash = this.#hash;
    hash.update(bytes, from, to);
    const { word0, word1, word2, word3 } = hash;
    const words = this.#words;
    const doubles = this.#doubles;
    let slot = Math.floor(((word0 >>> 0) / TWO_32) * this.#slots);
    while (doubles[slot * DOUBLES_PER_ENTRY + OFFSET] !== 0) {
      const word = slot * WORDS_PER_ENTRY;
      if (
        words[word] === word0 &&
        words[word + 1] === word1 &&
        words[word + 2] === word2 &&
        words[word + 3] === word3
      ) {
        break;
      }
      slot = slot + 1 === this.#slots ? 0 : slot + 1;
    }
    return slot;
  }
}
