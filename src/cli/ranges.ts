/**
 * What `consume` reads of each partition: from one place to another, as offsets. A time stands for the offset of the first
 * record of that time or later, as Kafka's clients look it up. A record that is not there yet is waited for.
 */
import { END, type Kafka } from "./kafka.ts";
import { offsetsAt, offsetsAtTime } from "./offsets.ts";
import type { Position } from "./position.ts";

export interface Range {
  readonly partition: number;
  readonly from: bigint;
  /** What comes before the first record of this time or later is passed over. Milliseconds since 1970. */
  readonly notBefore?: bigint | undefined;
  /** The first offset that is not wanted any more. Undefined: go on for ever, or until `untilTime`. */
  readonly until?: bigint | undefined;
  /** The first record of this time or later, still to come, is not wanted any more; once it has passed, nothing new is. */
  readonly untilTime?: bigint | undefined;
}

export interface Bounds {
  readonly from: Position;
  /** Undefined: never. */
  readonly to: Position | undefined;
  /** Whether the end, as it is now, is a bound too. */
  readonly toEnd: boolean;
}

type Ends = Pick<Range, "until" | "untilTime">;
type Lookup = Pick<Kafka, "offsets">;

export async function rangesOf(
  kafka: Lookup,
  topic: string,
  partitions: readonly number[],
  { from, to, toEnd }: Bounds,
  nowMs: number,
): Promise<readonly Range[]> {
  const begins = await beginsOf(kafka, topic, partitions, from, nowMs);
  const ends = to === undefined ? undefined : await endsOf(kafka, topic, partitions, to, nowMs);
  const last = toEnd ? await kafka.offsets(topic, partitions, END) : undefined;
  return partitions.map((partition) => {
    const end = ends?.get(partition) ?? {};
    return { partition, ...begins.get(partition)!, ...end, until: smaller(end.until, last?.get(partition)) };
  });
}

async function beginsOf(
  kafka: Lookup,
  topic: string,
  partitions: readonly number[],
  from: Position,
  nowMs: number,
): Promise<ReadonlyMap<number, Pick<Range, "from" | "notBefore">>> {
  if (from.kind !== "time" && from.kind !== "ago") {
    const offsets = await offsetsAt(kafka, topic, partitions, from);
    return new Map([...offsets].map(([partition, offset]) => [partition, { from: offset }]));
  }
  const ms = timeOf(from, nowMs);
  const offsets = await offsetsAtTime(kafka, topic, partitions, ms);
  return new Map(
    [...offsets].map(([partition, { offset, isFound }]) => [
      partition,
      isFound ? { from: offset } : { from: offset, notBefore: ms },
    ]),
  );
}

async function endsOf(
  kafka: Lookup,
  topic: string,
  partitions: readonly number[],
  to: Position,
  nowMs: number,
): Promise<ReadonlyMap<number, Ends>> {
  if (to.kind !== "time" && to.kind !== "ago") {
    const offsets = await offsetsAt(kafka, topic, partitions, to);
    return new Map([...offsets].map(([partition, offset]) => [partition, { until: offset }]));
  }
  const ms = timeOf(to, nowMs);
  const offsets = await offsetsAtTime(kafka, topic, partitions, ms);
  return new Map(
    [...offsets].map(([partition, { offset, isFound }]) => [
      partition,
      isFound ? { until: offset } : { untilTime: ms },
    ]),
  );
}

function timeOf(position: Extract<Position, { readonly kind: "time" | "ago" }>, nowMs: number): bigint {
  return position.kind === "time" ? position.ms : BigInt(nowMs) - position.ms;
}

function smaller(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}
