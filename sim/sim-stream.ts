/**
 * One direction of a connection: a sender's bytes, the system's buffers, and a reader that takes what it likes.
 *
 *     send → waiting (the sender's own memory) → transit (bounded by the buffers) → the reader
 *
 * Bytes arrive in their order, after drawn delays, in drawn pieces from one byte to all there is. A reader that takes
 * nothing fills the transit; then the sender's writes are not taken any more. That is all the backpressure there is.
 */
import { assert } from "../src/base/assert.ts";
import type { SimRandom } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** The receiving end. */
export interface StreamReader {
  /** Looks at what has arrived (never empty) and returns how many bytes it took; 0 when it is paused. */
  take(arrived: Uint8Array): number;
  /** The sender has finished, and everything was taken. */
  finished(): void;
}

interface Sending {
  readonly bytes: Uint8Array;
  readonly taken: () => void;
  from: number;
}

const MAX_DELAY_MS = 2;

export class SimStream {
  readonly #scheduler: Scheduler;
  readonly #random: SimRandom;
  readonly #capacityBytes: number;
  readonly #reader: StreamReader;
  #waiting: Sending[] = [];
  readonly #transit = new ByteQueue();
  #finishing = false;
  #drained: (() => void) | undefined;
  #deliveryPlanned = false;
  #cut = false;

  constructor(options: { scheduler: Scheduler; random: SimRandom; reader: StreamReader }) {
    this.#scheduler = options.scheduler;
    this.#random = options.random;
    this.#reader = options.reader;
    this.#capacityBytes = options.random.pick([1024, 16_384, 131_072, 1_048_576]);
  }

  /** Bytes the system has not taken from the sender. */
  get waitingBytes(): number {
    return this.#waiting.reduce((sum, sending) => sum + sending.bytes.length - sending.from, 0);
  }

  /** The reader is gone. */
  get isCut(): boolean {
    return this.#cut;
  }

  /** `taken` is called, at some later event, when the system has all the bytes. */
  send(parts: readonly Uint8Array[], taken: () => void): void {
    assert(!this.#finishing, "sent after the end");
    const last = parts.length - 1;
    parts.forEach((bytes, index) => {
      this.#waiting.push({ bytes, from: 0, taken: index === last ? taken : () => undefined });
    });
    if (last < 0) this.#waiting.push({ bytes: new Uint8Array(0), from: 0, taken });
    this.#plan();
  }

  /** Nothing follows. `drained` is called when the system has everything; the reader learns it behind the last byte. */
  finish(drained: () => void): void {
    this.#finishing = true;
    this.#drained = drained;
    this.#plan();
  }

  /** The reader can take again. */
  resume(): void {
    this.#plan();
  }

  /** The sender is gone: of what was in transit a part arrives still, of what waited nothing. */
  abandon(): void {
    this.#waiting = [];
    this.#transit.keep(this.#random.between(0, this.#transit.length));
    this.#finishing = true;
    this.#drained = undefined;
    this.#plan();
  }

  /** The reader is gone: nothing arrives any more. */
  cut(): void {
    this.#cut = true;
    this.#waiting = [];
    this.#transit.keep(0);
  }

  #plan(): void {
    if (this.#deliveryPlanned || this.#cut) return;
    this.#deliveryPlanned = true;
    const delayMs = this.#random.chance(0.5) ? 0 : this.#random.fraction() * MAX_DELAY_MS;
    this.#scheduler.at({ delayMs }, () => {
      this.#deliveryPlanned = false;
      this.#step();
    });
  }

  /** Moves bytes one place on at both ends, and calls back what that completes. */
  #step(): void {
    if (this.#cut) return;
    this.#fill();
    const taken = this.#transit.length === 0 ? 0 : this.#reader.take(this.#arrived());
    if (this.#cut) return;
    this.#transit.drop(taken);
    const drained = this.#waiting.length === 0;
    if (this.#finishing && drained) {
      const callback = this.#drained;
      this.#drained = undefined;
      callback?.();
      if (this.#transit.length === 0 && !this.#cut) {
        this.#cut = true;
        this.#reader.finished();
        return;
      }
    }
    if (taken > 0 || (!drained && this.#transit.length < this.#capacityBytes)) this.#plan();
  }

  #fill(): void {
    while (!this.#cut) {
      const sending = this.#waiting[0];
      if (sending === undefined) return;
      const size = Math.min(this.#capacityBytes - this.#transit.length, sending.bytes.length - sending.from);
      if (size > 0) {
        const piece = sending.bytes.subarray(sending.from, sending.from + size);
        this.#transit.push(piece);
        sending.from += size;
      }
      if (sending.from < sending.bytes.length) return;
      this.#waiting.shift();
      sending.taken();
    }
  }

  #arrived(): Uint8Array {
    const all = this.#transit.length;
    const size = this.#random.pick([1, this.#random.between(1, Math.min(all, 100)), this.#random.between(1, all), all]);
    return this.#transit.first(size);
  }
}

/** Bytes in their order: in at the back, out at the front. */
class ByteQueue {
  #buffer = Buffer.alloc(1024);
  #from = 0;
  #to = 0;

  get length(): number {
    return this.#to - this.#from;
  }

  push(bytes: Uint8Array): void {
    if (this.#to + bytes.length > this.#buffer.length) {
      const room = Math.max(this.#buffer.length, 2 * (this.length + bytes.length));
      const target = room > this.#buffer.length ? Buffer.alloc(room) : this.#buffer;
      this.#buffer.copy(target, 0, this.#from, this.#to);
      this.#buffer = target;
      this.#to -= this.#from;
      this.#from = 0;
    }
    this.#buffer.set(bytes, this.#to);
    this.#to += bytes.length;
  }

  /** A view, good until the next call. */
  first(size: number): Uint8Array {
    return this.#buffer.subarray(this.#from, this.#from + size);
  }

  drop(size: number): void {
    this.#from += size;
  }

  /** Drops all behind the first `size`. */
  keep(size: number): void {
    this.#to = this.#from + size;
  }
}
