/**
 * The closed files of the log, from sealing to removal: their indexes, the snapshots that stand on them, and when a file
 * can go. One thing at a time, in the background; a failure here is as fatal as one in the log.
 *
 * Order of a file's life: sealed (durable to its end) → index durable → no partition needs its bytes any more, they are in
 * a segment or past their time → below two verified snapshots, both taken later than that → index removed → file removed, or
 * kept to be written over (`recycled-files.ts`).
 * So whichever snapshot a start begins from, it refers to nothing that is gone. A crash between the last two leaves a file
 * that nobody needs: it is found in the listing at the next start and goes then.
 */
import { type Position, toPosition } from "../base/brands.ts";
import type { BatchReader } from "../log/batch-reader.ts";
import { writeFileIndex } from "../log/file-index.ts";
import type { LogFile } from "../log/log-file.ts";
import type { RecycledFiles } from "../log/recycled-files.ts";
import { listSnapshots, removeOldSnapshots, writeSnapshot } from "../log/snapshot.ts";
import type { Wal } from "../log/wal.ts";
import { WAL_FOLDER, type WalFile } from "../log/wal-file.ts";
import { type Disk, ignoreMissing } from "../ports/disk.ts";
import { Writer } from "../protocol/codec/writer.ts";
import { takeSlices } from "./snapshot-state.ts";
import type { State } from "./state.ts";

export interface FilesOptions {
  readonly disk: Disk;
  readonly state: State;
  readonly wal: Wal;
  readonly reader: BatchReader;
  readonly recycled: RecycledFiles;
  /** Closed files, oldest first, their indexes durable. */
  readonly files: readonly WalFile[];
  /** Positions of the snapshots, newest first. */
  readonly snapshots: readonly Position[];
  readonly failed: (error: unknown) => void;
}

/** A snapshot, and where the log stood when its first slice was taken. */
interface Taken {
  readonly position: Position;
  readonly takenAt: number;
}

export class Files {
  readonly #options: FilesOptions;
  readonly #closed: WalFile[];
  /** Newest first. */
  #snapshots: readonly Taken[];
  /** Called when a closed file has its index. */
  indexed: () => void = () => undefined;
  #work: Promise<void> = Promise.resolve();
  /** Snapshots written since the start. */
  snapshotsWritten = 0;
  /** Bytes of files removed, or kept to be written over, since the start. */
  removedBytes = 0;

  constructor(options: FilesOptions) {
    this.#options = options;
    this.#closed = [...options.files];
    this.#snapshots = options.snapshots.map((position) => ({ position, takenAt: position }));
  }

  /** Closed files, oldest first. The last ones may still wait for their index. */
  get closed(): readonly WalFile[] {
    return this.#closed;
  }

  /** Position of the newest snapshot, and of the one before it. */
  get snapshots(): readonly Position[] {
    return this.#snapshots.map(({ position }) => position);
  }

  /** Takes over a file that is durable to its end. */
  sealed(file: WalFile): void {
    this.#closed.push(file);
    void this.#enqueue(async () => {
      await writeFileIndex(this.#options.disk, file);
      if (file.other !== undefined || file.roomTo > file.end - file.base) await this.#cutOff(file);
      this.indexed();
      const since = file.end - (this.#snapshots[0]?.position ?? 0);
      if (since >= this.#options.state.broker["snapshot.interval.bytes"]) await this.#snapshot();
      await this.#removeUnused();
    });
  }

  /** Files that wait for being written over, and what they take of the disk. */
  get recycled(): Pick<RecycledFiles, "count" | "bytes"> {
    return this.#options.recycled;
  }

  /** Removes the files that wait for being written over: others need the space. */
  giveUpRecycled(): Promise<void> {
    return this.#options.recycled.removeAll().catch((error: unknown) => this.#options.failed(error));
  }

  /** Takes a snapshot unless there is one of this very position. */
  snapshot(): Promise<void> {
    return this.#enqueue(async () => {
      const position = this.#nextSnapshotPosition();
      if (!this.#snapshots.some((each) => each.position === position)) await this.#snapshot(position);
    });
  }

  /** Removes what is of no more use, taking the snapshots that this waits for. */
  collect(): Promise<void> {
    return this.#enqueue(async () => {
      this.#markFreed();
      const [newest, older] = this.#snapshots;
      const isFurther = this.#nextSnapshotPosition() > (newest?.position ?? -1);
      if (this.#isWaitedFor(newest) || (isFurther && this.#isWaitedFor(older))) await this.#snapshot();
      // A later second snapshot may never come, when nothing more is written: one of an earlier position does as well.
      if (this.#isWaitedFor(this.#snapshots[1], this.#snapshots[0]?.position)) {
        const position = this.#earlierPosition();
        if (position !== undefined) await this.#snapshot(position);
      }
      await this.#removeUnused();
    });
  }

  /** Whether no snapshot refers any more to what was of no more use at this position of the log. */
  isForgotten(freedAt: number): boolean {
    // The one of the earlier position may have been taken later: each of them has to know.
    return this.#snapshots.length > 1 && this.#snapshots.every(({ takenAt }) => takenAt >= freedAt);
  }

  /** Resolves when everything asked for so far is done. */
  idle(): Promise<void> {
    return this.#work;
  }

  #enqueue(task: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(task).catch((error: unknown) => this.#options.failed(error));
    return this.#work;
  }

  /** Replay begins at the base of a file: behind the last file whose index is durable. */
  #nextSnapshotPosition(): Position {
    const indexed = this.#closed.findLast((file) => file.indexed);
    return indexed?.end ?? this.#options.wal.file.base;
  }

  #markFreed(): void {
    const { state, wal } = this.#options;
    for (const file of this.#closed) if (file.indexed && file.users === 0) file.freedAt ??= wal.position;
    for (const segment of state.segments.values()) if (segment.users === 0) segment.freedAt ??= wal.position;
  }

  /**
   * Whether something cannot go because this snapshot, the newest or the one before, may refer to it. A file goes when both
   * are behind it, too: that of one that ends `before`, if there is to be a snapshot between.
   */
  #isWaitedFor(snapshot: Taken | undefined, before = Number.POSITIVE_INFINITY): boolean {
    const { position, takenAt } = snapshot ?? { position: -1, takenAt: -1 };
    const isIn = ({ freedAt }: LogFile): boolean => freedAt !== undefined && freedAt > takenAt;
    const isWaiting = (file: WalFile): boolean =>
      isUnused(file) && file.end < before && (file.end > position || isIn(file));
    return this.#closed.some(isWaiting) || [...this.#options.state.segments.values()].some(isIn);
  }

  /** For a second snapshot: behind all files that could go, and before the newest one. */
  #earlierPosition(): Position | undefined {
    const [newest, older] = this.#snapshots;
    if (newest === undefined) return undefined;
    const behind = this.#closed.findLast((file) => file.freedAt !== undefined && file.end < newest.position)?.end;
    const position = Math.max(behind ?? 0, older?.position ?? this.#closed[0]?.base ?? newest.position);
    return position < newest.position ? toPosition(position) : undefined;
  }

  async #snapshot(position = this.#nextSnapshotPosition()): Promise<void> {
    const { disk, state, wal } = this.#options;
    const takenAt = wal.position;
    const files = this.#closed.filter((file) => file.indexed && file.base < position);
    const now = (): Position => wal.position;
    const slices = takeSlices(
      { state, files, now, position, previousStatePosition: wal.lastStatePosition },
      new Writer(),
    );
    await writeSnapshot(disk, {
      position,
      next: () => slices.next().value as Buffer | undefined,
      logPosition: now,
      durable: () => wal.flush(),
    });
    await removeOldSnapshots(disk);
    const taken = [{ position, takenAt }, ...this.#snapshots.filter((other) => other.position !== position)];
    const kept = new Set<number>(await listSnapshots(disk));
    this.#snapshots = taken.filter((each) => kept.has(each.position)).toSorted((x, y) => y.position - x.position);
    this.snapshotsWritten += 1;
  }

  #canGo(file: WalFile): boolean {
    const older = this.#snapshots[1];
    const isBelow = older !== undefined && file.end <= older.position;
    return isBelow && isUnused(file) && file.freedAt !== undefined && this.isForgotten(file.freedAt);
  }

  /** What the file held before it was the log's, and room that no group has taken, is of no use to anybody. Nothing depends on this: the index tells where the file ends. */
  async #cutOff(file: WalFile): Promise<void> {
    const open = await this.#options.disk.open(file.name, "readWrite");
    await open.truncate(file.end - file.base);
    await open.close();
    file.other = undefined;
    file.roomTo = 0;
  }

  async #removeUnused(): Promise<void> {
    this.#markFreed();
    const unused = this.#closed.filter((file) => this.#canGo(file));
    for (const file of unused) {
      this.#options.reader.forget(file);
      await this.#options.disk.remove(file.indexName).catch(ignoreMissing);
      await this.#options.recycled.keep(file);
      this.#closed.splice(this.#closed.indexOf(file), 1);
      this.removedBytes += file.end - file.base;
    }
    await this.#options.recycled.shrink();
    if (unused.length > 0) await this.#options.disk.syncFolder(WAL_FOLDER);
  }
}

function isUnused(file: WalFile): boolean {
  return file.indexed && file.users === 0 && file.readers === 0;
}
