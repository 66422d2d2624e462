/**
 * Reading the log back at start: replays every group from a snapshot's position on, cuts a torn tail, finds damage. Whoever
 * only wants to look replays it too, and mends nothing (`replayLog`).
 *
 * Since writes overlap syncs, a crash can leave a later group whole behind a torn one; neither was acknowledged. So bad
 * bytes beyond every position that some group header states as durable are a torn tail: the log is cut there, later
 * groups included, and the cut bytes are kept aside in `<file>.cut`. Not so what a file that is written over held before: a torn group of such
 * a file whose header is not there either goes with that without a word, since nobody can tell the two apart. Nor the zeros that small
 * groups write ahead (`wal.ts`), up to as many as they can be. Bad bytes before a
 * stated durable position, or in any file but the last (a file is begun only when the one before is durable), are damage: what is
 * good on either side is kept, and the report says what is gone and whether state records may be. What says that bytes were
 * durable: headers of later groups, the snapshot that the replay starts from, and the index of the last file, written when it was
 * sealed.
 *
 * Write order when cutting: the bytes aside and synced, then the truncation and a sync. A crash between leaves the torn
 * tail as it was, and the next start cuts it again. Nothing is cut before the whole log was read. Nor does anything depend
 * on the truncation: a file ends where the next one begins.
 *
 * What lies behind the last position that was stated as durable is written anew before it is synced. After a failed sync
 * (which ended the process) the system may take such bytes for clean and show them although they are not on the disk:
 * to sync them would then succeed without doing anything.
 *
 * Memory does not grow with the log: one chunk or one group at a time.
 */
import { assert } from "../base/assert.ts";
import { type Position, toPosition } from "../base/brands.ts";
import { type Disk, type DiskFile, IoError, ignoreMissing } from "../ports/disk.ts";
import { readFileDirectory } from "./file-index.ts";
import { GroupScanner, type ScannedGroup } from "./group-scanner.ts";
import { parseWalFileName, WAL_FOLDER, WalFile } from "./wal-file.ts";
import {
  type BatchRecord,
  FILLER_TYPE,
  GROUP_HEADER_BYTES,
  NO_STATE_POSITION,
  readBatchRecord,
  STATE_FIELDS_OFFSET,
  stateRecordType,
  VERSION_BATCH,
  VERSION_STATE,
  verifiedRecordBytes,
} from "./wal-record.ts";

const REWRITE_CHUNK_BYTES = 4 * 1024 * 1024;

/** What recovery hands over, in log order. */
export interface RecoveryTarget {
  batch(record: BatchRecord, buffer: Buffer, position: Position, file: WalFile): void;
  state(type: number, fields: Buffer, position: Position): void;
  /** Every `progressBytes` or so, with bytes done and in all. */
  progress(doneBytes: number, totalBytes: number): void;
}

/** Bytes that were durable once and are unreadable now. */
export interface Damage {
  readonly file: string;
  readonly from: Position;
  readonly to: Position;
  /** Whether state records lay in it, or may have. */
  readonly stateLost: boolean;
}

/** What a replay has found. */
export interface ReplayReport {
  /** All files, in order, those before the replay included; all closed. */
  readonly files: WalFile[];
  /** Where the log goes on. */
  readonly end: Position;
  readonly lastStatePosition: number;
  readonly replayedBytes: number;
  readonly replayedGroups: number;
  /** Bytes of the torn tail, which count no more. */
  readonly cutBytes: number;
  readonly damage: readonly Damage[];
}

export interface RecoveryReport extends ReplayReport {
  /** Whether the torn tail was kept aside: not when there was no space for it. */
  readonly cutKept: boolean;
}

export interface ReplayOptions {
  readonly disk: Pick<Disk, "open" | "list">;
  /** Replay starts here: 0, or a snapshot's position, which is always the base of a file. */
  readonly from: Position;
  /** The log was durable at least up to here when the snapshot was published. */
  readonly knownDurable: Position;
  /** Closed files that the snapshot knows, by first position. Those before `from` are not read. */
  readonly knownFiles: ReadonlyMap<number, WalFile>;
  readonly lastStatePosition: number;
  readonly target: RecoveryTarget;
}

export interface RecoveryOptions extends ReplayOptions {
  readonly disk: Disk;
}

interface ListedFile {
  readonly file: WalFile;
  readonly sizeBytes: number;
}

/** Replays the log and mends its end. Afterwards everything before `end` is durable. */
export async function recoverLog(options: RecoveryOptions): Promise<RecoveryReport> {
  const replay = await replayed(options);
  const cutKept = await replay.mend(options.disk);
  return { ...replay.report(), cutKept };
}

/**
 * Replays the log and changes nothing. A broker may be writing to it: what that has not written yet as a whole passes for a
 * torn tail, and when it removes or seals a file meanwhile there is an `IoError` `notFound`, or damage that another replay
 * does not find.
 */
export async function replayLog(options: ReplayOptions): Promise<ReplayReport> {
  return (await replayed(options)).report();
}

async function replayed(options: ReplayOptions): Promise<Replay> {
  const replay = new Replay(options, await listFiles(options));
  await replay.run();
  return replay;
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #listed: ListedFile[];
  readonly #damage: Damage[] = [];
  readonly #totalBytes: number;
  /** Everything before it was durable before this start, as a snapshot or an index tells. */
  #knownDurable: number;
  /** As the headers of groups tell, too. */
  #durable: number;
  #end: Position;
  #previousState: number;
  /** Damage whose extent is known, but not yet whether state was in it: the next good group says so. */
  #openDamage: { file: string; from: Position; to: Position } | undefined;
  #replayedBytes = 0;
  #groups = 0;
  #tail: { listed: ListedFile; cutAt: number; tornTo: number } | undefined;

  constructor(options: ReplayOptions, listed: ListedFile[]) {
    this.#options = options;
    this.#listed = listed;
    this.#end = options.from;
    this.#knownDurable = options.knownDurable;
    this.#durable = options.knownDurable;
    this.#previousState = options.lastStatePosition;
    this.#totalBytes = this.#replayed().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  async run(): Promise<void> {
    const replayed = this.#replayed();
    const last = replayed.at(-1);
    const sealed = last === undefined ? undefined : await readFileDirectory(this.#options.disk, last.file);
    this.#knownDurable = Math.max(this.#knownDurable, sealed?.end ?? 0);
    for (const [index, listed] of replayed.entries()) {
      if (listed.file.base > this.#end) this.#addDamage(listed.file.name, this.#end, listed.file.base);
      await this.#replayFile(listed, index === replayed.length - 1);
    }
    if (this.#end < this.#knownDurable) {
      const end = toPosition(this.#knownDurable);
      this.#addDamage("the end of the log", this.#end, end);
      this.#end = end;
    }
    this.#closeDamage(undefined);
  }

  /** Cuts what is torn and makes the rest durable. Answers whether what was cut is kept aside. */
  async mend(disk: Disk): Promise<boolean> {
    let cutKept = true;
    for (const listed of this.#replayed()) {
      const { file, sizeBytes } = listed;
      const keptBytes = this.#keptBytes(listed);
      if (this.#tornBytes(listed) > 0) cutKept = await keepTailAside(disk, file, keptBytes, this.#tail!.tornTo);
      if (listed === this.#listed.at(-1)) {
        await makeDurable(disk, file, { from: Math.max(0, this.#durable - file.base), to: keptBytes, sizeBytes });
      }
      if (keptBytes > 0) continue;
      await disk.remove(file.name);
      await disk.syncFolder(WAL_FOLDER);
    }
    return cutKept;
  }

  /** Closes the files: where they end is known now. */
  report(): ReplayReport {
    const files: WalFile[] = [];
    let cutBytes = 0;
    for (const listed of this.#listed) {
      const { file } = listed;
      const keptBytes = this.#keptBytes(listed);
      cutBytes += this.#tornBytes(listed);
      const isBefore = file.base < this.#options.from;
      if (keptBytes === 0 && !isBefore) continue;
      if (!file.isClosed) file.close(toPosition(file.base + keptBytes));
      if (isBefore) file.indexed = true; // known to the snapshot, or left over by an interrupted removal and without use
      files.push(file);
    }
    return {
      files,
      end: this.#end,
      lastStatePosition: this.#previousState,
      replayedBytes: this.#replayedBytes,
      replayedGroups: this.#groups,
      cutBytes,
      damage: this.#damage,
    };
  }

  /** Bytes of a file that count: all but those of a torn tail, room for groups, and what the file held before it was the log's. */
  #keptBytes(listed: ListedFile): number {
    return this.#tail?.listed === listed ? this.#tail.cutAt : listed.sizeBytes;
  }

  #tornBytes(listed: ListedFile): number {
    return this.#tail?.listed === listed ? this.#tail.tornTo - this.#tail.cutAt : 0;
  }

  #replayed(): ListedFile[] {
    return this.#listed.filter(({ file }) => file.base >= this.#options.from);
  }

  async #replayFile(listed: ListedFile, isLast: boolean): Promise<void> {
    const { file, sizeBytes } = listed;
    const disk = await this.#options.disk.open(file.name, "read");
    try {
      const scanner = new GroupScanner(file, disk, sizeBytes);
      let at = 0;
      let durable: number | undefined;
      while (at < sizeBytes) {
        const group = await scanner.groupAt(at);
        if (group !== undefined) {
          this.#applyGroup(group, file);
          at += group.end - headerStart(group);
          continue;
        }
        const next = await scanner.findGroup(at + 1);
        if (isLast) {
          durable ??= Math.max(this.#knownDurable, await statedDurable(scanner, next));
          if (file.base + at >= durable) {
            this.#tail = { listed, cutAt: at, tornTo: await scanner.tornEnd(at) };
            break;
          }
        }
        const to = next ?? (await scanner.damageEnd(at, durable));
        this.#addDamage(file.name, toPosition(file.base + at), toPosition(file.base + to));
        at = to;
      }
      this.#end = toPosition(file.base + at);
    } finally {
      await disk.close();
    }
  }

  #applyGroup(group: ScannedGroup, file: WalFile): void {
    const { header, buffer } = group;
    this.#durable = Math.max(this.#durable, header.durablePosition);
    this.#closeDamage(header.previousStatePosition);
    let at = group.recordsAt;
    let hasState = false;
    while (at < group.end) {
      const bytes = verifiedRecordBytes(buffer, at, group.end);
      assert(bytes > 0, `a whole group at position ${header.position} holds bytes that are no record`);
      const position = toPosition(header.position + (at - headerStart(group)));
      const version = buffer[at + 2];
      if (version === VERSION_STATE) {
        const type = stateRecordType(buffer, at);
        if (type !== FILLER_TYPE) {
          hasState = true;
          this.#options.target.state(type, buffer.subarray(at + STATE_FIELDS_OFFSET, at + bytes), position);
        }
      } else {
        const record = version === VERSION_BATCH ? readBatchRecord(buffer, at, bytes) : undefined;
        assert(record !== undefined, `a whole group at position ${header.position} holds a malformed record`);
        this.#options.target.batch(record, buffer, position, file);
      }
      at += bytes;
    }
    if (hasState) this.#previousState = header.position;
    this.#groups += 1;
    this.#replayedBytes += group.end - headerStart(group);
    this.#options.target.progress(this.#replayedBytes, this.#totalBytes);
  }

  #addDamage(file: string, from: Position, to: Position): void {
    if (this.#openDamage !== undefined && this.#openDamage.to === from) {
      this.#openDamage = { ...this.#openDamage, to };
      return;
    }
    this.#closeDamage(undefined);
    this.#openDamage = { file, from, to };
  }

  /** `previousState`: what the next good group says of the last state before it; undefined when there is none to ask. */
  #closeDamage(previousState: number | undefined): void {
    const open = this.#openDamage;
    if (open === undefined) return;
    const known = previousState !== undefined;
    const stateLost = !known || (previousState !== NO_STATE_POSITION && previousState >= open.from);
    this.#damage.push({ ...open, stateLost });
    this.#openDamage = undefined;
  }
}

function headerStart(group: ScannedGroup): number {
  return group.recordsAt - GROUP_HEADER_BYTES;
}

/** The furthest position that any whole group from file offset `from` on states as durable; 0 when there is none. */
export async function statedDurable(scanner: GroupScanner, from: number | undefined): Promise<number> {
  let durable = 0;
  for await (const { header } of scanner.groupsFrom(from)) durable = Math.max(durable, header.durablePosition);
  return durable;
}

async function listFiles({ disk, from, knownFiles }: ReplayOptions): Promise<ListedFile[]> {
  const listed: ListedFile[] = [];
  for (const name of await disk.list(WAL_FOLDER)) {
    const parsed = parseWalFileName(name);
    if (parsed === undefined) continue;
    const known = knownFiles.get(parsed.base);
    if (known !== undefined && known.incarnation === parsed.incarnation && parsed.base < from) {
      listed.push({ file: known, sizeBytes: known.end - known.base });
      continue;
    }
    const file = new WalFile(parsed.base, parsed.incarnation);
    const open = await disk.open(file.name, "read");
    listed.push({ file, sizeBytes: await open.sizeBytes() });
    await open.close();
  }
  return listed.map(({ file, sizeBytes }, index) => {
    const next = listed.slice(index + 1).find((other) => other.file.base > file.base);
    return { file, sizeBytes: next === undefined ? sizeBytes : Math.min(sizeBytes, next.file.base - file.base) };
  });
}

/** A full disk is where torn tails come from, and cutting makes space again: there they are not kept. Answers whether they are. */
async function keepTailAside(disk: Disk, file: WalFile, keptBytes: number, sizeBytes: number): Promise<boolean> {
  const source = await disk.open(file.name, "read");
  const tail = Buffer.allocUnsafe(sizeBytes - keptBytes);
  await source.read(tail, keptBytes);
  await source.close();
  if (tail.every((byte) => byte === 0)) return true;
  const name = `${file.name}.${keptBytes}.cut`;
  try {
    await disk.remove(name).catch(ignoreMissing);
    await keepAside(disk, name, tail);
    return true;
  } catch (error) {
    if (!(error instanceof IoError && NO_SPACE.has(error.code))) throw error;
    await disk.remove(name).catch(ignoreMissing);
    return false;
  }
}

const NO_SPACE: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);

async function keepAside(disk: Disk, name: string, bytes: Buffer): Promise<void> {
  const aside: DiskFile = await disk.create(name);
  await aside.write([bytes], 0);
  await aside.sync();
  await aside.close();
  await disk.syncFolder(WAL_FOLDER);
}

/** Writes `from`..`to` anew, cuts what is behind it, and syncs. */
async function makeDurable(
  disk: Disk,
  file: WalFile,
  extent: { readonly from: number; readonly to: number; readonly sizeBytes: number },
): Promise<void> {
  const { from, to, sizeBytes } = extent;
  const target = await disk.open(file.name, "readWrite");
  for (let at = from; at < to; at += REWRITE_CHUNK_BYTES) {
    const chunk = Buffer.allocUnsafe(Math.min(REWRITE_CHUNK_BYTES, to - at));
    await target.read(chunk, at);
    await target.write([chunk], at);
  }
  if (to < sizeBytes) await target.truncate(to);
  await target.sync();
  await target.close();
}
