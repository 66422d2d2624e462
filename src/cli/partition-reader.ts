/** The records of some partitions of a topic, from one offset of each to another, or for ever. */
import { refusalOf } from "./client-errors.ts";
import { CommandFailure } from "./failure.ts";
import { BEGINNING, type FetchedPartitions, type Kafka, type PartitionOffset } from "./kafka.ts";
import type { StoredRecord } from "./record.ts";

export interface Range {
  readonly partition: number;
  readonly from: bigint;
  /** The first offset that is not wanted any more. Undefined: go on for ever. */
  readonly until: bigint | undefined;
}

type Batch = NonNullable<FetchedPartitions[number]["records"]>[number];

const CONTROL_BATCH = 0b10_0000;
const LOG_APPEND_TIME = 0b1000;

/** How long a broker waits for new records. Stopping takes no longer. */
const WAIT_MS = 500;

/**
 * Yields records in the order of each partition. Ends when all ranges are read, or soon after `signal`. `note` is told when
 * retention took away what was to be read next.
 */
export async function* readRecords(
  kafka: Kafka,
  topic: string,
  ranges: readonly Range[],
  { signal, note }: { readonly signal: AbortSignal; readonly note: (text: string) => void },
): AsyncGenerator<readonly StoredRecord[]> {
  const reader = kafka.reader(topic);
  const positions = new Map(ranges.map(({ partition, from }) => [partition, from]));
  const ends = new Map(ranges.map(({ partition, until }) => [partition, until]));
  const finish = (partition: number): void => {
    const end = ends.get(partition);
    if (end !== undefined && positions.get(partition)! >= end) positions.delete(partition);
  };
  for (const { partition } of ranges) finish(partition);

  // A broker that has nothing new makes the others wait only when none of them has anything.
  let isBehind = true;
  while (positions.size > 0 && !signal.aborted) {
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
          note(
            `partition ${partition}: offsets ${positions.get(partition)} to ${offset - 1n} are gone, goes on at ${offset}`,
          );
          positions.set(partition, offset);
          finish(partition);
        }
        return [];
      }
    });
    for (const { partitionIndex: partition, records: batches, highWatermark } of (await Promise.all(fetches)).flat()) {
      const from = positions.get(partition);
      if (from === undefined || batches === null || batches === undefined || batches.length === 0) continue;
      const until = ends.get(partition);
      const records = batches
        .flatMap((batch) => recordsOf(batch, topic, partition))
        .filter(({ offset }) => offset >= from && (until === undefined || offset < until));
      const last = batches.at(-1)!;
      const next = last.firstOffset + BigInt(last.lastOffsetDelta) + 1n;
      if (next > from) positions.set(partition, next);
      if (next < highWatermark) isBehind = true;
      finish(partition);
      if (records.length > 0) yield records;
    }
  }
}

async function leaderOf(reader: {
  leaders(): Promise<readonly number[]>;
}): Promise<(entry: [number, bigint]) => number> {
  const leaders = await reader.leaders();
  return ([partition]) => leaders[partition]!;
}

/** Where reading goes on for partitions that begin later than they are to be read. @throws when that is not what is wrong. */
async function moved(
  kafka: Kafka,
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
