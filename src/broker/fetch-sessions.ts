/**
 * Fetch sessions (KIP-227): what a consumer follows is remembered, so that it sends, and is sent, only what changed.
 *
 * A session belongs to nobody but its id: any connection may go on with it, in the order of its epochs. Bounded are the
 * number of sessions, the partitions of one, because each request of it looks at all of them, and the partitions of all
 * together, because they take memory. A new session takes the place of the longest unused ones, if those were not used
 * for `EVICTION_MS`, and is otherwise refused, which only means that the consumer sends everything each time.
 */
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { FetchPartitions } from "./fetch-partitions.ts";
import { MAX_TOPIC_NAME_LENGTH } from "./topic-names.ts";

/** `min.incremental.fetch.session.eviction.ms`, as in Kafka. */
const EVICTION_MS = 120_000;
/** Epochs wrap from 2^31-1 to 1: 0 asks for a new session. */
const LAST_EPOCH = 0x7fff_ffff;

/** Partitions that one session follows at most. */
export const MAX_SESSION_PARTITIONS = 10_000;
/** And all sessions together: some 200 bytes each. */
export const MAX_FOLLOWED_PARTITIONS = 300_000;

export interface FetchSession {
  readonly id: number;
  readonly usesTopicIds: boolean;
  /** What the next request must say. */
  epoch: number;
  /** What was given data goes to the end. */
  readonly partitions: FetchPartitions;
  /** How many of them count in the sum of all sessions. */
  countedPartitions: number;
  lastUsedMs: number;
}

export class FetchSessions {
  readonly #slots: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #maxPartitions: number;
  #partitionCount = 0;
  /** The longest unused first. */
  readonly #sessions = new Map<number, FetchSession>();

  constructor(options: {
    readonly slots: number;
    readonly clock: Clock;
    readonly random: Random;
    /** Of all sessions together. */
    readonly maxPartitions?: number;
  }) {
    this.#slots = options.slots;
    this.#maxPartitions = options.maxPartitions ?? MAX_FOLLOWED_PARTITIONS;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  get count(): number {
    return this.#sessions.size;
  }

  get(id: number): FetchSession | undefined {
    return this.#sessions.get(id);
  }

  /** Partitions that all sessions follow. */
  get partitionCount(): number {
    return this.#partitionCount;
  }

  /** A new session, or undefined when there is no room. */
  create(partitions: FetchPartitions, usesTopicIds: boolean): FetchSession | undefined {
    const nowMs = this.#clock.monotonicMs();
    if (!isSmall(partitions) || this.#slots === 0) return undefined;
    const isFull = (): boolean =>
      this.#sessions.size >= this.#slots || this.#partitionCount + partitions.count > this.#maxPartitions;
    while (isFull()) {
      const [oldest] = this.#sessions.values();
      if (oldest === undefined || nowMs - oldest.lastUsedMs < EVICTION_MS) return undefined;
      this.remove(oldest.id);
    }
    const countedPartitions = partitions.count;
    const session = { id: this.#newId(), usesTopicIds, epoch: 1, partitions, countedPartitions, lastUsedMs: nowMs };
    this.#sessions.set(session.id, session);
    this.#partitionCount += countedPartitions;
    return session;
  }

  /**
   * Moves the session, whose partitions may have changed, to its next epoch. False when there is no room for what was
   * added: then the session is gone.
   */
  advance(session: FetchSession): boolean {
    this.remove(session.id);
    const { count } = session.partitions;
    if (!isSmall(session.partitions) || this.#partitionCount + count > this.#maxPartitions) return false;
    session.countedPartitions = count;
    session.epoch = session.epoch === LAST_EPOCH ? 1 : session.epoch + 1;
    session.lastUsedMs = this.#clock.monotonicMs();
    this.#sessions.set(session.id, session);
    this.#partitionCount += count;
    return true;
  }

  remove(id: number): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#partitionCount -= session.countedPartitions;
  }

  #newId(): number {
    for (;;) {
      const id = this.#random.bytes(4).readInt32BE(0) & LAST_EPOCH;
      if (id !== 0 && !this.#sessions.has(id)) return id;
    }
  }
}

/** Names longer than a topic's can be would take memory for nothing. */
function isSmall({ count, longestName }: FetchPartitions): boolean {
  return count <= MAX_SESSION_PARTITIONS && longestName <= MAX_TOPIC_NAME_LENGTH;
}
