/**
 * Fetch sessions (KIP-227): what a consumer follows is remembered, so that it sends, and is sent, only what changed.
 *
 * A session belongs to nobody but its id: any connection may go on with it, in the order of its epochs. The number of
 * sessions is bounded; a new one takes the place of the longest unused, if that was not used for `EVICTION_MS`, and is
 * otherwise refused, which only means that the consumer sends everything each time.
 */
import type { Uuid } from "../base/uuid.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";

/** `min.incremental.fetch.session.eviction.ms`, as in Kafka. */
const EVICTION_MS = 120_000;
/** Epochs wrap from 2^31-1 to 1: 0 asks for a new session. */
const LAST_EPOCH = 0x7fff_ffff;

/** One followed partition, and what was answered last. */
export interface FetchPartition {
  readonly topicName: string;
  readonly topicId: Uuid;
  readonly partition: number;
  fetchOffset: number;
  maxBytes: number;
  currentLeaderEpoch: number;
  lastFetchedEpoch: number;
  /** -1: nothing was answered yet. */
  sentHighWatermark: number;
  sentLogStart: number;
}

export interface FetchSession {
  readonly id: number;
  readonly usesTopicIds: boolean;
  /** What the next request must say. */
  epoch: number;
  /** In the order of service: what was given data goes to the end. */
  readonly partitions: Map<string, FetchPartition>;
  lastUsedMs: number;
}

export class FetchSessions {
  readonly #slots: number;
  readonly #clock: Clock;
  readonly #random: Random;
  /** The longest unused first. */
  readonly #sessions = new Map<number, FetchSession>();

  constructor(options: { readonly slots: number; readonly clock: Clock; readonly random: Random }) {
    this.#slots = options.slots;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  get count(): number {
    return this.#sessions.size;
  }

  get(id: number): FetchSession | undefined {
    return this.#sessions.get(id);
  }

  /** A new session, or undefined when there is no room. */
  create(partitions: Map<string, FetchPartition>, usesTopicIds: boolean): FetchSession | undefined {
    const nowMs = this.#clock.monotonicMs();
    if (this.#sessions.size >= this.#slots) {
      const [oldest] = this.#sessions.values();
      if (oldest === undefined || nowMs - oldest.lastUsedMs < EVICTION_MS) return undefined;
      this.#sessions.delete(oldest.id);
    }
    const session = { id: this.#newId(), usesTopicIds, epoch: 1, partitions, lastUsedMs: nowMs };
    this.#sessions.set(session.id, session);
    return session;
  }

  /** Moves the session to its next epoch. */
  advance(session: FetchSession): void {
    session.epoch = session.epoch === LAST_EPOCH ? 1 : session.epoch + 1;
    session.lastUsedMs = this.#clock.monotonicMs();
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
  }

  remove(id: number): void {
    this.#sessions.delete(id);
  }

  #newId(): number {
    for (;;) {
      const id = this.#random.bytes(4).readInt32BE(0) & LAST_EPOCH;
      if (id !== 0 && !this.#sessions.has(id)) return id;
    }
  }
}
