/**
 * Consumers of one library in groups, one group for each of its modes, while members come, go, are killed and paused, and the
 * broker is killed twice, once in the middle of a rebalance.
 *
 *     group-suite NAME MEMBER [ARG…]
 *
 * MEMBER is a program that is one member of a group. It gets the broker's address as its last argument, takes commands on
 * stdin and says on stdout what becomes of it (README.md has the language).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { ConnectionLost, KafkaClient } from "../../sim/kafka-client.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { tcpConnection } from "../system/broker-process.ts";
import { Commits, Delivered, misowned, undelivered } from "./group-verdict.ts";
import { runSuite, type Suite } from "./suite.ts";

const SETTINGS = {
  "group.initial.rebalance.delay.ms": "500",
  "group.consumer.min.session.timeout.ms": "6000",
  "group.consumer.session.timeout.ms": "6000",
  "group.consumer.min.heartbeat.interval.ms": "1000",
  "group.consumer.heartbeat.interval.ms": "1000",
};
/** Members at first, and partitions, of one mode after the other: in the second there are more members than partitions. */
const SIZES: readonly (readonly [members: number, partitions: number])[] = [
  [2, 6],
  [3, 2],
  [1, 6],
  [2, 5],
];
const SESSION_MS = 6_000;
const POLL_MS = 200;
const PRODUCE_EVERY_MS = 20;
const BATCH_RECORDS = 10;
const WHOLE_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 20_000;

/** Members that run now. They would outlive this process otherwise. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const member of running) member.kill("SIGKILL");
});

/** One member, in a process of its own. */
class Member {
  readonly name: string;
  owned: readonly number[] = [];
  live = true;
  readonly #process: ChildProcess;
  readonly #logFile: string;
  readonly #stopped = Promise.withResolvers<void>();

  constructor(name: string, command: readonly string[], logFile: string, heard: (words: readonly string[]) => void) {
    const [file = "", ...args] = command;
    this.name = name;
    this.#logFile = logFile;
    this.#process = spawn(file, args, { stdio: ["pipe", "pipe", openSync(logFile, "w")] });
    this.#process.stdin?.on("error", () => {});
    this.#process.once("exit", () => {
      this.live = false;
    });
    const { stdout } = this.#process;
    if (stdout === null) throw new Error("the member has no stdout");
    createInterface({ input: stdout }).on("line", (line) => {
      const words = line.split(" ");
      if (words[0] === "assigned") this.owned = partitionsOf(words[1] ?? "-");
      if (words[0] === "stopped") this.#stopped.resolve();
      heard(words);
    });
    running.add(this.#process);
    this.#process.once("exit", () => running.delete(this.#process));
  }

  say(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  async kill(): Promise<void> {
    this.live = false;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }

  pause(): void {
    this.live = false;
    this.#process.kill("SIGSTOP");
  }

  goOn(): void {
    this.live = true;
    this.#process.kill("SIGCONT");
  }

  /** Leaves the group as the library does. Answers whether it has said so in time. */
  async stop(): Promise<boolean> {
    this.live = false;
    this.say("stop");
    const inTime = await Promise.race([this.#stopped.promise.then(() => true), delay(STOP_DEADLINE_MS, false)]);
    this.#process.kill("SIGKILL");
    return inTime;
  }

  log(): string[] {
    return readFileSync(this.#logFile, "utf8").split("\n").slice(-30);
  }
}

function partitionsOf(text: string): number[] {
  return text === "-" ? [] : text.split(",").map(Number);
}

/** A group with its topic, in one mode of the library. */
class Group {
  readonly mode: string;
  readonly topic: string;
  readonly partitions: number;
  readonly members: Member[] = [];
  readonly delivered = new Delivered();
  readonly commits = new Commits();
  readonly acknowledged = new Map<number, number[]>();
  readonly problems: string[] = [];
  readonly #suite: Suite;
  readonly #command: readonly string[];
  readonly #initial: number;
  readonly #quiet = new AbortController();
  #watches = true;
  #background: readonly Promise<void>[] = [];

  constructor(suite: Suite, command: readonly string[], mode: string, size: readonly [number, number]) {
    this.#suite = suite;
    this.#command = command;
    this.mode = mode;
    this.topic = `topic-${mode}`;
    [this.#initial, this.partitions] = size;
  }

  /** The first members come, and have all partitions. */
  async begin(): Promise<void> {
    await this.#ask(async (client) => {
      const topics = [{ name: this.topic, numPartitions: this.partitions, replicationFactor: 1 }];
      await client.request(APIS.createTopics, 7, { topics, timeoutMs: 10_000 });
    });
    this.#background = [this.#produce(), this.#watch()];
    for (let index = 0; index < this.#initial; index++) this.add(index === 1 ? "static" : "-");
    await this.whole("at first");
  }

  add(instance = "-"): Member {
    const name = `${this.mode}-${this.members.length}`;
    const command = [...this.#command, this.#suite.broker.address];
    const member = new Member(name, command, join(this.#suite.folder, `${name}.log`), (words) =>
      this.#heard(name, words),
    );
    member.say(`consume group-${this.mode} ${this.topic} ${this.mode} ${instance}`);
    this.members.push(member);
    return member;
  }

  /** Waits until each partition has one owner among the live members. */
  async whole(when: string): Promise<void> {
    const deadline = performance.now() + WHOLE_DEADLINE_MS;
    let missing = this.#misowned();
    while (missing.length > 0) {
      if (performance.now() > deadline) {
        this.problems.push(`${when}: ${missing.join("; ")} after ${WHOLE_DEADLINE_MS} ms`);
        for (const member of this.members) {
          this.problems.push(...member.log().map((line) => `${member.name}: ${line}`));
        }
        return;
      }
      await delay(POLL_MS);
      missing = this.#misowned();
    }
  }

  async killOne(): Promise<void> {
    await this.members.find(({ live }) => live)?.kill();
    if (this.members.every(({ live }) => !live)) this.add();
    await this.whole("after a member was killed");
  }

  /** A member stands still for longer than its session, and goes on. */
  async pauseOne(): Promise<void> {
    const member = this.members.findLast(({ live }) => live)!;
    member.pause();
    if (this.members.every(({ live }) => !live)) this.add();
    await Promise.all([this.whole("while a member stood still"), delay(1.3 * SESSION_MS)]);
    member.goOn();
    await this.whole("after a member went on");
  }

  async stopOne(): Promise<void> {
    const member = this.members.find(({ live }) => live)!;
    const rest = this.members.filter((other) => other !== member && other.live).length;
    if (rest === 0) this.add();
    if (!(await member.stop())) this.problems.push(`${member.name} did not stop in ${STOP_DEADLINE_MS} ms`);
  }

  /** Nothing more is produced; what is there is read to its end. */
  async finish(): Promise<void> {
    this.#quiet.abort();
    const [produced] = this.#background;
    await produced;
    const ends = await this.#ends();
    const deadline = performance.now() + WHOLE_DEADLINE_MS;
    const behind = (): number[] =>
      [...ends.keys()].filter((partition) => this.commits.position(partition) < ends.get(partition)!);
    while (behind().length > 0 && performance.now() < deadline) await delay(POLL_MS);
    for (const partition of behind()) {
      this.problems.push(
        `partition ${partition}: ${this.commits.position(partition)} of ${ends.get(partition)} is committed`,
      );
    }
    await this.whole("in the end");
    this.#watches = false;
    await Promise.all(this.#background);
    this.problems.push(...undelivered(this.acknowledged, this.delivered), ...this.commits.problems);
    const records = [...this.acknowledged.values()].reduce((sum, { length }) => sum + length, 0);
    console.log(`    ${this.mode}: ${records} records, ${this.delivered.again} deliveries more than once`);
    for (const member of this.members) if (member.live) await member.kill();
  }

  #misowned(): string[] {
    return misowned(
      this.partitions,
      this.members.filter(({ live }) => live).map(({ owned }) => owned),
    );
  }

  #heard(name: string, [word, ...rest]: readonly string[]): void {
    const [partition = -1, first = -1, last = -1] = rest.map(Number);
    if (word === "read") this.delivered.add(partition, first, last);
    else if (word === "committed") this.commits.told(partition, first);
    else if (word === "problem") console.log(`    ${name}: ${rest.join(" ")}`);
  }

  /** Writes a few records to one partition after the other, and notes which were acknowledged. */
  async #produce(): Promise<void> {
    for (let round = 0; !this.#quiet.signal.aborted; round++) {
      const partition = round % this.partitions;
      const values = Array.from({ length: BATCH_RECORDS }, (_, index) => ({ value: `${round}/${index}` }));
      await this.#ask(async (client) => {
        const partitionData = [{ index: partition, records: [encodeBatch(values)] }];
        const answer = await client.request(APIS.produce, 9, {
          acks: -1,
          timeoutMs: 10_000,
          topicData: [{ name: this.topic, partitionData }],
        });
        const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!;
        if (errorCode !== 0) return;
        const offsets = this.acknowledged.get(partition) ?? [];
        this.acknowledged.set(partition, offsets);
        for (let index = 0; index < BATCH_RECORDS; index++) offsets.push(Number(baseOffset) + index);
      });
      await delay(PRODUCE_EVERY_MS);
    }
  }

  async #watch(): Promise<void> {
    while (this.#watches) {
      const acknowledged = this.commits.acknowledged();
      await this.#ask(async (client) => {
        const partitionIndexes = Array.from({ length: this.partitions }, (_, index) => index);
        const answer = await client.request(APIS.offsetFetch, 7, {
          groupId: `group-${this.mode}`,
          topics: [{ name: this.topic, partitionIndexes }],
        });
        if (answer.errorCode !== 0) return;
        for (const { partitionIndex, committedOffset } of answer.topics[0]?.partitions ?? []) {
          this.commits.seen(partitionIndex, Number(committedOffset), acknowledged);
        }
      });
      await delay(POLL_MS);
    }
  }

  async #ends(): Promise<ReadonlyMap<number, number>> {
    const ends = new Map<number, number>();
    while (ends.size < this.partitions) {
      await this.#ask(async (client) => {
        const partitions = Array.from({ length: this.partitions }, (_, partitionIndex) => ({
          partitionIndex,
          timestamp: -1,
        }));
        const answer = await client.request(APIS.listOffsets, 5, {
          replicaId: -1,
          topics: [{ name: this.topic, partitions }],
        });
        for (const { partitionIndex, errorCode, offset } of answer.topics[0]!.partitions) {
          if (errorCode === 0) ends.set(partitionIndex, Number(offset));
        }
      });
      await delay(POLL_MS);
    }
    return ends;
  }

  /** Asks on a connection of its own. What a broker that is away cannot answer is asked again later, or not at all. */
  async #ask(ask: (client: KafkaClient) => Promise<void>): Promise<void> {
    const client = new KafkaClient(tcpConnection(this.#suite.broker.home.port));
    try {
      await ask(client);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
    } finally {
      client.close();
    }
  }
}

/** The modes that the library has. */
async function modesOf(suite: Suite, command: readonly string[]): Promise<readonly string[]> {
  const modes = Promise.withResolvers<readonly string[]>();
  const member = new Member(
    "modes",
    [...command, suite.broker.address],
    join(suite.folder, "modes.log"),
    ([word, ...rest]) => {
      if (word === "modes") modes.resolve(rest);
    },
  );
  member.say("modes");
  const known = await Promise.race([modes.promise, delay(WHOLE_DEADLINE_MS, undefined)]);
  await member.kill();
  if (known === undefined) throw new Error(`the member does not tell its modes:\n${member.log().join("\n")}`);
  return known;
}

const [name = "", ...command] = process.argv.slice(2);

await runSuite(`${name}-groups`, SETTINGS, async (suite) => {
  const modes = await modesOf(suite, command);
  const groups = modes.map((mode, index) => new Group(suite, command, mode, SIZES[index % SIZES.length]!));
  const all = (act: (group: Group) => Promise<unknown>): Promise<unknown> => Promise.all(groups.map(act));
  await all((group) => group.begin());
  for (const group of groups) group.add();
  await suite.killAndStart(); // in the middle of the rebalance that the newcomers have begun
  await all((group) => group.whole("after the broker was killed"));
  await all((group) => group.killOne());
  await all((group) => group.pauseOne());
  await all((group) => group.stopOne());
  for (const group of groups) group.add();
  await suite.killAndStart();
  await all((group) => group.whole("after the broker was killed again"));
  await all((group) => group.finish());
  for (const { mode, problems } of groups)
    suite.check(`${mode}: every record delivered, positions never back, all owned`, problems);
});
