import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toPosition } from "../base/brands.ts";
import { ZERO_UUID } from "../base/uuid.ts";
import { type AppliedBatch, PartitionLog } from "./partition-log.ts";
import { WalFile } from "./wal-file.ts";

const FILES = [0, 1000, 2000].map((base) => new WalFile(toPosition(base), 1));

function fresh(): PartitionLog {
  return new PartitionLog(ZERO_UUID, 0);
}

/** Applies a batch of `count` records behind what is there. */
function apply(partition: PartitionLog, count: number, fields: Partial<AppliedBatch> = {}): void {
  const baseOffset = fields.baseOffset ?? partition.endOffset;
  partition.applyBatch({
    position: 0,
    file: FILES[0]!,
    baseOffset,
    endOffset: baseOffset + count,
    sizeBytes: 100,
    leaderEpoch: 0,
    maxTimestamp: baseOffset,
    producerId: -1,
    producerEpoch: -1,
    firstSequence: -1,
    nowMs: 0,
    ...fields,
  });
}

test("offsets count on from batch to batch; the high watermark follows only when it is told, and never goes back", () => {
  const partition = fresh();
  apply(partition, 3);
  apply(partition, 2);
  assert.equal(partition.endOffset, 5);
  assert.equal(partition.highWatermark, 0);
  partition.advanceHighWatermark(5, 0);
  partition.advanceHighWatermark(3, 0);
  assert.equal(partition.highWatermark, 5);
  assert.throws(() => partition.advanceHighWatermark(6, 0), { name: "InvariantError" });
});

test("hazard: an offset that was given out is never given out again", () => {
  const partition = fresh();
  apply(partition, 3);
  assert.throws(() => apply(partition, 1, { baseOffset: 2 }), { name: "InvariantError" });
  assert.throws(() => partition.skipTo(2), { name: "InvariantError" });
});

test("waiters are woken when the high watermark moves, and when the partition is deleted", () => {
  const partition = fresh();
  const heard: (number | string)[] = [];
  partition.waiters.add({ grew: (sizeBytes) => heard.push(sizeBytes), ended: () => heard.push("ended") });
  apply(partition, 3);
  assert.deepEqual(heard, [], "not by the append: it may still be lost");
  partition.advanceHighWatermark(3, 100);
  partition.advanceHighWatermark(3, 100);
  assert.deepEqual(heard, [100]);
  partition.delete();
  assert.deepEqual(heard, [100, "ended"]);
});

test("each file that holds batches of the partition has one range, with what is in it", () => {
  const partition = fresh();
  const files = [0, 1].map((base) => new WalFile(toPosition(base), 7));
  apply(partition, 3, { file: files[0]!, maxTimestamp: 30 });
  apply(partition, 2, { file: files[0]!, maxTimestamp: 10 });
  apply(partition, 4, { file: files[1]!, maxTimestamp: 20 });
  const ranges = partition.ranges.map(({ file, firstOffset, endOffset, sizeBytes, maxTimestamp, index }) => {
    return { file, firstOffset, endOffset, sizeBytes, maxTimestamp, batches: index?.count };
  });
  assert.deepEqual(ranges, [
    { file: files[0], firstOffset: 0, endOffset: 5, sizeBytes: 200, maxTimestamp: 30, batches: 2 },
    { file: files[1], firstOffset: 5, endOffset: 9, sizeBytes: 100, maxTimestamp: 20, batches: 1 },
  ]);
  assert.equal(partition.sizeBytes, 300);
  assert.deepEqual(
    files.map(({ users, ranges: { length } }) => ({ users, length })),
    [
      { users: 1, length: 1 },
      { users: 1, length: 1 },
    ],
  );
});

test("a file is free when the log start has passed all that it holds, and not before", () => {
  const partition = fresh();
  const files = [0, 1, 2].map((base) => new WalFile(toPosition(base), 7));
  for (const file of files) apply(partition, 10, { file });
  partition.moveLogStart(19);
  assert.equal(partition.logStartOffset, 19);
  assert.deepEqual(
    files.map(({ users }) => users),
    [0, 1, 1],
  );
  partition.moveLogStart(5);
  assert.equal(partition.logStartOffset, 19, "never back");
  partition.moveLogStart(30);
  assert.deepEqual(
    files.map(({ users }) => users),
    [0, 0, 0],
  );
  assert.equal(partition.sizeBytes, 0);
  assert.equal(partition.endOffset, 30);
});

test("deletion and the loss of a file free what they held", () => {
  const partition = fresh();
  const files = [0, 1].map((base) => new WalFile(toPosition(base), 7));
  for (const file of files) apply(partition, 10, { file });
  partition.dropFile(files[0]!);
  partition.dropFile(files[0]!);
  assert.equal(files[0]!.users, 0);
  assert.equal(partition.findRange(3)?.firstOffset, 10, "readers go on behind what is lost");
  partition.delete();
  assert.equal(files[1]!.users, 0);
  assert.equal(partition.sizeBytes, 0);
});

test("damage in the log can have swallowed batches that a later log start tells of: the partition goes on behind it", () => {
  const partition = fresh();
  apply(partition, 10);
  partition.moveLogStart(25);
  assert.equal(partition.logStartOffset, 25);
  assert.equal(partition.endOffset, 25);
  assert.equal(partition.ranges.length, 0);
});

test("a batch of an idempotent producer is remembered with its place", () => {
  const partition = fresh();
  apply(partition, 4);
  apply(partition, 3, { producerId: 9, producerEpoch: 2, firstSequence: 5, maxTimestamp: 70 });
  const verdict = partition.producers.check({ producerId: 9, epoch: 2, firstSequence: 5, recordCount: 3 });
  assert.deepEqual(verdict, {
    kind: "duplicate",
    batch: { firstSequence: 5, lastSequence: 7, baseOffset: 4, endOffset: 7, timestamp: 70 },
  });
});

test("replayed batches that a snapshot knows already are only indexed again", () => {
  const partition = fresh();
  partition.restore({
    logStartOffset: 2,
    endOffset: 8,
    stampedAt: 500,
    epochs: [{ epoch: 1, startOffset: 2 }],
    ranges: [],
    cleanedTo: 0,
    horizonMs: -1,
  });
  apply(partition, 4, { position: 300, baseOffset: 0, producerId: 5, producerEpoch: 0, firstSequence: 0 });
  apply(partition, 4, { position: 400, baseOffset: 4, leaderEpoch: 3 });
  assert.equal(partition.endOffset, 8);
  assert.deepEqual(partition.epochs, [{ epoch: 1, startOffset: 2 }]);
  assert.equal(partition.producers.count, 0);
  assert.equal(partition.ranges[0]!.index!.count, 2);
  apply(partition, 4, { position: 500, leaderEpoch: 3 });
  assert.equal(partition.endOffset, 12);
  assert.deepEqual(partition.epochs.at(-1), { epoch: 3, startOffset: 8 });
});

test("an epoch that no batch was written in has no entry; the log start moves the oldest one's", () => {
  const partition = fresh();
  for (const leaderEpoch of [0, 0, 2, 5]) apply(partition, 10, { leaderEpoch });
  assert.deepEqual(partition.epochs, [
    { epoch: 0, startOffset: 0 },
    { epoch: 2, startOffset: 20 },
    { epoch: 5, startOffset: 30 },
  ]);
  partition.moveLogStart(25);
  assert.deepEqual(partition.epochs, [
    { epoch: 2, startOffset: 25 },
    { epoch: 5, startOffset: 30 },
  ]);
  partition.moveLogStart(40);
  assert.deepEqual(partition.epochs, [{ epoch: 5, startOffset: 40 }]);
  apply(partition, 10, { leaderEpoch: 6 });
  assert.deepEqual(partition.epochs, [{ epoch: 6, startOffset: 40 }], "nothing is left of epoch 5");
});

test("where an epoch ended (KIP-101, KIP-279)", () => {
  const partition = fresh();
  for (const leaderEpoch of [1, 3, 3, 6]) apply(partition, 10, { leaderEpoch });
  const current = 8;
  const answers: readonly (readonly [asked: number, { epoch: number; endOffset: number } | undefined])[] = [
    [-1, undefined],
    [0, { epoch: 0, endOffset: 0 }],
    [1, { epoch: 1, endOffset: 10 }],
    [2, { epoch: 1, endOffset: 10 }],
    [3, { epoch: 3, endOffset: 30 }],
    [5, { epoch: 3, endOffset: 30 }],
    [6, { epoch: 6, endOffset: 40 }],
    [7, { epoch: 6, endOffset: 40 }],
    [8, { epoch: 8, endOffset: 40 }],
    [9, undefined],
  ];
  for (const [asked, expected] of answers) {
    assert.deepEqual(partition.endOffsetForEpoch(asked, current), expected, `epoch ${asked}`);
  }
  assert.deepEqual(fresh().endOffsetForEpoch(0, 0), { epoch: 0, endOffset: 0 });
  assert.equal(fresh().endOffsetForEpoch(0, 1), undefined);
});

test("finds the range of any offset, as a search from the first one on does", () => {
  const counts = fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(counts, (batches) => {
      const partition = fresh();
      let file = new WalFile(toPosition(0), 7);
      for (const [place, [newFile, count]] of batches.entries()) {
        if (newFile === 0) file = new WalFile(toPosition(place), 7);
        apply(partition, count, { file });
      }
      for (let offset = 0; offset <= partition.endOffset; offset += 1) {
        const expected = partition.ranges.find(({ endOffset }) => endOffset > offset);
        assert.equal(partition.findRange(offset), expected, `offset ${offset}`);
      }
    }),
    { seed: 1 },
  );
});
