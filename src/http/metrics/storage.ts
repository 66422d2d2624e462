/** The log: what is written, what lies on the disk, what the start has found. */
import type { WalFile } from "../../log/wal-file.ts";
import { counter, gauge, gauges, histogram, plain, type Scrape, type Section, type Series, seconds } from "./metric.ts";

const MS_PER_SECOND = 1000;
const FILE_STATES = [
  "open (written to)",
  "unindexed (closed, and its index is not written yet)",
  "backlog (to become a segment)",
  "stuck (damaged, and kept as it is)",
  "unused (to be removed, or kept to be written over)",
  "recycled (to be written over)",
].join(", ");

export const LOG: Section = {
  title: "Write-ahead log",
  metrics: [
    counter(
      "chronik_wal_appended_bytes_total",
      "Bytes appended to the log.",
      ({ broker, opened }) => broker.store.wal.position - opened.end,
    ),
    histogram(
      "chronik_wal_group_bytes",
      "Sizes of the groups in which the log is written: the larger, the more requests share one sync.",
      ({ broker }) => plain(broker.store.wal.metrics.groupBytes),
    ),
    histogram(
      "chronik_wal_write_duration_seconds",
      "How long the write of a group took, with wal.sync=always its sync included.",
      ({ broker }) => seconds(broker.store.wal.metrics.writeMs),
    ),
    histogram(
      "chronik_wal_sync_duration_seconds",
      "How long syncs took that are not part of a write (wal.sync=interval).",
      ({ broker }) => seconds(broker.store.wal.metrics.syncMs),
    ),
    gauge(
      "chronik_wal_undurable_bytes",
      "Bytes that were appended and are not durable yet.",
      ({ broker }) => broker.store.wal.position - broker.store.wal.durable,
    ),
    gauge(
      "chronik_wal_waiting",
      "Answers, and moves of high watermarks, that wait until the log is durable.",
      ({ broker }) => broker.store.waiting,
    ),
    gauges("chronik_wal_files", ["state"], `Files of the log, by state: ${FILE_STATES}.`, (scrape) => [
      ...filesByState(scrape, () => 1),
      [["recycled"], scrape.broker.store.files.recycled.count],
    ]),
    gauges("chronik_wal_bytes", ["state"], "Bytes of these files.", (scrape) => [
      ...filesByState(scrape, (file, end) => end - file.base),
      [["recycled"], scrape.broker.store.files.recycled.bytes],
    ]),
    counter(
      "chronik_wal_removed_bytes_total",
      "Bytes of files of the log that were removed, of no more use, or kept to be written over.",
      ({ broker }) => broker.store.files.removedBytes,
    ),
    counter("chronik_wal_reads_total", "Reads of files of the log for consumers.", ({ broker }) => broker.reader.reads),
    counter(
      "chronik_wal_read_bytes_total",
      "Bytes read from files of the log for consumers.",
      ({ broker }) => broker.reader.readBytes,
    ),
  ],
};

type FileState = "open" | "unindexed" | "backlog" | "stuck" | "unused";

function stateOf({ storage }: Scrape["broker"], file: WalFile): FileState {
  if (!file.indexed) return "unindexed";
  if (file.users === 0) return "unused";
  return storage.isStuck(file) ? "stuck" : "backlog";
}

function filesByState({ broker }: Scrape, value: (file: WalFile, end: number) => number): Series[] {
  const { files, wal } = broker.store;
  const sums: Record<FileState, number> = {
    open: value(wal.file, wal.position),
    unindexed: 0,
    backlog: 0,
    stuck: 0,
    unused: 0,
  };
  for (const file of files.closed) sums[stateOf(broker, file)] += value(file, file.end);
  return Object.entries(sums).map(([state, sum]): Series => [[state], sum]);
}

export const DISK: Section = {
  title: "Disk and snapshots",
  metrics: [
    gauge(
      "chronik_disk_free_bytes",
      "Free bytes of the disk, as of the last second.",
      ({ broker }) => broker.freeBytes,
    ),
    gauge("chronik_disk_low", "1 while produce requests are refused (wal.min.free.bytes), else 0.", ({ broker }) =>
      Number(broker.spaceLow),
    ),
    gauge("chronik_snapshots", "Snapshots of the state.", ({ broker }) => broker.store.files.snapshots.length),
    counter(
      "chronik_snapshots_written_total",
      "Snapshots that were written.",
      ({ broker }) => broker.store.files.snapshotsWritten,
    ),
    gauge(
      "chronik_replay_bytes",
      "Bytes of the log behind the newest snapshot: what a start after a crash reads again.",
      ({ broker }) => broker.store.wal.position - (broker.store.files.snapshots[0] ?? 0),
    ),
  ],
};

export const RECOVERY: Section = {
  title: "Recovery, when the broker started",
  metrics: [
    gauge(
      "chronik_recovery_duration_seconds",
      "How long it took to open the data.",
      ({ openedInMs }) => openedInMs / MS_PER_SECOND,
    ),
    gauge(
      "chronik_recovery_replayed_bytes",
      "Bytes of the log that were read behind the newest snapshot.",
      ({ opened }) => opened.report.replayedBytes,
    ),
    gauge(
      "chronik_recovery_replayed_groups",
      "Groups of the log that were read.",
      ({ opened }) => opened.report.replayedGroups,
    ),
    gauge(
      "chronik_recovery_cut_bytes",
      "Bytes, none of them acknowledged, that were cut off the end of the log.",
      ({ opened }) => opened.report.cutBytes,
    ),
    gauge("chronik_recovery_damaged_bytes", "Bytes of the log that could not be read.", ({ opened }) =>
      opened.report.damage.reduce((sum, { from, to }) => sum + to - from, 0),
    ),
    gauge(
      "chronik_recovery_warnings",
      "Warnings that opening the data has led to: they are in the broker's output.",
      ({ opened }) => opened.warnings.length,
    ),
  ],
};
