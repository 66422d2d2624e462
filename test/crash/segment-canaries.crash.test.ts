/**
 * Canaries of the tiers: each is one mistake in how batches get from the log into segments, or from one segment into
 * another. The plays that find nothing wrong with the broker must find it.
 */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { SimRandom } from "../../sim/random.ts";
import type { FileRange } from "../../src/log/log-file.ts";
import { PartitionLog } from "../../src/log/partition-log.ts";
import { Segment } from "../../src/log/segment.ts";
import { type Disk, type DiskFile, ignoreMissing, type SyncedFile } from "../../src/ports/disk.ts";
import { wrapped, wrappedFile } from "../../src/ports/wrapped-disk.ts";
import { batchSizeBytes, setBatchCrc } from "../../src/protocol/record-batch.ts";
import { MovePlan } from "../../src/storage/move.ts";
import { SegmentWriter } from "../../src/storage/segment-writer.ts";
import { methodsOf } from "./methods.ts";
import { type Crash, type PlayOptions, play } from "./play.ts";
import { segmentPlayOf } from "./plays.ts";
import { type Sign, signOf } from "./signs.ts";
import { wrappedOpens } from "./wrapped-disk.ts";

const PLAYS = 60;

/** What clients see of batches that are gone, or are not what they were. */
const LOSSES: readonly Sign[] = ["no holes", "fetches get on", "acknowledged batches stay", "shown batches stay"];

/** The sign by which the first of the plays that finds anything finds it. */
async function firstSign(
  context: TestContext,
  options: Partial<PlayOptions>,
  kind?: Crash["kind"],
): Promise<Sign | undefined> {
  for (let seed = 1; seed <= PLAYS; seed++) {
    const random = new SimRandom(seed, "canary");
    const crashes = kind === undefined ? [] : [{ operation: random.between(100, 800), kind }];
    try {
      await play({ ...segmentPlayOf(seed), ...options, crashes });
    } catch (error) {
      context.diagnostic(`seed ${seed}: ${String(error).split("\n")[1]}`);
      return signOf(error);
    }
  }
  return undefined;
}

function assertCaught(sign: Sign | undefined, signs: readonly Sign[]): void {
  assert.ok(sign !== undefined, `not caught by ${PLAYS} plays`);
  assert.ok(signs.includes(sign), `caught by "${sign}"`);
}

const isSegment = (name: string): boolean => name.endsWith(".segment");

/** `disk`, on which it is no failure to remove what is gone already, or to keep it under another name. */
function tolerant(disk: Disk): Disk {
  return wrapped(disk, {
    remove: (name) => disk.remove(name).catch(ignoreMissing),
    rename: (from, to) => disk.rename(from, to).catch(ignoreMissing),
    discard: (name) => disk.discard(name).catch(ignoreMissing),
  });
}

/** `file` with one bit of every write another. */
function flipping(file: SyncedFile, allocate: (sizeBytes: number) => Buffer): SyncedFile {
  return {
    write: (parts, position) => {
      const bytes = Buffer.concat(parts);
      const copy = allocate(bytes.length);
      bytes.copy(copy);
      copy[150]! ^= 1;
      return file.write([copy], position);
    },
    close: () => file.close(),
  };
}

/** As if a worker had read back what it meant to write, and not what is there. */
function withoutReadingBack(disk: Disk): Disk {
  const meant = new Map<string, Buffer>();
  const asMeant = (name: string, file: DiskFile): DiskFile => {
    const bytes = meant.get(name);
    if (bytes === undefined) return file;
    return wrappedFile(file, { read: (into, position) => file.sizeBytes().then(() => bytes.copy(into, 0, position)) });
  };
  return wrapped(disk, {
    syncedWrites: async (folder) => {
      const writes = await disk.syncedWrites(folder);
      return {
        ...writes,
        open: async (name) => asMeant(name, await writes.open(name)),
        create: async (name) => {
          const file = await writes.create(name);
          const bad = flipping(file, writes.allocate);
          return {
            write: (parts, position) => {
              const before = meant.get(name) ?? Buffer.alloc(0);
              meant.set(name, Buffer.concat([before.subarray(0, position), ...parts]));
              return bad.write(parts, position);
            },
            close: () => bad.close(),
          };
        },
      };
    },
    open: async (name, access) => asMeant(name, await disk.open(name, access)),
  });
}

/** The worker's word is taken for how many bytes it has moved. */
function trustWorkers(context: TestContext): void {
  const asked = new WeakMap<MovePlan, FileRange[][]>();
  const original = methodsOf(MovePlan.prototype, "add", "records");
  context.mock.method(MovePlan.prototype, "add", function (this: MovePlan, moved: Parameters<MovePlan["add"]>[0]) {
    asked.set(this, [...(asked.get(this) ?? []), [...moved.ranges]]);
    original.add.call(this, moved);
  });
  context.mock.method(
    MovePlan.prototype,
    "records",
    function (this: MovePlan, result: Parameters<MovePlan["records"]>[0]) {
      const bytesOf = (topicId: string, partition: number, firstOffset: number): number => {
        const ranges = asked.get(this)!.find(([first]) => {
          return first!.topicId === topicId && first!.partition === partition && first!.firstOffset === firstOffset;
        });
        return ranges!.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      };
      const segments = result.segments.map(
        (segment) =>
          segment && {
            ...segment,
            ranges: segment.ranges.map((row) => ({
              ...row,
              sizeBytes: bytesOf(row.topicId, row.partition, row.firstOffset),
            })),
          },
      );
      return original.records.call(this, { ...result, segments });
    },
  );
}

/** Workers do something else with every seventh batch that they write. */
function withBatches(
  context: TestContext,
  work: (
    add: (source: Buffer, at: number, sizeBytes: number) => void,
    source: Buffer,
    at: number,
    sizeBytes: number,
  ) => void,
): void {
  const { add } = methodsOf(SegmentWriter.prototype, "add");
  let count = 0;
  context.mock.method(
    SegmentWriter.prototype,
    "add",
    function (this: SegmentWriter, source: Buffer, at: number, sizeBytes: number) {
      count += 1;
      const really = add.bind(this);
      if (count % 7 === 0) work(really, source, at, sizeBytes);
      else really(source, at, sizeBytes);
    },
  );
}

describe("canaries of the tiers", () => {
  it("nothing is found where there is no mistake", async (context) => {
    for (const kind of ["kill", "power"] as const) {
      for (const seed of [1, 2, 3]) await play({ ...segmentPlayOf(seed), crashes: [{ operation: 300 * seed, kind }] });
    }
    context.diagnostic("6 plays");
  });

  it("hazard: log deleted although the upload failed: catch a broker that frees a file before its segment is registered", async (context) => {
    const wrapWorkerDisk = (disk: Disk): Disk =>
      wrappedOpens(disk, async (name, open) => {
        const file = await open();
        if (name.endsWith(".wal")) await disk.remove(name);
        return file;
      });
    const sign = await firstSign(context, { wrapDisk: tolerant, wrapWorkerDisk }, "kill");
    assertCaught(sign, [...LOSSES, "false alarm", "state lost", "high watermark never goes back", "topics stay"]);
  });

  it("catch a broker that registers segments without reading them back, on a disk that lies", async (context) => {
    assertCaught(await firstSign(context, { wrapWorkerDisk: withoutReadingBack }), LOSSES);
  });

  it("catch a worker that drops a batch, where its word is taken for it", async (context) => {
    trustWorkers(context);
    withBatches(context, () => undefined);
    assertCaught(await firstSign(context, {}), LOSSES);
  });

  it("catch a worker that writes a batch twice, where its word is taken for it", async (context) => {
    trustWorkers(context);
    withBatches(context, (add, source, at, sizeBytes) => {
      add(source, at, sizeBytes);
      add(source, at, sizeBytes);
    });
    assertCaught(await firstSign(context, {}), LOSSES);
  });

  it("catch a worker that changes a byte before it computes checksums", async (context) => {
    withBatches(context, (add, source, at, sizeBytes) => {
      const copy = Buffer.from(source.subarray(at, at + sizeBytes));
      copy[copy.length - 1]! ^= 1;
      setBatchCrc(copy, 0, batchSizeBytes(copy, 0));
      add(copy, 0, sizeBytes);
    });
    assertCaught(await firstSign(context, {}), ["only what was sent is there"]);
  });

  it("catch a look through the folder that takes a living segment for an orphan", async (context) => {
    const wrapDisk = (disk: Disk): Disk =>
      wrapped(tolerant(disk), {
        list: async (folder) => {
          const names = await disk.list(folder);
          const newest = names.findLast(isSegment);
          if (folder === "segments" && newest !== undefined) await disk.remove(`segments/${newest}`);
          return names;
        },
      });
    assertCaught(await firstSign(context, { wrapDisk }, "kill"), LOSSES);
  });

  it("hazard: gaps at every tier boundary: catch a reader that begins the next tier one range too late", async (context) => {
    const { findRange } = methodsOf(PartitionLog.prototype, "findRange");
    context.mock.method(PartitionLog.prototype, "findRange", function (this: PartitionLog, offset: number) {
      const found = findRange.call(this, offset);
      const before = this.ranges[this.ranges.indexOf(found!) - 1];
      const isBoundary = found?.firstOffset === offset && before?.file instanceof Segment && before.file !== found.file;
      return isBoundary ? (findRange.call(this, found.endOffset) ?? found) : found;
    });
    assertCaught(await firstSign(context, {}), LOSSES);
  });

  it("hazard: deleted topics' data left behind: catch a broker that never removes a segment", async (context) => {
    const wrapDisk = (disk: Disk): Disk =>
      wrapped(disk, {
        discard: async (name) => {
          await (isSegment(name) ? disk.list("segments") : disk.discard(name));
        },
      });
    assertCaught(await firstSign(context, { wrapDisk }), ["leftover"]);
  });
});
