/**
 * How old the oldest record is that compaction has not gone over yet: `max.compaction.lag.ms` counts from it, as in Kafka. Nothing
 * but the batch itself tells, so it is read, once for each place to which compaction has come, and only where the setting is used.
 */
import { clampTimestamp } from "../log/batch-index.ts";
import type { BatchReader } from "../log/batch-reader.ts";
import { isReadFailure } from "../log/corruption.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { batchMaxTimestamp } from "../protocol/record-batch.ts";
import type { State, Topic } from "../state/state.ts";
import { firstDirtyOffsetOf, segmentRanges } from "./compaction-plan.ts";

interface Found {
  readonly firstDirtyOffset: number;
  readonly timestamp: number;
}

export class OldestDirty {
  readonly #reader: Pick<BatchReader, "readStored">;
  readonly #found = new WeakMap<PartitionLog, Found>();

  constructor(reader: Pick<BatchReader, "readStored">) {
    this.#reader = reader;
  }

  /** Of the batch with the first dirty record; undefined when it was not looked up yet, or cannot be read. */
  timestampOf(partition: PartitionLog): number | undefined {
    const found = this.#found.get(partition);
    return found?.firstDirtyOffset === firstDirtyOffsetOf(partition) ? found.timestamp : undefined;
  }

  /** Looks up what is not known yet, one partition after the other. */
  async lookUp(state: Pick<State, "topics">): Promise<void> {
    for (const topic of state.topics()) {
      const { "cleanup.policy": policy, "max.compaction.lag.ms": lagMs } = topic.config;
      if (!policy.includes("compact") || lagMs >= Number.MAX_SAFE_INTEGER) continue;
      for (const partition of topic.partitions) {
        if (this.timestampOf(partition) === undefined) await this.#lookUp(topic, partition);
      }
    }
  }

  async #lookUp(topic: Topic, partition: PartitionLog): Promise<void> {
    const offset = firstDirtyOffsetOf(partition);
    const limitOffset = segmentRanges(partition).at(-1)?.endOffset ?? 0;
    if (offset >= limitOffset) return;
    const query = { partition, topicBytes: topic.target.nameBytes.length, offset, limitOffset };
    try {
      const [result] = await this.#reader.readStored([{ ...query, maxBytes: 1, atLeastOne: true }]);
      const batch = result!.parts[0];
      if (batch !== undefined) {
        const timestamp = clampTimestamp(batchMaxTimestamp(Buffer.from(batch), 0));
        this.#found.set(partition, { firstDirtyOffset: offset, timestamp });
      }
      result!.release();
    } catch (error) {
      if (!isReadFailure(error)) throw error; // compaction will meet it, and say so
    }
  }
}
