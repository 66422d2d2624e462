/** `chronik storage` and `locate`: what they say of offsets in every tier, and of those that lie nowhere. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { BrokerLives, createTopic, produce } from "../../test/broker/broker-simulation.ts";
import { StoredFolder } from "../../test/log/stored-folder.ts";
import { APIS } from "../protocol/apis.ts";
import { lookInto } from "./data-folder.ts";
import { filesLines, partitionLines, totalLines } from "./storage-lines.ts";
import { type Located, locate, locatedJson, locatedLines } from "./storage-locate.ts";
import { reportFiles, reportPartitions } from "./storage-report.ts";

const SETTINGS = {
  "wal.indexing.interval.ms": "50",
  "log.cleaner.backoff.ms": "50",
  "log.retention.check.interval.ms": "1000000",
};
const COMPACT = { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01" };
const TIME = 1_700_000_000_000;

/**
 * Topic t: 0 and 1 are deleted, 2 to 5 lie in a segment, 6 and 7 in the log. Topic c, compacted: of 0 to 3, two are left, in a
 * batch that was larger and in one of its own.
 */
let folder: StoredFolder;

before(async () => {
  const lives = new BrokerLives({ settings: { ...SETTINGS, "log.retention.ms": "-1" } });
  await lives.live(async ({ broker, connect, until }) => {
    const client = connect();
    await createTopic(client, "t");
    await createTopic(client, "c", { configs: COMPACT });
    const stored = (): Promise<void> =>
      until(() => broker.store.wal.position === broker.store.wal.durable && broker.storage.backlog.bytes === 0);
    const records = (...values: readonly string[]) => values.map((value, at) => ({ value, timestamp: TIME + at }));
    await produce(client, { topic: "t" }, records("a", "b", "c"));
    await produce(client, { topic: "t" }, records("d", "e", "f"), { compression: "gzip" });
    await client.request(APIS.deleteRecords, 2, {
      topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: 2 }] }],
      timeoutMs: 1000,
    });
    for (const keys of [["k"], ["x", "k"], ["k"]]) {
      await produce(
        client,
        { topic: "c" },
        keys.map((key) => ({ key, value: "v" })),
      );
    }
    await stored();
    await until(() => broker.store.state.topic("c")!.partitions[0]!.cleanedTo === 4);
  });
  await lives.live(async ({ broker, connect }) => {
    broker.storage.stop();
    const record = { value: "g", timestamp: TIME + 60_000 };
    await produce(connect(), { topic: "t" }, [record, { key: "k", value: null, timestamp: TIME }], {
      producerId: 7,
      producerEpoch: 1,
      baseSequence: 0,
    });
  });
  await lives.simulation.run(async ({ disk }) => {
    folder = await StoredFolder.copyOf(disk);
  });
});

function at(topicName: string, offset: number): Promise<Located> {
  return lookInto(folder, "/data", async (data, lost) => {
    const topic = data.reading.state.topic(topicName)!;
    return locate(data, topic, topic.partitions[0]!, offset, lost);
  });
}

async function told(topic: string, offset: number): Promise<string> {
  return locatedLines(await at(topic, offset)).join("\n");
}

test("an offset in a segment: the file, the record of the file, the batch and the record in it", async () => {
  const located = await at("t", 4);
  assert.equal(located.is, "found");
  const text = locatedLines(located).join("\n");
  assert.match(text, /^t-0 offset 4: in segments\/\S+\.segment\npartition {2}offsets 2 to 7, next 8\ntier +segment\n/);
  assert.match(text, /^range +offsets 0 to 5, \d+ bytes of batches, newest record 2023-11-14T22:13:20\.002Z$/m);
  assert.match(text, /^stored at {2}byte \d+, \d+ bytes, batch 2 of the 2 in it$/m);
  assert.match(
    text,
    /^batch +offsets 3\.\.5, 3 records, gzip, 2023-11-14T22:13:20\.000Z\.\.2023-11-14T22:13:20\.002Z, leader epoch/m,
  );
  assert.match(text, /^record +2023-11-14T22:13:20\.001Z, key null, value 1 bytes, 0 headers$/m);
});

test("an offset in the log: its position there, and the producer; null is no value", async () => {
  const text = await told("t", 7);
  assert.match(text, /^t-0 offset 7: in wal\/\S+\.wal$/m);
  assert.match(text, /^stored at {2}position (\d+) of the log, byte \d+ of the file, \d+ bytes$/m);
  assert.match(text, /^batch +offsets 6\.\.7, 2 records, none, .*, producer 7 epoch 1 sequence 0\.\.1,/m);
  assert.match(text, /^record +2023-11-14T22:13:20\.000Z, key 1 bytes, value null, 0 headers$/m);
  const json = JSON.parse(locatedJson(await at("t", 7))) as {
    readonly [name: string]: { readonly [name: string]: unknown };
  };
  assert.deepEqual(
    [
      json["is"],
      json["tier"],
      json["batch"]!["producerId"],
      json["record"]!["keyBytes"],
      json["record"]!["valueBytes"],
    ],
    ["found", "wal", 7, 1, null],
  );
  assert.equal(Number(json["stored"]!["position"]), Number(/position (\d+)/.exec(text)![1]));
});

test("an offset before the log start, beyond the end, or compacted away: said so", async () => {
  assert.match(
    await told("t", 1),
    /^t-0 offset 1: before the log start 2: retention or DeleteRecords has removed it\n/,
  );
  assert.match(await told("t", 8), /^t-0 offset 8: not written yet: the partition ends at 8\n/);
  const gone = await at("c", 0);
  assert.equal(gone.is, "compacted");
  assert.match(locatedLines(gone)[0]!, /^c-0 offset 0: compacted away: .*; the next batch begins at 1$/);
  assert.equal((await at("c", 1)).is, "found");
  const within = await at("c", 2);
  assert.deepEqual([within.is, within.batch!.header.baseOffset, within.batch!.header.lastOffset], ["compacted", 1, 2]);
  assert.equal((await at("c", 3)).is, "found");
});

test("a damaged file is said with its place; a lost index costs nothing but time", async () => {
  const { range } = await at("t", 4);
  const { name } = range!.file;
  const bytes = folder.files.get(name)!;
  const damaged = await folder.flipped(name, 100, () => told("t", 4));
  assert.match(
    damaged,
    /^t-0 offset 4: unreadable: segments\/\S+ is damaged at byte \d+: a record does not match its checksum$/m,
  );
  const missing = await folder.changed(name, undefined, () => told("t", 4));
  assert.match(missing, /^t-0 offset 4: unreadable: segments\/\S+ is missing$/m);
  assert.equal(await folder.flipped(name, range!.stored!.at, async () => (await at("t", 4)).is), "found");
  assert.equal(bytes.length, range!.file.end);
  const inLog = (await at("t", 6)).range!.file;
  assert.equal(await folder.changed(inLog.indexName, undefined, async () => (await at("t", 6)).is), "found");
});

test("the table of a folder: a row for each tier of each partition, and what the files are for", async () => {
  const { partitions, files, totals } = await lookInto(folder, "/data", async (data, lost) => {
    const reports = await reportPartitions(data, data.reading.state.topics(), lost);
    const filesReport = await reportFiles(data);
    return {
      partitions: partitionLines(reports),
      files: filesLines(filesReport),
      totals: totalLines(data.reading, reports, filesReport),
    };
  });
  const rows = partitions.map((line) => line.split(/ +/));
  assert.deepEqual(
    rows
      .slice(1)
      .map(([topic, partition, tier, start, end, , ranges, inFiles]) => [
        topic,
        partition,
        tier,
        start,
        end,
        ranges,
        inFiles,
      ]),
    [
      ["t", "0", "segment", "2", "6", "1", "1"],
      ["t", "0", "wal", "6", "8", "1", "1"],
      ["c", "0", "segment", "0", "4", "1", "1"],
    ],
  );
  assert.deepEqual(rows[1]!.slice(8), ["2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20.002Z", "-"]);
  assert.deepEqual(rows[2]!.slice(8), ["2023-11-14T22:14:20.000Z", "2023-11-14T22:14:20.000Z", "-"]);
  assert.equal(rows[3]!.at(-1), "4");
  assert.match(files.join("\n"), /^log, to become segments +1 +\d+ +- +\d+ +-$/m);
  assert.match(totals.join("\n"), /^topics +2, with 2 partitions$/m);
  const backlog = /^log, to become segments +1 +(\d+) /m.exec(files.join("\n"))![1];
  assert.match(totals.join("\n"), new RegExp(`^backlog +${backlog} bytes of log to become segments$`, "m"));
});
