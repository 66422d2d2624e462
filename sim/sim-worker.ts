/**
 * The storage worker of a simulated broker: it runs in the same simulation and on the same disk, but apart from the broker. It
 * can be ended at any of its disk operations, or hang at one; the operation may be done, and nothing comes of it any more.
 */
import type { Child, ChildEvents, ChildLauncher } from "../src/ports/child.ts";
import type { Clock } from "../src/ports/clock.ts";
import type { Disk, DiskFile, SyncedFile } from "../src/ports/disk.ts";
import type { Job, Request } from "../src/storage/jobs.ts";
import { StorageWorker } from "../src/storage/worker.ts";

/** What becomes of a worker at a disk operation. */
export type WorkerFate = "lives" | "crashes" | "hangs";

export interface SimWorkerOptions {
  readonly clock: Clock;
  readonly disk: Disk;
  /** Asked before each disk operation of a worker; 1 is the first since the simulation began. */
  readonly fate?: (operation: number) => WorkerFate;
  /** Asked when a worker begins a job. */
  readonly jobFate?: (work: Job) => WorkerFate;
}

export class SimWorkers implements ChildLauncher {
  /** Workers launched, and their disk operations, so far. */
  launches = 0;
  operations = 0;
  /** What workers were told of their pace. */
  readonly paces: number[] = [];
  readonly #options: SimWorkerOptions;

  constructor(options: SimWorkerOptions) {
    this.#options = options;
  }

  launch(events: ChildEvents): Child {
    this.launches += 1;
    const { clock, jobFate } = this.#options;
    const { paces } = this;
    let state: "alive" | "hanging" | "ended" = "alive";
    const end = (reason: string): void => {
      if (state === "ended") return;
      state = "ended";
      clock.defer(() => events.ended(reason));
    };
    const gate = async <T>(operation: () => Promise<T>): Promise<T> => {
      this.operations += 1;
      const fate = this.#options.fate?.(this.operations) ?? "lives";
      if (state === "alive" && fate === "hangs") state = "hanging";
      const result = state === "ended" ? undefined : await operation();
      if (state === "alive" && fate === "crashes") end("the simulation let it crash");
      return state === "alive" ? (result as T) : new Promise<never>(() => undefined);
    };
    const worker = new StorageWorker(gated(this.#options.disk, gate), clock, (answer) => {
      if (state !== "alive") return;
      const copy: unknown = structuredClone(answer);
      clock.defer(() => {
        if (state === "alive") events.message(copy);
      });
    });
    return {
      send(message) {
        const copy = structuredClone(message) as Request;
        clock.defer(() => {
          if (state !== "alive") return;
          if ("paceFactor" in copy) paces.push(copy.paceFactor);
          const fate = "work" in copy ? (jobFate?.(copy.work) ?? "lives") : "lives";
          if (fate === "crashes") end("the simulation let it crash");
          else if (fate === "hangs") state = "hanging";
          else void worker.take(copy);
        });
      },
      end: () => end("it was ended"),
    };
  }
}

type Gate = <T>(operation: () => Promise<T>) => Promise<T>;

function gated(disk: Disk, gate: Gate): Disk {
  return {
    location: disk.location,
    open: (name, access) => gate(async () => gatedFile(await disk.open(name, access), gate)),
    create: (name) => gate(async () => gatedFile(await disk.create(name), gate)),
    syncedWrites: (folder) =>
      gate(async () => {
        const writes = await disk.syncedWrites(folder);
        return {
          ...writes,
          create: (name) => gate(async () => gatedSynced(await writes.create(name), gate)),
          reuse: (from, name) => gate(async () => gatedSynced(await writes.reuse(from, name), gate)),
          open: (name) => gate(async () => gatedFile(await writes.open(name), gate)),
        };
      }),
    list: (folder) => gate(() => disk.list(folder)),
    makeFolder: (folder) => gate(() => disk.makeFolder(folder)),
    rename: (from, to) => gate(() => disk.rename(from, to)),
    remove: (name) => gate(() => disk.remove(name)),
    discard: (name) => gate(() => disk.discard(name)),
    syncFolder: (folder) => gate(() => disk.syncFolder(folder)),
    freeBytes: () => gate(() => disk.freeBytes()),
    totalBytes: () => gate(() => disk.totalBytes()),
  };
}

function gatedFile(file: DiskFile, gate: Gate): DiskFile {
  return {
    read: (into, position) => gate(() => file.read(into, position)),
    write: (parts, position) => gate(() => file.write(parts, position)),
    sync: () => gate(() => file.sync()),
    truncate: (sizeBytes) => gate(() => file.truncate(sizeBytes)),
    sizeBytes: () => gate(() => file.sizeBytes()),
    close: () => gate(() => file.close()),
  };
}

function gatedSynced(file: SyncedFile, gate: Gate): SyncedFile {
  return {
    write: (parts, position) => gate(() => file.write(parts, position)),
    close: () => gate(() => file.close()),
  };
}
