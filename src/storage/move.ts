/** What a job is to move, and the state records that say it was done. */
import type { FileRange } from "../log/log-file.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { PART_BATCHES } from "../state/segment-records.ts";
import type { Topic } from "../state/state.ts";
import type { StateRecord } from "../state/state-record.ts";
import type { JobResult } from "./jobs.ts";
import type { DirectoryRow, SegmentIdentity } from "./segment-format.ts";
import type { WrittenSegment } from "./segment-writer.ts";

/** Some 90 bytes each. */
const PARTITIONS_PER_RECORD = 2_000;
/** Of segments that compaction writes: they are merged with each other, and with merged ones. */
const COMPACTED_LEVEL = 1;

/** Neighbouring ranges of one partition that become one range of an output. */
interface Moved {
  readonly topic: Topic;
  readonly ranges: readonly FileRange[];
  /** Place of the segment among the outputs. */
  readonly output: number;
}

type BatchesMoved = Extract<StateRecord, { type: 10 }>["value"];
type TopicMove = BatchesMoved["topics"][number];

export class MovePlan {
  readonly #outputs: readonly { readonly identity: SegmentIdentity; readonly level: number }[];
  readonly #moved: Moved[] = [];

  constructor(outputs: readonly { readonly identity: SegmentIdentity; readonly level: number }[]) {
    this.#outputs = outputs;
  }

  get identities(): SegmentIdentity[] {
    return this.#outputs.map(({ identity }) => identity);
  }

  add(moved: Moved): void {
    this.#moved.push(moved);
  }

  /** Undefined unless every byte that was to be moved is in what was written. */
  records({ segments: written }: JobResult): StateRecord[] | undefined {
    const rows = written.map((segment) => new Map(segment?.ranges.map((row) => [keyOf(row), row])));
    const topics = new Map<Topic, TopicMove["partitions"][number][]>();
    const segments = new SegmentList(this.#outputs, written);
    for (const { topic, ranges, output } of this.#moved) {
      const [first, last] = [ranges[0]!, ranges.at(-1)!];
      const row = rows[output]?.get(keyOf(first));
      const sizeBytes = ranges.reduce((sum, range) => sum + range.sizeBytes, 0);
      if (row === undefined || row.endOffset !== last.endOffset || row.sizeBytes !== sizeBytes) return undefined;
      const move = {
        partition: first.partition,
        from: first.firstOffset,
        to: last.endOffset,
        cleanedTo: -1,
        horizonMs: -1,
        ranges: [rangeOfRow(row, segments.place(output))],
      };
      const others = topics.get(topic);
      if (others === undefined) topics.set(topic, [move]);
      else others.push(move);
    }
    return recordsOf(segments.listed, topics);
  }
}

/**
 * The state records for a compaction: of each partition, everything up to where its last range ended is now what was written,
 * be it nothing. Undefined when a partition is missing.
 */
export function compactionRecords(
  identity: SegmentIdentity,
  topic: Topic,
  partitions: readonly { readonly partition: PartitionLog; readonly ranges: readonly FileRange[] }[],
  { segments: written, compacted = [] }: JobResult,
): StateRecord[] | undefined {
  const rows = (written[0]?.ranges ?? []).filter(({ topicId }) => topicId === topic.id);
  const outputs = [{ identity, level: COMPACTED_LEVEL }];
  const segments = new SegmentList(outputs, rows.length === 0 ? [undefined] : written);
  const moves: TopicMove["partitions"][number][] = [];
  for (const {
    partition: { partition },
    ranges,
  } of partitions) {
    const done = compacted.find((each) => each.topicId === topic.id && each.partition === partition);
    if (done === undefined) return undefined;
    moves.push({
      partition,
      from: ranges[0]!.firstOffset,
      to: ranges.at(-1)!.endOffset,
      cleanedTo: done.cleanedTo,
      horizonMs: done.horizonMs,
      ranges: rows.filter((row) => row.partition === partition).map((row) => rangeOfRow(row, 0)),
    });
  }
  return recordsOf(segments.listed, new Map([[topic, moves]]));
}

/** One record for all, or several: each partition moves at once, all of them need not, and records are to be small. */
function recordsOf(
  segments: BatchesMoved["segments"],
  topics: ReadonlyMap<Topic, readonly TopicMove["partitions"][number][]>,
): StateRecord[] {
  const records: StateRecord[] = [];
  let parts: TopicMove[] = [];
  let room = PARTITIONS_PER_RECORD;
  const finish = (): void => {
    if (parts.length > 0) records.push({ type: 10, value: { segments, topics: parts } });
    parts = [];
    room = PARTITIONS_PER_RECORD;
  };
  for (const [{ id: topicId }, partitions] of topics) {
    for (let from = 0; from < partitions.length; ) {
      const part = partitions.slice(from, from + room);
      parts.push({ topicId, partitions: part });
      from += part.length;
      room -= part.length;
      if (room === 0) finish();
    }
  }
  finish();
  return records;
}

/** The segments that records tell of: those that were written. */
export class SegmentList {
  readonly listed: BatchesMoved["segments"][number][] = [];
  readonly #places: number[] = [];

  constructor(
    outputs: readonly { readonly identity: SegmentIdentity; readonly level: number }[],
    written: readonly (WrittenSegment | undefined)[],
  ) {
    outputs.forEach(({ identity: { id, walPosition }, level }, index) => {
      const segment = written[index];
      this.#places.push(this.listed.length);
      if (segment === undefined) return;
      const { sizeBytes, crc, ranges } = segment;
      const batchBytes = ranges.reduce((sum, range) => sum + range.sizeBytes, 0);
      this.listed.push({ id, walPosition, level, batchBytes, parts: [{ kind: PART_BATCHES, sizeBytes, crc }] });
    });
  }

  /** Where an output stands in the list. */
  place(output: number): number {
    return this.#places[output]!;
  }
}

/** A range as the record spells it. */
export function rangeOfRow(row: DirectoryRow, segment: number): TopicMove["partitions"][number]["ranges"][number] {
  const { firstOffset, endOffset, sizeBytes, maxTimestamp, rowsAt, rows, rowsCrc } = row;
  return { segment, firstOffset, endOffset, sizeBytes, maxTimestamp, at: rowsAt, rows, crc: rowsCrc };
}

function keyOf(range: { readonly topicId: string; readonly partition: number; readonly firstOffset: number }): string {
  return `${range.topicId}/${range.partition}/${range.firstOffset}`;
}
