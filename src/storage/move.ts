/** What a job is to move, and the state records that say it was done. */
import type { FileRange } from "../log/log-file.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { PART_BATCHES } from "../state/segment-records.ts";
import type { Topic } from "../state/state.ts";
import type { StateRecord } from "../state/state-record.ts";
import type { CompactedPart, JobResult } from "./jobs.ts";
import type { DirectoryRow, SegmentIdentity } from "./segment-format.ts";
import type { WrittenSegment } from "./segment-writer.ts";
import { SLICE, type Slices } from "./slices.ts";

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

  /**
   * Undefined unless every byte that was to be moved is in what was written. Of ranges as they were when the job began: those
   * that are gone since, with their topic or behind the log's start, a record moves without effect.
   */
  *records({ segments: written }: JobResult): Slices<StateRecord[] | undefined> {
    let looks = 0;
    const rows: ReadonlyMap<string, DirectoryRow>[] = [];
    for (const segment of written) {
      const byKey = new Map<string, DirectoryRow>();
      for (const row of segment?.ranges ?? []) {
        if ((looks += 1) % SLICE === 0) yield;
        byKey.set(keyOf(row), row);
      }
      rows.push(byKey);
    }
    const topics = new Map<Topic, TopicMove["partitions"][number][]>();
    const segments = new SegmentList(this.#outputs, written);
    for (const { topic, ranges, output } of this.#moved) {
      if ((looks += 1) % SLICE === 0) yield;
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

/** What a part of a compaction is to clean: the ranges of a partition between two offsets. */
export interface PartSpan {
  readonly partition: PartitionLog;
  readonly from: number;
  readonly to: number;
}

/**
 * The state records for a part of a compaction: of each partition, everything between two offsets is now what was written, be it
 * nothing. Undefined when it is not what was asked for.
 */
export function compactionRecords(
  identity: SegmentIdentity,
  topic: Topic,
  spans: readonly PartSpan[],
  { segment, isSame, partitions }: CompactedPart,
): StateRecord[] | undefined {
  const rows = (segment?.ranges ?? []).filter(({ topicId }) => topicId === topic.id);
  const segments = new SegmentList([{ identity, level: COMPACTED_LEVEL }], [rows.length === 0 ? undefined : segment]);
  const moves: TopicMove["partitions"][number][] = [];
  for (const { partition, from, to } of spans) {
    const done = partitions.find((each) => each.topicId === topic.id && each.partition === partition.partition);
    if (done === undefined || done.from !== from || done.to !== to) return undefined;
    moves.push({
      partition: partition.partition,
      from: isSame ? to : from, // what stays where it is does not move
      to,
      cleanedTo: done.cleanedTo,
      horizonMs: done.isLast ? done.horizonMs : earlier(partition.horizonMs, done.horizonMs),
      ranges: rows.filter((row) => row.partition === partition.partition).map((row) => rangeOfRow(row, 0)),
    });
  }
  return recordsOf(segments.listed, new Map([[topic, moves]]));
}

/** Of two times, of which -1 is none: until the whole partition has been gone over, what was before is due as it was. */
function earlier(a: number, b: number): number {
  return a === -1 || b === -1 ? Math.max(a, b) : Math.min(a, b);
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
