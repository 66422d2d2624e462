/**
 * Do the crash tests catch what they are there to catch? Each canary is one mistake, put between the broker and its ports
 * or into one of its objects, never into its code. The same plays that find nothing wrong with the broker must find it.
 */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { SimRandom } from "../../sim/random.ts";
import type { RunningBroker } from "../../src/broker/start.ts";
import { ProducerState } from "../../src/log/producer-state.ts";
import type { Disk, DiskFile, SyncedFile, SyncedWrites } from "../../src/ports/disk.ts";
import { wrapped, wrappedFile } from "../../src/ports/wrapped-disk.ts";
import { type Crash, type PlayOptions, play } from "./play.ts";
import { playOf } from "./plays.ts";
import { type Sign, signOf } from "./signs.ts";

interface Canary extends Partial<PlayOptions> {
  readonly mistake: string;
  readonly signs: readonly Sign[];
  readonly kind: Crash["kind"];
}

const PLAYS = 400;

/** `disk` with the files that `matches` replaced by what `replace` makes of them. */
function withFiles(
  disk: Disk,
  matches: (name: string) => boolean,
  replace: (file: DiskFile) => Partial<DiskFile>,
): Disk {
  const through = (name: string, file: DiskFile): DiskFile => (matches(name) ? wrappedFile(file, replace(file)) : file);
  return wrapped(disk, {
    create: async (name) => through(name, await disk.create(name)),
    open: async (name, access) => through(name, await disk.open(name, access)),
  });
}

const neverSynced = (file: DiskFile): Partial<DiskFile> => ({ sync: () => file.sizeBytes().then(() => undefined) });

/** `disk` with the files of the log made, or made of others, by `replaced`. */
function withLogFiles(disk: Disk, replaced: (writes: SyncedWrites) => Pick<SyncedWrites, "create" | "reuse">): Disk {
  return wrapped(disk, {
    syncedWrites: async (folder) => {
      const writes = await disk.syncedWrites(folder);
      return { ...writes, ...replaced(writes) };
    },
  });
}

/** Each write is done when it or a later one is. */
function doneWithLater(file: SyncedFile): SyncedFile {
  const open: (() => void)[] = [];
  return {
    write: async (parts, position) => {
      const done = new Promise<void>((resolve) => open.push(resolve));
      const number = open.length;
      file.write(parts, position).then(
        () => open.slice(0, number).forEach((resolve) => resolve()),
        () => undefined,
      );
      await done;
    },
    close: () => file.close(),
  };
}

/** Publishes snapshots without waiting for the log. An orderly stop waits all the same. */
function publishEarly(running: RunningBroker): void {
  const { wal } = running.broker.store;
  const flush = wal.flush.bind(wal);
  const stop = running.stop.bind(running);
  wal.flush = () => Promise.resolve();
  running.stop = () => {
    wal.flush = flush;
    return stop();
  };
}

/** Shows batches as soon as they are appended, and holds no answer back. */
function showEarly({ broker: { store } }: RunningBroker): void {
  store.whenCommitted = (_, release) => release();
  const appendBatch = store.appendBatch.bind(store);
  store.appendBatch = (batch) => {
    const appended = appendBatch(batch);
    batch.partition.advanceHighWatermark(batch.partition.endOffset, batch.sizeBytes);
    return appended;
  };
}

const LOSSES: readonly Sign[] = [
  "acknowledged batches stay",
  "shown batches stay",
  "topics stay",
  "high watermark never goes back",
  "identity stays",
  "state lost",
];

const CANARIES: readonly Canary[] = [
  {
    mistake: "acknowledges before the log is synced",
    signs: [...LOSSES, "false alarm"], // what groups say of the log's end is not true either
    kind: "power",
    wrapDisk: (disk) =>
      withLogFiles(disk, () => ({
        create: (name) => disk.create(name),
        reuse: async (from, name) => {
          await disk.rename(from, name);
          return disk.open(name, "readWrite");
        },
      })),
  },
  {
    mistake: "takes a write for durable when a later one is",
    signs: [...LOSSES, "deleted topics stay away", "false alarm"],
    kind: "power",
    amounts: { idempotentProducers: 4, plainProducers: 3, requests: 15 }, // writes overlap when many produce
    wrapDisk: (disk) =>
      withLogFiles(disk, (writes) => ({
        create: async (name) => doneWithLater(await writes.create(name)),
        reuse: async (from, name) => doneWithLater(await writes.reuse(from, name)),
      })),
  },
  {
    mistake: "lets answers pass the barrier",
    signs: LOSSES,
    kind: "power",
    onBroker: showEarly,
  },
  {
    mistake: "publishes snapshots before the log is durable to their end",
    signs: ["false alarm", "state lost"],
    kind: "power",
    settings: { "wal.sync": "interval", "wal.sync.interval.ms": "200", "snapshot.interval.bytes": "1" },
    onBroker: publishEarly,
  },
  {
    mistake: "renames snapshots before they are synced",
    signs: ["false alarm", "state lost"],
    kind: "power",
    settings: { "wal.indexing.interval.ms": "5", "snapshot.interval.bytes": "1" },
    wrapDisk: (disk) => withFiles(disk, (name) => name.startsWith("snapshot/"), neverSynced),
  },
  {
    mistake: "never syncs the folder of the log",
    signs: LOSSES,
    kind: "power",
    wrapDisk: (disk) =>
      wrapped(disk, { syncFolder: (folder) => (folder === "wal" ? Promise.resolve() : disk.syncFolder(folder)) }),
  },
  {
    mistake: "takes no notice of the newest file when it recovers",
    signs: [...LOSSES, "leftover"],
    kind: "kill",
    wrapDisk: (disk) =>
      wrapped(disk, {
        list: async (folder) => {
          const names = await disk.list(folder);
          const newest = names.findLast((name) => name.endsWith(".wal"));
          return names.filter((name) => name !== newest);
        },
      }),
  },
  {
    mistake: "never frees a file",
    signs: ["leftover"],
    kind: "kill",
    wrapDisk: (disk) =>
      wrapped(disk, {
        remove: async (name) => {
          await (name.endsWith(".wal") ? disk.list("wal") : disk.remove(name));
        },
      }),
  },
];

/** The sign by which the first of the plays that finds anything finds it. */
async function firstSign(options: Omit<Canary, "mistake" | "signs">, context: TestContext): Promise<Sign | undefined> {
  const { kind, settings } = options;
  for (let seed = 1; seed <= PLAYS; seed++) {
    const random = new SimRandom(seed, "canary");
    const base = playOf(seed, {});
    const crashes = [0, 1].map((): Crash => ({ operation: random.between(20, 250), kind }));
    const always = { ...base.settings, "wal.sync": "always", ...settings };
    try {
      // What moves to segments has canaries of its own.
      await play({ ...base, withoutSegments: true, ...options, settings: always, crashes });
    } catch (error) {
      context.diagnostic(`seed ${seed}: ${String(error).split("\n")[1]}`);
      return signOf(error);
    }
  }
  return undefined;
}

describe("canaries", () => {
  for (const { mistake, signs, ...options } of CANARIES) {
    it(`catch a broker that ${mistake}`, async (context) => {
      const sign = await firstSign(options, context);
      assert.ok(sign !== undefined, `not caught by ${PLAYS} plays`);
      assert.ok(signs.includes(sign), `caught by "${sign}"`);
    });
  }

  it("catch a broker that leaves producers out of its snapshots: retries are appended again", async (context) => {
    context.mock.method(ProducerState.prototype, "entries", () => new Map().entries());
    const settings = { "wal.indexing.interval.ms": "5", "snapshot.interval.bytes": "1" };
    const sign = await firstSign({ kind: "kill", withoutJournal: true, settings }, context);
    assert.equal(sign, "a batch has one offset");
  });
});
