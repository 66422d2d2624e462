/** The state as slices of a snapshot, and back. */
import { type Position, toPosition } from "../base/brands.ts";
import type { Int64 } from "../base/int64.ts";
import { ZERO_UUID } from "../base/uuid.ts";
import type { FileRange } from "../log/log-file.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { Segment } from "../log/segment.ts";
import { WalFile } from "../log/wal-file.ts";
import type { Writer } from "../protocol/codec/writer.ts";
import { PART_BATCHES } from "./segment-records.ts";
import { rangeOf, type State, type Topic } from "./state.ts";
import { decodeSlice, encodeSlice, type Slice } from "./state-record.ts";

export interface SliceSource {
  readonly state: State;
  /** Closed files before the snapshot's position, their indexes durable. */
  readonly files: readonly WalFile[];
  /** Where the log stands now: what a slice taken now is stamped with. */
  readonly now: () => Position;
  readonly previousStatePosition: number;
  readonly position: Position;
}

/** Takes the state slice by slice; the log may go on between two of them. */
export function* takeSlices(source: SliceSource, writer: Writer): Generator<Buffer> {
  const { state, files } = source;
  const told = new Set<Segment>();
  yield encodeSlice(globalSliceOf(source), writer);
  for (const { base, end, incarnation } of files) {
    yield encodeSlice({ type: 2, value: { base, end, incarnation } }, writer);
  }
  for (const topic of [...state.topics()]) {
    if (state.topicById(topic.id) !== topic) continue; // deleted since
    const partitions = [...topic.partitions];
    yield encodeSlice(topicSliceOf(topic, source.now()), writer);
    for (const partition of partitions) {
      const untold = (): Segment | undefined => segmentsOf(partition).find((segment) => !told.has(segment));
      for (let segment = untold(); segment !== undefined; segment = untold()) {
        told.add(segment);
        yield encodeSlice(segmentSliceOf(segment), writer);
      }
      if (!partition.deleted) yield encodeSlice(partitionSliceOf(partition, source), writer);
    }
  }
  for (const fold of state.folds) {
    for (const slice of fold.slices(source.now)) yield encodeSlice(slice, writer);
  }
}

/** Puts a snapshot's slices into a fresh state. Answers the files it knows, by first position. */
export function restoreSlices(slices: readonly Buffer[], state: State): Map<number, WalFile> {
  const files = new Map<number, WalFile>();
  for (const bytes of slices) restoreSlice(decodeSlice(bytes), state, files);
  return files;
}

function restoreSlice(slice: Slice, state: State, files: Map<number, WalFile>): void {
  switch (slice.type) {
    case 1: {
      const { value } = slice;
      state.clusterId = value.clusterId;
      state.starts = value.starts;
      state.nextProducerId = value.nextProducerId;
      state.previousStatePosition = value.previousStatePosition;
      state.stampedAt = value.stampedAt;
      for (const { type, name, entries } of value.configs) state.restoreOverrides(type, name, toMap(entries));
      return;
    }
    case 2: {
      const { base, end, incarnation } = slice.value;
      const file = new WalFile(toPosition(base), incarnation, toPosition(end));
      file.indexed = true;
      files.set(base, file);
      return;
    }
    case 3: {
      const { topicId: id, name, createdAtStart, partitions, configs, stampedAt } = slice.value;
      state.restoreTopic({ id, name, createdAtStart, partitions, overrides: toMap(configs), stampedAt });
      return;
    }
    case 4: {
      const { value } = slice;
      const partition = state.topicById(value.topicId)?.partitions[value.partition];
      if (partition !== undefined) restorePartition(partition, value, state, files);
      return;
    }
    case 5:
      state.restoreSegment(slice.value);
      return;
    case 20:
      for (const fold of state.folds) fold.restore(slice);
  }
}

type PartitionSliceValue = Extract<Slice, { type: 4 }>["value"];

function restorePartition(
  partition: PartitionLog,
  value: PartitionSliceValue,
  state: State,
  files: ReadonlyMap<number, WalFile>,
): void {
  const { topicId } = partition;
  const ranges = value.ranges.map((range): FileRange => {
    const file = range.segment === ZERO_UUID ? files.get(range.file) : state.segments.get(range.segment);
    return rangeOf(range, { topicId, partition: partition.partition, file: file! });
  });
  const { logStartOffset, endOffset, epochs, stampedAt, cleanedTo, horizonMs } = value;
  partition.restore({ logStartOffset, endOffset, epochs, ranges, stampedAt, cleanedTo, horizonMs });
  for (const { producerId, epoch, batches } of value.producers) {
    partition.producers.restore(producerId, {
      epoch,
      lastHeardMs: Number.POSITIVE_INFINITY, // until the broker says when it started
      batches: batches.map((batch) => ({ ...batch, timestamp: Number(batch.timestamp) })),
    });
  }
}

function globalSliceOf({ state, now, previousStatePosition }: SliceSource): Slice {
  const configs = [...state.allOverrides()].flatMap(([type, resources]) =>
    [...resources].map(([name, overrides]) => ({ type, name, entries: toEntries(overrides) })),
  );
  const { clusterId, starts, nextProducerId } = state;
  return {
    type: 1,
    value: { clusterId, starts, nextProducerId, previousStatePosition, configs, stampedAt: now() },
  };
}

function topicSliceOf(topic: Topic, stampedAt: Position): Slice {
  const { id: topicId, name, createdAtStart, overrides } = topic;
  const partitions = topic.partitions.length;
  return { type: 3, value: { topicId, name, createdAtStart, partitions, configs: toEntries(overrides), stampedAt } };
}

function partitionSliceOf(partition: PartitionLog, { position, now }: SliceSource): Slice {
  const ranges = partition.ranges
    .filter(({ file }) => file instanceof Segment || file.base < position)
    .map(({ file, stored, firstOffset, endOffset, sizeBytes, maxTimestamp }) => ({
      file: file.base,
      segment: file instanceof Segment ? file.id : ZERO_UUID,
      firstOffset,
      endOffset,
      sizeBytes,
      maxTimestamp,
      ...stored!,
    }));
  const producers = [...partition.producers.entries()].map(([producerId, { epoch, batches }]) => ({
    producerId: producerId satisfies Int64,
    epoch,
    batches,
  }));
  return {
    type: 4,
    value: {
      topicId: partition.topicId,
      partition: partition.partition,
      logStartOffset: partition.logStartOffset,
      endOffset: partition.endOffset,
      epochs: partition.epochs,
      ranges,
      producers,
      cleanedTo: partition.cleanedTo,
      horizonMs: partition.horizonMs,
      stampedAt: now(),
    },
  };
}

function segmentsOf({ ranges }: PartitionLog): Segment[] {
  return ranges.map(({ file }) => file).filter((file) => file instanceof Segment);
}

function segmentSliceOf({ id, walPosition, level, batchBytes, sizeBytes, crc }: Segment): Slice {
  return { type: 5, value: { id, walPosition, level, batchBytes, parts: [{ kind: PART_BATCHES, sizeBytes, crc }] } };
}

function toEntries(overrides: ReadonlyMap<string, string>): { key: string; value: string }[] {
  return [...overrides].map(([key, value]) => ({ key, value }));
}

function toMap(entries: readonly { readonly key: string; readonly value: string }[]): Map<string, string> {
  return new Map(entries.map(({ key, value }) => [key, value]));
}
