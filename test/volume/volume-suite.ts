/**
 * 500,000 records of real text through several clients, while the broker is killed five times at random moments, makes
 * segments of its log every second, and merges them. README.md says what is proven.
 *
 *     volume-suite PACKAGES PAGES NAME=COMMAND…
 *
 * PACKAGES has the data sets, PAGES is a folder full of text. Each NAME=COMMAND is a client program of ../clients.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KafkaClient } from "../../sim/kafka-client.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { CrashClient } from "../clients/crash-client.ts";
import { runSuite, type Suite } from "../clients/suite.ts";
import { Changes } from "../ports/until.ts";
import { tcpConnection } from "../system/broker-process.ts";
import { Ageing, omissions } from "./ageing.ts";
import { SentTopic } from "./comparison.ts";
import { decodeOffsets, encodeRecord } from "./record-file.ts";
import { RECORDS, realTexts, type Topic, type TopicName } from "./texts.ts";

const KILLS = 5;
const WAL_FILE_BYTES = 1_048_576;

/** Files of the log become segments every second or MiB, those are merged and removed at once; caches hold next to nothing. */
const SETTINGS = {
  "wal.indexing.interval.ms": "1000",
  "wal.segment.bytes": String(WAL_FILE_BYTES),
  "wal.group.max.bytes": String(WAL_FILE_BYTES),
  "snapshot.interval.bytes": String(4 * WAL_FILE_BYTES),
  "log.retention.check.interval.ms": "500",
  "segment.delete.delay.ms": "500",
  "wal.tail.cache.bytes": "1048576",
  "wal.index.cache.bytes": "1048576",
  "read.buffer.bytes": "1048576",
  "log.retention.ms": "-1",
};

/** A group that is written when the file is nearly full makes it so much larger. */
const AGEING = { walFilesLeftMost: 3, walFilesGoneLeast: 25, walFileMaxBytes: 2 * WAL_FILE_BYTES };

/** Idempotent producers. Those of one topic share its records, and write to all of its partitions. */
const PRODUCERS: readonly { readonly topic: TopicName; readonly client: string; readonly codec: string }[] = [
  { topic: "cities", client: "confluent-kafka", codec: "none" },
  { topic: "cities", client: "java", codec: "zstd" },
  { topic: "words", client: "franz-go", codec: "snappy" },
  { topic: "words", client: "java", codec: "lz4" },
  { topic: "words", client: "confluent-kafka", codec: "none" },
  { topic: "texts", client: "confluent-kafka", codec: "gzip" },
  { topic: "texts", client: "franz-go", codec: "none" },
];

/** Who reads what while it is written. In the end all read all. */
const FOLLOWERS: Readonly<Record<TopicName, string>> = {
  cities: "franz-go",
  words: "confluent-kafka",
  texts: "java",
};

interface Tape {
  readonly file: string;
  readonly offsetsFile: string;
  readonly topic: SentTopic;
  /** Of each of its records, the number within the topic. */
  readonly numbers: readonly number[];
}

class Volume {
  readonly #suite: Suite;
  readonly #commands: ReadonlyMap<string, readonly string[]>;
  #launched = 0;

  constructor(suite: Suite, commands: ReadonlyMap<string, readonly string[]>) {
    this.#suite = suite;
    this.#commands = commands;
  }

  async run(topics: readonly Topic[], killAt: readonly number[]): Promise<void> {
    const { broker } = this.#suite;
    const sent = new Map(topics.map(({ name, partitions }) => [name, new SentTopic(name, partitions)]));
    const tapes = this.#writeTapes(topics, sent);
    const ageing = broker.kind.name === "chronik" ? new Ageing(join(broker.home.folder, "data")) : undefined;
    const admin = this.#client("java");
    for (const { name, partitions } of topics) await admin.create(name, partitions);
    await admin.end();

    const following = [...sent.values()].map((topic) => this.#copy(FOLLOWERS[topic.name as TopicName], [topic]));
    await this.#sendWithKills(tapes, killAt);
    for (const topic of sent.values()) {
      const problems = topic.unacknowledged(this.#suite.offsetsMayBeMissing);
      this.#suite.check(`${topic.name}: all ${topic.count} records acknowledged`, problems);
    }
    for (const copies of await Promise.all(following)) this.#checkCopies(copies, "while it was written");

    if (ageing !== undefined) await this.#checkAgeing(ageing);
    await broker.stop();
    await broker.start();
    const reading = [...this.#commands.keys()].map((client) => this.#copy(client, [...sent.values()]));
    const all = await Promise.all(reading);
    for (const copies of all) this.#checkCopies(copies, "out of segments, after a restart");
    await this.#checkEnds([...sent.values()]);
    this.#checkTheChecker(all.flat());
    if (ageing !== undefined) this.#checkLog();
    ageing?.close();
  }

  #writeTapes(topics: readonly Topic[], sent: ReadonlyMap<TopicName, SentTopic>): readonly Tape[] {
    return PRODUCERS.map((producer, index) => {
      const own = PRODUCERS.filter(({ topic }) => topic === producer.topic);
      const { records } = topics.find(({ name }) => name === producer.topic)!;
      const topic = sent.get(producer.topic)!;
      const file = join(this.#suite.folder, `${index}.tape`);
      const share = records.filter((_, number) => number % own.length === own.indexOf(producer)).map(encodeRecord);
      writeFileSync(file, Buffer.concat(share));
      return {
        file,
        offsetsFile: `${file}.offsets`,
        topic,
        numbers: share.map((record) => topic.add(record, index)),
      };
    });
  }

  /** Lets all producers send at once, and kills the broker whenever so many records are acknowledged. */
  async #sendWithKills(tapes: readonly Tape[], killAt: readonly number[]): Promise<void> {
    const changes = new Changes();
    const acknowledged = tapes.map(() => 0);
    const total = (): number => acknowledged.reduce((sum, count) => sum + count, 0);
    const sending = tapes.map(async ({ file, offsetsFile, topic, numbers }, index) => {
      const { client: name, codec } = PRODUCERS[index]!;
      const client = this.#client(name);
      await client.send({ topic: topic.name, codec, tape: file, offsets: offsetsFile }, (count) => {
        acknowledged[index] = count;
        changes.changed();
      });
      await client.end();
      const offsets = decodeOffsets(readFileSync(offsetsFile));
      for (const [at, number] of numbers.entries()) topic.acknowledge(number, offsets[at]!);
    });
    const tooLate: string[] = [];
    const killing = async (): Promise<void> => {
      for (const count of killAt) {
        await changes.until(() => total() >= count);
        if (total() === RECORDS) tooLate.push(`all was acknowledged when it was to be killed at ${count}`);
        await this.#suite.killInFlight();
      }
    };
    await Promise.all([killing(), ...sending]);
    this.#suite.check(
      `${RECORDS} records by ${tapes.length} idempotent producers, killed at ${killAt.join(", ")}`,
      tooLate,
    );
  }

  /** Reads topics to their ends with one client; each copy with its topic. */
  async #copy(name: string, topics: readonly SentTopic[]): Promise<readonly Copy[]> {
    const client = this.#client(name);
    const copies: Copy[] = [];
    for (const topic of topics) {
      const file = join(this.#suite.folder, `${topic.name}-${name}-${++this.#launched}.copy`);
      await client.copy(topic.name, file, topic.ends);
      copies.push({ client: name, topic, file });
    }
    await client.end();
    return copies;
  }

  #checkCopies(copies: readonly Copy[], when: string): void {
    for (const { client, topic, file } of copies) {
      const problems = topic.differences(readFileSync(file));
      this.#suite.check(`${topic.name}: ${client} read ${topic.count} identical records ${when}`, problems);
    }
  }

  /** No client reads beyond the end it expects: the broker must not have more, and have all from the beginning. */
  async #checkEnds(topics: readonly SentTopic[]): Promise<void> {
    const client = new KafkaClient(tcpConnection(this.#suite.broker.home.port));
    const problems: string[] = [];
    for (const [timestamp, what] of [
      [-2, "begins"],
      [-1, "ends"],
    ] as const) {
      const { topics: answers } = await client.request(APIS.listOffsets, 7, {
        replicaId: -1,
        isolationLevel: 0,
        topics: topics.map(({ name, ends }) => ({
          name,
          partitions: ends.map((_, partitionIndex) => ({ partitionIndex, timestamp: BigInt(timestamp) })),
        })),
      });
      for (const { name, partitions } of answers) {
        const { ends } = topics.find((topic) => topic.name === name)!;
        for (const { partitionIndex, offset } of partitions) {
          const expected = what === "begins" ? 0 : ends[partitionIndex];
          if (Number(offset) !== expected)
            problems.push(`${name}-${partitionIndex} ${what} at ${offset}, not ${expected}`);
        }
      }
    }
    client.close();
    this.#suite.check("every partition begins at 0, and ends behind its last record", problems);
  }

  async #checkAgeing(ageing: Ageing): Promise<void> {
    await ageing.untilWalFiles(AGEING.walFilesLeftMost);
    const [wal, segments] = [ageing.fates("wal"), ageing.fates("segments")];
    this.#suite.check(
      `of ${wal.came} files of the log ${wal.sizesLeft.length} are left, of ${segments.came} segments ${segments.sizesLeft.length}`,
      omissions(wal, segments, AGEING),
    );
  }

  /** The broker met nothing that it calls an error. */
  #checkLog(): void {
    const lines = readFileSync(this.#suite.broker.logFile, "utf8").split("\n");
    const errors = lines.filter((line) => /^error\b/.test(line));
    this.#suite.check("the broker reports no error", errors.slice(0, 10));
  }

  /** The canary: what is bent in a real copy has to be noticed, and so has another client's loss. */
  #checkTheChecker(copies: readonly Copy[]): void {
    const { topic, file } = copies[0]!;
    const copy = readFileSync(file);
    const flipped = Buffer.from(copy);
    flipped[flipped.length - 1]! ^= 1;
    const bent = {
      flipped,
      "cut off": copy.subarray(0, copy.length / 2),
      "of another topic": readFileSync(copies[1]!.file),
    };
    const unnoticed = Object.entries(bent).filter(([, bytes]) => !isNoticed(topic, bytes));
    this.#suite.check(
      "canary: every bent copy is noticed",
      unnoticed.map(([name]) => name),
    );
  }

  #client(name: string): CrashClient {
    const command = this.#commands.get(name) ?? [];
    const log = join(this.#suite.folder, `${name}-${++this.#launched}.log`);
    return new CrashClient([...command, this.#suite.broker.address], log);
  }
}

interface Copy {
  readonly client: string;
  readonly topic: SentTopic;
  readonly file: string;
}

function isNoticed(topic: SentTopic, copy: Buffer): boolean {
  try {
    return topic.differences(copy).length > 0;
  } catch {
    return true; // it ends within a record
  }
}

/** Random moments, or those that the environment repeats. */
function killPoints(): readonly number[] {
  const given = process.env["KILL_AT"];
  if (given !== undefined) return given.split(",").map(Number);
  const points = Array.from({ length: KILLS }, () => Math.floor(RECORDS * (0.02 + 0.93 * Math.random())));
  return points.toSorted((a, b) => a - b);
}

const [packages = "", pages = "", ...clients] = process.argv.slice(2);
const commands = new Map(
  clients.map((client): [string, readonly string[]] => {
    const equals = client.indexOf("=");
    return [client.slice(0, equals), client.slice(equals + 1).split(" ")];
  }),
);
const topics = realTexts(packages, pages);
await runSuite("volume", SETTINGS, (suite) => new Volume(suite, commands).run(topics, killPoints()));
