/**
 * What the broker does by itself from time to time: looks at the free disk, lets go of what retention allows, forgets
 * producers and offsets of groups. All of it by state records, like any other change.
 */

import type { PartitionLog } from "../log/partition-log.ts";
import type { Timer } from "../ports/clock.ts";
import type { Topic } from "../state/state.ts";
import type { Broker } from "./broker.ts";

/** How often the free disk is looked at. */
const SPACE_CHECK_MS = 1_000;
/** Of what is free beyond what must be: up to there the log takes room for groups. The rest is for them, and for segments. */
const ROOM_SHARE = 1 / 4;
/** How often producers unheard for producer.id.expiration.ms are looked for. As in Kafka. */
const PRODUCER_CHECK_MS = 600_000;
/** Producers one partition remembers at most; each takes about half a KiB. */
const MAX_PRODUCERS_PER_PARTITION = 10_000;
/** Producer ids in one state record. */
const EXPIRED_PER_RECORD = 1_000;

export class Housekeeping {
  readonly #broker: Broker;
  readonly #timers = new Map<string, Timer>();
  #stopped = false;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** Looks at the free disk before anything is accepted, then goes on by itself. */
  async start(): Promise<void> {
    await this.#checkSpace();
    const { state } = this.#broker.store;
    this.#every("space", SPACE_CHECK_MS, () => this.#checkSpace());
    this.#every("retention", state.broker["log.retention.check.interval.ms"], () => this.enforceRetention());
    this.#every("producers", PRODUCER_CHECK_MS, () => this.#expireProducers());
    this.#every("offsets", state.broker["offsets.retention.check.interval.ms"], () => this.#expireOffsets());
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  /** Moves log starts as retention.ms and retention.bytes say, and removes the files that nobody needs any more. */
  async enforceRetention(): Promise<void> {
    const { store, clock } = this.#broker;
    const nowMs = clock.wallMs();
    for (const topic of store.state.topics()) {
      if (!topic.config["cleanup.policy"].includes("delete")) continue;
      for (const partition of topic.partitions) {
        const offset = retainedFrom(topic, partition, nowMs);
        if (offset <= partition.logStartOffset) continue;
        store.appendInBackground({ type: 8, value: { topicId: topic.id, partition: partition.partition, offset } });
      }
    }
    await store.files.collect();
  }

  async #checkSpace(): Promise<void> {
    const { store, disk, log } = this.#broker;
    const floor = store.state.broker["wal.min.free.bytes"];
    const position = store.wal.position;
    let freeBytes = await disk.freeBytes();
    const { recycled } = store.files;
    if (freeBytes < floor + recycled.bytes) {
      await store.files.giveUpRecycled();
      freeBytes = await disk.freeBytes();
    }
    this.#broker.freeBytes = freeBytes;
    const low = freeBytes < floor;
    const spareBytes = freeBytes - floor;
    store.wal.roomEnd = position + spareBytes * ROOM_SHARE;
    this.#broker.spaceEnd = floor === 0 ? Number.POSITIVE_INFINITY : position + spareBytes;
    if (low === this.#broker.spaceLow) return;
    this.#broker.spaceLow = low;
    if (low) log(`error: less than wal.min.free.bytes (${floor}) is free on the disk: produce requests are refused`);
    else log("the disk has room again: produce requests are accepted");
  }

  #expireProducers(): Promise<void> {
    const { store, clock } = this.#broker;
    const deadlineMs = clock.wallMs() - store.state.broker["producer.id.expiration.ms"];
    for (const topic of store.state.topics()) {
      for (const { partition, producers } of topic.partitions) {
        const expired = producers.expired(deadlineMs, MAX_PRODUCERS_PER_PARTITION);
        for (let from = 0; from < expired.length; from += EXPIRED_PER_RECORD) {
          const producerIds = expired.slice(from, from + EXPIRED_PER_RECORD);
          store.appendInBackground({ type: 9, value: { topicId: topic.id, partition, producerIds } });
        }
      }
    }
    return Promise.resolve();
  }

  #expireOffsets(): Promise<void> {
    this.#broker.groups.decide((coordinator, now, effects) => coordinator.expireOffsets(now, effects));
    return Promise.resolve();
  }

  #every(name: string, delayMs: number, task: () => Promise<void>): void {
    const { clock, fail } = this.#broker;
    const run = (): void => {
      task().then(
        () => {
          if (!this.#stopped) this.#timers.set(name, clock.schedule(delayMs, run));
        },
        (error: unknown) => fail(error),
      );
    };
    this.#timers.set(name, clock.schedule(delayMs, run));
  }
}

/**
 * The offset that retention lets the partition begin at. Works by whole files, and never on the one being written. A range
 * without any timestamp (compaction can have left nothing but headers in it) goes together with the next one that is old.
 */
function retainedFrom(topic: Topic, partition: PartitionLog, nowMs: number): number {
  const retentionMs = topic.config["retention.ms"];
  const retentionBytes = topic.config["retention.bytes"];
  let sizeBytes = partition.sizeBytes;
  let offset = partition.logStartOffset;
  let timelessBytes = 0;
  for (const range of partition.ranges) {
    if (!range.file.isClosed || range.endOffset > partition.highWatermark) break;
    const isOld = retentionMs >= 0 && range.maxTimestamp >= 0 && nowMs - range.maxTimestamp > retentionMs;
    const leftBytes = sizeBytes - timelessBytes - range.sizeBytes;
    const isOver = retentionBytes >= 0 && leftBytes >= retentionBytes;
    if (isOld || isOver) {
      sizeBytes = leftBytes;
      timelessBytes = 0;
      offset = range.endOffset;
    } else if (range.maxTimestamp < 0) {
      timelessBytes += range.sizeBytes;
    } else {
      break;
    }
  }
  return offset;
}
