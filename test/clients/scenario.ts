/** What the JavaScript clients of crash-suite.ts share: its commands, the content of records, the comparison (README.md). */
import { Buffer } from "node:buffer";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

export type Header = readonly [name: string, content: Buffer | null];

export interface SentRecord {
  readonly partition: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}

export interface StoredRecord extends SentRecord {
  readonly offset: number;
}

export type Acks = "all" | "1" | "0";

/** A client library. */
export interface Library {
  readonly codecs: readonly string[];
  /** Then they are empty instead. */
  readonly refusesNullHeaders: boolean;
  create(topic: string, partitions: number): Promise<void>;
  producer(options: { readonly codec: string; readonly acks: Acks }): Promise<Producer>;
  /** Of each partition, by its number. */
  endOffsets(topic: string, partitions: number): Promise<readonly number[]>;
  /** Hands over the records from the beginning of each partition to its end. */
  read(topic: string, ends: readonly number[], take: (record: StoredRecord) => void): Promise<void>;
}

export interface Producer {
  /**
   * Sends records and waits for their acknowledgement, or with acks=0 until they are on their way. The offset of the first
   * of each partition, if the library tells it.
   */
  send(topic: string, records: readonly SentRecord[]): Promise<ReadonlyMap<number, number>>;
  /** Everything is handed to the connection. */
  close(): Promise<void>;
}

/** So many records are sent at once, unless a checkpoint comes before. */
const SLICE_RECORDS = 1_000;
const PROBLEMS_MAX = 10;
const END_OFFSETS_DEADLINE_MS = 30_000;
const END_OFFSETS_INTERVAL_MS = 20;

const NOT_ACKNOWLEDGED = -2;
const WITHOUT_OFFSET = -1;

/** What was produced to one topic. */
class Sent {
  readonly baseTimestamp: number;
  /** By record. */
  readonly offsets: Float64Array;

  constructor(baseTimestamp: number, records: number) {
    this.baseTimestamp = baseTimestamp;
    this.offsets = new Float64Array(records).fill(NOT_ACKNOWLEDGED);
  }

  get acknowledged(): number {
    return this.offsets.reduce((count, offset) => count + Number(offset !== NOT_ACKNOWLEDGED), 0);
  }

  get withoutOffset(): number {
    return this.offsets.reduce((count, offset) => count + Number(offset === WITHOUT_OFFSET), 0);
  }
}

/** Takes commands from stdin until it ends. */
export async function serve(library: Library): Promise<void> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  await obey(library, lines, (line) => process.stdout.write(`${line}\n`));
}

/** Obeys the commands that `lines` brings, and says the answers. */
export async function obey(
  library: Library,
  lines: AsyncIterator<string, unknown>,
  say: (line: string) => void,
): Promise<void> {
  const waitForGo = async (): Promise<void> => {
    await lines.next();
  };
  const scenario = new Scenario(library, waitForGo, say);
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) await scenario.obey(line.value);
}

class Scenario {
  readonly #library: Library;
  readonly #waitForGo: () => Promise<void>;
  readonly #say: (line: string) => void;
  readonly #partitions = new Map<string, number>();
  readonly #sent = new Map<string, Sent>();

  constructor(library: Library, waitForGo: () => Promise<void>, say: (line: string) => void) {
    this.#library = library;
    this.#waitForGo = waitForGo;
    this.#say = say;
  }

  async obey(line: string): Promise<void> {
    const [command = "", topic = "", ...rest] = line.split(" ");
    switch (command) {
      case "codecs":
        return this.#say(`codecs ${this.#library.codecs.join(" ")}`);
      case "create":
        this.#partitions.set(topic, Number(rest[0]));
        await this.#library.create(topic, Number(rest[0]));
        return this.#say("created");
      case "produce": {
        const [records, baseTimestamp, codec = "", acks = "", ...checkpoints] = rest;
        this.#sent.set(topic, new Sent(Number(baseTimestamp), Number(records)));
        const producer = await this.#library.producer({ codec, acks: acks as Acks });
        return this.#produce(topic, producer, checkpoints.map(Number));
      }
      case "read":
        return this.#read(topic, this.#sentTo(rest[0] ?? ""));
      default:
        throw new Error(`no command: ${line}`);
    }
  }

  async #produce(topic: string, producer: Producer, checkpoints: readonly number[]): Promise<void> {
    const sent = this.#sentTo(topic);
    const stops = [...checkpoints, sent.offsets.length];
    for (let from = 0, to = 0; from < sent.offsets.length; from = to) {
      if (checkpoints.includes(from)) {
        this.#say(`checkpoint ${from}`);
        await this.#waitForGo();
      }
      to = Math.min(from + SLICE_RECORDS, ...stops.filter((stop) => stop > from));
      const records = Array.from({ length: to - from }, (_, i) => this.#record(topic, sent, from + i));
      const next = new Map(await producer.send(topic, records));
      for (const [i, { partition }] of records.entries()) {
        const offset = next.get(partition);
        sent.offsets[from + i] = offset ?? WITHOUT_OFFSET;
        if (offset !== undefined) next.set(partition, offset + 1);
      }
    }
    await producer.close();
    this.#say(`produced ${sent.acknowledged}`);
  }

  async #read(topic: string, expected: Sent): Promise<void> {
    const comparison = new Comparison(topic, expected, (index) => this.#record(topic, expected, index));
    const ends = await this.#completeEndOffsets(topic);
    await this.#library.read(topic, ends, (record) => comparison.add(record));
    for (const problem of comparison.problems()) this.#say(`problem ${problem}`);
    this.#say(`read ${comparison.records} ${expected.withoutOffset} ${comparison.duplicates}`);
  }

  /** Records that nobody acknowledged may still be on their way: waits for them. */
  async #completeEndOffsets(topic: string): Promise<readonly number[]> {
    const { acknowledged } = this.#sentTo(topic);
    const deadline = performance.now() + END_OFFSETS_DEADLINE_MS;
    for (;;) {
      const ends = await this.#library.endOffsets(topic, this.#partitions.get(topic) ?? 0);
      const records = ends.reduce((sum, end) => sum + end, 0);
      if (records >= acknowledged || performance.now() > deadline) return ends;
      await delay(END_OFFSETS_INTERVAL_MS);
    }
  }

  #sentTo(topic: string): Sent {
    const sent = this.#sent.get(topic);
    if (sent === undefined) throw new Error(`nothing was sent to ${topic}`);
    return sent;
  }

  #record(topic: string, { baseTimestamp }: Sent, index: number): SentRecord {
    return {
      partition: index % (this.#partitions.get(topic) ?? 1),
      timestamp: baseTimestamp + (index ^ 5),
      key: keyOf(index),
      value: valueOf(index),
      headers: headersOf(index, this.#library.refusesNullHeaders),
    };
  }
}

/** Of the records of a topic with what was sent to it, or to another. */
class Comparison {
  records = 0;
  duplicates = 0;
  readonly #topic: string;
  readonly #sent: Sent;
  readonly #expected: (index: number) => SentRecord;
  readonly #seen: Uint8Array;
  readonly #previous = new Map<number, number>();
  /** Records that are at another offset than acknowledged, by index. */
  readonly #misplaced = new Map<number, number>();
  readonly #problems: string[] = [];

  constructor(topic: string, sent: Sent, expected: (index: number) => SentRecord) {
    this.#topic = topic;
    this.#sent = sent;
    this.#expected = expected;
    this.#seen = new Uint8Array(sent.offsets.length);
  }

  add(record: StoredRecord): void {
    this.records += 1;
    const problem = this.#problem(record);
    if (problem !== undefined) this.#problems.push(`${this.#topic}-${record.partition}: ${problem}`);
  }

  /** All of them, once every record was added, but no more lines than anybody would read. */
  problems(): readonly string[] {
    const lost = [...this.#sent.offsets.entries()]
      .filter(([index, offset]) => offset !== NOT_ACKNOWLEDGED && this.#seen[index] === 0)
      .map(([index, offset]) => {
        const at = offset === WITHOUT_OFFSET ? "" : ` at offset ${offset}`;
        return `record ${index}, acknowledged${at}, is lost`;
      });
    const misplaced = [...this.#misplaced].map(
      ([index, offset]) => `record ${index} is at offset ${offset}, acknowledged at ${this.#sent.offsets[index]}`,
    );
    const all = [...this.#problems, ...lost, ...misplaced];
    const more = all.length > PROBLEMS_MAX ? [`… and ${all.length - PROBLEMS_MAX} more`] : [];
    return [...all.slice(0, PROBLEMS_MAX), ...more];
  }

  #problem(record: StoredRecord): string | undefined {
    const { offset, partition, timestamp } = record;
    const index = (timestamp - this.#sent.baseTimestamp) ^ 5;
    const acknowledgedAt = this.#sent.offsets[index];
    if (acknowledgedAt === undefined || timestamp - this.#sent.baseTimestamp !== (index ^ 5)) {
      return `offset ${offset} has the unknown timestamp ${timestamp}`;
    }
    const difference = differenceOf(record, this.#expected(index));
    if (difference !== undefined) return `record ${index} at offset ${offset} has another ${difference}`;
    if (this.#seen[index] === 1) {
      this.duplicates += 1;
      if (acknowledgedAt === offset) this.#misplaced.delete(index);
      return undefined;
    }
    this.#seen[index] = 1;
    if (acknowledgedAt >= 0 && acknowledgedAt !== offset) this.#misplaced.set(index, offset);
    const previous = this.#previous.get(partition) ?? -1;
    if (index < previous) return `record ${index} comes after ${previous}`;
    this.#previous.set(partition, index);
    return undefined;
  }
}

function differenceOf(actual: SentRecord, expected: SentRecord): string | undefined {
  if (actual.partition !== expected.partition) return "partition";
  if (!equal(actual.key, expected.key)) return "key";
  if (!equal(actual.value, expected.value)) return "value";
  const sameHeaders =
    actual.headers.length === expected.headers.length &&
    actual.headers.every(([name, content], i) => {
      const [expectedName, expectedContent] = expected.headers[i]!;
      return name === expectedName && equal(content, expectedContent);
    });
  return sameHeaders ? undefined : "headers";
}

function equal(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

const EMPTY = Buffer.alloc(0);
const POOL = Buffer.from(Array.from({ length: 16_384 }, (_, i) => i * 167 + (i >> 8) * 31));

function keyOf(i: number): Buffer | null {
  const kind = i % 5;
  if (kind === 0) return null;
  return kind === 1 ? EMPTY : Buffer.from(`clé-${i}`);
}

function valueOf(i: number): Buffer | null {
  const kind = i % 7;
  if (kind === 0) return null;
  return kind === 1 ? EMPTY : poolSlice(i, i % 1000 === 999 ? 6_000 : 20 + (i % 180));
}

function headersOf(i: number, refusesNull: boolean): readonly Header[] {
  const kind = i % 4;
  if (kind === 0) return [];
  if (kind === 1) return [["index", Buffer.from(String(i))]];
  if (kind === 3) return [["trace", poolSlice(i, 16)]];
  return [
    ["a", Buffer.from("1")],
    ["a", refusesNull ? EMPTY : null],
    ["", EMPTY],
  ];
}

function poolSlice(i: number, length: number): Buffer {
  return POOL.subarray(i % 4096, (i % 4096) + length);
}
