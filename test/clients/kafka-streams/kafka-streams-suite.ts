/**
 * Kafka Streams and Kafka Connect keep what they know in compacted topics: changelogs, offsets, configurations, states. Here
 * those topics are compacted while they are in use, the broker is killed, the applications are killed, and what they restore
 * from what is left must be what they knew.
 *
 * Streams runs with at_least_once: exactly_once needs transactions, which the broker does not offer yet. The application keeps
 * the newest value of each key, which comes out the same however often an update is seen.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../../bench/brokers/broker.ts";
import { runSuite, type Suite } from "../suite.ts";

const SETTINGS = {
  "wal.indexing.interval.ms": "200",
  "log.cleaner.backoff.ms": "200",
  "group.initial.rebalance.delay.ms": "0",
};
const PATIENCE_MS = 90_000;
const POLL_MS = 200;
/** Much of what these programs do is to start. */
const QUICK_START = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
const KEYS = 20;
const LINES = 300;
/** The source looks once a second. */
const LINES_AT_ONCE = 60;
const CONNECT = "org.apache.kafka.connect.cli.ConnectDistributed";

const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** A Java program that runs, line by line. */
class Program {
  readonly lines: string[] = [];
  readonly child: ChildProcess;
  #waiters: (() => void)[] = [];

  constructor(suite: Suite, mainClass: string, args: readonly string[]) {
    const options = [
      "-Xmx512m",
      ...QUICK_START,
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
      `-Djava.io.tmpdir=${suite.folder}`,
    ];
    this.child = spawn("java", [...options, mainClass, ...args], { stdio: "pipe" });
    children.add(this.child);
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      createInterface({ input: stream }).on("line", (line) => {
        this.lines.push(line);
        for (const wake of this.#waiters.splice(0)) wake();
      });
    }
  }

  /** Says `command`, and answers the lines up to its "done". */
  async ask(command: string): Promise<string[]> {
    const from = this.lines.length;
    this.child.stdin!.write(`${command}\n`);
    await this.line((line, index) => index >= from && line === "done");
    return this.lines.slice(from, -1);
  }

  /** Waits for a line that `matches`. */
  async line(matches: (line: string, index: number) => boolean): Promise<void> {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    while (!this.lines.some(matches)) {
      const ended = this.child.exitCode !== null;
      if (deadline.aborted || ended)
        throw new Error(
          `waited in vain for a line of ${this.child.spawnargs.join(" ")}:\n${this.lines.slice(-30).join("\n")}`,
        );
      await Promise.race([new Promise<void>((resolve) => this.#waiters.push(resolve)), delay(POLL_MS)]);
    }
  }

  async kill(): Promise<void> {
    const gone = new Promise((resolve) => this.child.once("close", resolve));
    this.child.kill("SIGKILL");
    await gone;
    children.delete(this.child);
  }
}

interface Dump {
  readonly records: number;
  readonly offsets: number;
  readonly table: ReadonlyMap<string, string>;
}

async function dump(tool: Program, topic: string): Promise<Dump> {
  const lines = (await tool.ask(`dump ${topic}`)).map((line) => line.split(" "));
  const number = (name: string): number => Number(lines.find(([first]) => first === name)![1]);
  const rows = lines.filter(([first]) => first === "row").map(([, key, value]): [string, string] => [key!, value!]);
  return { records: number("records"), offsets: number("offsets"), table: new Map(rows) };
}

/** Asks again until the answer is `good`. Answers the last one. */
async function until<T>(ask: () => Promise<T>, good: (answer: T) => boolean): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (good(answer) || performance.now() > deadline) return answer;
    await delay(POLL_MS);
  }
}

/** What the application must know after so many rounds. */
function expectedTable(rounds: number): Map<string, string> {
  const last = rounds - 1;
  const rows = Array.from({ length: KEYS }, (_, key): [string, string] => [`K${key}`, String(last)]);
  return new Map(rows.filter((_, key) => (last + key) % 7 !== 0));
}

function tableProblems(found: ReadonlyMap<string, string>, rounds: number): string[] {
  const [is, ought] = [found, expectedTable(rounds)].map((table) =>
    JSON.stringify([...table].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  );
  return is === ought ? [] : [`expected ${ought}`, `found    ${is}`];
}

function isComplete(rounds: number): (answer: Dump) => boolean {
  return ({ table }) => tableProblems(table, rounds).length === 0;
}

async function streams(suite: Suite, tool: Program): Promise<void> {
  const changelog = "app-newest-changelog";
  const appArgs = (): [string, string[]] => ["Streams", ["app", suite.broker.address]];
  await tool.ask("create");
  let app = new Program(suite, ...appArgs());
  await app.line((line) => line === "state RUNNING");
  await tool.ask("produce 0 200");
  const first = await until(() => dump(tool, "totals"), isComplete(200));
  suite.check("streams: the table is that of all updates", tableProblems(first.table, 200));
  const compacted = await until(
    () => dump(tool, changelog),
    ({ records, offsets }) => offsets >= 200 * KEYS && records < offsets / 4,
  );
  const isSmall = compacted.records < compacted.offsets / 4;
  suite.check(
    "streams: its changelog is compacted while it is written",
    isSmall ? [] : [`${compacted.records} records of ${compacted.offsets} are left`],
  );
  suite.check("streams: a consumer of the compacted changelog sees the table", tableProblems(compacted.table, 200));

  const more = tool.ask("produce 200 400");
  await suite.killAndStart();
  await more;
  const second = await until(() => dump(tool, "totals"), isComplete(400));
  suite.check("streams: goes on when the broker was killed", tableProblems(second.table, 400));

  await app.kill();
  await until(
    () => dump(tool, changelog),
    ({ records, offsets }) => records < offsets / 4,
  );
  app = new Program(suite, ...appArgs());
  await app.line((line) => line === "state RUNNING");
  const restored = app.lines
    .filter((line) => line.startsWith("restored newest"))
    .map((line) => Number(line.split(" ")[3]));
  const sum = restored.reduce((total, records) => total + records, 0);
  suite.check(
    "streams: restores its table from what compaction has left",
    sum > 0 && sum < (400 * KEYS) / 4 ? [] : [`restored from ${sum} records: ${app.lines.join(", ")}`],
  );
  await tool.ask("produce 400 405");
  const third = await until(() => dump(tool, "totals"), isComplete(405));
  suite.check("streams: goes on from the table it has restored", tableProblems(third.table, 405));
  await app.kill();
}

/** The REST interface of Connect. */
class Connect {
  readonly #url: string;

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}`;
  }

  async get(path: string): Promise<unknown> {
    const response = await fetch(this.#url + path).catch(() => undefined);
    return response?.ok === true ? response.json() : undefined;
  }

  async put(path: string, body: unknown): Promise<boolean> {
    const headers = { "content-type": "application/json" };
    const response = await fetch(this.#url + path, { method: "PUT", headers, body: JSON.stringify(body) }).catch(
      () => undefined,
    );
    return response?.ok === true;
  }

  /** Whether the connector and its tasks run. */
  async runs(name: string): Promise<boolean> {
    const status = (await this.get(`/connectors/${name}/status`)) as
      | { readonly connector: { readonly state: string }; readonly tasks: readonly { readonly state: string }[] }
      | undefined;
    return (
      status !== undefined &&
      status.tasks.length > 0 &&
      [status.connector, ...status.tasks].every(({ state }) => state === "RUNNING")
    );
  }
}

async function connect(suite: Suite, tool: Program): Promise<void> {
  const [source, sink] = [join(suite.folder, "source.txt"), join(suite.folder, "sink.txt")];
  const port = await freePort();
  const converter = "org.apache.kafka.connect.storage.StringConverter";
  const worker = {
    "bootstrap.servers": suite.broker.address,
    "group.id": "connect",
    "key.converter": converter,
    "value.converter": converter,
    "config.storage.topic": "connect-configs",
    "offset.storage.topic": "connect-offsets",
    "status.storage.topic": "connect-status",
    "config.storage.replication.factor": 1,
    "offset.storage.replication.factor": 1,
    "status.storage.replication.factor": 1,
    "offset.storage.partitions": 1,
    "offset.storage.min.cleanable.dirty.ratio": "0.01",
    "status.storage.min.cleanable.dirty.ratio": "0.01",
    "config.storage.min.cleanable.dirty.ratio": "0.01",
    "offset.flush.interval.ms": 100,
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 1000,
    "consumer.session.timeout.ms": 6000,
    "consumer.heartbeat.interval.ms": 1000,
    "scheduled.rebalance.max.delay.ms": 0,
    listeners: `http://127.0.0.1:${port}`,
    "plugin.discovery": "only_scan",
  };
  const properties = join(suite.folder, "connect.properties");
  writeFileSync(
    properties,
    Object.entries(worker)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(""),
  );
  writeFileSync(source, "");
  const rest = new Connect(port);
  let program = new Program(suite, CONNECT, [properties]);
  await until(
    () => rest.get("/"),
    (answer) => answer !== undefined,
  );
  const connectors = {
    source: {
      "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
      "tasks.max": "1",
      file: source,
      topic: "lines",
    },
    sink: {
      "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
      "tasks.max": "1",
      file: sink,
      topics: "lines",
    },
  };
  for (const [name, config] of Object.entries(connectors)) {
    await until(() => rest.put(`/connectors/${name}/config`, config), Boolean);
  }
  const both = async (): Promise<boolean> => (await rest.runs("source")) && (await rest.runs("sink"));
  const areRunning = await until(both, Boolean);
  suite.check("connect: two connectors run", areRunning ? [] : ["not both do", ...program.lines.slice(-20)]);

  const written: string[] = [];
  const write = async (): Promise<void> => {
    for (let line = 0; line < LINES; line++) {
      written.push(`line ${written.length}`);
      appendFileSync(source, `${written.at(-1)}\n`);
      if (line % LINES_AT_ONCE === LINES_AT_ONCE - 1)
        await until(
          () => Promise.resolve(sinkLines()),
          (lines) => lines.has(written.at(-1)!),
        );
    }
  };
  const sinkLines = (): ReadonlySet<string> => {
    try {
      return new Set(readFileSync(sink, "utf8").split("\n"));
    } catch {
      return new Set(); // there is none before the first line
    }
  };
  const missing = (): string[] => {
    const there = sinkLines();
    const lost = written.filter((line) => !there.has(line));
    return lost.length === 0 ? [] : [`${lost.length} lines are missing, the first is "${lost[0]}"`];
  };
  await write();
  suite.check("connect: every line goes through", missing());
  const offsets = await until(
    () => dump(tool, "connect-offsets"),
    ({ records, offsets: end }) => records < end / 2,
  );
  suite.check(
    "connect: its offsets are compacted",
    offsets.records < offsets.offsets / 2 ? [] : [`${offsets.records} of ${offsets.offsets} records are left`],
  );

  await suite.killAndStart();
  await write();
  suite.check("connect: goes on when the broker was killed", missing());
  await program.kill();
  appendFileSync(source, "while nobody looked\n");
  written.push("while nobody looked");
  program = new Program(suite, CONNECT, [properties]);
  const again = await until(both, Boolean);
  suite.check(
    "connect: finds its connectors again in compacted topics",
    again ? [] : ["they do not run", ...program.lines.slice(-20)],
  );
  await until(
    () => Promise.resolve(missing()),
    ({ length }) => length === 0,
  );
  suite.check("connect: goes on from the offsets it had committed", missing());
  const repeated = readFileSync(sink, "utf8")
    .split("\n")
    .filter((line) => line === "line 0").length;
  suite.check("connect: and not from the beginning", repeated === 1 ? [] : [`the first line came ${repeated} times`]);
  await program.kill();
}

await runSuite("kafka-streams", SETTINGS, async (suite) => {
  const tool = new Program(suite, "Streams", ["serve", suite.broker.address]);
  await streams(suite, tool);
  await connect(suite, tool);
  await tool.kill();
});
