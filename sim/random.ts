/**
 * Randomness that a seed decides: sfc32 (Chris Doty-Humphrey's small fast counter generator, 128 bits of state).
 * Each part of the simulation has a stream of its own (`fork`), so that one more draw here leaves the draws there alone.
 */
import { assert } from "../src/base/assert.ts";
import type { Random } from "../src/ports/random.ts";

/** Draws before the first answer, so that nearby seeds have nothing in common. */
const WARM_UP_DRAWS = 16;

export class SimRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, label = "") {
    assert(Number.isSafeInteger(seed), `seed ${seed} is not an integer`);
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = hash(label);
    for (let draw = 0; draw < WARM_UP_DRAWS; draw++) this.uint32();
  }

  bytes(size: number): Buffer {
    const bytes = Buffer.alloc(size);
    for (let index = 0; index < size; index++) bytes[index] = this.uint32();
    return bytes;
  }

  /** A stream of its own, decided by this one's next draw and `label`. */
  fork(label: string): SimRandom {
    return new SimRandom(this.uint32(), label);
  }

  /** 0..2^32-1. */
  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** 0 ≤ x < 1. */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** A whole number, `from` and `to` included. */
  between(from: number, to: number): number {
    assert(from <= to, `nothing between ${from} and ${to}`);
    return from + Math.floor(this.fraction() * (to - from + 1));
  }

  /** True with this probability; draws also for 0 and 1, so that a rate changes no other decision. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    assert(choices.length > 0, "nothing to pick from");
    return choices[this.between(0, choices.length - 1)] as T;
  }
}

/** FNV-1a, 32 bits. */
export function hash(text: string, initial = 0x811c9dc5): number {
  let value = initial;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value | 0;
}
