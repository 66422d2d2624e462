/**
 * Putting the state together: newest valid snapshot + replay of the log behind it. What opens the data does so, and what
 * only looks at it.
 */
import { assert } from "../base/assert.ts";
import { type Position, toPosition } from "../base/brands.ts";
import { formatUuid, type Uuid } from "../base/uuid.ts";
import { clampTimestamp } from "../log/batch-index.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import type { RecoveryTarget, ReplayReport } from "../log/recovery.ts";
import { listSnapshots, readSnapshot } from "../log/snapshot.ts";
import type { WalFile } from "../log/wal-file.ts";
import type { BatchRecord } from "../log/wal-record.ts";
import type { Disk } from "../ports/disk.ts";
import {
  batchBaseOffset,
  batchBaseSequence,
  batchLeaderEpoch,
  batchMaxTimestamp,
  batchOffsetCount,
  batchProducerEpoch,
  batchProducerId,
} from "../protocol/record-batch.ts";
import type { Fold } from "./fold.ts";
import { restoreSlices } from "./snapshot-state.ts";
import { type Overrides, State } from "./state.ts";
import { decodeStateRecord } from "./state-record.ts";

export interface RestoreOptions {
  readonly disk: Pick<Disk, "open" | "list">;
  readonly brokerId: number;
  /** The settings the broker was started with. */
  readonly settings: Overrides;
  /** Parts of the state that rooms above look after, empty yet. */
  readonly folds: readonly Fold[];
}

export interface ReplayOptions {
  readonly nowMs: () => number;
  /** Called now and then while the log is read. */
  readonly progress: (doneBytes: number, totalBytes: number) => void;
}

/** A state as a snapshot has it: what lies in the log behind that is to be replayed. */
export interface Restored {
  readonly state: State;
  readonly files: ReadonlyMap<number, WalFile>;
  readonly position: Position;
  readonly logEnd: Position;
  readonly warnings: string[];
  readonly damagedSnapshots: readonly Position[];
}

/** The newest snapshot that is whole, or an empty state when there is none. */
export async function restoreNewest({ disk, brokerId, settings, folds }: RestoreOptions): Promise<Restored> {
  const warnings: string[] = [];
  const damagedSnapshots: Position[] = [];
  for (const position of await listSnapshots(disk)) {
    const snapshot = await readSnapshot(disk, position);
    if (snapshot === undefined) {
      warnings.push(`the snapshot at position ${position} is damaged and not used; the log before it is read instead`);
      damagedSnapshots.push(position);
      continue;
    }
    const state = new State(brokerId, settings, folds);
    const files = restoreSlices(snapshot.slices, state);
    state.snapshotEnd = snapshot.logEnd;
    return { state, files, position, logEnd: snapshot.logEnd, warnings, damagedSnapshots };
  }
  const state = new State(brokerId, settings, folds);
  const position = toPosition(0);
  return { state, files: new Map(), position, logEnd: position, warnings, damagedSnapshots };
}

/** Applies what recovery reads. */
export class StateReplay implements RecoveryTarget {
  readonly warnings: string[] = [];
  readonly #state: State;
  readonly #options: ReplayOptions;
  readonly #nowMs: number;

  constructor(state: State, options: ReplayOptions) {
    this.#state = state;
    this.#options = options;
    this.#nowMs = options.nowMs();
  }

  batch(record: BatchRecord, buffer: Buffer, position: Position, file: WalFile): void {
    const partition = this.#partition(record, position);
    if (partition === undefined) return;
    const { dataAt, dataBytes } = record;
    const baseOffset = batchBaseOffset(buffer, dataAt);
    partition.applyBatch({
      position,
      file,
      baseOffset,
      endOffset: baseOffset + batchOffsetCount(buffer, dataAt),
      sizeBytes: dataBytes,
      leaderEpoch: batchLeaderEpoch(buffer, dataAt),
      maxTimestamp: clampTimestamp(batchMaxTimestamp(buffer, dataAt)),
      producerId: batchProducerId(buffer, dataAt),
      producerEpoch: batchProducerEpoch(buffer, dataAt),
      firstSequence: batchBaseSequence(buffer, dataAt),
      nowMs: this.#nowMs,
    });
  }

  state(type: number, fields: Buffer, position: Position): void {
    const record = decodeStateRecord(type, fields);
    if (record.type === 3 && position >= this.#state.snapshotEnd) this.#giveUp(record.value);
    this.#state.apply(record, position);
  }

  progress(doneBytes: number, totalBytes: number): void {
    this.#options.progress(doneBytes, totalBytes);
  }

  /** A topic of this name that is still there when the next one comes must have been deleted between. */
  #giveUp({ name, topicId }: { readonly name: string; readonly topicId: Uuid }): void {
    const topic = this.#state.topic(name);
    if (topic === undefined || topic.id === topicId) return;
    this.warnings.push(`topic ${name} (${formatUuid(topic.id)}) is given up: there is a later one of its name`);
    this.#state.loseTopic(topic);
  }

  #partition(record: BatchRecord, position: Position): PartitionLog | undefined {
    assert(
      record.topicId !== undefined && record.isKafkaBatch,
      "this program always writes topic ids and Kafka batches",
    );
    const id = record.topicId as Uuid;
    let topic = this.#state.topicById(id);
    if (topic === undefined) {
      if (position < this.#state.snapshotEnd) return undefined; // deleted while the snapshot was taken
      // Its creation lies in a damaged part of the log, with the deletion of the topic that had its name, if there was one.
      this.#giveUp({ name: record.topicName, topicId: id });
      this.warnings.push(
        `topic ${record.topicName} (${formatUuid(id)}) is taken over from its records, without settings`,
      );
      topic = this.#state.restoreTopic({
        id,
        name: record.topicName,
        createdAtStart: 0, // whenever it was: so its leader epoch is beyond any it had
        stampedAt: position,
        partitions: record.partition + 1,
        overrides: new Map(),
      });
    }
    this.#state.growTopic(topic, record.partition + 1);
    return topic.partitions[record.partition];
  }
}

/** A line for each piece of the log that cannot be read. */
export function damageLines({ damage }: ReplayReport): string[] {
  return damage.map(({ file, from, to, stateLost }) => {
    const what = stateLost ? ", state records possibly among them" : "";
    return `damage: ${to - from} bytes of ${file} from position ${from} on are unreadable${what}`;
  });
}

/** Ranges in files that are gone: readers go on behind them. */
export function dropMissingFiles(state: State, report: ReplayReport, known: ReadonlyMap<number, WalFile>): string[] {
  const warnings: string[] = [];
  const there = new Set(report.files);
  for (const file of known.values()) {
    if (there.has(file) || file.users === 0) continue;
    warnings.push(`damage: ${file.name} is missing, with ${file.end - file.base} bytes of records`);
    for (const topic of state.topics()) for (const partition of topic.partitions) partition.dropFile(file);
  }
  return warnings;
}
