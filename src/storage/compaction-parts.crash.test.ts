/**
 * Compaction of a partition that is larger than what one part of a job takes: parts count one by one, so a crash costs no more than
 * one, and no more room than for one is needed. What is left is compared with a naive model.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkerFate } from "../../sim/sim-worker.ts";
import { CRASHED, Simulation } from "../../sim/simulation.ts";
import { placeIn } from "../../test/log/open-log.ts";
import {
  type OpenStorage,
  openStorage,
  type StorageWorldOptions,
  segmentsOf,
  withStorage,
} from "../../test/storage/open-storage.ts";
import { ROOM_BYTES } from "../log/wal-file.ts";
import { type Disk, IoError, type SyncedFile } from "../ports/disk.ts";
import { wrapped } from "../ports/wrapped-disk.ts";
import { readRecords } from "../protocol/record.ts";
import { batchBaseOffset, batchOffsetCount, batchSizeBytes } from "../protocol/record-batch.ts";
import { RESOURCE_TOPIC, type Topic } from "../state/state.ts";
import type { Job } from "./jobs.ts";

const MIN_FREE_BYTES = 1_048_576;
const SETTINGS = { "log.cleaner.backoff.ms": "1000", "wal.min.free.bytes": `${MIN_FREE_BYTES}` };
const VALUE_BYTES = 4_000;
const FILES = 6;
const RECORDS_PER_FILE = 8;
/** The bytes of one file. */
const PART_BYTES = 40_000;

type Row = readonly [offset: number, key: string, value: string];

/** A compacted topic, and its history: keys of each file come again in the next ones, some of them as tombstones. */
class History {
  topic: Topic;
  #open: OpenStorage;
  readonly #rows: { readonly key: string; readonly value: string | null }[] = [];

  constructor(open: OpenStorage) {
    this.#open = open;
    this.topic = open.topic("keyed");
  }

  async fill(): Promise<void> {
    for (let file = 0; file < FILES; file += 1) {
      for (let place = 0; place < RECORDS_PER_FILE; place += 1) {
        const value = place === 2 ? null : `${file}`.padEnd(VALUE_BYTES, "v");
        const record = { key: place < 6 ? `${(file * 3 + place) % 11}` : `${file}/${place}`, value };
        this.#rows.push(record);
        this.#open.append(placeIn(this.topic), [{ ...record, timestamp: 1 }]);
      }
      await this.#open.settle();
    }
  }

  /** From now on the topic is compacted. */
  compact(): void {
    const configs = {
      "cleanup.policy": "compact",
      "segment.bytes": `${PART_BYTES}`,
      "delete.retention.ms": "10000",
    };
    const entries = Object.entries(configs).map(([key, value]) => ({ key, value }));
    this.#open.store.append({ type: 6, value: { type: RESOURCE_TOPIC, name: "keyed", entries } });
  }

  /** Goes on after a restart. */
  resume(open: OpenStorage): void {
    this.#open = open;
    this.topic = open.store.state.topic("keyed")!;
  }

  /** Claims what was never written. */
  claim(key: string, value: string | null): void {
    this.#rows.push({ key, value });
  }

  /** What has to be there: the newest of each key, without tombstones. */
  get newest(): Row[] {
    return this.#rows.flatMap(({ key, value }, offset): Row[] => {
      const isNewest = !this.#rows.slice(offset + 1).some((later) => later.key === key);
      return isNewest && value !== null ? [[offset, key, value]] : [];
    });
  }

  /** All that is there. A record whose newer one is there too may be there still; nothing else may. */
  async read(): Promise<Row[]> {
    const { partition } = placeIn(this.topic);
    const rows: Row[] = [];
    const newest = new Map<string, Row>();
    const limitOffset = partition.highWatermark;
    for (let offset = 0; offset < limitOffset; ) {
      const query = { partition, topicBytes: 5, offset, limitOffset, maxBytes: 1, atLeastOne: true };
      const [result] = await this.#open.reader.readStored([query]);
      const bytes = Buffer.concat(result!.parts);
      result!.release();
      if (bytes.length === 0) break;
      for (let at = 0; at < bytes.length; at += batchSizeBytes(bytes, at)) {
        const batch = bytes.subarray(at, at + batchSizeBytes(bytes, at));
        offset = batchBaseOffset(batch, 0) + batchOffsetCount(batch, 0);
        for (const record of readRecords(batch)) {
          const row: Row = [record.offset, record.key!.toString(), record.value?.toString() ?? ""];
          assert.deepEqual(row.slice(1), [this.#rows[row[0]]!.key, this.#rows[row[0]]!.value ?? ""]);
          rows.push(row);
          newest.set(row[1], row);
        }
      }
    }
    const left = [...newest.values()].filter(([, , value]) => value !== "").toSorted((a, b) => a[0] - b[0]);
    assert.deepEqual(left, this.newest, "the newest of each key, and no deleted one");
    return rows;
  }
}

/** Plays a history with a worker that meets `fate`, reading all the time. Answers the operations of workers. */
async function play(options: StorageWorldOptions, after: (open: OpenStorage, history: History) => Promise<void>) {
  let operations = 0;
  await withStorage(
    async (open) => {
      const history = new History(open);
      await history.fill();
      history.compact();
      await after(open, history);
      operations = open.workers.operations;
    },
    { settings: SETTINGS, compactionPartBytes: PART_BYTES, ...options },
  );
  return operations;
}

test("a partition is compacted part by part; tombstones go in their time", async () => {
  let parts = 0;
  const jobFate = (work: Job): WorkerFate => {
    if (work.kind === "compact") parts = Math.max(parts, work.parts.length);
    return "lives";
  };
  await play({ jobFate }, async (open, history) => {
    await open.pass(10_000);
    const { partition } = placeIn(history.topic);
    assert.ok(parts >= FILES / 2, `${parts} parts`);
    assert.equal(partition.cleanedTo, FILES * RECORDS_PER_FILE);
    const left = await history.read();
    assert.deepEqual(
      left.filter(([, , value]) => value !== ""),
      history.newest,
    );
    assert.ok(left.length > history.newest.length, "tombstones are there");
    await open.pass(40_000);
    assert.deepEqual(await history.read(), history.newest);
    assert.equal(partition.horizonMs, -1);
    assert.deepEqual(open.lines, [], "nothing is left over");
  });
});

test("hazard: a worker dies at any of its disk operations: what is deleted stays deleted, and parts that were done count", async () => {
  const operations = await play({}, (open) => open.pass(10_000));
  let kept = 0;
  for (let doomed = 1; doomed <= operations; doomed += 1) {
    let isDead = false; // one worker, once
    let compactions = 0;
    const options: StorageWorldOptions = {
      jobFate(work) {
        if (work.kind === "compact") compactions += 1;
        return "lives";
      },
      workerFate(operation) {
        isDead ||= operation === doomed;
        return operation === doomed ? "crashes" : "lives";
      },
    };
    await play(options, async (open, history) => {
      const { partition } = placeIn(history.topic);
      for (let round = 0; round < 3; round += 1) {
        await open.pass(400);
        await history.read();
        const isCut = isDead && compactions === 1 && partition.cleanedTo === 0;
        if (isCut && segmentsOf(partition.ranges).some(({ level }) => level === 1)) kept += 1;
      }
      await open.pass(40_000);
      assert.deepEqual(await history.read(), history.newest, `operation ${doomed}`);
      assert.equal(partition.cleanedTo, FILES * RECORDS_PER_FILE, `operation ${doomed}`);
    });
  }
  assert.ok(kept > 0, "after some of the deaths parts of the work had been done");
});

/** What is left of an endless disk when there is something to compact. */
async function usedBytes(): Promise<number> {
  let freeBytes = 0;
  const capacityBytes = 2 ** 30;
  await play({ capacityBytes }, async ({ process }) => {
    freeBytes = await process.disk.freeBytes();
  });
  return capacityBytes - freeBytes;
}

test("compaction needs no more room than for a part; canary: in one part it has to wait", async () => {
  const dataBytes = FILES * RECORDS_PER_FILE * VALUE_BYTES;
  const capacityBytes = (await usedBytes()) + MIN_FREE_BYTES + ROOM_BYTES + dataBytes / 2;
  await play({ capacityBytes }, async (open, history) => {
    await open.pass(10_000);
    assert.equal(placeIn(history.topic).partition.cleanedTo, FILES * RECORDS_PER_FILE, open.lines.join("\n"));
    await history.read();
  });
  await play({ capacityBytes, compactionPartBytes: Infinity }, async (open, history) => {
    await open.pass(10_000);
    assert.equal(placeIn(history.topic).partition.cleanedTo, 0);
    assert.match(open.lines.join(), /compaction wait/);
  });
});

test("when the room ends on the way, what was done counts, and the rest comes later", async () => {
  let isFull = true;
  const wrapWorkerDisk = (disk: Disk): Disk =>
    wrapped(disk, { freeBytes: async () => (isFull ? MIN_FREE_BYTES : disk.freeBytes()) });
  await play({ wrapWorkerDisk }, async (open, history) => {
    await open.pass(10_000);
    const { partition } = placeIn(history.topic);
    assert.equal(partition.cleanedTo, 0);
    const levels = segmentsOf(partition.ranges).map(({ level }) => level);
    assert.deepEqual([levels[0], levels.at(-1)], [1, 0], "only the oldest part is clean");
    assert.match(open.lines.join(), /a compaction of keyed-0: the next part needs \d+ bytes/);
    assert.ok(open.lines.length < 6, "it rests longer and longer");
    await history.read();
    isFull = false;
    await open.pass(60_000);
    assert.equal(partition.cleanedTo, FILES * RECORDS_PER_FILE);
    await open.pass(100_000);
    assert.deepEqual(await history.read(), history.newest);
  });
});

test("canary: a deleted key that is there, and a newest value that is not, are found", async () => {
  for (const value of [null, "newer"]) {
    await play({}, async (open, history) => {
      await open.pass(10_000);
      await history.read();
      history.claim(history.newest[0]![1], value);
      await assert.rejects(history.read(), /the newest of each key/);
    });
  }
});

test("a part of which nothing is left leaves no file behind", async () => {
  await withStorage(
    async (open) => {
      const topic = open.topic("keyed");
      for (const value of ["older", "newer"]) {
        open.append(placeIn(topic), [{ key: "k", value: value.padEnd(PART_BYTES, "v") }]);
        await open.settle();
      }
      const entries = [{ key: "cleanup.policy", value: "compact" }];
      open.store.append({ type: 6, value: { type: RESOURCE_TOPIC, name: "keyed", entries } });
      await open.pass(5_000);
      const { cleanedTo, ranges } = placeIn(topic).partition;
      assert.deepEqual([cleanedTo, ranges.length], [2, 1]);
      const known = [...open.store.state.segments.values()].map(({ name }) => name);
      const there = (await open.process.disk.list("segments")).map((name) => `segments/${name}`);
      assert.deepEqual(there, known.toSorted());
    },
    { settings: SETTINGS, compactionPartBytes: PART_BYTES },
  );
});

test("hazard: the power fails at any disk operation of a compaction: what is deleted stays deleted after the start", async () => {
  const options: StorageWorldOptions = { settings: SETTINGS, compactionPartBytes: PART_BYTES };
  let cut = 0;
  let deaths = 0;
  for (let operation = 1; ; operation += 1) {
    const simulation = new Simulation({ seed: operation });
    let history: History | undefined;
    const first = await simulation.run(async (process) => {
      const open = await openStorage(process, options);
      history = new History(open);
      await history.fill();
      history.compact();
      await open.flush();
      simulation.crashAt(simulation.disk.operations + operation);
      await open.pass(1_500);
      open.storage.stop();
    });
    if (first !== CRASHED) break;
    deaths += 1;
    const second = await simulation.run(async (process) => {
      const open = await openStorage(process, options);
      history!.resume(open);
      const { partition } = placeIn(history!.topic);
      await history!.read();
      if (partition.cleanedTo === 0 && segmentsOf(partition.ranges).some(({ level }) => level === 1)) cut += 1;
      await open.pass(40_000);
      assert.deepEqual(await history!.read(), history!.newest, `operation ${operation}`);
      open.storage.stop();
    });
    assert.notEqual(second, CRASHED);
  }
  assert.ok(deaths > 5 && cut > 0, `${deaths} deaths, after ${cut} of which a part of the work was done`);
});

test("hazard: the disk is full at the end of a part: its file is closed, or the room that it takes up never comes back", async () => {
  let isFull = true;
  const files = new Set<object>();
  const wrapWorkerDisk = (disk: Disk): Disk =>
    wrapped(disk, {
      syncedWrites: async (folder) => {
        const writes = await disk.syncedWrites(folder);
        const create = async (name: string): Promise<SyncedFile> => {
          const file = await writes.create(name);
          files.add(file);
          return {
            write: (parts, position) =>
              isFull && compactions > 0
                ? Promise.reject(new IoError("fatal", "ENOSPC", `cannot write ${name}: no space is left`))
                : file.write(parts, position),
            close: () => {
              files.delete(file);
              return file.close();
            },
          };
        };
        return { ...writes, create };
      },
    });
  let compactions = 0;
  const jobFate = (work: Job): WorkerFate => {
    if (work.kind === "compact") compactions += 1;
    return "lives";
  };
  await play({ wrapWorkerDisk, jobFate }, async (open, history) => {
    await open.pass(10_000);
    assert.ok(compactions > 0);
    isFull = false;
    await open.pass(120_000);
    assert.equal(placeIn(history.topic).partition.cleanedTo, FILES * RECORDS_PER_FILE);
    assert.equal(files.size, 0, "all that were created are closed");
  });
});
