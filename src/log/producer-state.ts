/**
 * What one partition remembers of its idempotent producers (KIP-98, KIP-360): the newest epoch, the last five batches and
 * when each producer was last heard. Decides whether a batch is new, a retry, out of order or from a fenced epoch.
 *
 * A fold: `record` is called for every batch that was appended, live and in recovery alike. `check` changes nothing.
 * Bounded: producers over the limit or unheard for `producer.id.expiration.ms` expire, longest unheard first; the broker
 * logs that as a state record, whose fold calls `forget`. When a producer was last heard is the running broker's own
 * knowledge and not folded: after a restart every producer gets its full time again.
 */
import type { Int64 } from "../base/int64.ts";

/** Kafka clients keep at most five requests in flight with idempotence. */
const REMEMBERED_BATCHES = 5;
/** Sequences wrap from 2^31-1 to 0. */
const SEQUENCE_LIMIT = 0x8000_0000;
const NO_SEQUENCE = -1;

export interface RememberedBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly timestamp: number;
}

export interface ProducerEntry {
  epoch: number;
  /** Oldest first, at most five. Empty after an epoch bump without batches. */
  readonly batches: RememberedBatch[];
  /** When it was last heard, wall clock milliseconds. */
  lastHeardMs: number;
}

/** The identity part of a batch, from its header. */
export interface ProducerBatch {
  readonly producerId: Int64;
  readonly epoch: number;
  readonly firstSequence: number;
  readonly recordCount: number;
}

export type SequenceVerdict =
  | { readonly kind: "new" }
  | { readonly kind: "duplicate"; readonly batch: RememberedBatch }
  | { readonly kind: "outOfOrder" }
  | { readonly kind: "fenced" };

const NEW: SequenceVerdict = { kind: "new" };
const OUT_OF_ORDER: SequenceVerdict = { kind: "outOfOrder" };
const FENCED: SequenceVerdict = { kind: "fenced" };

/** The sequence `count` behind `sequence`, with Kafka's wrap at 2^31. */
export function advanceSequence(sequence: number, count: number): number {
  return (sequence + count) % SEQUENCE_LIMIT;
}

export class ProducerState {
  /** In order of last use: the first is the longest unheard. */
  readonly #producers = new Map<Int64, ProducerEntry>();

  get count(): number {
    return this.#producers.size;
  }

  entries(): IterableIterator<[Int64, ProducerEntry]> {
    return this.#producers.entries();
  }

  get(producerId: Int64): ProducerEntry | undefined {
    return this.#producers.get(producerId);
  }

  /** What to do with a batch that asks to be appended. */
  check(batch: ProducerBatch): SequenceVerdict {
    const entry = this.#producers.get(batch.producerId);
    if (entry === undefined) return NEW; // nothing is known: any sequence may start (KIP-360)
    if (batch.epoch < entry.epoch) return FENCED;
    if (batch.epoch > entry.epoch) return batch.firstSequence === 0 ? NEW : OUT_OF_ORDER;
    const lastSequence = advanceSequence(batch.firstSequence, batch.recordCount - 1);
    for (const known of entry.batches) {
      if (known.firstSequence === batch.firstSequence && known.lastSequence === lastSequence) {
        return { kind: "duplicate", batch: known };
      }
    }
    const newest = entry.batches.at(-1);
    const expected = newest === undefined ? 0 : advanceSequence(newest.lastSequence, 1);
    return batch.firstSequence === expected ? NEW : OUT_OF_ORDER;
  }

  /** Remembers an appended batch. The mutator, live and in recovery. */
  record(
    batch: ProducerBatch,
    place: { baseOffset: number; endOffset: number; timestamp: number; nowMs: number },
  ): void {
    const old = this.#producers.get(batch.producerId);
    const batches = old !== undefined && old.epoch === batch.epoch ? old.batches : [];
    batches.push({
      firstSequence: batch.firstSequence,
      lastSequence: advanceSequence(batch.firstSequence, batch.recordCount - 1),
      baseOffset: place.baseOffset,
      endOffset: place.endOffset,
      timestamp: place.timestamp,
    });
    if (batches.length > REMEMBERED_BATCHES) batches.shift();
    this.#producers.delete(batch.producerId);
    this.#producers.set(batch.producerId, { epoch: batch.epoch, batches, lastHeardMs: place.nowMs });
  }

  /** Puts back an entry from a snapshot. Entries come in the order in which `entries` gave them. */
  restore(producerId: Int64, entry: ProducerEntry): void {
    this.#producers.set(producerId, entry);
  }

  /** Producers unheard since before `deadlineMs`, and the longest unheard ones over `limit`. */
  expired(deadlineMs: number, limit: number): Int64[] {
    const expired: Int64[] = [];
    for (const [producerId, entry] of this.#producers) {
      if (entry.lastHeardMs >= deadlineMs && this.#producers.size - expired.length <= limit) break;
      expired.push(producerId);
    }
    return expired;
  }

  /** The broker has just started: every producer gets its full time again. */
  restartClocks(nowMs: number): void {
    for (const entry of this.#producers.values()) entry.lastHeardMs = nowMs;
  }

  forget(producerId: Int64): void {
    this.#producers.delete(producerId);
  }
}

/** The last sequence of a producer, or -1. */
export function lastSequenceOf(entry: ProducerEntry): number {
  return entry.batches.at(-1)?.lastSequence ?? NO_SEQUENCE;
}
