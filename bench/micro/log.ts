/** What the log does for a request: append and flush on a disk that takes no time, look up, and gather what a reader wants. */
import { newUuid } from "../../src/base/uuid.ts";
import { createNodeClock } from "../../src/io/node-clock.ts";
import { createNodeRandom } from "../../src/io/node-random.ts";
import { BatchIndex } from "../../src/log/batch-index.ts";
import type { BatchQuery } from "../../src/log/batch-query.ts";
import { WAL_FOLDER } from "../../src/log/wal-file.ts";
import { openStore } from "../../src/state/open.ts";
import type { Topic } from "../../src/state/state.ts";
import { Store } from "../../src/state/store.ts";
import { encodeBatch } from "../load/record-batch.ts";
import type { MicroBench } from "./harness.ts";
import { nullDisk } from "./null-disk.ts";

const TOPICS = 2000;
const PARTITIONS = 6;
const BATCH_BYTES = 16 * 1024;
const BATCHES_PER_FLUSH = 16;
/** 6 × 64 × 16 KiB are 6 MiB: the tail cache holds all of it. */
const BATCHES_TO_READ = 64;
const INDEX_ROWS = 100_000;
/** Files are as large as can be, and never old: sealing one belongs to no single request. */
const SETTINGS = { "wal.segment.bytes": String(2 ** 31 - 1), "wal.indexing.interval.ms": "-1" };

export async function logBenches(): Promise<MicroBench[]> {
  const reading = await openNullStore();
  const topics = Array.from({ length: TOPICS }, (_, index) => createTopic(reading, `topic-${index}`));
  const read = topics[0]!;
  for (let index = 0; index < BATCHES_TO_READ; index++) appendAll(reading, read, batchOf(BATCH_BYTES));
  await reading.wal.flush();
  return [
    await appendBench("16 batches of 16 KiB", batchOf(BATCH_BYTES)),
    await appendBench("16 batches of 1 KiB", batchOf(1024)),
    topicLookUp(reading, topics),
    indexLookUp(),
    gathering(reading, read, 1),
    gathering(reading, read, BATCHES_TO_READ),
  ];
}

async function openNullStore(): Promise<Store> {
  const [disk, clock] = [nullDisk(), createNodeClock()];
  const opened = await openStore({
    disk,
    brokerId: 1,
    settings: new Map(Object.entries(SETTINGS)),
    folds: [],
    nowMs: () => clock.wallMs(),
    progress: () => undefined,
  });
  const failed = (error: unknown): never => {
    throw error;
  };
  const syncedWrites = await disk.syncedWrites(WAL_FOLDER);
  const store = new Store({ disk, syncedWrites, clock, opened, incarnation: 1, failed, report: () => undefined });
  store.append({ type: 1, value: { clusterId: "micro" } });
  store.append({ type: 2, value: { brokerId: 1, incarnation: 1 } });
  return store;
}

function createTopic(store: Store, name: string): Topic {
  const topicId = newUuid(createNodeRandom());
  store.append({ type: 3, value: { topicId, name, partitions: PARTITIONS, configs: [] } });
  return store.state.topicById(topicId)!;
}

function batchOf(batchSizeBytes: number): Buffer {
  return encodeBatch({ recordSizeBytes: 100, batchSizeBytes }).bytes;
}

/** One batch to each partition. */
function appendAll(store: Store, topic: Topic, buffer: Buffer): void {
  for (const partition of topic.partitions) {
    store.appendBatch({ topic, partition, buffer, at: 0, sizeBytes: buffer.length });
  }
}

/** Has a log of its own, whose index grows with every call. */
async function appendBench(what: string, buffer: Buffer): Promise<MicroBench> {
  const store = await openNullStore();
  const topic = createTopic(store, "appended");
  return {
    name: `append and flush ${what}`,
    bytes: BATCHES_PER_FLUSH * buffer.length,
    run: () => {
      for (let index = 0; index < BATCHES_PER_FLUSH; index++) {
        const partition = topic.partitions[index % PARTITIONS]!;
        store.appendBatch({ topic, partition, buffer, at: 0, sizeBytes: buffer.length });
      }
      return store.wal.flush();
    },
  };
}

function topicLookUp({ state }: Store, topics: readonly Topic[]): MicroBench {
  const ids = topics.map(({ id }) => id);
  let at = 0;
  return {
    name: `find a partition by topic id, of ${TOPICS} topics`,
    run: () => {
      at = (at + 1) % ids.length;
      return state.topicById(ids[at]!)!.partitions[at % PARTITIONS];
    },
  };
}

function indexLookUp(): MicroBench {
  const index = new BatchIndex();
  for (let row = 0; row < INDEX_ROWS; row++) {
    const baseOffset = row * 15;
    index.push({
      baseOffset,
      endOffset: baseOffset + 15,
      position: row * BATCH_BYTES,
      sizeBytes: BATCH_BYTES,
      maxTimestamp: row,
    });
  }
  let offset = 0;
  return {
    name: `find an offset among ${INDEX_ROWS} batches`,
    run: () => {
      offset = (offset + 104_729) % (INDEX_ROWS * 15);
      return index.find(offset);
    },
  };
}

/** What a consumer that keeps up gets: views, no copies. */
function gathering({ reader }: Store, topic: Topic, batches: number): MicroBench {
  const queries = topic.partitions.map(
    (partition): BatchQuery => ({
      partition,
      topicBytes: topic.target.nameBytes.length,
      offset: 0,
      limitOffset: partition.highWatermark,
      maxBytes: batches * BATCH_BYTES,
      atLeastOne: true,
    }),
  );
  return {
    name: `gather ${batches === 1 ? "1 batch" : `${batches} batches`} of each of ${PARTITIONS} partitions from the tail cache`,
    run: () => {
      for (const query of queries) {
        const result = reader.readNow(query);
        if (result === undefined || result.sizeBytes === 0)
          throw new Error("the tail cache does not hold what was just written");
        result.release();
      }
    },
  };
}
