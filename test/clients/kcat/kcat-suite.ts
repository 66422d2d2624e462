/**
 * A real data set, produced with kcat while the broker is killed, and read back with kcat byte for byte.
 *
 *     kcat-suite CITIES.JSON
 *
 * One record a city: the country's code is the key, the JSON text the value. Every line of input is unlike all others.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { crc32 } from "node:zlib";
import { runSuite, type Suite } from "../suite.ts";

const PARTITIONS = 4;

/** So few that kcat takes the rest of its input only as the broker acknowledges: it sees acknowledgements only then. */
const QUEUED_RECORDS = 10_000;

/** What kcat is told of a record, and what it must say of it later. */
interface Line {
  readonly key: string;
  /** Null is a tombstone. */
  readonly value: string | null;
  readonly partition: number;
  /** As kcat prints headers. */
  readonly headers: string;
}

interface Acknowledgement {
  readonly partition: number;
  readonly offset: number;
}

/** One kcat that produces. It goes on when the broker is away (-E) and reports every acknowledgement (-vvv). */
class Producer {
  readonly acknowledgements: Acknowledgement[] = [];
  failures = 0;
  readonly #process: ChildProcessByStdio<Writable, null, Readable>;
  readonly #ended: Promise<unknown>;
  #report = "";
  #lastLine = "";
  #progress = Promise.withResolvers<void>();

  constructor(address: string, topic: string, options: readonly string[]) {
    const queue = `queue.buffering.max.messages=${QUEUED_RECORDS}`;
    const settings = ["-X", "acks=all", "-X", queue];
    const args = ["-P", "-E", "-vvv", "-b", address, "-t", topic, "-K", "\\t", "-Z", ...settings, ...options];
    this.#process = spawn("kcat", args, { stdio: ["pipe", "ignore", "pipe"] });
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    this.#process.stdin.on("error", () => {}); // kcat ended: `acknowledged` and the counts say so
    this.#ended = once(this.#process, "close").then(() => this.#progress.resolve());
    process.on("exit", () => this.#process.kill("SIGKILL"));
  }

  give(lines: readonly Line[]): void {
    this.#process.stdin.write(lines.map(({ key, value }) => `${key}\t${value ?? ""}\n`).join(""));
  }

  /** Waits for acknowledgements. The input must have more than QUEUED_RECORDS beyond `count`. */
  async acknowledged(count: number): Promise<void> {
    while (this.acknowledgements.length < count) {
      if (this.#process.exitCode !== null) throw new Error(`kcat ended too early: ${this.#lastLine}`);
      await this.#progress.promise;
    }
  }

  /** Ends the input, and waits until kcat is done with all it was given. */
  async end(): Promise<void> {
    this.#process.stdin.end();
    await this.#ended;
  }

  #read(text: string): void {
    const lines = (this.#report + text).split("\n");
    this.#report = lines.pop() ?? "";
    this.#lastLine = lines.at(-1) ?? this.#lastLine;
    for (const line of lines) {
      const delivered = /^% Message delivered to partition (\d+) \(offset (-?\d+)\)/.exec(line);
      if (delivered !== null) {
        this.acknowledgements.push({ partition: Number(delivered[1]), offset: Number(delivered[2]) });
      } else if (line.startsWith("% Delivery failed")) {
        this.failures++;
      }
    }
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  }
}

interface ReadRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: string;
}

/** All that kcat prints of a partition: a line with offset, timestamp, sizes and headers, then key and value as they are. */
async function readPartition(address: string, topic: string, partition: number): Promise<Buffer> {
  const args = ["-C", "-q", "-e", "-o", "beginning", "-X", "check.crcs=true", "-f", "%o %T %K %S %h\\n%k%s\\n"];
  const kcat = spawn("kcat", [...args, "-b", address, "-t", topic, "-p", String(partition)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output, [code]] = await Promise.all([buffer(kcat.stdout), once(kcat, "close")]);
  if (code !== 0) throw new Error(`kcat cannot read ${topic} [${partition}]: it exited with ${code}`);
  return output;
}

async function readTopic(address: string, topic: string): Promise<Buffer[]> {
  const partitions: Buffer[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    partitions.push(await readPartition(address, topic, partition));
  }
  return partitions;
}

function parseRecords(output: Buffer): ReadRecord[] {
  const records: ReadRecord[] = [];
  let at = 0;
  const take = (sizeBytes: number): string | null => {
    if (sizeBytes < 0) return null;
    at += sizeBytes;
    return output.toString("utf8", at - sizeBytes, at);
  };
  while (at < output.length) {
    const end = output.indexOf("\n", at);
    const [offset, timestampMs, keySize, valueSize, ...headers] = output.toString("utf8", at, end).split(" ");
    at = end + 1;
    const key = take(Number(keySize));
    const value = take(Number(valueSize));
    at++; // newline
    records.push({
      offset: Number(offset),
      timestampMs: Number(timestampMs),
      key,
      value,
      headers: headers.join(" "),
    });
  }
  return records;
}

/** How one partition differs from its input. Timestamps are kcat's own: they lie in the time of producing, in order. */
function differences(records: readonly ReadRecord[], lines: readonly Line[], startMs: number, endMs: number): string[] {
  const problems: string[] = [];
  if (records.length !== lines.length) problems.push(`${records.length} records instead of ${lines.length}`);
  let previousMs = startMs;
  for (const [index, line] of lines.entries()) {
    const record = records[index];
    if (record === undefined) break;
    const name = `record ${index} (${line.key})`;
    if (record.offset !== index) problems.push(`${name} has the offset ${record.offset}`);
    if (record.key !== (line.key === "" ? null : line.key)) problems.push(`${name} has the key ${record.key}`);
    if (record.value !== line.value) problems.push(`${name} has the value ${record.value}`);
    if (record.headers !== line.headers) problems.push(`${name} has the headers ${record.headers}`);
    if (record.timestampMs < previousMs || record.timestampMs > endMs) {
      problems.push(`${name} has the timestamp ${record.timestampMs}, not in ${previousMs} to ${endMs}`);
    }
    previousMs = record.timestampMs;
  }
  return problems.slice(0, 10);
}

/** The partition that librdkafka's default partitioner takes for a key. */
function partitionOf(key: string): number {
  return crc32(key) % PARTITIONS;
}

/** Offsets that were acknowledged for a partition must be all of 0, 1, 2, …, each once. */
function acknowledgementProblems(given: readonly Acknowledgement[], mayBeMissing: boolean): string[] {
  const problems: string[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const own = given.filter((acknowledgement) => acknowledgement.partition === partition);
    const offsets = new Set(own.map(({ offset }) => offset).filter((offset) => offset >= 0));
    const missing = own.length - offsets.size;
    if (missing > 0 && !mayBeMissing)
      problems.push(`partition ${partition}: ${missing} without an offset, or the same twice`);
    const beyond = [...offsets].filter((offset) => offset >= own.length);
    if (beyond.length > 0)
      problems.push(`partition ${partition}: acknowledged offsets ${beyond.slice(0, 5).join(", ")}`);
  }
  return problems;
}

/** Exactly once: idempotent, killed in the middle, the rest by a second kcat, tombstones by a third. */
async function exactlyOnce(suite: Suite, cities: readonly Omit<Line, "headers">[]): Promise<void> {
  const { broker } = suite;
  const topic = "cities";
  const idempotent = ["-X", "enable.idempotence=true"];
  const third = Math.floor(cities.length / 3);
  const startMs = Date.now();

  const firstHeaders = "source=cities.json,empty=,null=NULL";
  const first = cities.slice(0, 2 * third).map((city) => ({ ...city, headers: firstHeaders }));
  const killed = new Producer(broker.address, topic, [
    ...idempotent,
    "-H",
    "source=cities.json",
    "-H",
    "empty=",
    "-H",
    "null",
  ]);
  killed.give(first);
  await killed.acknowledged(third);
  await suite.killInFlight();
  await killed.end();

  const rest = cities.slice(2 * third).map((city) => ({ ...city, headers: "source=rest" }));
  const second = new Producer(broker.address, topic, [...idempotent, "-z", "zstd", "-H", "source=rest"]);
  second.give(rest);
  await second.end();

  const countries = [...new Set(cities.map(({ key }) => key))];
  const tombstones = ["", ...countries].map((key) => ({ key, value: null, partition: 0, headers: "" }));
  const last = new Producer(broker.address, topic, [...idempotent, "-p", "0"]);
  last.give(tombstones);
  await last.end();
  const endMs = Date.now();

  const lines = [...first, ...rest, ...tombstones];
  const producers = [killed, second, last];
  const acknowledgements = producers.flatMap((producer) => producer.acknowledgements);
  suite.check(`${lines.length} records, ${PARTITIONS} partitions, killed with requests in flight: all acknowledged`, [
    ...(acknowledgements.length === lines.length ? [] : [`${acknowledgements.length} acknowledged`]),
    ...acknowledgementProblems(acknowledgements, suite.offsetsMayBeMissing),
  ]);

  const read = await readTopic(broker.address, topic);
  for (const [partition, output] of read.entries()) {
    const own = lines.filter((line) => line.partition === partition);
    const problems = differences(parseRecords(output), own, startMs, endMs);
    suite.check(`partition ${partition}: ${own.length} records once, in order, byte for byte`, problems);
  }
  await suite.killAndStart();
  const readAgain = await readTopic(broker.address, topic);
  const changed = read.flatMap((output, partition) =>
    output.equals(readAgain[partition] ?? Buffer.alloc(0)) ? [] : [`partition ${partition} reads otherwise`],
  );
  suite.check("all the same, timestamps too, after one more kill", changed);
  checkTheChecker(suite, parseRecords(read[0] ?? Buffer.alloc(0)), { startMs, endMs });
}

/** The canary: each way to spoil a partition has to be noticed. */
function checkTheChecker(
  suite: Suite,
  records: readonly ReadRecord[],
  times: { readonly startMs: number; readonly endMs: number },
): void {
  const lines = records.map(({ key, value, headers }) => ({ key: key ?? "", value, partition: 0, headers }));
  const [a, b, ...others] = records;
  if (a === undefined || b === undefined) throw new Error("too few records to spoil");
  const spoilt: Record<string, readonly ReadRecord[]> = {
    lost: [b, ...others],
    twice: [a, a, b, ...others],
    swapped: [b, a, ...others],
    key: [{ ...a, key: `${a.key}x` }, b, ...others],
    value: [{ ...a, value: `${a.value}x` }, b, ...others],
    headers: [{ ...a, headers: "" }, b, ...others],
    timestamp: [{ ...a, timestampMs: times.endMs + 1 }, b, ...others],
    offset: [{ ...a, offset: 1 }, b, ...others],
  };
  const compare = (candidate: readonly ReadRecord[]): string[] =>
    differences(candidate, lines, times.startMs, times.endMs);
  const unnoticed = Object.keys(spoilt).filter((name) => compare(spoilt[name] ?? []).length === 0);
  const untouched = compare(records).map((problem) => `untouched: ${problem}`);
  suite.check("canary: every spoilt copy is noticed", [...unnoticed, ...untouched]);
}

/** Without idempotence and retries: what was acknowledged is there; what was not may be, but only once and in order. */
async function atMostOnce(suite: Suite, cities: readonly Omit<Line, "headers">[]): Promise<void> {
  const { broker } = suite;
  const topic = "cities-without-retries";
  const options = ["-X", "enable.idempotence=false", "-X", "retries=0", "-X", "max.in.flight=1"];
  const producer = new Producer(broker.address, topic, options);
  producer.give(cities.map((city) => ({ ...city, headers: "" })));
  await producer.acknowledged(cities.length / 3);
  await suite.killInFlight();
  await producer.end();
  const { acknowledgements, failures } = producer;
  suite.check(
    `${cities.length} records without retries: ${failures} failed with the kill, all others acknowledged`,
    failures > 0 && acknowledgements.length + failures === cities.length
      ? []
      : [`${acknowledgements.length} acknowledged, ${failures} failed`],
  );

  const problems: string[] = [];
  const read = (await readTopic(broker.address, topic)).map(parseRecords);
  for (const [partition, records] of read.entries()) {
    const indexes = new Map(
      cities.filter((city) => city.partition === partition).map(({ value }, index) => [value, index]),
    );
    let previous = -1;
    for (const { offset, value } of records) {
      const index = indexes.get(value) ?? -1;
      if (index <= previous)
        problems.push(`partition ${partition}: offset ${offset} is unknown, twice or out of order`);
      previous = index;
    }
    const beyond = acknowledgements.filter((one) => one.partition === partition && one.offset >= records.length);
    if (beyond.length > 0) problems.push(`partition ${partition}: ${beyond.length} acknowledged records are lost`);
  }
  const count = read.reduce((sum, records) => sum + records.length, 0);
  if (count < acknowledgements.length)
    problems.push(`${acknowledgements.length - count} acknowledged records are lost`);
  suite.check("all acknowledged ones are there, the others at most once and in order", problems.slice(0, 10));
}

const [file = ""] = process.argv.slice(2);
const cities = (JSON.parse(readFileSync(file, "utf8")) as { country: string }[]).map((city) => ({
  key: city.country,
  value: JSON.stringify(city),
  partition: partitionOf(city.country),
}));
// Topics come into being when kcat first asks for them.
await runSuite("kcat", { "num.partitions": String(PARTITIONS) }, async (suite) => {
  await exactlyOnce(suite, cities);
  await atMostOnce(suite, cities.slice(0, 40_000));
});
