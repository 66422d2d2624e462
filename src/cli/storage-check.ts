/**
 * Whether a data folder is well as a whole: every checksum of its segments, of its log, of the indexes and the snapshots; and
 * that all of it belongs together: what the state and each snapshot refer to is there and is what they say, and every offset
 * of every partition lies in exactly one range.
 *
 * A broker may be at work. A file that is gone by now, an index that is half written, a snapshot that was replaced: another
 * look finds them in order. So when something is wrong everything but the segments, which never change, is looked at again,
 * and what counts is what two looks in a row say.
 */
import { toPosition } from "../base/brands.ts";
import type { BatchIndex } from "../log/batch-index.ts";
import { CorruptionError } from "../log/corruption.ts";
import { readStoredIndex } from "../log/file-index.ts";
import type { FileRange } from "../log/log-file.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { SEGMENT_FOLDER, Segment } from "../log/segment.ts";
import { readSnapshot, SNAPSHOT_FOLDER } from "../log/snapshot.ts";
import { parseWalFileName, WAL_FOLDER, type WalFile } from "../log/wal-file.ts";
import { isMissing } from "../ports/disk.ts";
import { MalformedMessage } from "../protocol/codec/reader.ts";
import type { ReadableDisk } from "../state/read-state.ts";
import { restoreSlices } from "../state/snapshot-state.ts";
import { State, type Topic } from "../state/state.ts";
import { UnknownStateError } from "../state/state-record.ts";
import type { DirectoryRow } from "../storage/segment-format.ts";
import { type VerifiedSegment, verifySegment } from "../storage/segment-verify.ts";
import { type DataFolder, readDataFolder } from "./data-folder.ts";
import { coverageProblems, gapText } from "./storage-coverage.ts";
import { type OtherFile, reportFiles } from "./storage-report.ts";
import { type Problem, WalCheck } from "./wal-check.ts";
import { openWalIn, type WalFolder, type WalInput, type WalItem } from "./wal-walk.ts";

/** Something changes faster than it can be looked at: then what the last look says counts. */
const LOOKS_MAX = 4;
const SNAPSHOT = /^(\d{20})\.snapshot$/;

export interface CheckedFile {
  readonly kind: "wal" | "segment" | "snapshot";
  /** With its folder. */
  readonly file: string;
  readonly bytes: number;
  readonly batches: number;
  /** The first of them. */
  readonly problems: readonly Problem[];
  readonly problemCount: number;
  /** What is no damage, and should be known. */
  readonly note: string | undefined;
}

export interface CheckedPartition {
  readonly topic: Topic;
  readonly partition: PartitionLog;
  readonly problems: readonly string[];
}

export interface StorageCheckReport {
  readonly files: readonly CheckedFile[];
  readonly partitions: readonly CheckedPartition[];
  /** Of the state as a whole: what a start would warn of. */
  readonly problems: readonly string[];
  /** What belongs to nothing, or was set aside. */
  readonly others: readonly OtherFile[];
  readonly isWell: boolean;
}

export interface StorageCheckOptions {
  readonly disk: ReadableDisk;
  /** For people. */
  readonly path: string;
  readonly progress: (doneBytes: number, totalBytes: number) => void;
  /** Called before another look is taken. */
  readonly pause: () => Promise<void>;
}

export async function checkStorage(options: StorageCheckOptions): Promise<StorageCheckReport> {
  const segments = new Map<string, CheckedFile>();
  let before: string | undefined;
  for (let looks = 1; ; looks += 1) {
    const look = new Look(options, await readDataFolder(options.disk, options.path), segments);
    const report = await look.check();
    const found = problemsOf(report);
    if ((report.isWell && !look.somethingIsGone) || found === before || looks === LOOKS_MAX) return report;
    before = found;
    await options.pause();
  }
}

function problemsOf({ files, partitions, problems }: StorageCheckReport): string {
  const ofFiles = files.flatMap(({ file, problems: own }) => own.map(({ at, what }) => `${file} ${at} ${what}`));
  const ofPartitions = partitions.flatMap(({ topic, partition, problems: own }) =>
    own.map((problem) => `${topic.name}-${partition.partition} ${problem}`),
  );
  return [...problems, ...ofFiles, ...ofPartitions].join("\n");
}

/** A range, and whose it is. */
interface OwnedRange {
  readonly topic: Topic;
  readonly partition: PartitionLog;
  readonly range: FileRange;
}

/** One look at the folder. */
class Look {
  /** A file was gone when it was to be opened, or soon after: nothing is wrong if the state has no use for it by now. */
  somethingIsGone = false;
  readonly #options: StorageCheckOptions;
  readonly #folder: DataFolder;
  /** What is known of segments from earlier looks. */
  readonly #segments: Map<string, CheckedFile>;
  /** By file. */
  readonly #ranges = new Map<string, OwnedRange[]>();
  #doneBytes = 0;
  #totalBytes = 0;

  constructor(options: StorageCheckOptions, folder: DataFolder, segments: Map<string, CheckedFile>) {
    this.#options = options;
    this.#folder = folder;
    this.#segments = segments;
    for (const topic of folder.reading.state.topics()) {
      for (const partition of topic.partitions) {
        for (const range of partition.ranges) {
          const owned = { topic, partition, range };
          const others = this.#ranges.get(range.file.name);
          if (others === undefined) this.#ranges.set(range.file.name, [owned]);
          else others.push(owned);
        }
      }
    }
  }

  async check(): Promise<StorageCheckReport> {
    const { state, problems, report } = this.#folder.reading;
    const present = new Set(this.#folder.names.segments.map((name) => `${SEGMENT_FOLDER}/${name}`));
    const segments = [...state.segments.values()].filter(({ name, users }) => users > 0 || present.has(name));
    const unread = segments.filter(({ name }) => !this.#segments.has(name));
    this.#totalBytes = [
      ...unread.map(({ sizeBytes }) => sizeBytes),
      ...report.files.map(({ base, end }) => end - base),
    ].reduce((sum, bytes) => sum + bytes, 0);
    const { others } = await reportFiles(this.#folder);
    const files = [...(await this.#checkSnapshots()), ...(await this.#checkLog())];
    for (const segment of segments) {
      const checked = this.#segments.get(segment.name) ?? (await this.#checkSegment(segment));
      if (checked !== undefined) files.push(checked);
    }
    const partitions = await this.#checkPartitions();
    return {
      files,
      partitions,
      problems,
      others: others.filter(({ kind }) => kind === "unknown" || kind === "aside"),
      isWell: problems.length === 0 && partitions.length === 0 && files.every(({ problemCount }) => problemCount === 0),
    };
  }

  async #checkSnapshots(): Promise<CheckedFile[]> {
    const checked: CheckedFile[] = [];
    for (const name of this.#folder.names.snapshots) {
      const position = SNAPSHOT.exec(name)?.[1];
      if (position === undefined) continue;
      const file = await this.#checkSnapshot(`${SNAPSHOT_FOLDER}/${name}`, Number(position));
      if (file !== undefined) checked.push(file);
    }
    return checked;
  }

  async #checkSnapshot(name: string, position: number): Promise<CheckedFile | undefined> {
    const { disk } = this.#options;
    const bytes = await sizeOf(disk, name);
    if (bytes === undefined) return this.#gone();
    const snapshot = await readSnapshot(disk, toPosition(position));
    if (snapshot === undefined)
      return (await sizeOf(disk, name)) === undefined
        ? this.#gone()
        : checkedFile({ kind: "snapshot", file: name, bytes }, ["its slices are not whole"]);
    const state = new State(0, new Map(), []);
    try {
      const files = restoreSlices(snapshot.slices, state);
      const wanted = [...files.values(), ...state.segments.values()].filter(({ users }) => users > 0);
      const there = this.#there();
      const missing = wanted.filter((file) => !there.has(file.name));
      return checkedFile(
        { kind: "snapshot", file: name, bytes },
        missing.map((file) => `it refers to ${file.name}, which is not there`),
      );
    } catch (error) {
      if (!(error instanceof MalformedMessage || error instanceof UnknownStateError)) throw error;
      return checkedFile({ kind: "snapshot", file: name, bytes }, [error.message]);
    }
  }

  async #checkLog(): Promise<CheckedFile[]> {
    const { disk } = this.#options;
    const folder: WalFolder = {
      open: (name, access) => disk.open(`${WAL_FOLDER}/${name}`, access),
      list: () => disk.list(WAL_FOLDER),
    };
    const check = new WalCheck();
    const known = new Map(this.#folder.reading.report.files.map((file) => [file.name, file]));
    const checked: CheckedFile[] = [];
    for (const name of this.#folder.names.wal.filter((each) => parseWalFileName(each) !== undefined)) {
      const path = `${WAL_FOLDER}/${name}`;
      let input: WalInput | undefined;
      try {
        input = await openWalIn(folder, name, path);
        checked.push(await this.#checkWalFile(check, input, known.get(path)));
      } catch (error) {
        if (!isMissing(error)) throw error;
        this.#gone();
      } finally {
        await input?.close();
      }
    }
    return checked;
  }

  async #checkWalFile(check: WalCheck, input: WalInput, file: WalFile | undefined): Promise<CheckedFile> {
    const report = await check.check({ ...input, items: () => this.#followed(input) });
    this.#doneBytes += input.sizeBytes;
    const { problems, problemCount, batches, torn } = report;
    const more = file === undefined ? [] : await this.#matchWalFile(input, file);
    const note =
      torn === undefined
        ? undefined
        : `${torn.bytes} bytes at its end are still being written, or were never acknowledged`;
    return {
      ...{ kind: "wal", file: input.path, bytes: input.sizeBytes, batches, note },
      problems: [...problems, ...more.map((what) => ({ at: input.sizeBytes, bytes: 0, what }))],
      problemCount: problemCount + more.length,
    };
  }

  /** Whether the file and its index are what the state takes them for. */
  async #matchWalFile({ index, sizeBytes }: WalInput, file: WalFile): Promise<string[]> {
    const problems: string[] = [];
    const owned = this.#ranges.get(file.name) ?? [];
    const isBefore = file.base < (this.#folder.reading.snapshot ?? 0);
    if (sizeBytes < file.end - file.base)
      problems.push(`${file.end - file.base - sizeBytes} bytes are missing at its end`);
    if (isBefore && index === undefined && owned.length > 0) problems.push("its index is missing");
    if (typeof index !== "object") return problems;
    const rows = new Map(index.rows.map((row) => [keyOf(row), row]));
    // It was still written to when the state was read, and has been sealed since.
    const hasGrown = index.end > file.end;
    for (const { topic, range } of owned) {
      const { stored, endOffset } = range;
      const row = rows.get(keyOf(range));
      const isSame =
        row !== undefined &&
        (hasGrown ? row.endOffset >= endOffset : row.endOffset === endOffset) &&
        (stored === undefined ||
          (row.stored.at === stored.at && row.stored.rows === stored.rows && row.stored.crc === stored.crc));
      if (!isSame) problems.push(`its index and the state disagree on ${rangeText(topic, range)}`);
    }
    return problems;
  }

  async *#followed(input: WalInput): AsyncGenerator<WalItem, void, void> {
    for await (const item of input.items()) {
      this.#options.progress(this.#doneBytes + item.at, this.#totalBytes);
      yield item;
    }
  }

  /** Undefined when the segment is gone. */
  async #checkSegment(segment: Segment): Promise<CheckedFile | undefined> {
    const { name, sizeBytes } = segment;
    const place = { kind: "segment", file: name, bytes: sizeBytes } as const;
    const progress = (): void => this.#options.progress(this.#doneBytes, this.#totalBytes);
    let checked: CheckedFile;
    try {
      const found = await verifySegment(this.#options.disk, name, progress);
      checked = { ...checkedFile(place, this.#matchSegment(segment, found)), batches: found.batches };
    } catch (error) {
      // What is removed is freed from its end on: who is reading it finds it damaged.
      const isGone =
        isMissing(error) ||
        (error instanceof CorruptionError && (await sizeOf(this.#options.disk, name)) === undefined);
      if (isGone) {
        this.#gone();
        return segment.users === 0 ? undefined : checkedFile({ ...place, bytes: 0 }, ["the file is missing"]);
      }
      if (!(error instanceof CorruptionError)) throw error;
      checked = {
        ...place,
        batches: 0,
        problems: [{ at: error.position, bytes: 0, what: error.what }],
        problemCount: 1,
        note: undefined,
      };
    }
    this.#doneBytes += sizeBytes;
    this.#segments.set(name, checked);
    return checked;
  }

  /** Whether the segment is what the state takes it for. */
  #matchSegment(segment: Segment, { directory, sizeBytes, crc, missingOffsets }: VerifiedSegment): string[] {
    const problems: string[] = [];
    const { rows } = directory;
    if (directory.id !== segment.id || directory.walPosition !== segment.walPosition)
      problems.push("it is another segment than its name says");
    if (sizeBytes !== segment.sizeBytes || crc !== segment.crc)
      problems.push(
        `${sizeBytes} bytes with checksum ${crc}, where the log tells of ${segment.sizeBytes} with ${segment.crc}`,
      );
    const batchBytes = rows.reduce((sum, row) => sum + row.sizeBytes, 0);
    if (batchBytes !== segment.batchBytes)
      problems.push(`${batchBytes} bytes of batches, where the log tells of ${segment.batchBytes}`);
    const places = new Map(rows.map((row, place) => [keyOf(row), place]));
    for (const { topic, partition, range } of this.#ranges.get(segment.name) ?? []) {
      const place = places.get(keyOf(range));
      if (place === undefined || !isRange(rows[place]!, range)) {
        problems.push(`its directory and the state disagree on ${rangeText(topic, range)}`);
      } else if (missingOffsets[place]! > 0 && range.firstOffset >= partition.cleanedTo) {
        problems.push(
          `${missingOffsets[place]} offsets are missing in ${rangeText(topic, range)}, which was never compacted`,
        );
      }
    }
    return problems;
  }

  async #checkPartitions(): Promise<CheckedPartition[]> {
    const checked: CheckedPartition[] = [];
    for (const topic of this.#folder.reading.state.topics()) {
      for (const partition of topic.partitions) {
        const problems = coverageProblems(partition);
        for (const range of partition.ranges) problems.push(...(await this.#gapsInLog(range)));
        if (problems.length > 0) checked.push({ topic, partition, problems });
      }
    }
    return checked;
  }

  /** Offsets that are missing within a range of the log. Those in segments are counted when the segment is read. */
  async #gapsInLog(range: FileRange): Promise<string[]> {
    if (range.file instanceof Segment) return [];
    const index = await this.#indexOf(range);
    const problems: string[] = [];
    let next = range.firstOffset;
    for (let row = 0; row < (index?.count ?? 0); row += 1) {
      const baseOffset = index!.baseOffsetAt(row);
      if (baseOffset > next) problems.push(gapText(next, baseOffset));
      next = index!.endOffsetAt(row);
    }
    if (index !== undefined && next !== range.endOffset) problems.push(gapText(next, range.endOffset));
    return problems;
  }

  /** Undefined where it is damaged or gone: that was said of its file. */
  async #indexOf({ index, file, stored }: FileRange): Promise<BatchIndex | undefined> {
    if (index !== undefined) return index;
    try {
      return await readStoredIndex(this.#options.disk, file, stored!);
    } catch (error) {
      if (isMissing(error)) return this.#gone();
      if (error instanceof CorruptionError) return undefined;
      throw error;
    }
  }

  #there(): ReadonlySet<string> {
    const { wal, segments } = this.#folder.names;
    return new Set([
      ...wal.map((name) => `${WAL_FOLDER}/${name}`),
      ...segments.map((name) => `${SEGMENT_FOLDER}/${name}`),
    ]);
  }

  #gone(): undefined {
    this.somethingIsGone = true;
  }
}

function isRange(row: DirectoryRow, { endOffset, sizeBytes, maxTimestamp, stored }: FileRange): boolean {
  return (
    row.endOffset === endOffset &&
    row.sizeBytes === sizeBytes &&
    row.maxTimestamp === maxTimestamp &&
    row.rowsAt === stored!.at &&
    row.rows === stored!.rows &&
    row.rowsCrc === stored!.crc
  );
}

function keyOf({
  topicId,
  partition,
  firstOffset,
}: {
  readonly topicId: string;
  readonly partition: number;
  readonly firstOffset: number;
}): string {
  return `${topicId}/${partition}/${firstOffset}`;
}

function rangeText(topic: Topic, { partition, firstOffset, endOffset }: FileRange): string {
  return `${topic.name}-${partition} offsets ${firstOffset} to ${endOffset - 1}`;
}

function checkedFile(place: Pick<CheckedFile, "kind" | "file" | "bytes">, problems: readonly string[]): CheckedFile {
  const placed = problems.map((what) => ({ at: 0, bytes: 0, what }));
  return { ...place, batches: 0, problems: placed, problemCount: problems.length, note: undefined };
}

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
