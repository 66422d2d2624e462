/** `chronik storage verify`: what is well, and that no kind of damage to any kind of file goes unseen. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { BrokerLives, createTopic, produce } from "../../test/broker/broker-simulation.ts";
import { StoredFolder } from "../../test/log/stored-folder.ts";
import { toPosition } from "../base/brands.ts";
import { readSnapshot, writeSnapshot } from "../log/snapshot.ts";
import type { Disk } from "../ports/disk.ts";
import { APIS } from "../protocol/apis.ts";
import { Writer } from "../protocol/codec/writer.ts";
import { decodeSlice, encodeSlice, type Slice } from "../state/state-record.ts";
import { checkStorage, type StorageCheckReport } from "./storage-check.ts";

const SETTINGS = {
  "wal.indexing.interval.ms": "50",
  "log.cleaner.backoff.ms": "50",
  "log.retention.check.interval.ms": "1000000",
};
const COMPACT = { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01" };

/** Segments with ranges of three topics, one compacted and one with a log start in the middle; files of the log; snapshots. */
let folder: StoredFolder;

before(async () => {
  const lives = new BrokerLives({ settings: SETTINGS });
  await lives.live(async ({ broker, connect, until }) => {
    const client = connect();
    await createTopic(client, "plain", { partitions: 2 });
    await createTopic(client, "short");
    await createTopic(client, "clean", { configs: COMPACT });
    for (let round = 0; round < 3; round += 1) {
      await produce(client, { topic: "plain", partition: round % 2 }, [{ value: "a" }, { value: "b" }]);
      await produce(client, { topic: "plain", partition: 1 }, [{ value: `${round}` }]);
      await produce(client, { topic: "short" }, [{ value: "x" }, { value: "y" }]);
      await produce(client, { topic: "clean" }, [{ key: "k", value: `${round}` }]);
      await until(() => broker.store.wal.position === broker.store.wal.durable && broker.storage.backlog.bytes === 0);
    }
    await client.request(APIS.deleteRecords, 2, {
      topics: [{ name: "short", partitions: [{ partitionIndex: 0, offset: 3 }] }],
      timeoutMs: 1000,
    });
    await until(() => broker.store.state.topic("clean")!.partitions[0]!.cleanedTo === 3);
    await produce(client, { topic: "plain" }, [{ value: "last" }]);
  });
  // The second life leaves a file of the log that no snapshot but the newest knows of, with batches in it.
  await lives.live(async ({ broker, connect }) => {
    broker.storage.stop();
    await produce(connect(), { topic: "plain" }, [{ value: "in the log" }]);
  });
  await lives.simulation.run(async ({ disk }) => {
    folder = await StoredFolder.copyOf(disk);
  });
});

function check(): Promise<StorageCheckReport> {
  return checkStorage({
    disk: folder,
    path: "/data",
    progress: () => undefined,
    pause: () => Promise.resolve(),
  });
}

/** All that is said of damage, a line each. */
function damageOf({ files, partitions, problems }: StorageCheckReport): string[] {
  return [
    ...problems,
    ...files.flatMap(({ file, problems: own }) => own.map(({ what }) => `${file}: ${what}`)),
    ...partitions.flatMap(({ topic, partition, problems: own }) =>
      own.map((what) => `${topic.name}-${partition.partition}: ${what}`),
    ),
  ];
}

function filesOf(suffix: string): string[] {
  return folder.names.filter((name) => name.endsWith(suffix));
}

test("a folder with all there is: all well, everything was looked at", async () => {
  const report = await check();
  assert.deepEqual([damageOf(report), report.isWell, report.others], [[], true, []]);
  const kinds = new Set(report.files.map(({ kind }) => kind));
  assert.deepEqual([...kinds].toSorted(), ["segment", "snapshot", "wal"]);
  assert.ok(filesOf(".segment").length >= 3, "several segments");
  assert.equal(report.files.length, folder.names.length - filesOf(".index").length);
});

test("canary: a flipped bit in any part of any file is damage, and names the file", async () => {
  for (const name of folder.names) {
    const { length } = folder.files.get(name)!;
    // The ends, where headers and footers are, byte by byte; what lies between at 16 places.
    const edge = 8;
    for (let at = 0; at < length; at += at < edge || at >= length - edge ? 1 : Math.max(1, Math.floor(length / 16))) {
      const report = await folder.flipped(name, at, check);
      assert.ok(!report.isWell, `byte ${at} of ${name}`);
      const stem = name.replace(/index$/, "wal");
      assert.ok(
        damageOf(report).some((line) => line.includes(stem)),
        `byte ${at} of ${name}: ${damageOf(report).join("; ")}`,
      );
    }
  }
  assert.ok((await check()).isWell, "put back");
});

test("canary: a file that is cut short is damage, wherever it is cut", async () => {
  for (const name of folder.names) {
    const bytes = folder.files.get(name)!;
    for (const size of [0, 1, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const report = await folder.changed(name, bytes.subarray(0, size), check);
      assert.ok(!report.isWell, `${size} of ${bytes.length} bytes of ${name}`);
    }
  }
});

test("canary: a segment, or a file of the log or its index, that something refers to and is missing is damage", async () => {
  // Without a snapshot the one before it counts, and it may be the first.
  const wanted = [...filesOf(".segment"), filesOf(".wal").at(-1)!, filesOf(".index").at(-1)!];
  for (const name of wanted) {
    const report = await folder.changed(name, undefined, check);
    assert.ok(!report.isWell, name);
  }
});

test("what belongs to nothing is said, and is no damage", async () => {
  const [segment] = filesOf(".segment");
  const orphan = segment!.replace(/-[0-9a-f]{8}/, "-00000000");
  for (const name of [orphan, "wal/notes.txt", "snapshot/copy", "wal/00000000000000000001-00000000000001.index"]) {
    const report = await folder.changed(name, Buffer.from("anything"), check);
    assert.deepEqual(report.others, [{ name, kind: "unknown", bytes: 8 }]);
    assert.ok(report.isWell, name);
  }
  const cut = await folder.changed("wal/x.wal.5.cut", Buffer.alloc(3), check);
  assert.deepEqual(cut.others, [{ name: "wal/x.wal.5.cut", kind: "aside", bytes: 3 }]);
});

/** Both snapshots with slices changed, as a faulty program might write them. */
async function withSlices(change: (slice: Slice) => Slice | undefined): Promise<StorageCheckReport> {
  const names = filesOf(".snapshot");
  const before = new Map(names.map((name) => [name, folder.files.get(name)!]));
  for (const name of names) folder.files.set(name, await changedSnapshot(name, change));
  const report = await check();
  for (const [name, bytes] of before) folder.files.set(name, bytes);
  return report;
}

async function changedSnapshot(name: string, change: (slice: Slice) => Slice | undefined): Promise<Buffer> {
  const position = toPosition(Number(/\d+/.exec(name)![0]));
  const { slices, logEnd } = (await readSnapshot(folder, position))!;
  const changed = slices.flatMap((bytes) => {
    const slice = change(decodeSlice(bytes));
    return slice === undefined ? [] : [encodeSlice(slice, new Writer())];
  });
  const file = new StoredFolder();
  let written = Buffer.alloc(0);
  const disk: Partial<Disk> = {
    remove: async () => undefined,
    create: async (temporary) => {
      const open = await file.changed(temporary, written, () => file.open(temporary));
      return {
        ...open,
        write: async (parts) => {
          written = Buffer.concat([written, ...parts]);
          file.files.set(temporary, written);
        },
        sync: async () => undefined,
      };
    },
    open: (each) => file.open(each),
    rename: async () => undefined,
    syncFolder: async () => undefined,
  };
  const next = (): Buffer | undefined => changed.shift();
  await writeSnapshot(disk as Disk, { position, next, logPosition: () => logEnd, durable: async () => undefined });
  return written;
}

type Range = Extract<Slice, { type: 4 }>["value"]["ranges"][number];

/** With the ranges of partition `plain-0`, or `clean-0`, changed. */
function withRanges(topic: string, change: (ranges: Range[]) => Range[]): Promise<StorageCheckReport> {
  let id: string | undefined;
  return withSlices((slice) => {
    if (slice.type === 3 && slice.value.name === topic) id = slice.value.topicId;
    if (slice.type !== 4 || slice.value.topicId !== id || slice.value.partition !== 0) return slice;
    return { ...slice, value: { ...slice.value, ranges: change([...slice.value.ranges]) } };
  });
}

test("a snapshot written anew is as it was", async () => {
  assert.ok((await withSlices((slice) => slice)).isWell);
});

test("canary: a range that does not match its file, or is missing, or lies over another, is damage", async () => {
  const first = (change: Partial<Range>) => (ranges: Range[]) => [{ ...ranges[0]!, ...change }, ...ranges.slice(1)];
  const cases: [string, (ranges: Range[]) => Range[], RegExp][] = [
    ["a gap", (ranges) => ranges.slice(1), /^plain-0: offsets 0 to 1 are in no file$/m],
    ["the end", (ranges) => ranges.slice(0, 1), /^plain-0: offsets? .* in no file$/m],
    ["twice", (ranges) => [ranges[0]!, ...ranges], /^plain-0: offsets 0 to 1 are in two ranges/m],
    ["end", first({ endOffset: 3 }), /directory and the state disagree on plain-0 offsets 0 to 2$/m],
    ["bytes", first({ sizeBytes: 1 }), /directory and the state disagree/],
    ["place", first({ at: 64 }), /directory and the state disagree/],
    ["rows", first({ rows: 2 }), /directory and the state disagree/],
    ["crc", first({ crc: 1 }), /directory and the state disagree/],
    ["time", first({ maxTimestamp: 1 }), /directory and the state disagree/],
    ["first", first({ firstOffset: 1 }), /directory and the state disagree[^]*plain-0: offset 0 is in no file/],
  ];
  for (const [what, change, expected] of cases) {
    const report = await withRanges("plain", change);
    assert.ok(!report.isWell, what);
    assert.match(damageOf(report).join("\n"), expected, what);
  }
});

test("canary: a segment that is not the one registered is damage; gaps are none where compaction has been", async () => {
  for (const change of [{ sizeBytes: 512 }, { crc: 1 }]) {
    const report = await withSlices((slice) =>
      slice.type !== 5
        ? slice
        : { ...slice, value: { ...slice.value, parts: slice.value.parts.map((part) => ({ ...part, ...change })) } },
    );
    assert.match(damageOf(report).join("\n"), /where the log tells of/);
  }
  const bytes = await withSlices((slice) =>
    slice.type !== 5 ? slice : { ...slice, value: { ...slice.value, batchBytes: 1 } },
  );
  assert.match(damageOf(bytes).join("\n"), /bytes of batches, where the log tells of 1$/m);
  const uncleaned = await withSlices((slice) =>
    slice.type !== 4 ? slice : { ...slice, value: { ...slice.value, cleanedTo: 0 } },
  );
  assert.match(
    damageOf(uncleaned).join("\n"),
    /offsets are missing in clean-0 offsets 0 to 2, which was never compacted/,
  );
});

test("hazard: a file that goes away while it is looked at, for something newer, is no damage", async () => {
  const gone = filesOf(".segment")[0]!;
  const bytes = folder.files.get(gone)!;
  // A segment that was merged into another one is removed at this very moment: it is not there any more, or it goes while it is read.
  for (const left of [undefined, bytes.subarray(0, bytes.length / 2)]) {
    const opens = left === undefined ? 1 : 2; // is what was damaged still there?
    let opened = 0;
    folder.beforeOpen = (name) => {
      if (name !== gone) return;
      opened += 1;
      if (opened === opens) folder.files.delete(gone);
      else if (opened === 1) folder.files.set(gone, left!);
    };
    const seen: string[] = [];
    const report = await checkStorage({
      disk: folder,
      path: "/data",
      progress: () => undefined,
      pause: async () => {
        seen.push(`pause after ${opened}`);
        folder.files.set(gone, bytes);
      },
    }).finally(() => {
      folder.beforeOpen = () => undefined;
      folder.files.set(gone, bytes);
    });
    assert.deepEqual([seen, opened, report.isWell], [[`pause after ${opens}`], opens + 1, true]);
  }
});

test("hazard: beside a broker that seals, converts, merges, compacts and removes, nothing is damaged at any moment", async () => {
  const settings = { ...SETTINGS, "snapshot.interval.bytes": "1", "segment.delete.delay.ms": "0" };
  const lives = new BrokerLives({ settings: { ...settings, "log.retention.check.interval.ms": "50" } });
  await lives.live(async ({ process: { disk }, connect, broker, pass }) => {
    await createTopic(connect(), "plain", { partitions: 2 });
    await createTopic(connect(), "clean", { configs: COMPACT });
    let isDone = false;
    const traffic = (async () => {
      const client = connect();
      for (let n = 0; n < 150; n += 1) {
        await produce(client, { topic: "plain", partition: n % 2 }, [{ value: `${n}` }]);
        await produce(client, { topic: "clean" }, [{ key: `${n % 7}`, value: `${n}` }]);
        await pass(20);
      }
      isDone = true;
    })();
    let checks = 0;
    for (; !isDone; checks += 1) {
      const progress = (): void => undefined;
      const report = await checkStorage({ disk, path: "/data", progress, pause: () => pass(50) });
      assert.deepEqual(damageOf(report), [], `check ${checks}`);
    }
    await traffic;
    const { metrics } = broker.storage;
    assert.ok(checks > 10, `${checks} checks`);
    for (const kind of ["convert", "merge", "compact"] as const) assert.ok(metrics.jobs[kind].ended.done > 1, kind);
    assert.ok(metrics.segmentsRemoved > 10);
  });
});
