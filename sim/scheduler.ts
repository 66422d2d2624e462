/**
 * The heart of the simulation: virtual time, and one event after the other.
 *
 * Whatever a port completes (a write, a timer, bytes that arrive) is an event at an instant. Time stands still while
 * an event and all the promises it settles run, and jumps to the next event's instant then. Nothing waits, no thread
 * takes part, and the order of events that are ready at the same instant is the seed's: the same seed gives the same
 * run, byte for byte. Instants are multiples of 1/64 ms: coarse, so that many events do meet at one, and exact in sums.
 *
 * What this asks of the code under test: it waits for nothing but the ports. Node's own timers, files, sockets and
 * thread pool (asynchronous compression!) are not seen here; a run that waits for one of them ends as "stuck".
 */
import { assert } from "../src/base/assert.ts";
import type { SimRandom } from "./random.ts";
import type { Trace } from "./trace.ts";

/** A process that can die. Its events never run any more once it has. */
export class Lifetime {
  #alive = true;

  get alive(): boolean {
    return this.#alive;
  }

  end(): void {
    this.#alive = false;
  }
}

/** The order among events of one instant: as the seed decides, or behind all of those and as they were given. */
export type EventOrder = "any" | "last";

export interface EventOptions {
  readonly delayMs: number;
  readonly order?: EventOrder;
  /** Whose event it is; without it the event runs whatever dies. */
  readonly lifetime?: Lifetime;
}

/** A power of two, so that adding and comparing instants and whole delays never rounds. */
const GRAINS_PER_MS = 64;

export class SimEvent {
  readonly atMs: number;
  readonly rank: number;
  readonly sequence: number;
  readonly lifetime: Lifetime | undefined;
  readonly run: () => void;
  cancelled = false;

  constructor(fields: Pick<SimEvent, "atMs" | "rank" | "sequence" | "lifetime" | "run">) {
    this.atMs = fields.atMs;
    this.rank = fields.rank;
    this.sequence = fields.sequence;
    this.lifetime = fields.lifetime;
    this.run = fields.run;
  }

  cancel(): void {
    this.cancelled = true;
  }

  get dropped(): boolean {
    return this.cancelled || this.lifetime?.alive === false;
  }

  before(other: SimEvent): boolean {
    if (this.atMs !== other.atMs) return this.atMs < other.atMs;
    if (this.rank !== other.rank) return this.rank < other.rank;
    return this.sequence < other.sequence;
  }
}

/** A rank behind every drawn one. */
const LAST = 2 ** 32;

export class Scheduler {
  readonly #random: SimRandom;
  readonly #trace: Trace;
  readonly #heap: SimEvent[] = [];
  #nowMs = 0;
  #sequence = 0;
  #running = false;

  constructor(options: { random: SimRandom; trace: Trace }) {
    this.#random = options.random;
    this.#trace = options.trace;
  }

  /** Virtual milliseconds since the simulation began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  at(options: EventOptions, run: () => void): SimEvent {
    assert(options.delayMs >= 0, `delay ${options.delayMs} ms is not 0 or more`);
    const event = new SimEvent({
      atMs: this.#nowMs + toGrains(options.delayMs),
      rank: options.order === "last" ? LAST : this.#random.uint32(),
      sequence: this.#sequence++,
      lifetime: options.lifetime,
      run,
    });
    push(this.#heap, event);
    return event;
  }

  /** Lets time pass in which nothing runs, as when a process is stopped or collects garbage: what was due is late. */
  stall(delayMs: number): void {
    this.#nowMs += toGrains(delayMs);
  }

  /** Adds a line to the trace, with the time. */
  note(line: string): void {
    this.#trace.add(`${this.#nowMs} ${line}`);
  }

  /**
   * Runs events until `condition` holds; it is asked between any two.
   * @returns false when no event is left before it does.
   * @throws what an event threw.
   */
  async runUntil(condition: () => boolean): Promise<boolean> {
    assert(!this.#running, "a simulation was run from within its own run");
    this.#running = true;
    try {
      for (;;) {
        await promisesSettled();
        if (condition()) return true;
        const event = this.#next();
        if (event === undefined) return false;
        this.#nowMs = Math.max(this.#nowMs, event.atMs);
        event.run();
      }
    } finally {
      this.#running = false;
    }
  }

  #next(): SimEvent | undefined {
    for (;;) {
      const event = pop(this.#heap);
      if (event === undefined || !event.dropped) return event;
    }
  }
}

function toGrains(delayMs: number): number {
  return Math.ceil(delayMs * GRAINS_PER_MS) / GRAINS_PER_MS;
}

/** Node runs an immediate only when every promise reaction that is ready has run, and those that they made ready. */
function promisesSettled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function push(heap: SimEvent[], event: SimEvent): void {
  let index = heap.length;
  heap.push(event);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (!event.before(heap[parent]!)) break;
    heap[index] = heap[parent]!;
    index = parent;
  }
  heap[index] = event;
}

function pop(heap: SimEvent[]): SimEvent | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (heap.length === 0 || last === undefined) return first;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]!.before(heap[child]!)) child++;
    if (!heap[child]!.before(last)) break;
    heap[index] = heap[child]!;
    index = child;
  }
  heap[index] = last;
  return first;
}
