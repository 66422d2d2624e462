/** The ranges of a partition against a naive model: one entry for each offset, in which file it lies and since when. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toPosition } from "../base/brands.ts";
import { type Uuid, uuidFromBytes, ZERO_UUID } from "../base/uuid.ts";
import type { FileRange, LogFile } from "./log-file.ts";
import { PartitionLog } from "./partition-log.ts";
import { Segment } from "./segment.ts";
import { WalFile } from "./wal-file.ts";

const BYTES = 100;

/** Files of the log hold these numbers of batches, each of one record; then things happen to what is closed. */
type Step =
  | { readonly kind: "file"; readonly timestamps: readonly number[] }
  /** So many neighbouring ranges, from this share of them on, become one in a segment. */
  | { readonly kind: "move"; readonly from: number; readonly count: number; readonly keeps: "all" | "some" | "none" }
  | { readonly kind: "logStart"; readonly share: number }
  | { readonly kind: "drop"; readonly share: number };

const share = fc.double({ min: 0, max: 1, noNaN: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("file" as const),
      timestamps: fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("move" as const),
      from: share,
      count: fc.integer({ min: 1, max: 4 }),
      keeps: fc.constantFrom("all" as const, "all" as const, "some" as const, "none" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("logStart" as const), share }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const), share }) },
);

interface Known {
  readonly file: LogFile;
  readonly timestamp: number;
}

class World {
  readonly partition = new PartitionLog(ZERO_UUID, 0);
  /** By offset; what is not there was let go of. */
  readonly known = new Map<number, Known>();
  readonly files: LogFile[] = [];
  position = 0;

  play(step: Step): void {
    switch (step.kind) {
      case "file":
        return this.#write(step.timestamps);
      case "move":
        return this.#move(step);
      case "logStart":
        return this.#moveLogStart(Math.floor(step.share * (this.partition.endOffset + 1)));
      case "drop": {
        const wal = this.files.filter((file) => file instanceof WalFile);
        const file = wal[Math.floor(step.share * (wal.length - 1))];
        if (file === undefined) return;
        this.partition.dropFile(file);
        for (const [offset, entry] of this.known) if (entry.file === file) this.known.delete(offset);
      }
    }
  }

  #write(timestamps: readonly number[]): void {
    const file = new WalFile(toPosition(this.position), 1);
    for (const timestamp of timestamps) {
      const baseOffset = this.partition.endOffset;
      this.partition.applyBatch({
        ...{ position: this.position, file, baseOffset, endOffset: baseOffset + 1, sizeBytes: BYTES, leaderEpoch: 0 },
        ...{ maxTimestamp: timestamp, producerId: -1, producerEpoch: -1, firstSequence: -1, nowMs: 0 },
      });
      this.known.set(baseOffset, { file, timestamp });
      this.position += BYTES;
    }
    file.close(toPosition(this.position));
    this.files.push(file);
  }

  #move({ from, count, keeps }: Extract<Step, { kind: "move" }>): void {
    const { ranges } = this.partition;
    const first = Math.floor(from * ranges.length);
    const moved = ranges.slice(first, first + count);
    if (moved.length === 0) return;
    const [start, end] = [moved[0]!.firstOffset, moved.at(-1)!.endOffset];
    const id: Uuid = uuidFromBytes(Buffer.alloc(16, this.files.length), 0);
    const file = new Segment({ id, walPosition: 0, sizeBytes: 1000, crc: 0, level: 0, batchBytes: 0 });
    const entries = [...this.known].filter(([offset]) => offset >= start && offset < end);
    const kept = entries.filter((_, index) => keeps === "all" || (keeps === "some" && index % 2 === 0));
    for (const [offset] of entries) this.known.delete(offset);
    const maxTimestamp = Math.max(...kept.map(([, { timestamp }]) => timestamp));
    const range: FileRange = {
      ...{ file, topicId: ZERO_UUID, partition: 0, firstOffset: start, endOffset: end },
      ...{ sizeBytes: kept.length * BYTES, maxTimestamp, index: undefined, stored: { at: 64, rows: 1, crc: 0 } },
    };
    this.position += 1;
    this.partition.replaceRanges({
      ...{ from: start, to: end, ranges: kept.length === 0 ? [] : [range], position: this.position },
      cleaned: keeps === "all" ? undefined : { to: end, horizonMs: 5 },
    });
    for (const [offset, { timestamp }] of kept) this.known.set(offset, { file, timestamp });
    this.files.push(file);
  }

  #moveLogStart(offset: number): void {
    this.partition.moveLogStart(offset);
    const there = new Set(this.partition.ranges.map(({ file }) => file));
    for (const [at, { file }] of this.known) if (!there.has(file)) this.known.delete(at);
    // Of one file there can be several ranges: those that end before the log start have gone.
    const [oldest] = this.partition.ranges;
    for (const at of this.known.keys()) if (oldest === undefined || at < oldest.firstOffset) this.known.delete(at);
  }
}

const scenario = fc.array(step, { minLength: 1, maxLength: 25 });
const RUNS = { seed: 1, numRuns: 500 };

test("each offset is found in the file that it has moved to, and what is counted is what is there", () => {
  fc.assert(
    fc.property(scenario, (steps) => {
      const world = new World();
      for (const each of steps) world.play(each);
      const { partition, known, files } = world;
      for (let offset = partition.logStartOffset; offset < partition.endOffset; offset += 1) {
        const range = partition.findRange(offset);
        const entry = known.get(offset);
        if (entry !== undefined) assert.equal(range?.file, entry.file, `offset ${offset}`);
        else if (range !== undefined) assert.ok(range.endOffset > offset, "the first one behind it");
      }
      for (const [index, range] of partition.ranges.entries()) {
        const before = partition.ranges[index - 1];
        if (before !== undefined) assert.ok(before.endOffset <= range.firstOffset, "in order, and nothing twice");
      }
      assert.equal(partition.sizeBytes, known.size * BYTES);
      for (const file of files) {
        assert.equal(file.users, partition.ranges.filter((range) => range.file === file).length, file.name);
        const live = [...known.values()].filter((entry) => entry.file === file).length * BYTES;
        if (file instanceof Segment) assert.equal(file.liveBytes, live);
      }
    }),
    RUNS,
  );
});

test("the search for a timestamp begins where a naive one, from the oldest range on, would find it", () => {
  fc.assert(
    fc.property(scenario, fc.nat(21), (steps, timestamp) => {
      const world = new World();
      for (const each of steps) {
        world.play(each);
        const { ranges } = world.partition;
        const naive = ranges.findIndex(({ maxTimestamp }) => maxTimestamp >= timestamp);
        assert.equal(world.partition.findTimestamp(timestamp), naive === -1 ? ranges.length : naive);
      }
    }),
    RUNS,
  );
});

/** What a snapshot holds of a partition that has these ranges, and all of it stamped with this position. */
function restored(ranges: readonly FileRange[], stampedAt: number): PartitionLog {
  const partition = new PartitionLog(ZERO_UUID, 0);
  const endOffset = ranges.at(-1)?.endOffset ?? 0;
  partition.restore({ logStartOffset: 0, endOffset, stampedAt, epochs: [], ranges, cleanedTo: 0, horizonMs: -1 });
  return partition;
}

function segmentRange(firstOffset: number, endOffset: number): FileRange {
  const id: Uuid = uuidFromBytes(Buffer.alloc(16, firstOffset), 0);
  const file = new Segment({ id, walPosition: 0, sizeBytes: 1000, crc: 0, level: 0, batchBytes: 0 });
  return {
    ...{ file, topicId: ZERO_UUID, partition: 0, firstOffset, endOffset, sizeBytes: BYTES, maxTimestamp: 0 },
    ...{ index: undefined, stored: { at: 64, rows: 1, crc: 0 } },
  };
}

function replay(partition: PartitionLog, file: WalFile, baseOffset: number, position: number): void {
  partition.applyBatch({
    ...{ position, file, baseOffset, endOffset: baseOffset + 10, sizeBytes: BYTES, leaderEpoch: 0, maxTimestamp: 0 },
    ...{ producerId: -1, producerEpoch: -1, firstSequence: -1, nowMs: 0 },
  });
}

test("hazard: gaps at every tier boundary: a file that is read again finds its place before segments of later files", () => {
  // A snapshot of an early position, taken when the second file had moved and the first had not.
  const partition = restored([segmentRange(20, 40)], 1000);
  const first = new WalFile(toPosition(0), 1);
  replay(partition, first, 0, 0);
  replay(partition, first, 10, 100);
  assert.deepEqual(
    partition.ranges.map(({ firstOffset, endOffset }) => [firstOffset, endOffset]),
    [
      [0, 20],
      [20, 40],
    ],
  );
  assert.equal(partition.findRange(5)?.file, first);
  assert.equal(partition.findRange(10)?.file, first);
});

test("batches that are read again, and are known to be in a segment, are not counted twice, though the move is lost", () => {
  const partition = restored([segmentRange(0, 20), segmentRange(20, 40)], 1000);
  const file = new WalFile(toPosition(0), 1);
  for (const [index, offset] of [0, 10, 20, 30].entries()) replay(partition, file, offset, index * 100);
  assert.equal(partition.ranges.length, 2);
  assert.equal(partition.sizeBytes, 2 * BYTES);
  assert.equal(file.users, 0);
  replay(partition, file, 40, 1000); // behind the stamp
  assert.equal(partition.findRange(40)?.file, file);
  assert.equal(partition.endOffset, 50);
});

test("a move that a snapshot knows already is not made again, and leaves nothing of what was read again", () => {
  const partition = restored([segmentRange(0, 40)], 1000);
  const known = partition.ranges[0]!;
  partition.replaceRanges({
    from: 0,
    to: 20,
    ranges: [segmentRange(0, 20)],
    cleaned: { to: 20, horizonMs: 7 },
    position: 900,
  });
  assert.deepEqual(partition.ranges, [known]);
  assert.deepEqual([partition.cleanedTo, partition.horizonMs], [0, -1]);
  partition.replaceRanges({ from: 0, to: 40, ranges: [], cleaned: { to: 40, horizonMs: 7 }, position: 1000 });
  assert.deepEqual(partition.ranges, []);
  assert.deepEqual([partition.cleanedTo, partition.horizonMs], [40, 7]);
});

test("a segment that had no user for a while, between two records of one move, is not taken for freed since then", () => {
  const range = segmentRange(0, 20);
  const segment = range.file as Segment;
  [segment.freedAt, segment.freedMs] = [500, 7];
  restored([segmentRange(20, 40)], 0).replaceRanges({
    from: 0,
    to: 20,
    ranges: [range],
    cleaned: undefined,
    position: 900,
  });
  assert.deepEqual([segment.users, segment.freedAt, segment.freedMs], [1, undefined, undefined]);
});
