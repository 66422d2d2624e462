/** A log on the ports of a simulated process, for the tests of what reads and recovers it: no broker, no network. */

import type { SimProcess } from "../../sim/simulation.ts";
import { newUuid } from "../../src/base/uuid.ts";
import type { BatchReader } from "../../src/log/batch-reader.ts";
import type { PartitionLog } from "../../src/log/partition-log.ts";
import { WAL_FOLDER } from "../../src/log/wal-file.ts";
import type { RegionReads } from "../../src/ports/region-reads.ts";
import { type BatchOptions, encodeBatch, type RecordInput } from "../../src/protocol/record.ts";
import { type Opened, openStore } from "../../src/state/open.ts";
import type { Topic } from "../../src/state/state.ts";
import { Store } from "../../src/state/store.ts";

export interface OpenLog {
  readonly opened: Opened;
  readonly store: Store;
  readonly reader: BatchReader;
  /** Creates a topic. */
  readonly topic: (name: string, partitions?: number) => Topic;
  /** Appends one batch; answers its bytes as they are stored. Not durable yet: see `flush`. */
  readonly append: (place: Place, records: readonly RecordInput[], options?: BatchOptions) => Buffer;
  /** Makes everything durable, and waits for what goes on in the background. */
  readonly flush: () => Promise<void>;
  /** Ends the present file, so that the next batch goes into another one, and waits for its index. */
  readonly roll: () => Promise<void>;
}

export interface Place {
  readonly topic: Topic;
  readonly partition: PartitionLog;
}

/** Opens the data folder as a broker does. `settings` are texts, as given at start. */
export async function openLog(
  process: SimProcess,
  settings: Readonly<Record<string, string>> = {},
  regionReads?: RegionReads,
): Promise<OpenLog> {
  const { disk, clock, random } = process;
  const opened = await openStore({
    disk,
    brokerId: 1,
    settings: new Map(Object.entries(settings)),
    folds: [],
    nowMs: () => clock.wallMs(),
    progress: () => undefined,
  });
  const incarnation = random.bytes(6).readUIntBE(0, 6);
  const failure = (error: unknown): never => {
    throw error;
  };
  const syncedWrites = await disk.syncedWrites(WAL_FOLDER);
  const ports = { disk, syncedWrites, clock, regionReads };
  const store = new Store({ ...ports, opened, incarnation, failed: failure, report: () => undefined });
  if (store.state.clusterId === "") store.append({ type: 1, value: { clusterId: "test" } });
  store.append({ type: 2, value: { brokerId: 1, incarnation } });
  const flush = async (): Promise<void> => {
    await store.wal.flush();
    await store.files.idle();
  };
  return {
    opened,
    store,
    reader: store.reader,
    topic(name, partitions = 1) {
      const topicId = newUuid(random);
      store.append({ type: 3, value: { topicId, name, partitions, configs: [] } });
      return store.state.topicById(topicId)!;
    },
    append({ topic, partition }, records, options = {}) {
      const batch = encodeBatch(records, options);
      const { baseOffset } = store.appendBatch({ topic, partition, buffer: batch, at: 0, sizeBytes: batch.length });
      const leaderEpoch = store.state.leaderEpoch(topic);
      return encodeBatch(records, { ...options, baseOffset, leaderEpoch });
    },
    flush,
    async roll() {
      store.wal.roll();
      await flush();
    },
  };
}

/** One partition of a topic. */
export function placeIn(topic: Topic, partition = 0): Place {
  return { topic, partition: topic.partitions[partition]! };
}
