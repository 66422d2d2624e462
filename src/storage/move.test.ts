import assert from "node:assert/strict";
import { test } from "node:test";
import { idOf } from "../../test/storage/memory-segments.ts";
import { plainState } from "../../test/storage/plain-state.ts";
import { runAtOnce } from "../../test/storage/run-at-once.ts";
import { toPosition } from "../base/brands.ts";
import type { FileRange } from "../log/log-file.ts";
import { WalFile } from "../log/wal-file.ts";
import type { State, Topic } from "../state/state.ts";
import { MovePlan } from "./move.ts";
import type { DirectoryRow } from "./segment-format.ts";
import type { WrittenSegment } from "./segment-writer.ts";

const FILE = new WalFile(toPosition(0), 1, toPosition(1000));
const IDENTITY = { id: idOf(9), walPosition: 0 };

function topicOf(state: State, partitions: number): Topic {
  const fields = { id: idOf(1), name: "t", createdAtStart: 0, stampedAt: 0, overrides: new Map() };
  return state.restoreTopic({ ...fields, partitions });
}

function rangeOf(topic: Topic, partition: number, firstOffset: number): FileRange {
  return {
    ...{ file: FILE, topicId: topic.id, partition, firstOffset, endOffset: firstOffset + 10, sizeBytes: 100 },
    ...{ maxTimestamp: 5, index: undefined, stored: { at: 0, rows: 1, crc: 0 } },
  };
}

/** What a worker that has moved all of these ranges into one answers. */
function rowOf(ranges: readonly FileRange[]): DirectoryRow {
  const [first, last] = [ranges[0]!, ranges.at(-1)!];
  return {
    ...{
      topicId: first.topicId,
      partition: first.partition,
      firstOffset: first.firstOffset,
      endOffset: last.endOffset,
    },
    ...{ sizeBytes: 100 * ranges.length, maxTimestamp: 7, batches: 3 },
    ...{ dataAt: 64, dataBytes: 200, rowsAt: 264, rows: 1, rowsCrc: 11 },
  };
}

function written(...ranges: readonly DirectoryRow[]): WrittenSegment {
  return { sizeBytes: 1000, crc: 99, ranges };
}

test("what a worker has done is told in a record: what lay where, and lies where now", () => {
  const topic = topicOf(plainState(), 2);
  const plan = new MovePlan([{ identity: IDENTITY, level: 1 }]);
  const moved = [[rangeOf(topic, 0, 0), rangeOf(topic, 0, 10)], [rangeOf(topic, 1, 40)]];
  for (const ranges of moved) plan.add({ topic, ranges, output: 0 });
  const rows = moved.map(rowOf);
  const records = runAtOnce(plan.records({ segments: [written(...rows)] }));
  const value = {
    segments: [{ ...IDENTITY, level: 1, batchBytes: 300, parts: [{ kind: 1, sizeBytes: 1000, crc: 99 }] }],
    topics: [
      {
        topicId: topic.id,
        partitions: moved.map((ranges, index) => ({
          ...{
            partition: index,
            from: ranges[0]!.firstOffset,
            to: ranges.at(-1)!.endOffset,
            cleanedTo: -1,
            horizonMs: -1,
          },
          ranges: [
            {
              ...{ segment: 0, firstOffset: ranges[0]!.firstOffset, endOffset: ranges.at(-1)!.endOffset },
              ...{ sizeBytes: 100 * ranges.length, maxTimestamp: 7, at: 264, rows: 1, crc: 11 },
            },
          ],
        })),
      },
    ],
  };
  assert.deepEqual(records, [{ type: 10, value }]);
});

test("hazard: log deleted although the copy failed: a result that lacks a byte, a range or a segment is not taken", () => {
  const topic = topicOf(plainState(), 2);
  const moved = [[rangeOf(topic, 0, 0), rangeOf(topic, 0, 10)], [rangeOf(topic, 1, 40)]];
  const [first, second] = moved.map(rowOf) as [DirectoryRow, DirectoryRow];
  const results: Record<string, readonly (WrittenSegment | undefined)[]> = {
    "nothing at all": [],
    "no segment": [undefined],
    "an empty segment": [written()],
    "a range less": [written(first)],
    "a byte less": [written(first, { ...second, sizeBytes: 99 })],
    "a byte more": [written({ ...first, sizeBytes: 201 }, second)],
    "an earlier end": [written({ ...first, endOffset: 19 }, second)],
    "a later beginning": [written(first, { ...second, firstOffset: 41 })],
    "another partition": [written(first, { ...second, partition: 2 })],
    "another topic": [written(first, { ...second, topicId: idOf(3) })],
    "another segment": [undefined, written(first, second)],
  };
  for (const [what, segments] of Object.entries(results)) {
    const plan = new MovePlan([{ identity: IDENTITY, level: 0 }]);
    for (const ranges of moved) plan.add({ topic, ranges, output: 0 });
    assert.equal(runAtOnce(plan.records({ segments })), undefined, what);
  }
});

test("the records of many partitions are small ones, each partition is in one of them, and all know the segment", () => {
  const topic = topicOf(plainState(), 5000);
  const plan = new MovePlan([{ identity: IDENTITY, level: 0 }]);
  const ranges = topic.partitions.map(({ partition }) => rangeOf(topic, partition, 0));
  for (const range of ranges) plan.add({ topic, ranges: [range], output: 0 });
  const records = runAtOnce(plan.records({ segments: [written(...ranges.map((range) => rowOf([range])))] }))!;
  assert.ok(records.length > 1);
  const partitions = records.flatMap((record) => {
    assert.ok(record.type === 10);
    assert.equal(record.value.segments.length, 1);
    return record.value.topics.flatMap((each) => each.partitions.map(({ partition }) => partition));
  });
  assert.deepEqual(partitions, [...topic.partitions.keys()]);
});
