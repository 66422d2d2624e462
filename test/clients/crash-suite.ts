/**
 * The scenario that every client library runs: idempotent producing, the broker killed with requests in flight and started
 * again on the same folder and port, everything read back by assignment, killed once more and read again.
 *
 *     crash-suite NAME CLIENT [ARG…]
 *
 * CLIENT is a small program in the library's language. It gets the broker's address as its last argument, takes commands on
 * stdin and answers on stdout (README.md has the language, and the content that each record has by its index).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { runSuite, SOAK_MINUTES, type Suite } from "./suite.ts";

const PARTITIONS = 4;

interface Plan {
  readonly records: number;
  readonly codec: string;
  /** The broker is killed when this many records were given to the producer. */
  readonly kills: readonly number[];
}

const FEW: Plan = { records: 100, codec: "none", kills: [50] };
const SOME: Plan = { records: 5_000, codec: "zstd", kills: [2_500] };
const MANY: Plan = { records: 500_000, codec: "none", kills: [150_000, 350_000] };

/** Record timestamps count up from here in milliseconds: all of them in the past, none beyond any retention. */
const BASE_TIMESTAMP_MS = Date.now() - 1_000_000;

class Client {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #logFile: string;

  constructor(command: readonly string[], logFile: string) {
    const [file = "", ...args] = command;
    this.#logFile = logFile;
    this.#process = spawn(file, args, { stdio: ["pipe", "pipe", openSync(logFile, "w")] });
    this.#process.stdin?.on("error", () => {}); // the client ended: `answer` says so
    const { stdout } = this.#process;
    if (stdout === null) throw new Error("the client has no stdout");
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    process.on("exit", () => this.#process.kill("SIGKILL"));
  }

  say(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  async answer(): Promise<readonly string[]> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`the client ended:\n${readFileSync(this.#logFile, "utf8").slice(-3000)}`);
    return line.value.split(" ");
  }

  async expect(word: string): Promise<readonly string[]> {
    const [first, ...rest] = await this.answer();
    if (first !== word) throw new Error(`the client answered "${[first, ...rest].join(" ")}" where ${word} comes next`);
    return rest;
  }

  async end(): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.stdin?.end();
    await ended;
  }
}

async function run(suite: Suite, client: Client, plan: Plan): Promise<void> {
  const topic = topicOf(plan);
  client.say(`create ${topic} ${PARTITIONS}`);
  await client.expect("created");

  client.say(`produce ${topic} ${plan.records} ${BASE_TIMESTAMP_MS} ${plan.codec} ${plan.kills.join(" ")}`);
  for (const _ of plan.kills) {
    await client.expect("checkpoint");
    await suite.killInFlight(() => client.say("go"));
  }
  const [acknowledged] = await client.expect("produced");
  const kills = plan.kills.length === 1 ? "1 kill" : `${plan.kills.length} kills`;
  suite.check(
    `${plan.records} records, ${PARTITIONS} partitions, ${kills} with requests in flight: all acknowledged`,
    Number(acknowledged) === plan.records ? [] : [`${acknowledged} acknowledged`],
  );

  const same = await problemsOf(suite, client, plan);
  suite.check(`${plan.records} records: each there once, in order, as sent, where acknowledged`, same);
  await suite.killAndStart();
  const stillSame = await problemsOf(suite, client, plan);
  suite.check(`${plan.records} records: all the same after one more kill`, stillSame);
}

/** What is wrong with a topic, by what its plan sent and had acknowledged. */
async function problemsOf(suite: Suite, client: Client, plan: Plan): Promise<readonly string[]> {
  const { problems, withoutOffset } = await read(client, topicOf(plan), topicOf(plan));
  if (withoutOffset === 0 || suite.offsetsMayBeMissing) return problems;
  return [...problems, `${withoutOffset} records were acknowledged without an offset`];
}

/** The canaries: a client that finds nothing to complain about here could not find a loss or a stray record above. */
async function checkTheCheckers(suite: Suite, client: Client, few: Plan, many: Plan): Promise<void> {
  const lost = await read(client, topicOf(few), topicOf(many));
  suite.check(`canary: ${many.records - few.records} lost records are noticed`, unless(lost.problems, "lost"));
  const stray = await read(client, topicOf(many), topicOf(few));
  suite.check(`canary: ${many.records - few.records} stray records are noticed`, unless(stray.problems, "unknown"));
}

function unless(problems: readonly string[], word: string): readonly string[] {
  return problems.some((problem) => problem.includes(word)) ? [] : [`no problem with "${word}" was reported`];
}

/**
 * The same again and again, each time with a topic of its own and four kills, until the time is over; then every topic is
 * read once more.
 */
async function soak(suite: Suite, client: Client, minutes: number): Promise<void> {
  const until = performance.now() + minutes * 60_000;
  const plans: Plan[] = [];
  let [acknowledged, kills] = [0, 0];
  const problems: string[] = [];
  while (performance.now() < until) {
    // Each with another number of records, which names its topic.
    const records = MANY.records + 1 + plans.length;
    const plan: Plan = { records, codec: "none", kills: [1, 2, 3, 4].map((part) => part * 100_000) };
    plans.push(plan);
    const topic = topicOf(plan);
    client.say(`create ${topic} ${PARTITIONS}`);
    await client.expect("created");
    client.say(`produce ${topic} ${records} ${BASE_TIMESTAMP_MS} none ${plan.kills.join(" ")}`);
    for (const _ of plan.kills) {
      await client.expect("checkpoint");
      await suite.killInFlight(() => client.say("go"));
      kills += 1;
    }
    acknowledged += Number((await client.expect("produced"))[0]);
    problems.push(...(await problemsOf(suite, client, plan)));
    console.log(`${topic}: ${kills} kills, ${acknowledged} acknowledged, ${problems.length} problems so far`);
  }
  await suite.killAndStart();
  let found = 0;
  for (const plan of plans) {
    const again = await read(client, topicOf(plan), topicOf(plan));
    problems.push(...again.problems);
    found += again.records;
  }
  console.log(`${plans.length} topics, ${kills + 1} kills, ${acknowledged} acknowledged, ${found} read in the end`);
  suite.check(`${minutes} minutes: nothing lost, nothing twice`, problems);
}

interface Comparison {
  readonly records: number;
  readonly problems: readonly string[];
  /** Acknowledgements without an offset. */
  readonly withoutOffset: number;
}

/** Lets the client compare all records of a topic with what it sent to `expectedTopic`. */
async function read(client: Client, topic: string, expectedTopic: string): Promise<Comparison> {
  client.say(`read ${topic} ${expectedTopic}`);
  const problems: string[] = [];
  for (;;) {
    const [word, ...rest] = await client.answer();
    if (word === "read") return { records: Number(rest[0]), problems, withoutOffset: Number(rest[1]) };
    if (word !== "problem") throw new Error(`the client answered "${[word, ...rest].join(" ")}" while it read`);
    problems.push(rest.join(" "));
  }
}

function topicOf(plan: Plan): string {
  return `records-${plan.records}`;
}

const [name = "", ...command] = process.argv.slice(2);
await runSuite(name, {}, async (suite) => {
  const client = new Client([...command, suite.broker.address], join(suite.folder, "client.log"));
  if (SOAK_MINUTES > 0) await soak(suite, client, SOAK_MINUTES);
  for (const plan of [FEW, SOME, MANY]) await run(suite, client, plan);
  await checkTheCheckers(suite, client, FEW, SOME);
  await client.end();
});
