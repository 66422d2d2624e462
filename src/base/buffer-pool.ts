/**
 * Memory for bytes that pass through: request frames, reads from files.
 *
 * A buffer of its own for each is garbage at the rate of the traffic, and the collector runs whole cycles for it: a third of
 * the broker's CPU under ProducerPerformance. So larger ones come in powers of two and are used again.
 */

/** Up to here a buffer costs little, and rounding up would cost more where there are many. */
const EXACT_BYTES = 16 * 1024;
/** Larger ones are too rare to be kept. */
const LARGEST_KEPT_BYTES = 8 * 1024 * 1024;
const MAX_KEPT_BYTES = 32 * 1024 * 1024;

export class BufferPool {
  readonly #kept = new Map<number, Buffer[]>();
  #keptBytes = 0;

  /** Bytes that are kept for later use. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** A buffer of `capacityFor(sizeBytes)` bytes with anything in it. */
  take(sizeBytes: number): Buffer {
    const capacity = capacityFor(sizeBytes);
    const kept = this.#kept.get(capacity)?.pop();
    if (kept === undefined) return Buffer.allocUnsafeSlow(capacity);
    this.#keptBytes -= capacity;
    return kept;
  }

  /** Takes back a buffer that nobody refers to any more. */
  give(buffer: Buffer): void {
    const capacity = buffer.length;
    if (capacity <= EXACT_BYTES || capacity > LARGEST_KEPT_BYTES) return;
    if (this.#keptBytes + capacity > MAX_KEPT_BYTES) return;
    this.#keptBytes += capacity;
    const kept = this.#kept.get(capacity);
    if (kept === undefined) this.#kept.set(capacity, [buffer]);
    else kept.push(buffer);
  }
}

/** How large the buffer for `sizeBytes` is. */
export function capacityFor(sizeBytes: number): number {
  if (sizeBytes <= EXACT_BYTES || sizeBytes > LARGEST_KEPT_BYTES) return sizeBytes;
  return 2 ** Math.ceil(Math.log2(sizeBytes));
}
