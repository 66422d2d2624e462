/** What `chronik storage` tells of a data folder: which offsets lie in which tier, and what each file is there for. */
import { isReadFailure } from "../log/corruption.ts";
import { NEXT_INDEX } from "../log/file-index.ts";
import type { FileRange } from "../log/log-file.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { isRecycled } from "../log/recycled-files.ts";
import { SEGMENT_FOLDER, Segment } from "../log/segment.ts";
import { SNAPSHOT_FOLDER } from "../log/snapshot.ts";
import { WAL_FOLDER, WalFile } from "../log/wal-file.ts";
import { isMissing } from "../ports/disk.ts";
import type { ReadableDisk } from "../state/read-state.ts";
import type { Topic } from "../state/state.ts";
import { BatchLookup } from "./batch-lookup.ts";
import type { DataFolder } from "./data-folder.ts";

export type Tier = "wal" | "segment";

/** Neighbouring ranges of a partition in one tier. */
export interface TierReport {
  readonly tier: Tier;
  /** The first offset that can be read, and the one behind the last. */
  readonly startOffset: number;
  readonly endOffset: number;
  /** Of all batches, also of those before the log start that are in a file with others. */
  readonly batchBytes: number;
  readonly ranges: readonly FileRange[];
  readonly files: number;
  /** Timestamp of the first record; null when it has none, or it cannot be read. */
  readonly firstTimestamp: number | null;
  readonly maxTimestamp: number | null;
}

export interface PartitionReport {
  readonly topic: Topic;
  readonly partition: PartitionLog;
  /** In the order of their offsets. */
  readonly tiers: readonly TierReport[];
}

/** `open`: what comes next goes there. `backlog`: it waits for becoming a segment. `unused`: for its removal. */
export type WalState = "open" | "backlog" | "unused";

export interface WalReport {
  readonly file: WalFile;
  readonly state: WalState;
  readonly bytes: number;
  readonly isIndexed: boolean;
  /** Bytes of batches that partitions refer to. */
  readonly liveBytes: number;
}

export interface SegmentReport {
  readonly segment: Segment;
  /** `unused`: nothing refers to it any more, and it goes when no snapshot does. */
  readonly state: "used" | "unused";
}

export interface OtherFile {
  /** With its folder. */
  readonly name: string;
  readonly kind: "index" | "snapshot" | "recycled" | "aside" | "unknown";
  readonly bytes: number;
}

export interface FilesReport {
  readonly wal: readonly WalReport[];
  readonly segments: readonly SegmentReport[];
  readonly others: readonly OtherFile[];
}

export function tierOf({ file }: FileRange): Tier {
  return file instanceof Segment ? "segment" : "wal";
}

/** The partitions of one topic, or of all, in the order of creation. */
export async function reportPartitions(
  folder: DataFolder,
  topics: Iterable<Topic>,
  lost: ReadonlySet<string>,
): Promise<PartitionReport[]> {
  const lookup = new BatchLookup(folder.disk);
  try {
    const reports: PartitionReport[] = [];
    for (const topic of topics) {
      for (const partition of topic.partitions) {
        const tiers: TierReport[] = [];
        for (const ranges of neighbours(partition))
          tiers.push(await tierReport(lookup, lost, { topic, partition, ranges }));
        reports.push({ topic, partition, tiers });
      }
    }
    return reports;
  } finally {
    await lookup.close();
  }
}

/** What each file of the folder is there for. */
export async function reportFiles({ disk, reading, names }: DataFolder): Promise<FilesReport> {
  const { state, report } = reading;
  const liveBytes = new Map<string, number>();
  for (const { partitions } of state.topics()) {
    for (const { ranges } of partitions) {
      for (const { file, sizeBytes } of ranges) liveBytes.set(file.name, (liveBytes.get(file.name) ?? 0) + sizeBytes);
    }
  }
  const indexes = new Set(names.wal.filter((name) => name.endsWith(".index")).map((name) => `${WAL_FOLDER}/${name}`));
  const wal = report.files.map((file): WalReport => {
    const isIndexed = indexes.has(file.indexName);
    const isOpen = !isIndexed && file === report.files.at(-1);
    return {
      file,
      state: isOpen ? "open" : file.users > 0 ? "backlog" : "unused",
      bytes: file.end - file.base,
      isIndexed,
      liveBytes: liveBytes.get(file.name) ?? 0,
    };
  });
  const there = new Set(names.segments.map((name) => `${SEGMENT_FOLDER}/${name}`));
  const segments = [...state.segments.values()]
    .filter(({ name, users }) => users > 0 || there.has(name))
    .map((segment): SegmentReport => ({ segment, state: segment.users > 0 ? "used" : "unused" }));
  const known = new Set([...wal.map(({ file }) => file.name), ...segments.map(({ segment }) => segment.name)]);
  const rest = [
    ...names.wal.map((name) => `${WAL_FOLDER}/${name}`),
    ...names.segments.map((name) => `${SEGMENT_FOLDER}/${name}`),
    ...names.snapshots.map((name) => `${SNAPSHOT_FOLDER}/${name}`),
  ].filter((name) => !known.has(name));
  const ownIndexes = new Set(wal.map(({ file }) => file.indexName));
  const others: OtherFile[] = [];
  for (const name of rest) {
    const bytes = await sizeOf(disk, name);
    if (bytes !== undefined) others.push({ name, kind: kindOf(name, ownIndexes), bytes });
  }
  return { wal, segments, others };
}

const SNAPSHOT = /^snapshot\/\d{20}\.snapshot$/;
/** What a start has kept aside: a torn tail, or a snapshot that could not be read. */
const ASIDE = /^(wal\/.*\.cut|snapshot\/.*\.damaged)$/;
const NEXT_SNAPSHOT = `${SNAPSHOT_FOLDER}/next.tmp`;

function kindOf(name: string, ownIndexes: ReadonlySet<string>): OtherFile["kind"] {
  if (ownIndexes.has(name) || name === NEXT_INDEX) return "index";
  if (SNAPSHOT.test(name) || name === NEXT_SNAPSHOT) return "snapshot";
  if (isRecycled(name)) return "recycled";
  return ASIDE.test(name) ? "aside" : "unknown";
}

/** Ranges next to each other in one tier. */
function neighbours({ ranges }: PartitionLog): FileRange[][] {
  const groups: FileRange[][] = [];
  for (const range of ranges) {
    const group = groups.at(-1);
    if (group !== undefined && tierOf(group[0]!) === tierOf(range)) group.push(range);
    else groups.push([range]);
  }
  return groups;
}

async function tierReport(
  lookup: BatchLookup,
  lost: ReadonlySet<string>,
  {
    topic,
    partition,
    ranges,
  }: { readonly topic: Topic; readonly partition: PartitionLog; readonly ranges: readonly FileRange[] },
): Promise<TierReport> {
  const first = ranges[0]!;
  const startOffset = Math.max(first.firstOffset, partition.logStartOffset);
  const isLost = lost.has(first.file.name);
  return {
    tier: tierOf(first),
    startOffset,
    endOffset: ranges.at(-1)!.endOffset,
    batchBytes: ranges.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    ranges,
    files: new Set(ranges.map(({ file }) => file)).size,
    firstTimestamp: isLost ? null : await firstTimestamp(lookup, topic, first, startOffset),
    maxTimestamp: noneIfNegative(ranges.reduce((latest, { maxTimestamp }) => Math.max(latest, maxTimestamp), -1)),
  };
}

/** Of the batch that holds the offset. Damage is what `chronik storage verify` is for. */
async function firstTimestamp(
  lookup: BatchLookup,
  topic: Topic,
  range: FileRange,
  offset: number,
): Promise<number | null> {
  try {
    const found = await lookup.find(range, topic.name, offset);
    return found === undefined ? null : noneIfNegative(Number(found.header.baseTimestamp));
  } catch (error) {
    if (!isReadFailure(error)) throw error;
    return null;
  }
}

function noneIfNegative(timestamp: number): number | null {
  return timestamp < 0 ? null : timestamp;
}

/** Undefined when it is gone. */
async function sizeOf(disk: ReadableDisk, name: string): Promise<number | undefined> {
  try {
    const file = await disk.open(name, "read");
    const bytes = await file.sizeBytes();
    await file.close();
    return bytes;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
