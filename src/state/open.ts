/**
 * Opening a data folder: newest valid snapshot + replay of the log behind it = exactly the state before.
 *
 * Order: the log is read and mended (`recoverLog`) → when damage was found, a snapshot is published that knows beyond which
 * offsets partitions go on → the replayed files get their indexes → when damage was found, a snapshot of the log's end is
 * published before anything new is written, so that the damage is met once only → the caller starts the log in a new
 * file, with a new incarnation, and appends `brokerStarted`, which raises every leader epoch.
 */
import { assert } from "../base/assert.ts";
import { type Position, toPosition } from "../base/brands.ts";
import { formatUuid, type Uuid } from "../base/uuid.ts";
import { clampTimestamp } from "../log/batch-index.ts";
import { readFileDirectory, writeFileIndex } from "../log/file-index.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { type Damage, type RecoveryReport, type RecoveryTarget, recoverLog } from "../log/recovery.ts";
import {
  listSnapshots,
  readSnapshot,
  removeOldSnapshots,
  SNAPSHOT_FOLDER,
  setSnapshotsAside,
  writeSnapshot,
} from "../log/snapshot.ts";
import { parseWalFileName, WAL_FOLDER, WalFile } from "../log/wal-file.ts";
import type { BatchRecord } from "../log/wal-record.ts";
import type { Disk } from "../ports/disk.ts";
import { Writer } from "../protocol/codec/writer.ts";
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
import { restoreSlices, takeSlices } from "./snapshot-state.ts";
import { type Overrides, State } from "./state.ts";
import { decodeStateRecord } from "./state-record.ts";

export interface OpenOptions {
  readonly disk: Disk;
  readonly brokerId: number;
  /** The settings the broker was started with. */
  readonly settings: Overrides;
  /** Parts of the state that rooms above look after, empty yet. */
  readonly folds: readonly Fold[];
  readonly nowMs: () => number;
  /** Called now and then while the log is read. */
  readonly progress: (doneBytes: number, totalBytes: number) => void;
}

export interface Opened {
  readonly state: State;
  /** Closed files, oldest first, their indexes durable. */
  readonly files: readonly WalFile[];
  readonly end: Position;
  readonly lastStatePosition: number;
  /** Newest first. */
  readonly snapshots: readonly Position[];
  readonly report: RecoveryReport;
  /** What the operator has to know, a line each. Empty after an orderly stop, and after most crashes. */
  readonly warnings: readonly string[];
}

/** State records may be lost: the operator decides. */
export class StateLostError extends Error {
  override readonly name = "StateLostError";
}

/** The most offsets one batch can take up: its last offset delta is an int32. */
const MOST_OFFSETS_PER_BATCH = 0x8000_0000;
/** A batch record with an empty topic name and an empty batch. */
const SMALLEST_BATCH_RECORD_BYTES = 12 + 10 + 61;
/** A group that says that a broker has started: each start writes at least one. */
const SMALLEST_START_BYTES = 80;
/** A state record that reserves producer ids, a block of them. */
const SMALLEST_BLOCK_BYTES = 24;
const PRODUCER_IDS_PER_BLOCK = 1000;
/** However much was lost: more starts and more blocks than any broker gets to. Leader epochs are int32. */
const MOST_STARTS = 1_000_000;
const MOST_BLOCKS = 1_000_000_000;

/** @throws StateLostError when state records may be lost and `wal.recovery.accept.loss` is not set. */
export async function openStore(options: OpenOptions): Promise<Opened> {
  const { disk } = options;
  await disk.makeFolder(WAL_FOLDER);
  await disk.makeFolder(SNAPSHOT_FOLDER);
  await disk.syncFolder("");
  await disk.syncFolder(SNAPSHOT_FOLDER); // a killed process may have left names that only look durable
  const restored = await restoreNewest(options);
  const { state } = restored;
  const replay = new Replay(state, options);
  const report = await recoverLog({
    disk,
    from: restored.position,
    knownDurable: restored.logEnd,
    knownFiles: restored.files,
    lastStatePosition: state.previousStatePosition,
    target: replay,
  });
  const warnings = [...restored.warnings, ...reportLines(report), ...replay.warnings];
  if (report.damage.some(({ stateLost }) => stateLost) && !state.broker["wal.recovery.accept.loss"]) {
    throw new StateLostError(
      [
        ...warnings,
        "topics, settings or producer ids may have been lost with it, so the broker does not start by itself.",
        "restore the data folder from a copy, or start once with --set wal.recovery.accept.loss=true to go on with what is left",
      ].join("\n"),
    );
  }
  dropMissingFiles(state, report, restored.files, warnings);
  if (report.damage.length > 0) {
    warnings.push(...(await skipLostOffsets(disk, state, report)));
    skipLostState(state, report);
    // Before the old indexes are replaced: where lost batches ended stands in them, and from now on in this.
    await publishSnapshot(disk, state, report, restored.position);
  }
  for (const file of report.files) {
    if (!file.indexed) await writeFileIndex(disk, file);
  }
  await removeStrayIndexes(disk, report.files);
  await setSnapshotsAside(disk, restored.damagedSnapshots);
  for (const topic of state.topics()) {
    for (const partition of topic.partitions) {
      partition.advanceHighWatermark(partition.endOffset, 0); // nobody waits yet
      partition.stampedAt = 0;
      partition.producers.restartClocks(options.nowMs());
    }
  }
  if (report.damage.length > 0) await publishSnapshot(disk, state, report, report.end);
  const snapshots = await listSnapshots(disk);
  return {
    state,
    files: report.files,
    end: report.end,
    lastStatePosition: report.lastStatePosition,
    snapshots,
    report,
    warnings,
  };
}

interface Restored {
  readonly state: State;
  readonly files: ReadonlyMap<number, WalFile>;
  readonly position: Position;
  readonly logEnd: Position;
  readonly warnings: string[];
  readonly damagedSnapshots: readonly Position[];
}

async function restoreNewest({ disk, brokerId, settings, folds }: OpenOptions): Promise<Restored> {
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
class Replay implements RecoveryTarget {
  readonly warnings: string[] = [];
  readonly #state: State;
  readonly #options: OpenOptions;
  readonly #nowMs: number;

  constructor(state: State, options: OpenOptions) {
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

function reportLines(report: RecoveryReport): string[] {
  const lines: string[] = [];
  if (report.cutBytes > 0) {
    const aside = report.cutKept ? "kept aside in *.cut" : "there was no space to keep them aside";
    lines.push(`cut ${report.cutBytes} bytes that were never acknowledged off the end of the log; ${aside}`);
  }
  for (const { file, from, to, stateLost } of report.damage) {
    const what = stateLost ? ", state records possibly among them" : "";
    lines.push(`damage: ${to - from} bytes of ${file} from position ${from} on are unreadable${what}`);
  }
  return lines;
}

/** Ranges in files that are gone: readers go on behind them. */
function dropMissingFiles(
  state: State,
  report: RecoveryReport,
  known: ReadonlyMap<number, WalFile>,
  warnings: string[],
): void {
  const there = new Set(report.files);
  for (const file of known.values()) {
    if (there.has(file) || file.users === 0) continue;
    warnings.push(`damage: ${file.name} is missing, with ${file.end - file.base} bytes of records`);
    for (const topic of state.topics()) for (const partition of topic.partitions) partition.dropFile(file);
  }
}

/**
 * Lets every partition that may have lost its newest batches go on beyond any offset that can have been given out: exactly
 * where indexes tell, else by the most that the lost bytes can have held.
 */
async function skipLostOffsets(disk: Disk, state: State, report: RecoveryReport): Promise<string[]> {
  const lines: string[] = [];
  for (const damage of report.damage) {
    const told = await offsetsFromIndexes(disk, damage);
    const most = Math.floor((damage.to - damage.from) / SMALLEST_BATCH_RECORD_BYTES) * MOST_OFFSETS_PER_BATCH;
    for (const topic of state.topics()) {
      for (const partition of topic.partitions) {
        const key = `${topic.id}/${partition.partition}`;
        const end = told === undefined ? unknownEnd(partition, damage, most) : (told.get(key) ?? 0);
        if (end <= partition.endOffset) continue;
        lines.push(`${topic.name}-${partition.partition} goes on at offset ${end} instead of ${partition.endOffset}`);
        partition.skipTo(end);
      }
    }
  }
  return lines;
}

/** Lost state records can have told of starts, and of producer ids given out. */
function skipLostState(state: State, report: RecoveryReport): void {
  let lostBytes = 0;
  for (const { from, to, stateLost } of report.damage) if (stateLost) lostBytes += to - from;
  state.starts += Math.min(Math.floor(lostBytes / SMALLEST_START_BYTES), MOST_STARTS);
  const blocks = Math.min(Math.floor(lostBytes / SMALLEST_BLOCK_BYTES), MOST_BLOCKS);
  state.nextProducerId += blocks * PRODUCER_IDS_PER_BLOCK;
  if (lostBytes > 0) for (const fold of state.folds) fold.skipLost();
}

function unknownEnd(partition: PartitionLog, damage: Damage, most: number): number {
  const newest = partition.ranges.at(-1);
  const lastPosition = newest?.index?.count ? newest.index.positionAt(newest.index.count - 1) : newest?.file.base;
  if (lastPosition !== undefined && lastPosition >= damage.to) return partition.endOffset; // goes on behind the damage
  const end = partition.endOffset + most;
  assert(Number.isSafeInteger(end), "no offsets are left beyond the damage: recreate the topic");
  return end;
}

/** Where each partition ended behind the damage; undefined unless indexes tell of all of it, those of lost files included. */
async function offsetsFromIndexes(disk: Disk, damage: Damage): Promise<ReadonlyMap<string, number> | undefined> {
  const ends = new Map<string, number>();
  let toldTo: number = damage.from;
  for (const name of await disk.list(WAL_FOLDER)) {
    if (!name.endsWith(".index")) continue;
    const parsed = parseWalFileName(name.replace(/index$/, "wal"));
    if (parsed === undefined || parsed.base > toldTo) continue;
    const directory = await readFileDirectory(disk, new WalFile(parsed.base, parsed.incarnation));
    if (directory === undefined || directory.end <= toldTo) continue;
    for (const { topicId, partition, endOffset } of directory.rows) ends.set(`${topicId}/${partition}`, endOffset);
    toldTo = directory.end;
  }
  return toldTo >= damage.to ? ends : undefined;
}

/** A power loss can take back the removal of an index and not that of its file. */
async function removeStrayIndexes(disk: Disk, files: readonly WalFile[]): Promise<void> {
  const known = new Set(files.map(({ indexName }) => indexName));
  for (const name of await disk.list(WAL_FOLDER)) {
    const path = `${WAL_FOLDER}/${name}`;
    if (name.endsWith(".index") && !known.has(path)) await disk.remove(path);
  }
}

/** Publishes the state as it is at the log's end, in a snapshot from whose `position` on the log is read again. */
async function publishSnapshot(disk: Disk, state: State, report: RecoveryReport, position: Position): Promise<void> {
  const { end, lastStatePosition: previousStatePosition } = report;
  const files = report.files.filter(({ base }) => base < position);
  const slices = takeSlices({ state, files, now: () => end, position, previousStatePosition }, new Writer());
  await writeSnapshot(disk, {
    position,
    next: () => slices.next().value as Buffer | undefined,
    logPosition: () => end,
    durable: () => Promise.resolve(), // recovery has synced all of it
  });
  await removeOldSnapshots(disk);
}
