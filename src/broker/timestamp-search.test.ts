/** Searches by time while the batches move under them. What they find in the tiers is in test/broker/segments.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { placeIn } from "../../test/log/open-log.ts";
import { type OpenStorage, segmentsOf, withStorage } from "../../test/storage/open-storage.ts";
import type { BatchReader } from "../log/batch-reader.ts";
import type { FileRange } from "../log/log-file.ts";
import { Segment } from "../log/segment.ts";
import { FAN_IN } from "../storage/plan.ts";
import { findLargestTimestamp, findTimestamp, type TimestampSearch } from "./timestamp-search.ts";

/** Of four batches in each file, large enough for three to share a record: in a merged segment other ones share them. */
const TIMES = [
  [1, 1, 1, 2],
  [1, 1, 5, 2],
  [1, 1, 1, 2],
  [2, 1, 8, 7],
  [1, 9, 2, 2],
  [1, 1, 1, 1],
  [3, 1, 20, 4],
  [1, 1, 1, 1],
];
const RECORDS = TIMES.flat();
const VALUE = Buffer.alloc(9_000);

/** A reader of which `happens` knows whenever it has read an index, before the search goes on. */
function readerWith(reader: BatchReader, happens: (range: FileRange) => Promise<void>): BatchReader {
  return Object.create(reader, {
    index: {
      value: async (range: FileRange) => {
        const index = await reader.index(range);
        await happens(range);
        return index;
      },
    },
    readStored: { value: (queries: Parameters<BatchReader["readStored"]>[0]) => reader.readStored(queries) },
  }) as BatchReader;
}

/** Merges all of the segments, and removes what nobody needs any more. */
async function moveOn(open: OpenStorage): Promise<void> {
  await open.settle();
  for (let round = 0; round < 3; round += 1) {
    await open.store.files.collect();
    await open.pass(2_000);
  }
}

/** All but the last of the files have moved: when the last one does, all of them are merged. */
async function withFiles(scenario: (open: OpenStorage, search: TimestampSearch) => Promise<void>): Promise<void> {
  assert.equal(TIMES.length, FAN_IN);
  await withStorage(async (open) => {
    const place = placeIn(open.topic("topic"));
    for (const [index, timestamps] of TIMES.entries()) {
      for (const timestamp of timestamps) open.append(place, [{ value: VALUE, timestamp }]);
      if (index < TIMES.length - 1) await open.settle();
    }
    await open.flush();
    const limitOffset = place.partition.highWatermark;
    assert.equal(limitOffset, RECORDS.length);
    await scenario(open, { reader: open.reader, partition: place.partition, topicBytes: 5, limitOffset });
  });
}

function naive(timestamp: number): { offset: number; timestamp: number } | undefined {
  const offset = RECORDS.findIndex((each) => each >= timestamp);
  return offset === -1 ? undefined : { offset, timestamp: RECORDS[offset]! };
}

test("hazard: files are merged and removed while one of them is searched: the answer is that of all the records", async () => {
  for (const timestamp of [1, 3, 6, 9, 15, 21]) {
    for (const at of [1, 2]) {
      await withFiles(async (open, search) => {
        let indexes = 0;
        const reader = readerWith(search.reader, async () => {
          indexes += 1;
          if (indexes !== at) return;
          await moveOn(open);
        });
        const found = await findTimestamp({ ...search, reader }, timestamp, { falseBatches: 16 });
        assert.deepEqual(found, naive(timestamp), `from ${timestamp} on, moved at index ${at}`);
        const largest = await findLargestTimestamp({ ...search, reader });
        assert.deepEqual(largest, naive(20));
        for (const { file } of search.partition.ranges) assert.equal(file.readers, 0);
      });
    }
  }
});

test("the same for the largest timestamp, and a file that is searched is not removed", async () => {
  await withFiles(async (open, search) => {
    const before = segmentsOf(search.partition.ranges);
    let moved = false;
    const reader = readerWith(search.reader, async (range) => {
      if (moved) return;
      moved = true;
      await moveOn(open);
      await open.process.disk.open(range.file.name, "read").then((file) => file.close());
    });
    assert.deepEqual(await findLargestTimestamp({ ...search, reader }), naive(20));
    const now = segmentsOf(search.partition.ranges);
    assert.ok(before.length === FAN_IN - 1 && now.length === 1 && now[0]! instanceof Segment);
  });
});

test("a topic that is deleted while it is searched has nothing", async () => {
  await withFiles(async (open, search) => {
    const reader = readerWith(search.reader, async () => {
      const { topicId } = search.partition;
      if (open.store.state.topicById(topicId) !== undefined) open.store.append({ type: 4, value: { topicId } });
      return Promise.resolve();
    });
    assert.equal(await findLargestTimestamp({ ...search, reader }), undefined);
  });
});
