/** The records of some partitions of a topic, from one place of each to another, or for ever. */
import { refusalOf } from "./client-errors.ts";
import { CommandFailure } from "./failure.ts";
import { BEGINNING, type FetchedPartitions, type Kafka, type PartitionOffset, type Reader } from "./kafka.ts";
import { offsetsAtTime } from "./offsets.ts";
import type { Range } from "./ranges.ts";
import type { StoredRecord } from "./record.ts";

/** The part of `Kafka` that reading takes. */
export interface RecordSource extends Pick<Kafka, "offsets"> {
  reader(topic: string): Pick<Reader, "leaders" | "fetch">;
}

type Batch = NonNullable<FetchedPartitions[number]["records"]>[number];

const CONTROL_BATCH = 0b10_0000;
const LOG_APPEND_TIME = 0b1000;

/** How long a broker waits for new records. Stopping takes no longer. */
const WAIT_MS = 500;

export interface ReadOptions {
  readonly signal: AbortSignal;
  /** Told when retention took away what was to be read next. */
  readonly note: (text: string) => void;
  /** The wall clock, in milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** Yields records in the order of each partition. Ends when all ranges are read, or soon after `signal`. */
export async function* readRecords(
  kafka: RecordSource,
  topic: string,
  ranges: readonly Range[],
  { signal, note, nowMs }: ReadOptions,
): AsyncGenerator<readonly StoredRecord[]> {
  const reader = kafka.reader(topic);
  const cursors = new Map(ranges.map((range) => [range.partition, new Cursor(range)]));
  const drop = (): void => {
    for (const [partition, cursor] of cursors) if (cursor.isDone) cursors.delete(partition);
  };
  drop();

  // A broker that has nothing new makes the others wait only when none of them has anything.
  let isBehind = true;
  while (cursors.size > 0 && !signal.aborted) {
    await endWhatIsPast(kafka, topic, cursors, nowMs());
    drop();
    const positions = new Map([...cursors].map(([partition, { offset }]) => [partition, offset]));
    const byLeader = Map.groupBy(positions, await leaderOf(reader));
    const maxWaitMs = isBehind && byLeader.size > 1 ? 0 : WAIT_MS;
    isBehind = false;
    const fetches = [...byLeader].map(async ([leader, some]) => {
      const offsets = some.map(([partition, offset]) => ({ partition, offset }));
      try {
        return await reader.fetch(leader, offsets, maxWaitMs);
      } catch (error) {
        if (refusalOf(error) !== "OFFSET_OUT_OF_RANGE") throw error;
        for (const { partition, offset } of await moved(kafka, topic, offsets, error)) {
          const cursor = cursors.get(partition)!;
          note(`partition ${partition}: offsets ${cursor.offset} to ${offset - 1n} are gone, goes on at ${offset}`);
          cursor.offset = offset;
        }
        return [];
      }
    });
    for (const { partitionIndex: partition, records: batches, highWatermark } of (await Promise.all(fetches)).flat()) {
      const cursor = cursors.get(partition);
      if (cursor === undefined || batches === null || batches === undefined || batches.length === 0) continue;
      const records = cursor.take(batches.flatMap((batch) => recordsOf(batch, topic, partition)));
      const last = batches.at(-1)!;
      const next = last.firstOffset + BigInt(last.lastOffsetDelta) + 1n;
      if (next > cursor.offset) cursor.offset = next;
      if (next < highWatermark) isBehind = true;
      if (records.length > 0) yield records;
    }
    drop();
  }
}

/** How far a partition is read. */
class Cursor {
  /** What is read next. */
  offset: bigint;
  until: bigint | undefined;
  untilTime: bigint | undefined;
  #notBefore: bigint | undefined;

  constructor({ from, notBefore, until, untilTime }: Range) {
    this.offset = from;
    this.until = until;
    this.untilTime = untilTime;
    this.#notBefore = notBefore;
  }

  get isDone(): boolean {
    return this.until !== undefined && this.offset >= this.until;
  }

  /** Those of the next records that are in the range. The first of a time decides for all behind it, whatever theirs is. */
  take(records: readonly StoredRecord[]): readonly StoredRecord[] {
    const next = records.filter(({ offset }) => offset >= this.offset);
    const { untilTime } = this;
    const end = untilTime === undefined ? undefined : next.find(({ timestamp }) => timestamp >= untilTime)?.offset;
    if (end !== undefined) this.endAt(end);
    const notBefore = this.#notBefore;
    const begin = notBefore === undefined ? 0 : next.findIndex(({ timestamp }) => timestamp >= notBefore);
    if (begin === -1) return [];
    this.#notBefore = undefined;
    return next.slice(begin).filter(({ offset }) => this.until === undefined || offset < this.until);
  }

  endAt(offset: bigint): void {
    this.until = this.until === undefined || offset < this.until ? offset : this.until;
    this.untilTime = undefined;
  }
}

/** Where the time to end at has come, it can be said at which offset: also a partition that nothing comes to has an end. */
async function endWhatIsPast(
  kafka: RecordSource,
  topic: string,
  cursors: ReadonlyMap<number, Cursor>,
  nowMs: number,
): Promise<void> {
  const due = [...cursors].filter(([, { untilTime }]) => untilTime !== undefined && untilTime <= nowMs);
  if (due.length === 0) return;
  const partitions = due.map(([partition]) => partition);
  const ends = await offsetsAtTime(kafka, topic, partitions, due[0]![1].untilTime!);
  for (const [partition, cursor] of due) cursor.endAt(ends.get(partition)!.offset);
}

async function leaderOf(reader: {
  leaders(): Promise<readonly number[]>;
}): Promise<(entry: [number, bigint]) => number> {
  const leaders = await reader.leaders();
  return ([partition]) => leaders[partition]!;
}

/** Where reading goes on for partitions that begin later than they are to be read. @throws when that is not what is wrong. */
async function moved(
  kafka: RecordSource,
  topic: string,
  wanted: readonly PartitionOffset[],
  error: unknown,
): Promise<readonly PartitionOffset[]> {
  const beginnings = await kafka.offsets(
    topic,
    wanted.map(({ partition }) => partition),
    BEGINNING,
  );
  const gone = wanted
    .filter(({ partition, offset }) => offset < beginnings.get(partition)!)
    .map(({ partition }) => ({ partition, offset: beginnings.get(partition)! }));
  if (gone.length > 0) return gone;
  const places = wanted.map(({ partition, offset }) => `${partition} at offset ${offset}`).join(", ");
  throw new CommandFailure(
    `the topic ended before what was read (partition ${places}): was it deleted and created again? start once more`,
    { cause: error },
  );
}

/** The records for people; those that only mark the end of a transaction are none. */
function recordsOf(batch: Batch, topic: string, partition: number): readonly StoredRecord[] {
  if ((batch.attributes & CONTROL_BATCH) !== 0) return [];
  const isAppendTime = (batch.attributes & LOG_APPEND_TIME) !== 0;
  return batch.records.map(({ offsetDelta, timestampDelta, key, value, headers }) => ({
    topic,
    partition,
    offset: batch.firstOffset + BigInt(offsetDelta),
    timestamp: isAppendTime ? batch.maxTimestamp : batch.firstTimestamp + timestampDelta,
    key,
    value,
    headers: headers.map(([name, content]) => [name!, content] as const),
  }));
}
