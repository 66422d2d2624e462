/** `chronik storage`, `verify` and `locate` on the folder of a broker that runs, that was killed, that has stopped; and damaged. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { createTopic, produce } from "../broker/broker-simulation.ts";
import { type BrokerProcess, startProcess } from "./broker-process.ts";
import { chronik, type Result } from "./command.ts";

const root = mkdtempSync(path.join(tmpdir(), "chronik-storage-"));
after(() => rmSync(root, { recursive: true }));

/** Files are sealed, converted, merged and removed all the time. */
const FAST = [
  "wal.indexing.interval.ms=100",
  "wal.segment.bytes=1048576",
  "wal.group.max.bytes=65536",
  "snapshot.interval.bytes=1",
  "segment.delete.delay.ms=0",
  "log.retention.check.interval.ms=100",
].flatMap((setting) => ["--set", setting]);

/** So few that the broker does not take itself for busy, and puts nothing off, however fast it is. */
const VALUE_BYTES = 100;

/** Of every record: older ones would be past their time. */
const NOW_MS = Date.now();
const NOW = new Date(NOW_MS).toISOString();

interface Tier {
  readonly tier: "wal" | "segment";
  readonly startOffset: number;
  readonly endOffset: number;
  readonly firstTimestamp: number;
  readonly maxTimestamp: number;
  readonly ranges: readonly { readonly file: string }[];
}

interface Line {
  readonly kind: string;
  readonly topic: string;
  readonly partition: number;
  readonly logStartOffset: number;
  readonly endOffset: number;
  readonly tiers: readonly Tier[];
  readonly segments: number;
}

function storage(folder: string, ...args: readonly string[]): Promise<Result> {
  return chronik(["storage", ...args, "--data-dir", folder], "", {});
}

async function output(folder: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await storage(folder, ...args);
  assert.deepEqual([code, stderr], [0, ""], `${args.join(" ")}: ${stdout.toString()}`);
  return stdout.toString();
}

async function lines(folder: string, ...args: readonly string[]): Promise<Line[]> {
  const text = await output(folder, ...args, "--json");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

/** Every byte of every file, and when it was changed. */
function fingerprint(folder: string): string[] {
  return ["", "wal", "segments", "snapshot"].flatMap((part) =>
    readdirSync(path.join(folder, part), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => {
        const file = path.join(folder, part, name);
        return `${file} ${statSync(file).mtimeMs} ${createHash("sha1").update(readFileSync(file)).digest("hex")}`;
      }),
  );
}

/** Produces until it is told to end, or cannot any more when it is; answers how many records of partition 0 and 1 were acknowledged. */
function load(broker: BrokerProcess): { readonly acked: number[]; end(): Promise<void> } {
  const acked = [0, 0];
  let isDone = false;
  const running = [0, 1].map(async (partition) => {
    const client = broker.connect();
    try {
      while (!isDone) {
        await produce(client, { topic: "t", partition }, [{ value: "v".repeat(VALUE_BYTES), timestamp: NOW_MS }]);
        acked[partition]! += 1;
      }
      client.close();
    } catch (error) {
      if (!isDone) throw error;
    }
  });
  return {
    acked,
    async end() {
      isDone = true;
      await Promise.all(running);
    },
  };
}

/** The tiers of a partition join, from the log start to its end. */
function assertWhole({ tiers, logStartOffset, endOffset }: Line): void {
  let next = logStartOffset;
  for (const tier of tiers) {
    assert.equal(tier.startOffset, next);
    next = tier.endOffset;
  }
  assert.equal(next, endOffset);
}

test("under load, after a kill and after a stop: no offset is left out, all is well, and nothing is changed", async () => {
  const folder = path.join(root, "load");
  const broker = await startProcess(folder, FAST);
  const client = broker.connect();
  await createTopic(client, "t", { partitions: 2 });
  await createTopic(client, "empty");
  client.close();
  const traffic = load(broker);
  // Until records have become segments, and those have been merged: a segment is in the place of several.
  const merged = async (): Promise<boolean> => {
    const acked = [...traffic.acked];
    const all = await lines(folder);
    for (const line of all.filter(({ topic }) => topic === "t")) {
      assertWhole(line);
      assert.ok(line.endOffset >= acked[line.partition]!, "what was acknowledged is seen");
    }
    return all.some((line) => line.kind === "segment" && (line as unknown as { level: number }).level > 0);
  };
  while (!(await merged()));
  for (let round = 0; round < 5; round += 1) {
    const report = await output(folder, "verify");
    assert.match(report, /^all well: \d+ files of the log, \d+ segments, \d+ snapshots, \d+ batches, \d+ bytes$/m);
  }
  const [first] = await lines(folder, "--topic", "t");
  for (const { tier, startOffset, firstTimestamp, maxTimestamp } of first!.tiers) {
    assert.deepEqual([firstTimestamp, maxTimestamp], [NOW_MS, NOW_MS]);
    const found = await output(folder, "locate", "t", "0", String(startOffset));
    // What was in the log a moment ago may be in a segment now.
    assert.match(found, tier === "segment" ? /^tier +segment$/m : /^tier +(wal|segment)$/m);
    assert.match(found, new RegExp(`^batch +offsets ${startOffset}\\.\\.${startOffset}, 1 records, none, ${NOW}`, "m"));
    assert.match(found, new RegExp(`^record +${NOW}, key null, value ${VALUE_BYTES} bytes, 0 headers$`, "m"));
  }

  const ended = traffic.end();
  broker.kill("SIGKILL");
  await Promise.all([broker.exit, ended]);
  const killed = fingerprint(folder);
  for (const line of (await lines(folder)).filter(({ topic }) => topic === "t")) {
    assertWhole(line);
    assert.ok(line.endOffset >= traffic.acked[line.partition]!);
  }
  assert.match(await output(folder, "verify"), /^all well: /m);
  assert.deepEqual(fingerprint(folder), killed, "a folder that nobody runs on is as it was");

  const next = await startProcess(folder, FAST);
  assert.match(await output(folder, "verify"), /^all well: /m);
  await next.stop();
  const before = fingerprint(folder);
  const text = await output(folder);
  assert.match(text, /^empty +0 +- +0 +0 +0 +0 +0 +- +- +-$/m);
  assert.match(text, new RegExp(`^t +0 +segment +0 +\\d+ +\\d+ +\\d+ +\\d+ +${NOW} +${NOW} +-$`, "m"));
  assert.match(text, /^snapshots +2 +\d+ +- +- +-$/m);
  assert.match(await output(folder, "verify"), /^all well: /m);
  assert.deepEqual(fingerprint(folder), before);
});

/** A folder of a broker that has stopped, with a segment. */
async function stopped(name: string): Promise<string> {
  const folder = path.join(root, name);
  const broker = await startProcess(folder, FAST);
  const client = broker.connect();
  await createTopic(client, "t");
  await produce(client, { topic: "t" }, [{ value: "value" }]);
  client.close();
  const isStored = async (): Promise<boolean> => (await lines(folder)).some(({ kind }) => kind === "segment");
  while (!(await isStored()));
  await broker.stop();
  return folder;
}

function segmentOf(folder: string): string {
  const [name] = readdirSync(path.join(folder, "segments"));
  return path.join(folder, "segments", name!);
}

test("canary: damage ends verify with 1 and says where; storage and locate say what they can", async () => {
  const folder = await stopped("damaged");
  const file = segmentOf(folder);
  const bytes = readFileSync(file);
  bytes[bytes.indexOf("value")]! ^= 1;
  writeFileSync(file, bytes);
  const damaged = await storage(folder, "verify");
  assert.equal(damaged.code, 1);
  assert.match(
    damaged.stdout.toString(),
    /^segments\/\S+: damaged\n {2}damage: at byte 64: a record is not what was written$/m,
  );
  assert.match(damaged.stdout.toString(), /^damaged: /m);
  assert.match(damaged.stderr, /^chronik: there is damage: /);
  const found = await storage(folder, "locate", "t", "0", "0");
  assert.equal(found.code, 1);
  assert.match(found.stdout.toString(), /^t-0 offset 0: unreadable: segments\/\S+ is damaged at byte 64: /);

  renameSync(file, `${file}.gone`);
  const missing = await storage(folder, "verify", "--json");
  assert.equal(missing.code, 1);
  assert.match(missing.stdout.toString(), /"what":"the file is missing"/);
  assert.match(missing.stdout.toString(), /^\{"kind":"unknown","file":"segments\/\S+\.gone",/m);
  const shown = await storage(folder);
  assert.equal(shown.code, 0, "it shows what there should be, and says what is not there");
  assert.match(shown.stdout.toString(), /^t +0 +segment +0 +1 +\d+ +1 +1 +- /m);
  assert.match(shown.stderr, /^chronik: damage: segments\/\S+ is missing$/m);
  const lost = await storage(folder, "locate", "t", "0", "0");
  assert.equal(lost.code, 1);
  assert.match(lost.stdout.toString(), /^t-0 offset 0: unreadable: segments\/\S+ is missing$/m);
});

test("segments are files for chronik wal, too", async () => {
  const folder = await stopped("wal");
  const file = segmentOf(folder);
  const wal = (command: string, ...args: readonly string[]): Promise<Result> =>
    chronik(["wal", command, ...args, file], "", {});
  const shown = (await wal("inspect")).stdout.toString();
  assert.match(
    shown,
    /^\S+: \d+ bytes, a segment\n +0 +segment .*\n +64 {2}v2 {2}batch +t-0 \(\S+\) offsets 0\.\.0, 1 records/,
  );
  const records = (await wal("inspect", "--records")).stdout.toString();
  assert.match(records, /^\{"topic":"t","partition":0,"offset":0,.*"value":"value","headers":\[\]\}\n$/);
  const verified = await wal("verify");
  assert.equal(verified.code, 0);
  assert.match(
    verified.stdout.toString(),
    /: all well: 1 batches, 1 records, 0 state records, \d+ bytes, index matches\n$/,
  );
});

test("what is no data folder, no topic, no partition: said in a line, with what to do", async () => {
  const empty = path.join(root, "empty");
  mkdirSync(empty);
  for (const folder of [path.join(root, "nowhere"), empty, import.meta.filename]) {
    for (const args of [[], ["verify"], ["locate", "t", "0", "0"]]) {
      const { code, stdout, stderr } = await storage(folder, ...args);
      assert.deepEqual([code, stdout.toString()], [1, ""]);
      assert.match(
        stderr,
        /^chronik: \S+ holds no data of a broker: there is no folder wal in it; give the folder [^\n]*\n$/,
      );
    }
  }
  const folder = path.join(root, "fresh");
  await (await startProcess(folder)).stop();
  assert.match(await output(folder), /^TOPIC +PARTITION .*\n\nFILES [^]*^topics +0, with 0 partitions$/m);
  assert.match(await output(folder, "verify"), /^all well: 1 files of the log, 0 segments, 1 snapshots, 0 batches,/);
  const noTopic = await storage(folder, "locate", "t", "0", "0");
  assert.deepEqual([noTopic.code, noTopic.stderr], [1, "chronik: there is no topic t in this data folder\n"]);
  assert.equal((await storage(folder, "--topic", "t")).code, 1);
  for (const args of [["locate", "t", "0", "-1"], ["locate", "t", "0"], ["--topic", "t", "verify"], ["--what"]]) {
    assert.equal((await storage(folder, ...args)).code, 2, args.join(" "));
  }
});

test("options of storage count before and behind the name of the command below it", async () => {
  const folder = await stopped("options");
  const before = await chronik(["storage", "--data-dir", folder, "--json", "locate", "t", "0", "0"], "", {});
  const behind = await chronik(["storage", "locate", "t", "0", "0", "--json", "--data-dir", folder], "", {});
  assert.deepEqual([before.code, before.stdout], [0, behind.stdout]);
  assert.equal((JSON.parse(before.stdout.toString()) as { readonly is: string }).is, "found");
});
