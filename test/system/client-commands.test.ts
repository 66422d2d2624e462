/** `chronik topics`, `produce`, `consume`, `groups` and `completion` against a broker in a process of its own. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { KafkaClient } from "../../sim/kafka-client.ts";
import { decodeJsonRecord } from "../../src/cli/json-record.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { type BrokerProcess, startProcess, tcpConnection } from "./broker-process.ts";
import { chronik, type Result, RunningProgram, startCommand } from "./command.ts";

const root = mkdtempSync(path.join(tmpdir(), "chronik-commands-"));
const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

let broker: BrokerProcess;
let env: NodeJS.ProcessEnv;

before(async () => {
  broker = await startProcess(path.join(root, "data"));
  env = { CHRONIK_BROKERS: `127.0.0.1:${broker.port}` };
});

after(async () => {
  await broker.stop();
  rmSync(root, { recursive: true });
});

async function run(args: string | readonly string[], input: Buffer | string = ""): Promise<Result> {
  return chronik(typeof args === "string" ? args.split(" ") : args, input, env);
}

/** What a command that succeeds prints. */
async function output(args: string | readonly string[], input: Buffer | string = ""): Promise<string> {
  const { code, stdout, stderr } = await run(args, input);
  assert.deepEqual([code, stderr], [0, ""], String(args));
  return stdout.toString();
}

async function refused(args: string | readonly string[], input: Buffer | string = ""): Promise<string> {
  const { code, stdout, stderr } = await run(args, input);
  assert.deepEqual([code, stdout.toString()], [1, ""], `${String(args)}: ${stderr}`);
  assert.match(stderr, /^chronik: .*\n$/, "one line");
  return stderr;
}

test("topics: created, listed, described, altered, deleted", async () => {
  assert.equal(
    await output("topics create life -p 2 -c retention.ms=9223372036854775807"),
    "created life with 2 partitions\n",
  );
  assert.match(await output("topics list"), /^NAME +PARTITIONS +REPLICAS\n(.*\n)*life +2 +1\n/);
  assert.match(await output("topics list --names"), /^life$/m);
  const described = JSON.parse(await output("topics describe life --json")) as Record<string, unknown>;
  assert.deepEqual(described["configs"], { "retention.ms": "9223372036854775807" });
  assert.deepEqual((described["partitions"] as unknown[]).length, 2);
  await output("topics alter life --set retention.ms=5 --append cleanup.policy=compact --partitions 3");
  const configs = await output("topics configs life");
  assert.match(configs, /^retention\.ms +5 +topic$/m);
  assert.match(configs, /^cleanup\.policy +delete,compact +topic$/m);
  assert.match(await output("topics describe life"), /^ +2 +1 +1 +1 +0 +0 +0$/m);
  await output("topics alter life --delete retention.ms");
  assert.match(await output("topics configs life"), /^retention\.ms +604800000 +default$/m);
  assert.match(await refused("topics create life"), /'life' already exists\. \(TOPIC_ALREADY_EXISTS\)$/m);
  assert.match(await refused("topics alter life --set retention.ms=soon"), /retention\.ms.*\(INVALID_CONFIG\)$/m);
  assert.equal(await output("topics delete life"), "deleted life\n");
  assert.match(await refused("topics describe life"), /there is no topic life/);
});

test("JSON in is JSON out: every byte value, null and empty keys and values, headers, timestamps", async () => {
  await output("topics create exact -p 2");
  const base64 = ALL_BYTES.toString("base64");
  const lines = [
    {
      partition: 1,
      timestamp: 1,
      keyBase64: base64,
      valueBase64: base64,
      headers: [{ key: "a", valueBase64: base64 }],
    },
    {
      partition: 1,
      timestamp: 5,
      key: null,
      value: null,
      headers: [
        { key: "n", value: null },
        { key: "n", value: "" },
      ],
    },
    { partition: 1, timestamp: 3, key: "", value: "", headers: [] },
    { partition: 1, timestamp: 1700000000000, key: "ключ", value: "line\nline", headers: [] },
  ].map((record) => JSON.stringify(record));
  await output("produce exact --json", lines.join("\n"));
  const first = await output("consume exact --to end --json");
  const expected = lines.map((line) => decodeJsonRecord(Buffer.from(line)));
  assert.deepEqual(decodeAll(first), expected);

  await output("topics create copy -p 2");
  await output("produce copy --json --compression zstd", first);
  const second = await output("consume copy --to end --json");
  assert.equal(second, first.replaceAll('"topic":"exact"', '"topic":"copy"'));
});

function decodeAll(lines: string): unknown {
  return lines
    .trimEnd()
    .split("\n")
    .map((line) => decodeJsonRecord(Buffer.from(line)));
}

test("plain lines in are plain lines out, whatever bytes they have; keys, nulls and headers by option", async () => {
  await output("topics create plain");
  const lines = Buffer.concat([ALL_BYTES, Buffer.from("\n\r\n\nlast")]);
  await output("produce plain", lines);
  const { stdout } = await run("consume plain --exit");
  assert.deepEqual(stdout, Buffer.concat([lines, Buffer.from("\n")]));

  await output(["produce", "plain", "-K", ":", "-Z", "-", "-H", "h=1", "-H", "none"], "a:1\nb:-\nc\n");
  assert.equal(
    await output(["consume", "plain", "--exit", "--from", "-3", "-Z", "NULL", "-f", "%o %k(%K) %v(%S) %h\\n"]),
    "5 a(1) 1(1) h=1,none=NULL\n6 b(1) NULL(-1) h=1,none=NULL\n7 NULL(-1) c(1) h=1,none=NULL\n",
  );
});

for (const [codec, acks] of [
  ["gzip", "all"],
  ["snappy", "all"],
  ["lz4", "1"],
  ["zstd", "0"],
] as const) {
  test(`${codec}, acknowledged by ${acks}`, async () => {
    const topic = `codec-${codec}-${acks}`;
    await output(`topics create ${topic}`);
    const lines = Array.from({ length: 5000 }, (_, index) => `line ${index}`).join("\n");
    await output(`produce ${topic} -z ${codec} -a ${acks}`, lines);
    // With 0 nothing says when they are there.
    assert.equal(await output(`consume ${topic} --count 5000`), `${lines}\n`);
  });
}

test("where to begin and to end: offsets, times, counts, partitions", async () => {
  await output("topics create places -p 2");
  const line = (partition: number, n: number) =>
    JSON.stringify({ partition, timestamp: n * 1000, value: `${partition}-${n}` });
  await output("produce places --json", [0, 1].flatMap((p) => [0, 1, 2, 3].map((n) => line(p, n))).join("\n"));
  const zero = async (range: string): Promise<string[]> =>
    (await output(`consume places -p 0 ${range}`)).split("\n").slice(0, -1);
  assert.deepEqual(await zero("--from 1 --to 3"), ["0-1", "0-2"]);
  assert.deepEqual(await zero("--from 1 --until 3"), ["0-1", "0-2"], "the former name");
  assert.deepEqual(await zero("--from -1 -e"), ["0-3"]);
  assert.deepEqual(await zero("--from @1500 --to @2500"), ["0-2"]);
  assert.deepEqual(await zero("--from 1970-01-01T00:00:01 --to 1970-01-01T02:00:02.000000+02:00"), ["0-1"]);
  assert.deepEqual(await zero("--from 1969-12-31T23:59:59.999Z --to 1970-01-01T00:00:01,0001"), ["0-0", "0-1"]);
  assert.deepEqual(await zero("--from 1970-01-02 --to 1970-01-03"), []);
  assert.deepEqual(await zero("--from 2 --to 1"), []);
  assert.deepEqual(await zero("--from -1h --to -0s"), []);
  assert.deepEqual(await zero("--from -99999d -e"), ["0-0", "0-1", "0-2", "0-3"]);
  assert.deepEqual(await zero("--from 2 --to 2100-01-01 -e"), ["0-2", "0-3"]);
  assert.deepEqual(await zero("--from 1970-01-01T00:00:03Z -e"), ["0-3"]);
  assert.deepEqual(await zero("--from end -e"), []);
  assert.deepEqual(await zero("--count 2"), ["0-0", "0-1"]);
  assert.deepEqual((await output("consume places -e")).split("\n").length, 9);
  assert.match(await refused("consume places -p 2"), /topic places has no partition 2: it has 2, from 0/);
  assert.match(await refused("consume places --from 5"), /ends at offset 4, before 5: give an earlier --from/);
});

test("a time range with timestamps out of order: from the first record of a time to the first of another, by offset", async () => {
  await output("topics create disorder");
  const lines = [3, 9, 1, 5, 7, 2].map((n) => JSON.stringify({ timestamp: n * 1000, value: String(n) }));
  await output("produce disorder --json", lines.join("\n"));
  const range = async (args: string): Promise<string> =>
    (await output(`consume disorder ${args}`)).replaceAll("\n", " ");
  assert.equal(await range("--from @2000 --to @8000"), "3 ");
  assert.equal(await range("--from @4000 --to @9000"), "");
  assert.equal(await range("--from @4000 --to @10000"), "9 1 5 7 2 ");
});

test("a --to that is to come: it ends when all partitions have passed it, or when it has come", async (t) => {
  await output("topics create hours -p 2 -c message.timestamp.after.max.ms=9223372036854775807");
  const record = (partition: number, timestamp: number, value: string): string =>
    `${JSON.stringify({ partition, timestamp, value })}\n`;
  const [before, later] = [Date.parse("2100-01-01") - 1, Date.parse("2100-01-01")];
  const consumer = startCommand(["consume", "hours", "--to", "2100-01-01"], env);
  t.after(() => consumer.kill("SIGKILL"));
  await output("produce hours --json", record(0, 1, "a") + record(0, before, "b") + record(0, later, "no"));
  await consumer.printed(/^a\nb\n$/);
  await output("produce hours --json", record(0, 2, "no") + record(1, 3, "c") + record(1, later, "no"));
  const { code, stdout, stderr } = await consumer.result;
  assert.deepEqual([code, stdout.toString(), stderr], [0, "a\nb\nc\n", ""]);

  const soon = new Date(Date.now() + 1000).toISOString();
  assert.equal(await output(`consume hours -p 1 --from 1 --to ${soon}`), "");
  await output("topics create quiet");
  assert.equal(await output(`consume quiet --to ${new Date(Date.now() + 1000).toISOString()}`), "");
});

test("a --from that is to come: nothing is printed before the first record of it or later", async (t) => {
  await output("topics create tomorrow -c message.timestamp.after.max.ms=9223372036854775807");
  const line = (timestamp: number, value: string): string => `${JSON.stringify({ timestamp, value })}\n`;
  const consumer = startCommand(["consume", "tomorrow", "--from", "2100-01-01", "--count", "2"], env);
  t.after(() => consumer.kill("SIGKILL"));
  const later = Date.parse("2100-01-01");
  await output("produce tomorrow --json", line(1, "early") + line(later, "first") + line(2, "second"));
  assert.equal((await consumer.result).stdout.toString(), "first\nsecond\n");
});

test("following: new records are printed as they come, and Ctrl-C ends with 0", async () => {
  await output("topics create follow");
  const consumer = startCommand(["consume", "follow"], env);
  await output("produce follow", "first\n");
  await consumer.printed(/^first\n$/);
  await output("produce follow", "second\n");
  await consumer.printed(/^first\nsecond\n$/);
  consumer.kill("SIGINT");
  const { code, stderr } = await consumer.result;
  assert.deepEqual([code, stderr], [0, ""]);
});

test("a person at a keyboard: each line is stored when it is typed; Ctrl-C sends the rest and ends with 130", async () => {
  await output("topics create typed");
  const producer = startCommand(["produce", "typed"], env);
  producer.input.write("one\ntw");
  assert.equal(await output("consume typed --count 1"), "one\n");
  producer.kill("SIGINT");
  const { code, stderr } = await producer.result;
  assert.deepEqual([code, stderr], [130, ""]);
  assert.equal(await output("consume typed -e"), "one\ntw\n");
});

test("a reader that leaves ends the command quietly, however much there is", async () => {
  await output("topics create pipe");
  await output("produce pipe", "a line of some length\n".repeat(50_000));
  const shell = spawnSync(
    "bash",
    ["-c", '"$0" bin/chronik.js consume pipe | head -1; echo "${PIPESTATUS[*]}"', process.execPath],
    {
      encoding: "utf8",
      env: { ...process.env, ...env },
    },
  );
  assert.deepEqual([shell.stdout, shell.stderr], ["a line of some length\n0 0\n", ""]);
});

test("input that cannot be stored names its line; what is before it is stored", async () => {
  await output("topics create lines -c max.message.bytes=1000");
  assert.match(
    await refused("produce lines --json", '{"value":"a"}\n{"vale":"b"}\n'),
    /^chronik: line 2: .*no field "vale"/,
  );
  assert.match(
    await refused("produce lines", `small\n${"x".repeat(2000)}\n`),
    /^chronik: line 2: .*\(MESSAGE_TOO_LARGE\)$/m,
  );
  assert.match(
    await refused("produce lines --json", '{"value":"a","partition":1}\n'),
    /line 1: topic lines has no partition 1/,
  );
  assert.match(await output("consume lines -e"), /^(a\n)?small\n$/);
});

test("what does not exist is named, with what may have been meant", async () => {
  await output("topics create orders");
  assert.match(await refused("consume ordres"), /there is no topic ordres: did you mean orders\?/);
  assert.match(await refused("produce ordres", "x"), /there is no topic ordres: did you mean orders\?/);
  assert.match(await refused("topics delete ordres"), /did you mean orders\?/);
  assert.match(await refused("groups describe nobody"), /there is no group nobody: chronik groups list/);
  await output("produce made --allow-auto-topic-creation", "x");
  assert.equal(await output("consume made -e"), "x\n");
});

test("a broker that cannot be reached is named, with what to do", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise<void>((resolve) => void server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => void server.close(resolve));
  for (const command of ["topics list", "consume t", "groups list"]) {
    assert.equal(
      await refused(`${command} -b 127.0.0.1:${port}`),
      `chronik: cannot reach a broker at 127.0.0.1:${port} (connection refused): is it running? --brokers says where\n`,
    );
  }
});

test("wrong use exits with 2, and says what is right", async () => {
  for (const [args, complaint] of [
    ["consume", /missing required argument 'topic'/],
    ["consume t --from yesterday", /Give beginning, end, an offset/],
    ["consume t --to 1h", /'--to|-t, --to <where>' .* Give beginning/],
    ["consume t --to 1 --until 2", /--until is --to/],
    ["groups reset-offsets g --all-topics --by-duration P1M", /Give a duration \(90s, 1h30m/],
    ["groups reset-offsets g --all-topics --to-datetime noon", /Give a time \(2026/],
    ["groups reset-offsets g --all-topics --to-datetime @1 --by-duration 1h", /give one of --to-earliest/],
    ["consume t -f %q", /there is no %q/],
    ["produce t -a 2", /Allowed choices are all, 1, 0/],
    ["produce t --json --key k", /with --json the lines have keys/],
    ["topics alter t", /nothing to change: give --set/],
    ["topics list -b host:x", /Give host:port/],
    ["groups reset-offsets g --all-topics", /give one of --to-earliest/],
    ["groups reset-offsets g --to-latest", /say of which topics/],
    ["completion tcsh", /Allowed choices are bash, zsh, fish/],
  ] as const) {
    const { code, stdout, stderr } = await run(args);
    assert.deepEqual([code, stdout.toString()], [2, ""], args);
    assert.match(stderr, complaint, args);
  }
});

test("groups: offsets are reset only with --execute; lag; deleted", async () => {
  await output("topics create work -p 2");
  const record = (partition: number, n: number) => JSON.stringify({ partition, timestamp: n * 1000, value: "v" });
  await output("produce work --json", [0, 1].flatMap((p) => [0, 1, 2, 3].map((n) => record(p, n))).join("\n"));

  const dry = await run("groups reset-offsets crew --topic work --to-earliest");
  assert.deepEqual([dry.code, dry.stderr], [0, "chronik: nothing was changed; --execute does it\n"]);
  assert.equal(
    dry.stdout.toString(),
    "TOPIC  PARTITION  COMMITTED  NEW\nwork           0  -            0\nwork           1  -            0\n",
  );
  assert.doesNotMatch(await output("groups list --names"), /^crew$/m);

  const reset = async (how: string): Promise<unknown> => {
    const lines = (await output(`groups reset-offsets crew ${how} --execute --json`)).trimEnd().split("\n");
    return lines.map((line) => (JSON.parse(line) as { to: number }).to);
  };
  assert.deepEqual(await reset("--topic work --to-latest"), [4, 4]);
  assert.deepEqual(await reset("--all-topics --shift-by -3"), [1, 1]);
  assert.deepEqual(await reset("--topic work:1 --to-offset 3"), [3]);
  assert.deepEqual(await reset("--topic work --to-datetime 1970-01-01T00:00:01.5"), [2, 2]);
  assert.deepEqual(
    await reset("--topic work --to-datetime 2100-01-01"),
    [4, 4],
    "the end, where no record is as young",
  );
  assert.deepEqual(await reset("--topic work --to-datetime 1960-01-01"), [0, 0]);
  assert.deepEqual(await reset("--topic work --by-duration P99999D"), [0, 0]);
  assert.deepEqual(await reset("--topic work --by-duration 1h"), [4, 4]);
  const hourAgo = JSON.stringify({ partition: 0, timestamp: Date.now() - 3_600_000, value: "v" });
  await output("produce work --json", hourAgo);
  assert.deepEqual(await reset("--topic work --by-duration PT1H30M"), [4, 4]);
  assert.deepEqual(await reset("--topic work --by-duration 30m"), [5, 4]);
  assert.deepEqual(await reset("--topic work:0 --to-offset 1"), [1]);
  assert.deepEqual(await reset("--topic work:1 --to-datetime 1970-01-01T00:00:02"), [2]);
  assert.match(await output("groups list"), /^crew +Empty +classic/m);
  assert.match(await output("groups describe crew"), /^state +Empty\nmembers 0\nlag +6\n\n.*\nwork +0 +1 +5 +4 /m);
  await output("groups delete crew");
  assert.match(await refused("groups describe crew"), /there is no group crew/);
});

test("a group at work shows its members, and is not reset", async () => {
  await output("topics create busy");
  await output("produce busy", "x\n");
  const member = startMember("busy-group", "busy");
  await member.printed(/joined/);
  const described = JSON.parse(await output("groups describe busy-group --json")) as {
    readonly state: string;
    readonly members: readonly { readonly id: string }[];
    readonly partitions: readonly { readonly topic: string; readonly member: { readonly id: string } }[];
  };
  assert.equal(described.state, "Stable");
  assert.deepEqual(
    described.partitions.map(({ topic, member: owner }) => [topic, owner.id]),
    [["busy", described.members[0]!.id]],
  );
  assert.match(
    await refused("groups reset-offsets busy-group --topic busy --to-latest --execute"),
    /group busy-group is in use \(Stable\): stop its consumers first/,
  );
  assert.match(await refused("groups delete busy-group"), /\(NON_EMPTY_GROUP\)/);
  member.kill("SIGKILL");
  await member.result;
});

test("a group of the consumer protocol shows its members too", async () => {
  await output("topics create shared --partitions 2");
  const client = new KafkaClient(tcpConnection(broker.port));
  const joined = await client.request(APIS.consumerGroupHeartbeat, 1, {
    groupId: "modern",
    memberId: "newcomer",
    memberEpoch: 0,
    rebalanceTimeoutMs: 60_000,
    subscribedTopicNames: ["shared"],
    topicPartitions: [],
  });
  assert.equal(joined.errorCode, 0);
  client.close();
  assert.match(await output("groups list"), /^modern +Stable +consumer +consumer$/m);
  const shown = await output("groups describe modern");
  assert.match(shown, /^group +modern\nstate +Stable\nmembers 1\nlag +0\n/);
  for (const partition of [0, 1]) assert.match(shown, new RegExp(`^shared +${partition} .* newcomer +127.0.0.1 `, "m"));
});

/** A consumer of another program, in a group. */
function startMember(group: string, topic: string): RunningProgram {
  const file = path.join(import.meta.dirname, "group-member.ts");
  return new RunningProgram([file, String(env["CHRONIK_BROKERS"]), group, topic], {});
}

test("completion: bash offers commands, options, choices and names", async () => {
  await output("topics create completed-topic");
  const script = path.join(root, "completion.bash");
  writeFileSync(script, await output("completion bash"));
  const bin = path.join(root, "bin");
  const wrapper = `mkdir -p ${bin}; printf '#!/bin/sh\\nexec "%s" "%s" "$@"\\n' "${process.execPath}" "${path.resolve("bin/chronik.js")}" > ${bin}/chronik; chmod +x ${bin}/chronik`;
  const complete = (line: string): readonly string[] => {
    const words = line.split(" ");
    const array = words.map((word) => `'${word}'`).join(" ");
    const last = words.at(-2) ?? "";
    const { stdout, stderr } = spawnSync(
      "bash",
      [
        "-c",
        `${wrapper}; PATH=${bin}:$PATH; source ${script}; COMP_WORDS=(${array}); COMP_CWORD=${words.length - 1}; _chronik chronik '${words.at(-1)}' '${last}'; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ],
      { encoding: "utf8", env: { ...process.env, ...env } },
    );
    assert.equal(stderr, "", line);
    return stdout.split("\n").filter(Boolean);
  };
  assert.deepEqual(complete("chronik con"), ["consume"]);
  assert.deepEqual(complete("chronik topics de"), ["describe", "delete"]);
  assert.deepEqual(complete("chronik topic rm compl"), ["completed-topic"]);
  assert.deepEqual(complete("chronik consume --par"), ["--partition"]);
  assert.deepEqual(complete("chronik wal "), ["inspect", "verify"]);
  assert.deepEqual(complete("chronik wal inspect --"), ["--json", "--records", "--help"]);
  assert.deepEqual(complete("chronik wal verify data/"), [], "the shell completes files");
  assert.deepEqual(complete("chronik consume t --t"), ["--to"]);
  assert.deepEqual(complete("chronik produce t --acks "), ["all", "1", "0"]);
  assert.deepEqual(complete("chronik -b x consume completed"), ["completed-topic"]);
  assert.deepEqual(complete("chronik topics create compl"), []);
});
