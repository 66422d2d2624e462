/** What must hold of a group whatever happened to its members and its broker (group-suite.ts). Pure, so that it has tests. */

/** Offsets that were delivered, by partition: runs of consecutive ones, both ends included. */
export class Delivered {
  readonly #counts = new Map<number, Map<number, number>>();

  add(partition: number, first: number, last: number): void {
    const counts = this.#counts.get(partition) ?? new Map<number, number>();
    this.#counts.set(partition, counts);
    for (let offset = first; offset <= last; offset++) counts.set(offset, (counts.get(offset) ?? 0) + 1);
  }

  /** Deliveries of records that had been delivered already. */
  get again(): number {
    let again = 0;
    for (const counts of this.#counts.values()) for (const count of counts.values()) again += count - 1;
    return again;
  }

  has(partition: number, offset: number): boolean {
    return this.#counts.get(partition)?.has(offset) ?? false;
  }
}

/** Acknowledged records that nobody was given. */
export function undelivered(acknowledged: ReadonlyMap<number, readonly number[]>, delivered: Delivered): string[] {
  const problems: string[] = [];
  for (const [partition, offsets] of acknowledged) {
    const lost = offsets.filter((offset) => !delivered.has(partition, offset));
    if (lost.length > 0) {
      problems.push(`partition ${partition}: ${lost.length} records were not delivered, the first is ${lost[0]}`);
    }
  }
  return problems;
}

/** Watches the committed positions of a group, as the broker tells them and as members were told. */
export class Commits {
  readonly problems: string[] = [];
  readonly #seen = new Map<number, number>();
  readonly #told = new Map<number, number>();

  /** A member's commit was acknowledged. */
  told(partition: number, next: number): void {
    this.#told.set(partition, Math.max(next, this.#told.get(partition) ?? 0));
  }

  /** What is acknowledged by now: to be given to `seen` with positions that were asked for from now on. */
  acknowledged(): ReadonlyMap<number, number> {
    return new Map(this.#told);
  }

  /** The broker tells of a position; -1 for none. */
  seen(partition: number, position: number, acknowledged: ReadonlyMap<number, number>): void {
    const before = this.#seen.get(partition) ?? -1;
    const least = acknowledged.get(partition) ?? -1;
    if (position < before)
      this.problems.push(`partition ${partition}: the position went from ${before} to ${position}`);
    else if (position < least) this.problems.push(`partition ${partition}: ${least} was committed, and ${position} is`);
    this.#seen.set(partition, position);
  }

  position(partition: number): number {
    return this.#seen.get(partition) ?? -1;
  }
}

/** Partitions without an owner, or with several. `owned` is what each live member has. */
export function misowned(partitions: number, owned: readonly (readonly number[])[]): string[] {
  const problems: string[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const owners = owned.filter((those) => those.includes(partition)).length;
    if (owners !== 1) problems.push(`partition ${partition} has ${owners} owners`);
  }
  return problems;
}
