/**
 * Fetches that wait for records: how many there may be, and in which order those that were woken are looked at.
 *
 * To look at a fetch again costs as much as it has partitions. So one that is woken says when it has enough, and is then
 * looked at once; and one record for which thousands wait does not hold up everybody else: of those that it wakes so many
 * are looked at in one turn, the others in the turns that follow, in the order in which they were woken.
 */
import { LinkedList, type Place } from "../base/linked-list.ts";
import type { Clock } from "../ports/clock.ts";
import type { Connection } from "./connection.ts";

/** Partitions that the waiting fetches of one connection have together: a consumer has one such fetch at a time. */
export const MAX_PARKED_OF_CONNECTION = 50_000;
/** And those of all connections: some 200 bytes each. */
export const MAX_PARKED_PARTITIONS = 250_000;
/** Of the fetches that are looked at in one turn, some milliseconds. */
const PARTITIONS_PER_TURN = 5_000;
/** To answer a fetch costs as much as so many of its partitions. */
const FETCH_PARTITIONS = 20;

export interface ParkedFetch {
  readonly connection: Connection;
  /** Does not change while it is parked. */
  readonly partitionCount: number;
  /** Among those that are parked; for `ParkedFetches`. */
  place: Place<ParkedFetch> | undefined;
  /** Looks whether there is enough by now, and answers if so. */
  recheck(): void;
  /** Answers with what there is. */
  stopWaiting(): void;
}

export class ParkedFetches {
  readonly #clock: Clock;
  readonly #maxPartitions: number;
  readonly #fetches = new LinkedList<ParkedFetch>();
  #partitions = 0;
  #woken: ParkedFetch[] = [];
  #isScheduled = false;

  constructor(clock: Clock, maxPartitions = MAX_PARKED_PARTITIONS) {
    this.#clock = clock;
    this.#maxPartitions = maxPartitions;
  }

  get size(): number {
    return this.#fetches.size;
  }

  /** Partitions of all fetches that wait. */
  get partitions(): number {
    return this.#partitions;
  }

  /** Takes the fetch in; false when there is no room: then it has to be answered now. */
  add(fetch: ParkedFetch): boolean {
    const { connection, partitionCount } = fetch;
    const ofConnection = connection.parkedPartitions + partitionCount;
    const all = this.#partitions + partitionCount;
    if (ofConnection > MAX_PARKED_OF_CONNECTION || all > this.#maxPartitions) return false;
    fetch.place = this.#fetches.add(fetch);
    this.#partitions = all;
    connection.parkedPartitions = ofConnection;
    return true;
  }

  delete(fetch: ParkedFetch): void {
    const { connection, partitionCount, place } = fetch;
    if (place === undefined || !this.#fetches.remove(place)) return;
    this.#partitions -= partitionCount;
    connection.parkedPartitions -= partitionCount;
  }

  /** Has the fetch look again, soon: what else happens in this turn is seen too. */
  wake(fetch: ParkedFetch): void {
    this.#woken.push(fetch);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#lookAgain());
  }

  /** Answers all of them. */
  stopWaiting(): void {
    for (const fetch of this.#fetches.values()) fetch.stopWaiting();
  }

  #lookAgain(): void {
    let partitions = 0;
    let looked = 0;
    for (; looked < this.#woken.length && partitions < PARTITIONS_PER_TURN; looked += 1) {
      const fetch = this.#woken[looked]!;
      if (fetch.place?.isTaken !== true) continue; // its time was over, or its client is gone
      partitions += fetch.partitionCount + FETCH_PARTITIONS;
      fetch.recheck();
    }
    this.#woken = this.#woken.slice(looked);
    if (this.#woken.length === 0) this.#isScheduled = false;
    else this.#clock.defer(() => this.#lookAgain());
  }
}
