/** Gives out producer ids, each once. A block of them is reserved in the log before the first of it is given out. */
import type { Store } from "../state/store.ts";

/** As in Kafka. What a restart leaves unused of a block is never used. */
const BLOCK_SIZE = 1000;

export class ProducerIds {
  readonly #store: Store;
  #next: number;
  #end: number;

  constructor(store: Store) {
    this.#store = store;
    this.#next = store.state.nextProducerId;
    this.#end = this.#next;
  }

  /** The next id. Whoever is told it waits for the newest state record: the block is in it. */
  next(): number {
    if (this.#next === this.#end) {
      this.#end = this.#next + BLOCK_SIZE;
      this.#store.append({ type: 7, value: { next: this.#end } });
    }
    const id = this.#next;
    this.#next += 1;
    return id;
  }
}
