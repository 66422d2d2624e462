/**
 * Deadlines of a coordinator, the earliest first: a heap that knows each one's place. Most deadlines are put off again
 * and again (a session with every heartbeat) and never reached, so putting one off only notes the new time; the heap is
 * set right when its old time comes.
 */
import { assert } from "../base/assert.ts";
import type { Effects, Moment } from "./effects.ts";

/** What happens when a deadline is reached. */
export type Reached = (now: Moment, effects: Effects) => void;

const NOT_QUEUED = -1;

export class Deadline {
  readonly reached: Reached;
  /** When it is reached; meaningless while it is not armed. */
  atMs = 0;
  /** Its key in the heap: never later than `atMs`. */
  queuedMs = 0;
  index = NOT_QUEUED;

  constructor(reached: Reached) {
    this.reached = reached;
  }

  get armed(): boolean {
    return this.index !== NOT_QUEUED;
  }
}

export class Deadlines {
  readonly #heap: Deadline[] = [];

  get count(): number {
    return this.#heap.length;
  }

  /** When `takeDue` has to be asked again; undefined when nothing is armed. May be earlier than any deadline. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.queuedMs;
  }

  /** Arms a deadline, or moves one that is armed. */
  arm(deadline: Deadline, atMs: number): void {
    deadline.atMs = atMs;
    if (!deadline.armed) {
      deadline.queuedMs = atMs;
      deadline.index = this.#heap.length;
      this.#heap.push(deadline);
      this.#siftUp(deadline);
    } else if (atMs < deadline.queuedMs) {
      deadline.queuedMs = atMs;
      this.#siftUp(deadline);
    }
  }

  /** Takes a deadline back; without effect when it is not armed. */
  cancel(deadline: Deadline): void {
    if (!deadline.armed) return;
    assert(this.#heap[deadline.index] === deadline, "a deadline of another heap");
    const { index } = deadline;
    deadline.index = NOT_QUEUED;
    const last = this.#heap.pop()!;
    if (last === deadline) return;
    this.#put(last, index);
    this.#siftUp(last);
    this.#siftDown(last);
  }

  /** Takes out the next deadline that `nowMs` has reached. */
  takeDue(nowMs: number): Deadline | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.queuedMs > nowMs) return undefined;
      if (first.atMs <= nowMs) {
        this.cancel(first);
        return first;
      }
      first.queuedMs = first.atMs;
      this.#siftDown(first);
    }
  }

  #siftUp(deadline: Deadline): void {
    let { index } = deadline;
    while (index > 0) {
      const parent = this.#heap[(index - 1) >> 1]!;
      if (parent.queuedMs <= deadline.queuedMs) break;
      this.#put(parent, index);
      index = (index - 1) >> 1;
    }
    this.#put(deadline, index);
  }

  #siftDown(deadline: Deadline): void {
    let { index } = deadline;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      if (left === undefined) break;
      const child = right !== undefined && right.queuedMs < left.queuedMs ? right : left;
      if (deadline.queuedMs <= child.queuedMs) break;
      const freed = child.index;
      this.#put(child, index);
      index = freed;
    }
    this.#put(deadline, index);
  }

  #put(deadline: Deadline, index: number): void {
    this.#heap[index] = deadline;
    deadline.index = index;
  }
}
