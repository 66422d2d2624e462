/**
 * The whole fold as one text, equal for equal states: what "a restart gives exactly the state before" is compared with.
 *
 * Left out is what is not folded: high watermarks (they follow the log), when producers were last heard, indexes and
 * other caches.
 */
import { toPosition } from "../../src/base/brands.ts";
import type { PartitionLog } from "../../src/log/partition-log.ts";
import type { Segment } from "../../src/log/segment.ts";
import { FILLER_MIN_BYTES } from "../../src/log/wal-record.ts";
import type { State } from "../../src/state/state.ts";
import type { Slice } from "../../src/state/state-record.ts";
import type { Store } from "../../src/state/store.ts";

/** The state's digest, or with `before` that of the state before the newest start. */
export function stateDigest(
  state: State,
  before: { readonly starts?: number; readonly clusterId?: string } = {},
): string {
  const { nextProducerId } = state;
  const { starts = state.starts, clusterId = state.clusterId } = before;
  const configs = [...state.allOverrides()].map(([type, resources]) => [
    type,
    [...resources].map(([name, overrides]) => [name, [...overrides]]),
  ]);
  const topics = [...state.topics()].map(({ id, name, createdAtStart, overrides, partitions }) => {
    return { id, name, createdAtStart, overrides: [...overrides], partitions: partitions.map(partitionDigest) };
  });
  const folds = state.folds.map((fold) => [...fold.slices(() => toPosition(0))].map(sliceDigest).toSorted());
  // Those that nothing refers to any more are forgotten by and by, and snapshots leave them out.
  const segments = [...state.segments.values()]
    .filter(({ users }) => users > 0)
    .map(segmentDigest)
    .toSorted();
  const whole = { clusterId, starts, nextProducerId, configs, topics, folds, segments };
  return digest(whole);
}

/** Groups, and in them offsets, have no order of their own. */
function sliceDigest(slice: Slice): string {
  if (slice.type !== 20) return digest(slice);
  const offsets = slice.value.offsets.map(({ topicId, partitions }) =>
    digest([topicId, partitions.map(digest).toSorted()]),
  );
  return digest({ ...slice.value, offsets: offsets.toSorted() });
}

function digest(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? `${each}n` : each));
}

function segmentDigest({ name, sizeBytes, crc, level, batchBytes, liveBytes, users }: Segment): string {
  return digest([name, sizeBytes, crc, level, batchBytes, liveBytes, users]);
}

function partitionDigest(partition: PartitionLog): unknown {
  const { topicId, logStartOffset, endOffset, sizeBytes, epochs, cleanedTo, horizonMs } = partition;
  const ranges = partition.ranges.map(({ file, firstOffset, endOffset: end, sizeBytes: bytes, maxTimestamp }) => {
    return [file.name, firstOffset, end, bytes, maxTimestamp];
  });
  const producers = [...partition.producers.entries()].map(([id, { epoch, batches }]) => [id, epoch, batches]);
  const cleaned = { cleanedTo, horizonMs };
  const offsets = { logStartOffset, endOffset };
  return { topicId, partition: partition.partition, ...offsets, sizeBytes, epochs, ranges, producers, ...cleaned };
}

const MAX_FILLER_BYTES = 512 + FILLER_MIN_BYTES;

/**
 * The digest of the state at every position of the log. Whatever recovery finds, it can only be the state of one of
 * them: that of the position where the log goes on.
 */
export class StateJournal {
  readonly #digests = new Map<number, string>();

  /**
   * The digest that the state must have when the log ends at `position`; undefined when it never ended there. Behind the
   * last append there may be filler.
   */
  at(position: number): string | undefined {
    let last = -1;
    for (const noted of this.#digests.keys()) if (noted <= position && noted > last) last = noted;
    return position - last < MAX_FILLER_BYTES ? this.#digests.get(last) : undefined;
  }

  /** Whether the state ever was this. */
  knows(digest: string): boolean {
    return [...this.#digests.values()].includes(digest);
  }

  /** The log goes on at `position`: what was noted of later ones was never durable. */
  restart(position: number, digest: string): void {
    for (const noted of [...this.#digests.keys()]) if (noted > position) this.#digests.delete(noted);
    this.#digests.set(position, digest);
  }

  /** Notes the state of `store` now and after each append: all of records go through `appendInBackground`. */
  follow(store: Store): void {
    const note = (): void => void this.#digests.set(store.wal.position, stateDigest(store.state));
    const append = store.appendInBackground.bind(store);
    const appendBatch = store.appendBatch.bind(store);
    note();
    store.appendInBackground = (record) => {
      const position = append(record);
      note();
      return position;
    };
    store.appendBatch = (batch) => {
      const appended = appendBatch(batch);
      note();
      return appended;
    };
  }
}
