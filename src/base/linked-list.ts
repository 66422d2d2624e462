/**
 * A list that is added to and taken from all the time, anywhere, for as long as the process lives.
 *
 * In place of a `Set`: one whose values come and go is copied into a new table now and then, and its old tables refer to the new ones.
 * Once such a table has become an old object all that follow it do too, with everything that was in them, until the next full
 * collection. Here what was taken out refers to nothing.
 */

/** Where a value stands in its list. */
export interface Place<T> {
  readonly value: T;
  /** Whether it was not taken out yet. */
  readonly isTaken: boolean;
}

interface Entry<T> {
  readonly value: T;
  isTaken: boolean;
  previous: Entry<T> | undefined;
  next: Entry<T> | undefined;
}

export class LinkedList<T> {
  #first: Entry<T> | undefined;
  #last: Entry<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds to the end. */
  add(value: T): Place<T> {
    const entry: Entry<T> = { value, isTaken: true, previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    this.#size += 1;
    return entry;
  }

  /** Takes out what stands at a place of this list. Answers whether it was still there. */
  remove(place: Place<T>): boolean {
    const entry = place as Entry<T>;
    if (!entry.isTaken) return false;
    const { previous, next } = entry;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    entry.isTaken = false;
    entry.previous = undefined;
    entry.next = undefined;
    this.#size -= 1;
    return true;
  }

  /** From the first to the last. `task` may take out the one that it is called with, and no other. */
  forEach(task: (value: T) => void): void {
    for (let entry = this.#first; entry !== undefined; ) {
      const { value, next } = entry;
      task(value);
      entry = next;
    }
  }

  /** All of them now, from the first to the last. */
  values(): T[] {
    const values: T[] = [];
    this.forEach((value) => values.push(value));
    return values;
  }
}
