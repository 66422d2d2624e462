/** `wal verify`: what is well, what is damage, what is a torn tail; and that no flipped byte goes unseen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compatBytes } from "../../test/compat-data/read.ts";
import { batchRecord, MemoryFolder, TOPIC_ID, WalFileBuilder } from "../../test/log/wal-files.ts";
import { sealRecord } from "../log/wal-record.ts";
import { Writer } from "../protocol/codec/writer.ts";
import { type BatchOptions, encodeBatch } from "../protocol/record.ts";
import { encodeStateRecord, type StateRecord } from "../state/state-record.ts";
import { type FileReport, WalCheck } from "./wal-check.ts";
import { openWalIn } from "./wal-walk.ts";

const OTHER_ID = Buffer.from("b0b1b2b3b4b5b6b7b8b9babbbcbdbebf", "hex");

function batch(baseOffset: number, values: readonly string[], options: BatchOptions = {}): Buffer {
  return encodeBatch(
    values.map((value) => ({ value, timestamp: 1_700_000_000_000 })),
    { ...options, baseOffset },
  );
}

function state(record: StateRecord): { readonly type: number; readonly fields: Uint8Array } {
  return { type: record.type, fields: Buffer.concat(encodeStateRecord(record, new Writer())) };
}

const started = state({ type: 2, value: { brokerId: 1, incarnation: 5 } });
const deleted = state({ type: 4, value: { topicId: "0123456789abcdef" as never } });

/** A file with everything that one can hold. */
function everything(builder = new WalFileBuilder(), firstOffset = 0): WalFileBuilder {
  return builder
    .group([started, { fillerBytes: 40 }])
    .group([
      { batch: batch(firstOffset, ["a", "b"], { compression: "gzip" }) },
      { batch: batch(firstOffset + 2, ["c"], { producerId: 2 ** 40, producerEpoch: 3, baseSequence: 0 }) },
      { batch: batch(7 + firstOffset, ["d"]), topic: "other", topicId: OTHER_ID, partition: 5 },
    ])
    .group([deleted, { fillerBytes: 14 }])
    .group([{ batch: batch(firstOffset + 3, ["e", "f", "g"]) }, { fillerBytes: 33 }]);
}

function folderOf(...builders: readonly WalFileBuilder[]): MemoryFolder {
  const folder = new MemoryFolder();
  for (const builder of builders) folder.files.set(builder.name, builder.bytes);
  return folder;
}

/** The reports of these files, all of them when none is named. */
async function check(folder: MemoryFolder, ...names: readonly string[]): Promise<FileReport[]> {
  const walCheck = new WalCheck();
  const reports: FileReport[] = [];
  for (const name of names.length > 0 ? names : await folder.list()) {
    if (name.endsWith(".index")) continue;
    const input = await openWalIn(folder, name, `/data/wal/${name}`);
    reports.push(await walCheck.check(input));
    await input.close();
  }
  return reports;
}

function flip(folder: MemoryFolder, name: string, at: number, mask = 1): void {
  const bytes = Buffer.from(folder.files.get(name)!);
  bytes[at]! ^= mask;
  folder.files.set(name, bytes);
}

const problemsOf = (report: FileReport | undefined): string[] => report!.problems.map(({ what }) => what);

test("a sealed file is well; all that is in it is counted, and its index matches", async () => {
  const builder = everything();
  const folder = folderOf(builder);
  await builder.seal(folder);
  const counts = { groups: 4, batches: 4, records: 7, stateRecords: 2, newerStateRecords: 0 };
  const well = { problems: [], problemCount: 0, torn: undefined, cut: undefined };
  assert.deepEqual(await check(folder), [{ ...counts, ...well, index: "matches" }]);
});

test("canary: any flipped bit of any byte of a sealed file, or of its index, is damage", async () => {
  const builder = everything();
  const folder = folderOf(builder);
  await builder.seal(folder);
  for (const name of [builder.name, builder.indexName]) {
    const size = folder.files.get(name)!.length;
    assert.ok(size > 200);
    for (let at = 0; at < size; at += 1) {
      const mask = 1 << (at & 7);
      flip(folder, name, at, mask);
      const [report] = await check(folder);
      assert.ok(report!.problemCount > 0, `byte ${at} of ${name}`);
      flip(folder, name, at, mask);
    }
  }
  assert.equal((await check(folder))[0]!.problemCount, 0, "put back");
});

test("canary: any flipped byte of a file that others follow is damage, without an index too", async () => {
  const first = everything();
  const second = everything(new WalFileBuilder({ base: first.end, incarnation: 7, state: first.lastState }), 100);
  const folder = folderOf(first, second);
  for (let at = 0; at < first.bytes.length; at += 1) {
    flip(folder, first.name, at, 0xff);
    const [report] = await check(folder, first.name);
    assert.ok(report!.problemCount > 0 && report!.torn === undefined, `byte ${at}`);
    flip(folder, first.name, at, 0xff);
  }
});

test("canary: any flipped byte of the last file is damage, or shown as a torn tail where it may be one", async () => {
  const builder = everything();
  const folder = folderOf(builder);
  const durable = builder.bytes.length - (await lastGroupBytes(folder));
  for (let at = 0; at < builder.bytes.length; at += 1) {
    flip(folder, builder.name, at, 0x80);
    const [report] = await check(folder);
    if (at < durable) assert.ok(report!.problemCount > 0 && report!.torn === undefined, `byte ${at}`);
    else assert.deepEqual([report!.problemCount, report!.torn?.at], [0, durable], `byte ${at}`);
    flip(folder, builder.name, at, 0x80);
  }
});

async function lastGroupBytes(folder: MemoryFolder): Promise<number> {
  const [name] = await folder.list();
  const input = await openWalIn(folder, name!, name!);
  let last = 0;
  for await (const item of input.items()) if (item.kind === "group") last = item.at;
  return input.sizeBytes - last;
}

test("canary: any flipped byte of records without groups is damage, or a torn tail at the end", async () => {
  const records = ["v1", "v1-nulls", "v2", "v3"].map((name) => compatBytes(`wal-record-${name}.hex`));
  // Offsets of version 1 ascend in a file: the one with offset 0 comes first.
  const bytes = Buffer.concat([records[1]!, records[0]!, records[2]!, records[3]!]);
  const folder = new MemoryFolder();
  folder.files.set("old.log", bytes);
  const [well] = await check(folder);
  assert.deepEqual([well!.records, well!.batches, well!.stateRecords, well!.problemCount], [3, 1, 1, 0]);
  const last = bytes.length - records[3]!.length;
  for (let at = 0; at < bytes.length; at += 1) {
    flip(folder, "old.log", at);
    const [report] = await check(folder);
    assert.ok(report!.problemCount > 0 || (at >= last && report!.torn?.at === last), `byte ${at}`);
    flip(folder, "old.log", at);
  }
});

test("a file cut anywhere: a torn tail at the end of the log, missing bytes where an index tells of them", async () => {
  const builder = everything();
  const open = folderOf(builder);
  const sealed = folderOf(builder);
  await builder.seal(sealed);
  const all = builder.bytes;
  for (let size = 0; size < all.length; size += 1) {
    open.files.set(builder.name, all.subarray(0, size));
    sealed.files.set(builder.name, all.subarray(0, size));
    const [torn] = await check(open);
    const tornBytes = torn!.torn?.bytes ?? 0;
    const keptBytes = torn!.torn?.at ?? size;
    assert.deepEqual([torn!.problemCount, torn!.groups === 4], [0, false], `${size} bytes`);
    assert.ok(tornBytes < 420 && keptBytes + tornBytes <= size);
    const [damaged] = await check(sealed);
    const lost = damaged!.problems.filter(({ what }) => what !== "").reduce((sum, { bytes }) => sum + bytes, 0);
    assert.equal(keptBytes + lost, all.length, `cut to ${size} bytes`);
  }
});

test("damage tells whether state records were in it, by what the next group knows", async () => {
  const builder = everything();
  const folder = folderOf(builder);
  await builder.seal(folder);
  const groups: number[] = [];
  const input = await openWalIn(folder, builder.name, builder.name);
  for await (const item of input.items()) if (item.kind === "group") groups.push(item.at);
  const what = async (at: number): Promise<string[]> => {
    flip(folder, builder.name, at);
    const [report] = await check(folder);
    flip(folder, builder.name, at);
    return problemsOf(report);
  };
  assert.deepEqual(await what(groups[0]! + 60), ["no whole group, with state records"]);
  assert.deepEqual(await what(groups[1]! + 60), ["no whole group"]);
  assert.deepEqual(await what(groups[2]! + 60), ["no whole group, with state records"]);
  assert.deepEqual(await what(groups[3]! + 60), ["no whole group, possibly with state records"]);
});

test("what a start cut off, and went on in the next file, counts no more", async () => {
  const first = everything();
  const next = everything(new WalFileBuilder({ base: first.end, incarnation: 9, state: first.lastState }), 100);
  const folder = folderOf(first, next);
  folder.files.set(first.name, Buffer.concat([first.bytes, Buffer.from("torn")]));
  const reports = await check(folder);
  assert.deepEqual(
    reports.map(({ problemCount, torn, cut }) => [problemCount, torn, cut?.at, cut?.bytes]),
    [
      [0, undefined, first.end, 4],
      [0, undefined, undefined, undefined],
    ],
  );
});

test("zeros for groups to come are neither damage nor torn, nor cut off, and the next file goes on before them", async () => {
  const first = everything();
  const next = everything(new WalFileBuilder({ base: first.end, incarnation: 9, state: first.lastState }), 100);
  const folder = folderOf(first, next);
  const zeros = Buffer.alloc(65_536);
  for (const { name, bytes } of [first, next]) folder.files.set(name, Buffer.concat([bytes, zeros]));
  const reports = await check(folder);
  assert.deepEqual(
    reports.map(({ problems, torn, cut, groups }) => [problems, torn, cut, groups]),
    [
      [[], undefined, undefined, 4],
      [[], undefined, undefined, 4],
    ],
  );
  const input = await openWalIn(folder, next.name, next.name);
  const kinds: string[] = [];
  for await (const { kind, bytes } of input.items()) if (kind === "room") kinds.push(`${bytes}`);
  assert.deepEqual(kinds, ["65536"]);
});

test("files that go on from each other are checked as one log", async () => {
  const first = everything();
  const good = everything(new WalFileBuilder({ base: first.end, incarnation: 9, state: first.lastState }), 100);
  assert.deepEqual((await check(folderOf(first, good))).flatMap(problemsOf), []);
  const again = everything(new WalFileBuilder({ base: first.end, incarnation: 9, state: first.lastState }), 5);
  assert.deepEqual(problemsOf((await check(folderOf(first, again)))[1]), ["orders-0: offset 5 comes after 5"]);
  const stray = everything(new WalFileBuilder({ base: first.end, incarnation: 9, state: 0 }), 100);
  assert.match(
    problemsOf((await check(folderOf(first, stray)))[1])[0]!,
    /^the last group with state records is \d+, not 0$/,
  );
});

test("canary: a chain that does not hold is damage, though every checksum does", async () => {
  const problems = async (builder: WalFileBuilder): Promise<string[]> =>
    problemsOf((await check(folderOf(builder)))[0]).map((what) => what.replaceAll(/\d+/g, "N"));
  const later = new WalFileBuilder({ base: 1000, state: 500 }).group([{ fillerBytes: 20 }]);
  assert.deepEqual(await problems(later.group([{ fillerBytes: 20 }], { previousStatePosition: 600 })), [
    "the last group with state records is N, not N",
  ]);
  const two = (): WalFileBuilder => new WalFileBuilder().group([started]).group([{ fillerBytes: 20 }]);
  assert.deepEqual(await problems(two().group([started])), []);
  assert.deepEqual(await problems(two().group([started], { durablePosition: 5 })), [
    "durable position goes back from N to N",
  ]);
  assert.deepEqual(await problems(two().group([started], { durablePosition: 2 ** 40 })), [
    "group at N states N as durable, beyond itself",
  ]);
  assert.deepEqual(await problems(two().group([started], { previousStatePosition: 1 })), [
    "the last group with state records is N, not N",
  ]);
  assert.deepEqual(await problems(two().group([started], { previousStatePosition: 2 ** 40 })), [
    "group at N names a later one, N, as the last with state records",
  ]);
});

test("canary: a batch whose own CRC is wrong, offsets that go back, and a malformed state record are damage", async () => {
  const problems = async (builder: WalFileBuilder): Promise<string[]> =>
    problemsOf((await check(folderOf(builder)))[0]);
  const bad = batch(0, ["x"]);
  bad[bad.length - 1]! ^= 1;
  assert.deepEqual(await problems(new WalFileBuilder().group([{ batch: bad }])), [
    "orders-0: the batch's own CRC does not match",
  ]);
  const cut = batch(0, ["x"]).subarray(0, -1);
  assert.match(
    (await problems(new WalFileBuilder().group([{ batch: cut }])))[0]!,
    /^orders-0: a batch of \d+ bytes in/,
  );
  const back = new WalFileBuilder().group([{ batch: batch(4, ["x"]) }, { batch: batch(4, ["y"]) }]);
  assert.deepEqual(await problems(back), ["orders-0: offset 4 comes after 4"]);
  const malformed = new WalFileBuilder().group([{ type: 2, fields: Buffer.of(0, 1) }]);
  assert.match((await problems(malformed))[0]!, /^a state record of type 2: /);
});

test("state records of a newer version are counted, and are no damage", async () => {
  const [report] = await check(folderOf(new WalFileBuilder().group([{ type: 9999, fields: Buffer.of(1) }])));
  assert.deepEqual([report!.newerStateRecords, report!.problemCount], [1, 0]);
});

test("several batches in one record are walked, and each is checked", async () => {
  const data = Buffer.concat([batch(0, ["a", "b"]), batch(2, ["c"]), batch(9, ["d"])]);
  const folder = new MemoryFolder();
  folder.files.set("piece", batchRecord(data));
  const [report] = await check(folder);
  assert.deepEqual([report!.batches, report!.records, report!.problemCount], [3, 4, 0]);
  const bad = Buffer.from(data);
  bad[bad.length - 1]! ^= 1;
  const record = batchRecord(bad);
  sealRecord(record, 0, record.length);
  folder.files.set("piece", record);
  assert.deepEqual(problemsOf((await check(folder))[0]), ["orders-0: the batch's own CRC does not match"]);
});

test("an index that tells of other batches than the file's is damage; one that leaves out a deleted topic is not", async () => {
  const builder = everything();
  const folder = folderOf(builder);
  const other = new WalFileBuilder().group([{ batch: batch(0, ["a"]) }]);
  await other.seal(folder);
  const [report] = await check(folder);
  assert.equal(report!.index, "damaged");
  assert.match(problemsOf(report).join("\n"), /bytes more than its index knows of/);

  const withoutTopic = new WalFileBuilder().group([
    { batch: batch(0, ["a"]), topicId: OTHER_ID },
    { batch: batch(0, ["a"]), topicId: TOPIC_ID },
  ]);
  const wrongOffset = new WalFileBuilder().group([
    { batch: batch(1, ["a"]), topicId: OTHER_ID },
    { batch: batch(0, ["a"]), topicId: TOPIC_ID },
  ]);
  const files = folderOf(withoutTopic);
  await wrongOffset.seal(files);
  assert.match(
    problemsOf((await check(files))[0]).join("\n"),
    /^index: its 1 rows of topic \S+ partition 0 are not the 1/,
  );

  const renamed = new WalFileBuilder().group([
    { batch: batch(0, ["a"]), topicId: OTHER_ID },
    { batch: batch(0, ["a"]), topicId: OTHER_ID, partition: 1 },
  ]);
  const deletedTopic = folderOf(renamed);
  await new WalFileBuilder()
    .group([{ batch: batch(0, ["a"]), topicId: OTHER_ID }, { fillerBytes: batchRecord(batch(0, ["a"])).length }])
    .seal(deletedTopic);
  assert.deepEqual(await check(deletedTopic).then(([only]) => [only!.index, only!.problemCount]), ["matches", 0]);
});

test("a file under the name of another is damage from its first byte on, not a torn tail", async () => {
  const builder = everything();
  const folder = new MemoryFolder();
  folder.files.set(new WalFileBuilder({ base: 512 }).name, builder.bytes);
  const [report] = await check(folder);
  assert.match(
    problemsOf(report)[0]!,
    /^of another file than its name says, position 0 and incarnation 00abcdef012345/,
  );
  folder.files.clear();
  folder.files.set("copy", builder.bytes);
  assert.deepEqual(problemsOf((await check(folder))[0]), [], "under no name of a WAL file it tells itself what it is");
});

test("the last file may have got its name and not been written over yet", async () => {
  const other = everything();
  const first = everything(new WalFileBuilder({ base: 2 ** 20 }));
  const folder = folderOf(first);
  const { name } = new WalFileBuilder({ base: first.end, incarnation: 9 });
  folder.files.set(name, other.bytes);
  assert.deepEqual((await check(folder)).map(problemsOf), [[], []]);
  const kinds: string[] = [];
  for await (const { kind, bytes } of (await openWalIn(folder, name, name)).items()) kinds.push(`${kind} ${bytes}`);
  assert.deepEqual(kinds, [`old ${other.bytes.length}`]);
  folder.files.set(name, everything(new WalFileBuilder({ base: 2 ** 21 })).bytes);
  assert.match(
    problemsOf((await check(folder))[1])[0]!,
    /^of another file than its name says/,
    "canary: of what came later",
  );
});

test("what a file held before ends where its index says, when the file that went on from there is gone", async () => {
  const before = new WalFileBuilder({ base: 2 ** 20 }).group([{ fillerBytes: 4000 }]);
  const file = new WalFileBuilder().group([{ batch: batch(0, ["a"]) }], { wasOther: true });
  const later = new WalFileBuilder({ base: file.end + 512 }).group([{ batch: batch(1, ["b"]) }]);
  const folder = folderOf(file, later);
  await file.seal(folder);
  folder.files.set(file.name, Buffer.concat([file.bytes, before.bytes.subarray(file.bytes.length)]));
  assert.deepEqual((await check(folder)).map(problemsOf), [[], []]);
  folder.files.delete(file.indexName);
  assert.deepEqual(
    (await check(folder)).map(problemsOf),
    [["no whole group, possibly with state records"], []],
    "canary",
  );
});

test("more damage than anybody reads is counted, not kept", async () => {
  const builder = new WalFileBuilder();
  for (let n = 0; n < 300; n += 1) builder.group([{ batch: batch(300 - n, ["x"]) }]);
  const [report] = await check(folderOf(builder));
  assert.deepEqual([report!.problemCount, report!.problems.length], [299, 100]);
});
