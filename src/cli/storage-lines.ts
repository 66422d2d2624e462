/** What `chronik storage` tells, as tables for people or as lines of JSON. */
import { formatUuid } from "../base/uuid.ts";
import type { FileRange } from "../log/log-file.ts";
import type { StateReading } from "../state/read-state.ts";
import { toJson } from "./exact-json.ts";
import type { FilesReport, OtherFile, PartitionReport, Tier, TierReport, WalState } from "./storage-report.ts";
import { type Cell, table } from "./table.ts";
import { timeText } from "./wal-lines.ts";

const PARTITION_HEAD = [
  "TOPIC",
  "PARTITION",
  "TIER",
  "START",
  "END",
  "BYTES",
  "RANGES",
  "FILES",
  "FROM",
  "TO",
  "CLEANED-TO",
];
const FILES_HEAD = ["FILES", "COUNT", "BYTES", "BATCH-BYTES", "LIVE-BYTES", "DEAD-BYTES"];
const WAL_NAMES: Readonly<Record<WalState, string>> = {
  open: "log, open",
  backlog: "log, to become segments",
  unused: "log, of no more use",
};
const OTHER_NAMES: Readonly<Record<OtherFile["kind"], string>> = {
  index: "indexes of the log",
  snapshot: "snapshots",
  recycled: "of the log, to be written over",
  aside: "set aside by a start",
  unknown: "belonging to nothing",
};

/** A row for each tier of each partition; one without records has a row too. */
export function partitionLines(partitions: readonly PartitionReport[]): readonly string[] {
  const rows = partitions.flatMap(
    ({ topic, partition: { partition, logStartOffset, endOffset, cleanedTo }, tiers }) => {
      const cleaned = cleanedTo === 0 ? null : cleanedTo;
      if (tiers.length === 0)
        return [
          [topic.name, partition, null, logStartOffset, endOffset, 0, 0, 0, null, null, cleaned] satisfies Cell[],
        ];
      return tiers.map((tier): Cell[] => [
        ...[topic.name, partition, tier.tier, tier.startOffset, tier.endOffset],
        ...[tier.batchBytes, tier.ranges.length, tier.files],
        ...[tier.firstTimestamp, tier.maxTimestamp].map((time) => (time === null ? null : timeText(time))),
        cleaned,
      ]);
    },
  );
  return table(PARTITION_HEAD, rows);
}

export function partitionJson({ topic, partition, tiers }: PartitionReport): string {
  const { logStartOffset, endOffset, sizeBytes: batchBytes, cleanedTo, horizonMs } = partition;
  return toJson({
    kind: "partition",
    topic: topic.name,
    topicId: formatUuid(topic.id),
    partition: partition.partition,
    logStartOffset,
    endOffset,
    batchBytes,
    cleanedTo,
    tombstonesGoMs: horizonMs === -1 ? null : horizonMs,
    tiers: tiers.map(tierJson),
  });
}

function tierJson({
  tier,
  startOffset,
  endOffset,
  batchBytes,
  ranges,
  files,
  firstTimestamp,
  maxTimestamp,
}: TierReport) {
  return {
    tier,
    startOffset,
    endOffset,
    batchBytes,
    files,
    firstTimestamp,
    maxTimestamp,
    ranges: ranges.map(rangeJson),
  };
}

/** A range, with the offsets that its file stands for, those before the log start included. */
export function rangeJson({ file, firstOffset, endOffset, sizeBytes: batchBytes, maxTimestamp }: FileRange) {
  return { file: file.name, firstOffset, endOffset, batchBytes, maxTimestamp: maxTimestamp < 0 ? null : maxTimestamp };
}

/** How many files of each kind there are, and what is in them. */
export function filesLines({ wal, segments, others }: FilesReport): readonly string[] {
  const rows: Cell[][] = [];
  const row = (name: string, files: readonly Sizes[]): void => {
    if (files.length > 0) rows.push([name, files.length, sum(files, "bytes"), ...counted(files)]);
  };
  for (const state of ["open", "backlog", "unused"] as const) {
    row(
      WAL_NAMES[state],
      wal.filter((each) => each.state === state).map(({ bytes, liveBytes }) => ({ bytes, liveBytes })),
    );
  }
  const used = segments.filter(({ state }) => state === "used").map(({ segment }) => segment);
  const levels = [...new Set(used.map(({ level }) => level))].toSorted((a, b) => a - b);
  for (const level of levels)
    row(`segments of level ${level}`, used.filter((each) => each.level === level).map(sizesOf));
  const unused = segments.filter(({ state }) => state === "unused").map(({ segment }) => sizesOf(segment));
  row("segments of no more use", unused);
  for (const kind of ["index", "snapshot", "recycled", "aside", "unknown"] as const)
    row(
      OTHER_NAMES[kind],
      others.filter((other) => other.kind === kind),
    );
  return table(FILES_HEAD, rows);
}

export function filesJson({ wal, segments, others }: FilesReport): readonly string[] {
  return [
    ...wal.map(({ file, state, bytes, isIndexed, liveBytes }) =>
      toJson({ kind: "wal", file: file.name, state, position: file.base, bytes, isIndexed, liveBytes }),
    ),
    ...segments.map(({ segment, state }) => {
      const { name: file, level, walPosition, sizeBytes: bytes, batchBytes, liveBytes } = segment;
      const deadBytes = batchBytes - liveBytes;
      return toJson({ kind: "segment", file, state, level, walPosition, bytes, batchBytes, liveBytes, deadBytes });
    }),
    ...others.map(({ name: file, kind, bytes }) => toJson({ kind, file, bytes })),
  ];
}

/** The folder as a whole, in a few lines. */
export function totalLines(
  { snapshot, report }: StateReading,
  partitions: readonly PartitionReport[],
  files: FilesReport,
): readonly string[] {
  const { topics, tiers, backlogBytes } = totals(partitions, files);
  const of = (tier: Tier): string => `${tiers[tier].batchBytes} bytes in ${tiers[tier].ranges} ranges`;
  const behind = snapshot === undefined ? "no snapshot" : `newest snapshot at ${snapshot}`;
  return [
    `topics    ${topics}, with ${partitions.length} partitions`,
    `batches   log: ${of("wal")}; segments: ${of("segment")}`,
    `backlog   ${backlogBytes} bytes of log to become segments`,
    `log       ends at ${report.end}, ${behind}, ${report.replayedBytes} bytes are read at a start`,
  ];
}

export function totalJson(
  { snapshot, report }: StateReading,
  partitions: readonly PartitionReport[],
  files: FilesReport,
): string {
  const { end: logEnd, replayedBytes: replayBytes, cutBytes: tornBytes } = report;
  const log = { logEnd, snapshot: snapshot ?? null, replayBytes, tornBytes };
  return toJson({ kind: "total", partitions: partitions.length, ...totals(partitions, files), ...log });
}

function totals(partitions: readonly PartitionReport[], { wal, segments, others }: FilesReport) {
  const tiers = { wal: { batchBytes: 0, ranges: 0 }, segment: { batchBytes: 0, ranges: 0 } };
  for (const { tiers: own } of partitions) {
    for (const { tier, batchBytes, ranges } of own) {
      tiers[tier].batchBytes += batchBytes;
      tiers[tier].ranges += ranges.length;
    }
  }
  const used = segments.filter(({ state }) => state === "used").map(({ segment }) => sizesOf(segment));
  const unused = segments.filter(({ state }) => state === "unused").map(({ segment }) => sizesOf(segment));
  const backlog = wal.filter(({ state }) => state === "backlog");
  const unknown = others.filter(({ kind }) => kind === "unknown");
  return {
    topics: new Set(partitions.map(({ topic }) => topic)).size,
    tiers,
    backlogFiles: backlog.length,
    backlogBytes: sum(backlog, "bytes"),
    walFiles: wal.length,
    walBytes: sum(wal, "bytes"),
    segments: used.length,
    segmentBytes: sum(used, "bytes"),
    deadBytes: used.reduce((total, { batchBytes, liveBytes }) => total + batchBytes - liveBytes, 0),
    unusedSegments: unused.length,
    unusedSegmentBytes: sum(unused, "bytes"),
    unknownFiles: unknown.length,
    unknownBytes: sum(unknown, "bytes"),
  };
}

interface Sizes {
  readonly bytes: number;
  readonly batchBytes?: number;
  readonly liveBytes?: number;
}

function sizesOf({
  sizeBytes: bytes,
  batchBytes,
  liveBytes,
}: {
  readonly sizeBytes: number;
  readonly batchBytes: number;
  readonly liveBytes: number;
}) {
  return { bytes, batchBytes, liveBytes };
}

/** Bytes of batches, those still referred to, and the others, as far as that is known. */
function counted(files: readonly Sizes[]): Cell[] {
  const batchBytes = known(files, "batchBytes");
  const liveBytes = known(files, "liveBytes");
  return [batchBytes, liveBytes, batchBytes === null || liveBytes === null ? null : batchBytes - liveBytes];
}

function known(files: readonly Sizes[], key: "batchBytes" | "liveBytes"): number | null {
  return files.every((file) => file[key] !== undefined) ? sum(files, key) : null;
}

function sum<Key extends keyof Sizes>(files: readonly Sizes[], key: Key): number {
  return files.reduce((total, file) => total + (file[key] ?? 0), 0);
}
