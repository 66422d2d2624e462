/**
 * Opening a data folder: newest valid snapshot + replay of the log behind it = exactly the state before.
 *
 * Order: the log is read and mended (`recoverLog`) → when damage was found, a snapshot is published that knows beyond which
 * offsets partitions go on → the replayed files get their indexes → when damage was found, a snapshot of the log's end is
 * published before anything new is written, so that the damage is met once only → the caller starts the log in a new
 * file, with a new incarnation, and appends `brokerStarted`, which raises every leader epoch.
 */
import { assert } from "../base/assert.ts";
import type { Position } from "../base/brands.ts";
import { readFileDirectory, writeFileIndex } from "../log/file-index.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { type Damage, type RecoveryReport, recoverLog } from "../log/recovery.ts";
import { listRecycled, type RecycledFile } from "../log/recycled-files.ts";
import {
  listSnapshots,
  removeOldSnapshots,
  SNAPSHOT_FOLDER,
  setSnapshotsAside,
  writeSnapshot,
} from "../log/snapshot.ts";
import { parseWalFileName, WAL_FOLDER, WalFile } from "../log/wal-file.ts";
import type { Disk } from "../ports/disk.ts";
import { Writer } from "../protocol/codec/writer.ts";
import {
  damageLines,
  dropMissingFiles,
  type ReplayOptions,
  type RestoreOptions,
  restoreNewest,
  StateReplay,
} from "./replay.ts";
import { takeSlices } from "./snapshot-state.ts";
import type { State } from "./state.ts";

export interface OpenOptions extends RestoreOptions, ReplayOptions {
  readonly disk: Disk;
}

export interface Opened {
  readonly state: State;
  /** Closed files, oldest first, their indexes durable. */
  readonly files: readonly WalFile[];
  /** Files for the log to write over. */
  readonly recycled: readonly RecycledFile[];
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
  const replay = new StateReplay(state, options);
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
  for (const warning of dropMissingFiles(state, report, restored.files)) warnings.push(warning);
  if (report.damage.length > 0) {
    for (const warning of await skipLostOffsets(disk, state, report)) warnings.push(warning);
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
    recycled: await listRecycled(disk),
    files: report.files,
    end: report.end,
    lastStatePosition: report.lastStatePosition,
    snapshots,
    report,
    warnings,
  };
}

function reportLines(report: RecoveryReport): string[] {
  const lines = damageLines(report);
  if (report.cutBytes === 0) return lines;
  const aside = report.cutKept ? "kept aside in *.cut" : "there was no space to keep them aside";
  return [`cut ${report.cutBytes} bytes that were never acknowledged off the end of the log; ${aside}`, ...lines];
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
