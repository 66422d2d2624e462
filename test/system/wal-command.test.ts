/** `chronik wal inspect` and `verify` on what brokers leave behind, and on the files of one that runs. */
import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { APIS } from "../../src/protocol/apis.ts";
import { createTopic, produce } from "../broker/broker-simulation.ts";
import { type BrokerProcess, startProcess } from "./broker-process.ts";
import { chronik, type Result } from "./command.ts";

const root = mkdtempSync(path.join(tmpdir(), "chronik-wal-"));
after(() => rmSync(root, { recursive: true }));

/** Small files, so that a little traffic makes several; no sealing by age, so that it is always the same number. */
const SMALL_FILES = ["wal.segment.bytes=1048576", "wal.group.max.bytes=65536", "wal.indexing.interval.ms=-1"].flatMap(
  (setting) => ["--set", setting],
);

let folders = 0;
function newFolder(): string {
  folders += 1;
  return path.join(root, String(folders));
}

function walFiles(folder: string): string[] {
  const names = readdirSync(path.join(folder, "wal")).sort();
  return names.filter((name) => name.endsWith(".wal")).map((name) => path.join(folder, "wal", name));
}

async function wal(command: string, ...args: readonly string[]): Promise<Result> {
  return chronik(["wal", command, ...args], "", {});
}

async function output(command: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await wal(command, ...args);
  assert.deepEqual([code, stderr], [0, ""], args.join(" "));
  return stdout.toString();
}

interface Report {
  readonly ok: boolean;
  readonly groups: number;
  readonly records: number;
  readonly index: string;
  readonly torn: { readonly bytes: number } | null;
}

async function verified(folder: string): Promise<Report[]> {
  const lines = await output("verify", "--json", ...walFiles(folder));
  return lines
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Report);
}

/** Fills `count` files or more with records of 100 KB. */
async function fill(broker: BrokerProcess, count: number): Promise<number> {
  const client = broker.connect();
  const value = "x".repeat(100_000);
  for (let n = 0; n < count * 11; n += 1) await produce(client, { topic: "t", partition: n % 2 }, [{ value }]);
  client.close();
  return count * 11;
}

test("files that a broker runs on, that it left in order, and that it was killed over: all well", async () => {
  const folder = newFolder();
  const first = await startProcess(folder, SMALL_FILES);
  const client = first.connect();
  await createTopic(client, "t", { partitions: 2 });
  await createTopic(client, "gone");
  await produce(client, { topic: "gone" }, [{ value: "x" }]);
  const written = await fill(first, 2);
  await client.request(APIS.deleteTopics, 6, {
    topics: [{ name: "gone" }],
    timeoutMs: 1000,
  });
  await client.request(APIS.deleteRecords, 2, {
    topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: -1 }] }],
    timeoutMs: 1000,
  });
  const more = await fill(first, 1);
  client.close();
  const running = await verified(folder);
  assert.ok(running.length >= 3, `${running.length} files`);
  assert.ok(running.every(({ ok }) => ok));
  assert.equal(
    running.reduce((sum, { records }) => sum + records, 0),
    written + more + 1,
  );
  // The last one is still written, unless a state record of the storage worker's has just filled it.
  assert.ok(running.every(({ index }, at) => index === "matches" || at === running.length - 1));

  first.kill("SIGKILL");
  await first.exit;
  assert.ok((await verified(folder)).every(({ ok }) => ok));

  const second = await startProcess(folder, SMALL_FILES);
  await fill(second, 1);
  await second.stop();
  const stopped = await verified(folder);
  assert.ok(stopped.length > running.length);
  for (const report of stopped) {
    assert.deepEqual([report.ok, report.index, report.torn], [true, "matches", null]);
  }
});

test("records come out as consume prints them, and go back in, from a broker that is dead", async () => {
  const folder = newFolder();
  const broker = await startProcess(folder);
  const env = { CHRONIK_BROKERS: `127.0.0.1:${broker.port}` };
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString("base64");
  const lines = [
    {
      timestamp: 1,
      keyBase64: all,
      valueBase64: all,
      headers: [
        { key: "h", valueBase64: all },
        { key: "n", value: null },
      ],
    },
    { timestamp: 2, key: null, value: null, headers: [] },
    { timestamp: 3, key: "", value: "ключ\n", headers: [] },
  ];
  await chronik(["topics", "create", "t"], "", env);
  await chronik(["produce", "t", "--json", "-z", "gzip"], lines.map((line) => JSON.stringify(line)).join("\n"), env);
  const consumed = (await chronik(["consume", "t", "-e", "--json"], "", env)).stdout.toString();
  assert.equal(consumed.split("\n").length, 4);
  broker.kill("SIGKILL");
  await broker.exit;
  assert.equal(await output("inspect", "--records", ...walFiles(folder)), consumed);
});

test("a torn tail is said, and is an error of neither command; the copy of a file is read under any name", async () => {
  const folder = newFolder();
  const broker = await startProcess(folder);
  const client = broker.connect();
  await createTopic(client, "t", { partitions: 2 });
  await produce(client, { topic: "t" }, [{ value: "x" }]);
  client.close();
  broker.kill("SIGKILL");
  await broker.exit;
  const [file] = walFiles(folder);
  const room = / (\d+) +room /.exec(await output("inspect", file!));
  const handle = openSync(file!, "r+");
  writeSync(handle, "torn bytes", Number(room![1]));
  closeSync(handle);
  assert.match(await output("inspect", file!), /\n +\d+ +torn +10 bytes, torn tail: .*\n +\d+ +room .*\n$/);
  const report = await output("verify", file!);
  assert.match(
    report,
    /: all well: \d+ groups, 1 batches, 1 records, [^\n]*\n {2}torn tail: 10 bytes at position (\d+) \(byte \1\)/,
  );
  const copy = path.join(root, "copy");
  copyFileSync(file!, copy);
  assert.equal((await output("verify", copy)).replaceAll(copy, file!), report);
});

test("canary: damage ends verify with 1, and names the place; inspect shows what is left, with 1 too", async () => {
  const folder = newFolder();
  const broker = await startProcess(folder);
  const client = broker.connect();
  await createTopic(client, "t", { partitions: 2 });
  for (const value of ["lost", "kept"]) await produce(client, { topic: "t" }, [{ value }]);
  client.close();
  await broker.stop();
  const [file] = walFiles(folder);
  const bytes = readFileSync(file!);
  bytes[bytes.indexOf("lost")]! ^= 1;
  writeFileSync(file!, bytes);
  const damaged = await wal("verify", file!);
  assert.equal(damaged.code, 1);
  assert.match(
    damaged.stdout.toString(),
    /: damaged: .*\n {2}damage: \d+ bytes at position (\d+) \(byte \1\): no whole group\n$/,
  );
  assert.match(damaged.stderr, /^chronik: 1 file is damaged: put a copy in its place, or start the broker, .*\n$/);
  const shown = await wal("inspect", "--records", file!);
  assert.equal(shown.code, 1);
  assert.match(shown.stdout.toString(), /^\{"topic":"t",.*"value":"kept","headers":\[\]\}\n$/);
  assert.match(shown.stderr, /left out \d+ bytes at position \d+: no whole group\n.*could not be read as a whole/);
});

test("what is no WAL file is said, with what to do, and the files beside it are read all the same", async () => {
  const folder = newFolder();
  const broker = await startProcess(folder);
  await broker.stop();
  const [file] = walFiles(folder);
  const empty = path.join(root, "empty");
  writeFileSync(empty, "");
  const missing = path.join(root, "missing.wal");
  for (const command of ["inspect", "verify"]) {
    const { code, stdout, stderr } = await wal(command, folder, empty, missing, import.meta.filename, file!);
    assert.equal(code, 1, command);
    assert.ok(stdout.includes(path.basename(file!)), command);
    assert.deepEqual(stderr.trimEnd().split("\n"), [
      `chronik: ${folder} is a folder: give the files in it, as ${folder}/*.wal`,
      `chronik: ${empty} is empty: give a file that a broker has written to`,
      `chronik: cannot open ${missing}: it does not exist (ENOENT): check the path`,
      `chronik: ${import.meta.filename} is no WAL file and no segment: in its ${readFileSync(import.meta.filename).length} bytes there is no record; a broker's are in the folders wal and segments of its data`,
    ]);
    assert.equal((await wal(command)).code, 2);
    assert.equal((await wal(command, "--what", file!)).code, 2);
  }
});

test("a file that may not be read is said", {
  skip: process.getuid?.() === 0 && "root may read every file",
}, async () => {
  const secret = path.join(root, "secret");
  writeFileSync(secret, "x");
  chmodSync(secret, 0);
  const { code, stderr } = await wal("verify", secret);
  assert.deepEqual([code, stderr.includes("access is denied (EACCES): give this user access")], [1, true]);
});
