/**
 * One client connection: frames in, answers out in the order of their requests.
 *
 * In: bytes are read into a buffer that all connections share; a frame that lies in it whole is handled there, with no
 * copy. A frame that does not is first admitted: its declared size is reserved from the budget of all requests, in order
 * of arrival, before a buffer for it exists; until then the socket is paused. So nothing is allocated on a peer's word
 * beyond the budget, and an admitted frame is always read to its end, unless its peer takes longer than
 * `FRAME_TIMEOUT_MS` to send it.
 * A frame is handled at once and its bytes may be overwritten afterwards: handlers copy what they keep.
 *
 * Out: every request has a place in the queue, taken when it is handled. An answer waits in its place for those before it.
 * Of a connection whose answers pile up, or that has too many requests open, nothing more is handled or read until they
 * are sent; one that takes nothing for `STALL_TIMEOUT_MS` is closed. Deadlines are looked after from outside, now and then (`checkDeadlines`):
 * timers per frame and answer would cost more than they are worth.
 */
import { assert } from "../base/assert.ts";
import { type BufferPool, capacityFor } from "../base/buffer-pool.ts";
import { LinkedList, type Place } from "../base/linked-list.ts";
import type { ByteBudget } from "../log/byte-budget.ts";
import type { Clock } from "../ports/clock.ts";
import type { Address, Socket, SocketEvents } from "../ports/network.ts";
import type { BrokerMetrics } from "./metrics.ts";

export const SHARED_BUFFER_BYTES = 64 * 1024;

const SIZE_BYTES = 4;
const MAX_OPEN_REQUESTS = 128;
/** Answers that the system has not taken yet; above it no further requests are handled. */
const MAX_OWED_BYTES = 256 * 1024;
const FRAME_TIMEOUT_MS = 30_000;
/** A frame of which nothing comes for this long makes room for those that wait for memory. */
const STALLED_FRAME_MS = 5_000;
const STALL_TIMEOUT_MS = 60_000;

/** An answer, ready to be sent. `sent` is called when the system has taken it, or the connection is gone. */
export interface Answer {
  readonly parts: readonly Uint8Array[];
  readonly sizeBytes: number;
  readonly sent?: (() => void) | undefined;
}

/** A request's place in the queue of answers. */
export interface AnswerSlot {
  answer: Answer | "none" | undefined;
  /** Called when every answer before it has gone out. */
  isNext: (() => void) | undefined;
}

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly endpoint: Address;
  readonly clock: Clock;
  /** Read buffer shared by all connections. */
  readonly shared: Buffer;
  /** Memory for the frames that do not lie in it whole. */
  readonly frames: BufferPool;
  /** What the memory of a frame of this size is taken from. */
  readonly budgetFor: (sizeBytes: number) => ByteBudget;
  readonly maxFrameBytes: number;
  /** Handles the frame at `at`..`end`, size prefix not included, before it returns. */
  readonly handle: (connection: Connection, buffer: Buffer, at: number, end: number) => void;
  readonly closed: (connection: Connection) => void;
  readonly log: (line: string) => void;
  readonly metrics: BrokerMetrics;
}

export class Connection implements SocketEvents {
  readonly peer: string;
  /** What this client is told to connect to. */
  readonly endpoint: Address;
  /** When it last sent or took something, monotonic milliseconds. */
  lastActiveMs: number;
  /** Of its fetches that wait; for `ParkedFetches`. */
  parkedPartitions = 0;
  readonly #options: ConnectionOptions;
  readonly #slots: AnswerSlot[] = [];
  readonly #onClose = new LinkedList<() => void>();
  /** Bytes of a size prefix that came alone. */
  readonly #prefix = Buffer.alloc(SIZE_BYTES);
  #prefixBytes = 0;
  #frame: Buffer | undefined;
  #frameBytes = 0;
  #frameFilled = 0;
  #frameBeganMs = 0;
  #cancelAdmission: (() => void) | undefined;
  /** The beginning of a frame that waits for admission. */
  #held: Buffer | undefined;
  /** Input that was read and is not handled while too much is unanswered. */
  #backlog: Buffer | undefined;
  /** Of answers that are ready, or on their way. */
  #owedBytes = 0;
  /** Of answers on their way. */
  #unsentBytes = 0;
  #lastSentMs = 0;
  #flushing = false;
  #pausedSinceMs: number | undefined;
  #consuming = false;
  #gates = 0;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.peer = options.socket.peer;
    this.endpoint = options.endpoint;
    this.lastActiveMs = options.clock.monotonicMs();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether no request waits for its answer. */
  get isIdle(): boolean {
    const nothingRead = this.#frame === undefined && this.#held === undefined && this.#backlog === undefined;
    return this.#slots.length === 0 && nothingRead && this.#unsentBytes === 0;
  }

  /** Takes the next place in the order of answers. */
  openSlot(): AnswerSlot {
    const slot: AnswerSlot = { answer: undefined, isNext: undefined };
    this.#slots.push(slot);
    return slot;
  }

  /**
   * Resolves when the answer of this place is the next to go out; undefined when it is already. Never, once the connection
   * is gone. Whoever takes memory of a shared budget for an answer waits for this first: an answer that holds such memory and
   * cannot leave would otherwise wait for one before it that waits for such memory.
   */
  whenNext(slot: AnswerSlot): Promise<void> | undefined {
    if (this.#slots[0] === slot) return undefined;
    return new Promise((resolve) => (slot.isNext = resolve));
  }

  /** Puts an answer into its place; it goes out once all before it are there. */
  fill(slot: AnswerSlot, answer: Answer | "none"): void {
    assert(slot.answer === undefined, "a request was answered twice");
    slot.answer = answer;
    if (this.#closed) {
      if (answer !== "none") answer.sent?.();
      return;
    }
    if (answer !== "none") this.#owedBytes += answer.sizeBytes;
    if (this.#slots[0] !== slot || this.#flushing) return;
    // At the end of this turn, so that answers that become ready together go out together.
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  /** Calls `task` when the connection is gone, unless it is taken back with `offClose` before. */
  onClose(task: () => void): Place<() => void> {
    assert(!this.#closed, "the connection is gone already");
    return this.#onClose.add(task);
  }

  offClose(place: Place<() => void>): void {
    this.#onClose.remove(place);
  }

  /** Stops reading until `openGate` was called as often. */
  closeGate(): void {
    this.#gates += 1;
    this.#updateReading();
  }

  openGate(): void {
    this.#gates -= 1;
    this.#updateReading();
  }

  /** Closes the connection when its peer holds up a request or an answer, or has not used it since `idleSinceMs`. */
  checkDeadlines(nowMs: number, idleSinceMs: number): void {
    if (this.#unsentBytes > 0 && nowMs - this.#lastSentMs > STALL_TIMEOUT_MS) {
      this.refuse(`it took no answer for ${STALL_TIMEOUT_MS} ms`);
    } else if (this.#frame !== undefined && this.#frameLimitMs(nowMs) < nowMs - this.#frameBeganMs) {
      this.refuse(`a request of ${this.#frameBytes} bytes did not arrive within ${this.#frameLimitMs(nowMs)} ms`);
    } else if (this.isIdle && this.lastActiveMs < idleSinceMs) {
      this.destroy();
    }
  }

  /** Sends what is answered already, then closes. */
  finish(): void {
    this.#flush();
    this.#options.socket.end();
  }

  /** Ends the connection because of what the peer did. */
  refuse(reason: string): void {
    if (this.#closed) return;
    this.#options.metrics.connectionsRefused += 1;
    this.#options.log(`closing the connection from ${this.peer}: ${reason}`);
    this.destroy();
  }

  destroy(): void {
    this.#options.socket.destroy();
    this.closed();
  }

  readBuffer(): Uint8Array {
    return this.#frame?.subarray(this.#frameFilled, this.#frameBytes) ?? this.#options.shared;
  }

  received(size: number): void {
    if (this.#closed) return;
    this.#options.metrics.receivedBytes += size;
    this.lastActiveMs = this.#options.clock.monotonicMs();
    if (this.#frame === undefined) this.#consume(this.#options.shared, 0, size);
    else this.#fillFrame(size);
    this.#updateReading();
  }

  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelAdmission?.();
    // Not given back for other frames: the system may still be filling it.
    if (this.#frame !== undefined) this.#releaseBudget();
    this.#frame = undefined;
    this.#held = undefined;
    this.#backlog = undefined;
    for (const { answer } of this.#slots.splice(0)) if (answer !== undefined && answer !== "none") answer.sent?.();
    for (const task of this.#onClose.values()) task();
    this.#options.closed(this);
  }

  /** How long the frame may take. */
  #frameLimitMs(nowMs: number): number {
    // While nothing is read the peer cannot send: that is not its fault, but must not keep the memory for ever either.
    if (this.#pausedSinceMs !== undefined) return STALL_TIMEOUT_MS;
    const isStalled = nowMs - this.lastActiveMs > STALLED_FRAME_MS;
    return isStalled && this.#options.budgetFor(this.#frameBytes).waiting > 0 ? STALLED_FRAME_MS : FRAME_TIMEOUT_MS;
  }

  /** Handles every whole frame in `buffer`, as far as may be, and begins the one that is not. */
  #consume(buffer: Buffer, from: number, end: number): void {
    this.#consuming = true;
    let at = from;
    while (at < end && !this.#closed) {
      if (this.#owesTooMuch()) {
        this.#backlog = Buffer.from(buffer.subarray(at, end));
        break;
      }
      if (this.#prefixBytes > 0 || end - at < SIZE_BYTES) {
        const taken = Math.min(SIZE_BYTES - this.#prefixBytes, end - at);
        buffer.copy(this.#prefix, this.#prefixBytes, at, at + taken);
        this.#prefixBytes += taken;
        at += taken;
        if (this.#prefixBytes < SIZE_BYTES) break;
        this.#prefixBytes = 0;
        at = this.#beginFrame(this.#prefix.readInt32BE(0), buffer, at, end);
      } else {
        at = this.#beginFrame(buffer.readInt32BE(at), buffer, at + SIZE_BYTES, end);
      }
    }
    this.#consuming = false;
  }

  #owesTooMuch(): boolean {
    return this.#slots.length >= MAX_OPEN_REQUESTS || this.#owedBytes > MAX_OWED_BYTES;
  }

  /** Handles or begins the frame whose body starts at `at`. Answers where the next one begins. */
  #beginFrame(size: number, buffer: Buffer, at: number, end: number): number {
    if (size < 0 || size > this.#options.maxFrameBytes) {
      this.refuse(
        `a frame of ${size} bytes is not between 0 and socket.request.max.bytes (${this.#options.maxFrameBytes})`,
      );
      return end;
    }
    if (size <= end - at) {
      this.#options.handle(this, buffer, at, at + size);
      return at + size;
    }
    const budget = this.#options.budgetFor(size);
    const capacity = capacityFor(size);
    if (budget.tryAcquire(capacity)) {
      this.#admit(size, buffer.subarray(at, end));
      return end;
    }
    this.#held = Buffer.from(buffer.subarray(at, end));
    this.closeGate();
    this.#cancelAdmission = budget.request(capacity, () => {
      this.#cancelAdmission = undefined;
      const held = this.#held!;
      this.#held = undefined;
      this.#admit(size, held);
      this.openGate();
    });
    return end;
  }

  #admit(size: number, head: Buffer): void {
    this.#frame = this.#options.frames.take(size);
    this.#frameBytes = size;
    this.#frameFilled = head.copy(this.#frame);
    this.#frameBeganMs = this.#options.clock.monotonicMs();
  }

  #fillFrame(size: number): void {
    const frame = this.#frame!;
    this.#frameFilled += size;
    if (this.#frameFilled < this.#frameBytes) return;
    this.#frame = undefined;
    this.#options.handle(this, frame, 0, this.#frameBytes);
    this.#options.frames.give(frame);
    this.#releaseBudget();
  }

  #releaseBudget(): void {
    this.#options.budgetFor(this.#frameBytes).release(capacityFor(this.#frameBytes));
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#closed) return;
    const parts: Uint8Array[] = [];
    const sent: (() => void)[] = [];
    let sizeBytes = 0;
    let ready = 0;
    for (; ready < this.#slots.length; ready += 1) {
      const { answer } = this.#slots[ready]!;
      if (answer === undefined) break;
      if (answer === "none") continue;
      for (const part of answer.parts) parts.push(part);
      sizeBytes += answer.sizeBytes;
      if (answer.sent !== undefined) sent.push(answer.sent);
    }
    this.#slots.splice(0, ready);
    this.#slots[0]?.isNext?.();
    if (parts.length > 0) {
      if (this.#unsentBytes === 0) this.#lastSentMs = this.#options.clock.monotonicMs();
      this.#unsentBytes += sizeBytes;
      this.#options.metrics.sentBytes += sizeBytes;
      this.#options.socket.write(parts, () => this.#wasSent(sizeBytes, sent));
    }
    this.#updateReading();
  }

  #wasSent(sizeBytes: number, sent: readonly (() => void)[]): void {
    for (const task of sent) task();
    this.#unsentBytes -= sizeBytes;
    this.#owedBytes -= sizeBytes;
    if (this.#closed) return;
    this.#lastSentMs = this.#options.clock.monotonicMs();
    this.lastActiveMs = this.#lastSentMs;
    this.#updateReading();
  }

  #updateReading(): void {
    if (this.#closed || this.#consuming) return;
    if (this.#gates === 0 && this.#backlog !== undefined && !this.#owesTooMuch()) {
      const backlog = this.#backlog;
      this.#backlog = undefined;
      this.#consume(backlog, 0, backlog.length);
    }
    const pause = this.#gates > 0 || this.#backlog !== undefined || this.#owesTooMuch();
    if (pause === (this.#pausedSinceMs !== undefined)) return;
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#pausedSinceMs === undefined) {
      this.#pausedSinceMs = nowMs;
      this.#options.socket.pause();
    } else {
      // What it was paused for does not count, and no more than that.
      this.#frameBeganMs += nowMs - Math.max(this.#pausedSinceMs, this.#frameBeganMs);
      this.#pausedSinceMs = undefined;
      this.#options.socket.resume();
    }
  }
}
