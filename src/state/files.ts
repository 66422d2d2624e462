/**
 * The closed files of the log, from sealing to removal: their indexes, the snapshots that stand on them, and when a file
 * can go. One thing at a time, in the background; a failure here is as fatal as one in the log.
 *
 * Order of a file's life: sealed (durable to its end) → index durable → below two verified snapshots, and no partition
 * needs its bytes any more → index removed → file removed. A crash between the last two leaves a file that nobody needs:
 * it is found in the listing at the next start and removed then.
 */
import type { Position } from "../base/brands.ts";
import type { BatchReader } from "../log/batch-reader.ts";
import { writeFileIndex } from "../log/file-index.ts";
import { listSnapshots, removeOldSnapshots, writeSnapshot } from "../log/snapshot.ts";
import type { Wal } from "../log/wal.ts";
import { WAL_FOLDER, type WalFile } from "../log/wal-file.ts";
import { type Disk, IoError } from "../ports/disk.ts";
import { Writer } from "../protocol/codec/writer.ts";
import { takeSlices } from "./snapshot-state.ts";
import type { State } from "./state.ts";

export interface FilesOptions {
  readonly disk: Disk;
  readonly state: State;
  readonly wal: Wal;
  readonly reader: BatchReader;
  /** Closed files, oldest first, their indexes durable. */
  readonly files: readonly WalFile[];
  /** Position of the newest snapshot, and of the one before it. */
  readonly snapshots: readonly Position[];
  readonly failed: (error: unknown) => void;
}

export class Files {
  readonly #options: FilesOptions;
  readonly #closed: WalFile[];
  #snapshots: readonly Position[];
  #work: Promise<void> = Promise.resolve();
  /** Snapshots written since the start. */
  snapshotsWritten = 0;

  constructor(options: FilesOptions) {
    this.#options = options;
    this.#closed = [...options.files];
    this.#snapshots = options.snapshots;
  }

  /** Closed files, oldest first. The last ones may still wait for their index. */
  get closed(): readonly WalFile[] {
    return this.#closed;
  }

  /** Position of the newest snapshot, and of the one before it. */
  get snapshots(): readonly Position[] {
    return this.#snapshots;
  }

  /** Takes over a file that is durable to its end. */
  sealed(file: WalFile): void {
    this.#closed.push(file);
    void this.#enqueue(async () => {
      await writeFileIndex(this.#options.disk, file);
      const since = file.end - (this.#snapshots[0] ?? 0);
      if (since >= this.#options.state.broker["snapshot.interval.bytes"]) await this.#snapshot();
      await this.#removeUnused();
    });
  }

  /** Takes a snapshot unless the newest one is of this very position. */
  snapshot(): Promise<void> {
    return this.#enqueue(() => this.#snapshot());
  }

  /** Removes what retention has left without use, taking the snapshots that this waits for. */
  collect(): Promise<void> {
    return this.#enqueue(async () => {
      if (this.#lastWaiting() !== undefined) await this.#snapshot();
      // A later second snapshot may never come, when nothing more is written: one of an earlier position does as well.
      const [newest = 0] = this.#snapshots;
      const waiting = this.#lastWaiting(newest);
      if (waiting !== undefined) await this.#snapshot(waiting.end);
      await this.#removeUnused();
    });
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

  /** The newest file, of those that end before `before`, that only has to come below two snapshots before it can go. */
  #lastWaiting(before = Number.POSITIVE_INFINITY): WalFile | undefined {
    const waits = (file: WalFile): boolean => file.indexed && isUnused(file) && !this.#isBelowSnapshots(file);
    return this.#closed.findLast((file) => file.end < before && waits(file));
  }

  async #snapshot(position = this.#nextSnapshotPosition()): Promise<void> {
    const { disk, state, wal } = this.#options;
    if (this.#snapshots.includes(position)) return;
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
    this.#snapshots = await listSnapshots(disk);
    this.snapshotsWritten += 1;
  }

  #isBelowSnapshots(file: WalFile): boolean {
    const older = this.#snapshots[1];
    return older !== undefined && file.end <= older;
  }

  async #removeUnused(): Promise<void> {
    const unused = this.#closed.filter((file) => file.indexed && isUnused(file) && this.#isBelowSnapshots(file));
    for (const file of unused) {
      this.#options.reader.forget(file);
      await removeIfThere(this.#options.disk, file.indexName);
      await this.#options.disk.remove(file.name);
      this.#closed.splice(this.#closed.indexOf(file), 1);
    }
    if (unused.length > 0) await this.#options.disk.syncFolder(WAL_FOLDER);
  }
}

function isUnused(file: WalFile): boolean {
  return file.users === 0 && file.readers === 0;
}

async function removeIfThere(disk: Disk, name: string): Promise<void> {
  await disk.remove(name).catch((error: unknown) => {
    if (!(error instanceof IoError && error.kind === "notFound")) throw error;
  });
}
