/** Places in partitions, as offsets. */
import { BEGINNING, END, type Kafka } from "./kafka.ts";
import type { Position } from "./position.ts";

/** The offset of a place in each partition. A time after the last record is the end. */
export async function offsetsAt(
  kafka: Kafka,
  topic: string,
  partitions: readonly number[],
  position: Position,
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
    case "time": {
      // Asked for first, so that a record that arrives in between is not passed over.
      const ends = await kafka.offsets(topic, partitions, END);
      const found = await kafka.offsets(topic, partitions, position.ms);
      return mapOffsets(found, (offset, partition) => (offset < 0n ? ends.get(partition)! : offset));
    }
  }
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
