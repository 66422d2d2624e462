/**
 * The log and its fold, together: the only place where something is appended.
 *
 * Whatever is appended is applied at once, in the same turn, so that the state is always that of the log's end. What may
 * leave the process waits at the barrier until the log is committed that far (`whenCommitted`).
 */

import { assert } from "../base/assert.ts";
import type { Position } from "../base/brands.ts";
import { Barrier } from "../log/barrier.ts";
import { clampTimestamp } from "../log/batch-index.ts";
import { BatchReader } from "../log/batch-reader.ts";
import { BlockCache } from "../log/blocks.ts";
import { DiskRegionReads } from "../log/disk-region-reads.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { ReadTurns } from "../log/read-turns.ts";
import { RecycledFiles } from "../log/recycled-files.ts";
import { Wal } from "../log/wal.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk, SyncedWrites } from "../ports/disk.ts";
import type { RegionReads } from "../ports/region-reads.ts";
import { Writer } from "../protocol/codec/writer.ts";
import {
  batchBaseSequence,
  batchMaxTimestamp,
  batchOffsetCount,
  batchProducerEpoch,
  batchProducerId,
} from "../protocol/record-batch.ts";
import { Files } from "./files.ts";
import type { Opened } from "./open.ts";
import { rangesIn } from "./ranges-in.ts";
import type { State, Topic } from "./state.ts";
import { encodeStateRecord, type StateRecord } from "./state-record.ts";

/** A checked batch, where it stands and where it goes. */
export interface BatchToAppend {
  readonly topic: Topic;
  readonly partition: PartitionLog;
  readonly buffer: Buffer;
  readonly at: number;
  readonly sizeBytes: number;
}

export interface StoreOptions {
  readonly disk: Disk;
  /** How to write the log. */
  readonly syncedWrites: SyncedWrites;
  /** By means of the disk, unless there is a better way. */
  readonly regionReads?: RegionReads | undefined;
  readonly clock: Clock;
  readonly opened: Opened;
  readonly incarnation: number;
  /** The log cannot go on. The process must end: nothing that waits at the barrier will ever be released. */
  readonly failed: (error: unknown) => void;
  /** What the operator has to know, a line. */
  readonly report: (line: string) => void;
}

export class Store {
  readonly state: State;
  readonly wal: Wal;
  readonly files: Files;
  readonly blocks: BlockCache;
  readonly reader: BatchReader;
  /** When the log was committed last, monotonic milliseconds: of all that this let go of, in one reading of the clock. */
  committedMs = Number.NEGATIVE_INFINITY;
  /** When something was committed that is not the broker's own work, monotonic milliseconds: who waits for a client's commit has the disk first. */
  servedMs = Number.NEGATIVE_INFINITY;
  readonly #clock: Clock;
  readonly #barrier: Barrier;
  readonly #writer = new Writer();
  #committed: Position;
  /** What clients had written ends there. */
  #clientsEnd: Position;

  constructor(options: StoreOptions) {
    const { disk, syncedWrites, clock, opened, failed } = options;
    const { state } = opened;
    const config = state.broker;
    this.state = state;
    this.#clock = clock;
    this.#barrier = new Barrier(opened.end);
    this.#committed = opened.end;
    this.#clientsEnd = opened.end;
    this.blocks = new BlockCache(config["wal.tail.cache.bytes"], syncedWrites.allocate);
    const recycled = new RecycledFiles({
      disk,
      maxBytes: config["wal.sync"] === "always" ? config["wal.recycle.max.bytes"] : 0,
      minFreeBytes: config["wal.min.free.bytes"],
      files: opened.recycled,
    });
    this.wal = new Wal({
      disk,
      recycled,
      syncedWrites,
      clock,
      blocks: this.blocks,
      incarnation: options.incarnation,
      start: opened.end,
      lastStatePosition: opened.lastStatePosition,
      sync: config["wal.sync"],
      syncIntervalMs: config["wal.sync.interval.ms"],
      groupMaxBytes: config["wal.group.max.bytes"],
      fileMaxBytes: config["wal.segment.bytes"],
      fileMaxAgeMs: config["wal.indexing.interval.ms"],
      events: {
        committed: (position) => {
          this.committedMs = clock.monotonicMs();
          if (this.#clientsEnd > this.#committed) this.servedMs = this.committedMs;
          this.#committed = position;
          this.#barrier.advance(position);
        },
        sealed: (file) => this.files.sealed(file),
        failed,
      },
    });
    this.reader = new BatchReader({
      clock,
      disk,
      blocks: this.blocks,
      regionReads: options.regionReads ?? new DiskRegionReads(disk, syncedWrites),
      turns: new ReadTurns(clock, () => this.servedMs),
      bufferBytes: config["read.buffer.bytes"],
      indexCacheBytes: config["wal.index.cache.bytes"],
      rangesIn: (file) => rangesIn(state, file).map(({ range }) => range),
      report: options.report,
    });
    const { files, snapshots } = opened;
    this.files = new Files({ disk, state, wal: this.wal, reader: this.reader, recycled, files, snapshots, failed });
  }

  /** Calls `release` once everything before `position` is committed. In the order of the calls. */
  whenCommitted(position: number, release: () => void): void {
    this.#barrier.wait(position, release);
  }

  /** What waits for the log to be committed. */
  get waiting(): number {
    return this.#barrier.waiting;
  }

  /** Appends a state record and applies it. Answers the position that an answer about it has to wait for. */
  append(record: StateRecord): Position {
    this.#clientsEnd = this.appendInBackground(record);
    return this.#clientsEnd;
  }

  /** As `append`, for the broker's own work: no client waits for it. */
  appendInBackground(record: StateRecord): Position {
    const position = this.wal.appendState(record.type, encodeStateRecord(record, this.#writer));
    this.state.apply(record, position);
    return this.wal.position;
  }

  /**
   * Gives a batch its offsets and appends it. The high watermark follows when the bytes are committed. From here on only
   * the death of the process can make the append fail.
   */
  appendBatch(batch: BatchToAppend): { readonly baseOffset: number; readonly logAppendTimeMs: number | undefined } {
    const { topic, partition, buffer, at, sizeBytes } = batch;
    assert(!partition.deleted, "append to a deleted partition");
    const nowMs = this.#clock.wallMs();
    const logAppendTimeMs = topic.config["message.timestamp.type"] === "LogAppendTime" ? nowMs : undefined;
    const baseOffset = partition.endOffset;
    const endOffset = baseOffset + batchOffsetCount(buffer, at);
    const leaderEpoch = this.state.leaderEpoch(topic);
    const position = this.wal.appendBatch({
      target: topic.target,
      partition: partition.partition,
      source: buffer,
      at,
      sizeBytes,
      baseOffset,
      leaderEpoch,
      logAppendTimeMs,
    });
    partition.applyBatch({
      position,
      file: this.wal.file,
      baseOffset,
      endOffset,
      sizeBytes,
      leaderEpoch,
      maxTimestamp: logAppendTimeMs ?? clampTimestamp(batchMaxTimestamp(buffer, at)),
      producerId: batchProducerId(buffer, at),
      producerEpoch: batchProducerEpoch(buffer, at),
      firstSequence: batchBaseSequence(buffer, at),
      nowMs,
    });
    this.#clientsEnd = this.wal.position;
    this.#barrier.wait(this.#clientsEnd, () => partition.advanceHighWatermark(endOffset, sizeBytes));
    return { baseOffset, logAppendTimeMs };
  }

  /** Makes everything durable, and the next start quick. Nothing may be appended any more. */
  async close(): Promise<void> {
    await this.wal.close();
    await this.files.snapshot();
  }
}
