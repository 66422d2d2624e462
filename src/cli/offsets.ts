/** Places in partitions, as offsets. */
import { BEGINNING, END, type Kafka } from "./kafka.ts";
import type { Position } from "./position.ts";

type Lookup = Pick<Kafka, "offsets">;

/** A place that is no time. */
export type FixedPosition = Exclude<Position, { readonly kind: "time" | "ago" }>;

/** The offset of a place in each partition. */
export async function offsetsAt(
  kafka: Lookup,
  topic: string,
  partitions: readonly number[],
  position: FixedPosition,
): Promise<ReadonlyMap<number, bigint>> {
  switch (position.kind) {
    case "offset":
      return new Map(partitions.map((partition) => [partition, position.offset]));
    case "beginning":
      return kafka.offsets(topic, partitions, BEGINNING);
    case "end":
      return kafka.offsets(topic, partitions, END);
    case "last": {
      const beginnings = await kafka.offsets(topic, partitions, BEGINNING);
      const ends = await kafka.offsets(topic, partitions, END);
      return mapOffsets(ends, (end, partition) => larger(end - position.count, beginnings.get(partition)!));
    }
  }
}

export interface TimeOffset {
  /** Of the first record of the time or later; where there is none, the end. */
  readonly offset: bigint;
  readonly isFound: boolean;
}

/** Where a time begins in each partition. */
export async function offsetsAtTime(
  kafka: Lookup,
  topic: string,
  partitions: readonly number[],
  ms: bigint,
): Promise<ReadonlyMap<number, TimeOffset>> {
  // Asked for first, so that a record that arrives in between is not passed over.
  const ends = await kafka.offsets(topic, partitions, END);
  // Negative times have other meanings to a broker: the end, for one.
  const found = await kafka.offsets(topic, partitions, larger(ms, 0n));
  return new Map(
    partitions.map((partition) => {
      const offset = found.get(partition)!;
      return [partition, offset < 0n ? { offset: ends.get(partition)!, isFound: false } : { offset, isFound: true }];
    }),
  );
}

function mapOffsets(
  offsets: ReadonlyMap<number, bigint>,
  change: (offset: bigint, partition: number) => bigint,
): ReadonlyMap<number, bigint> {
  return new Map([...offsets].map(([partition, offset]) => [partition, change(offset, partition)]));
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
