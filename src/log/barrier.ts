/**
 * What must not leave the process before the log is committed up to some position: every reply, and every move of a high
 * watermark. First in, first out, so replies go out in the order in which they were decided.
 */
import type { Position } from "../base/brands.ts";

interface Waiting {
  readonly position: number;
  readonly release: () => void;
}

export class Barrier {
  /** Undefined where one does not wait any more: what it holds would live on, and make every collection of garbage longer. */
  #queue: (Waiting | undefined)[] = [];
  /** Index of the first one that still waits; the queue is compacted now and then instead of shifted each time. */
  #head = 0;
  #committed: number;
  #newest = 0;

  constructor(committed: Position) {
    this.#committed = committed;
  }

  /** Calls `release` once everything before `position` is committed: at once when it is and nothing waits before it. */
  wait(position: number, release: () => void): void {
    this.#newest = Math.max(this.#newest, position);
    if (this.#newest <= this.#committed) release();
    else this.#queue.push({ position: this.#newest, release });
  }

  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  /** Lets go of everything up to `committed`. */
  advance(committed: Position): void {
    this.#committed = committed;
    while (this.#head < this.#queue.length && this.#queue[this.#head]!.position <= committed) {
      const { release } = this.#queue[this.#head]!;
      this.#queue[this.#head] = undefined;
      this.#head += 1;
      release();
    }
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}
