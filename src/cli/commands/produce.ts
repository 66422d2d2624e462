/** `chronik produce`: a record for each line of standard input. */
import { Buffer } from "node:buffer";
import process from "node:process";
import { createNodeClock } from "../../io/node-clock.ts";
import { createNodeRandom } from "../../io/node-random.ts";
import { CommandFailure, EXIT, Misuse } from "../failure.ts";
import { decodeJsonRecord } from "../json-record.ts";
import { type Broker, type Kafka, withKafka } from "../kafka.ts";
import { lineRecord } from "../line-record.ts";
import { LineSplitter } from "../lines.ts";
import { note } from "../output.ts";
import type { Headers, NewRecord, TimedRecord } from "../record.ts";
import { RecordSender } from "../record-sender.ts";

export interface ProduceOptions {
  readonly brokers: readonly Broker[];
  readonly key?: string;
  readonly keySeparator?: string;
  readonly header?: Headers;
  readonly nullMarker?: string;
  readonly json?: true;
  readonly partition?: number;
  readonly acks: "all" | "1" | "0";
  readonly compression: Compression;
  readonly allowAutoTopicCreation?: true;
}

export const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
type Compression = (typeof COMPRESSIONS)[number];

const ACKS = { all: -1, "1": 1, "0": 0 } as const;

export async function produce(topic: string, options: ProduceOptions): Promise<void> {
  const toRecord = recordReader(options);
  await withKafka(options.brokers, async (kafka) => {
    const partitions = await partitionsOf(kafka, topic, options);
    const send = batchSender(kafka, topic, options);
    const firstKeyless = createNodeRandom().bytes(4).readUInt32BE();
    const sender = new RecordSender(send, { partitions, firstKeyless, brokers: options.brokers });
    const clock = createNodeClock();
    let line = 0;
    const isInterrupted = stopReadingOnInterrupt();
    for await (const bytes of inputLines()) {
      line += 1;
      if (options.json && bytes.length === 0) continue;
      const record = numbered(line, () => checked(toRecord(bytes), topic, partitions));
      const { timestamp = BigInt(clock.wallMs()) } = record;
      await sender.add({ record: { ...record, timestamp }, line });
    }
    await sender.finish();
    if (isInterrupted()) process.exitCode = EXIT.interrupted;
  });
}

/** @throws Misuse */
function recordReader(options: ProduceOptions): (line: Buffer) => NewRecord {
  const { json, key, keySeparator, nullMarker, header: headers = [], partition } = options;
  if (json && (key ?? keySeparator ?? nullMarker ?? options.header) !== undefined) {
    throw new Misuse("with --json the lines have keys, headers and nulls: leave out the other options for these");
  }
  if (key !== undefined && keySeparator !== undefined)
    throw new Misuse("give either --key or --key-separator, not both");
  if (keySeparator === "") throw new Misuse("the key separator is empty");
  if (json) {
    return (line) => {
      const record = decodeJsonRecord(line);
      return partition === undefined ? record : { ...record, partition };
    };
  }
  const bytes = (text: string | undefined): Buffer | undefined => (text === undefined ? undefined : Buffer.from(text));
  const line = {
    key: bytes(key),
    keySeparator: bytes(keySeparator),
    nullMarker: bytes(nullMarker),
    headers,
    partition,
  };
  return (text) => lineRecord(text, line);
}

/** Ctrl-C ends the input: what was typed before is still sent. The second one insists. */
function stopReadingOnInterrupt(): () => boolean {
  let isInterrupted = false;
  process.on("SIGINT", () => {
    if (isInterrupted) process.exit(EXIT.interrupted);
    isInterrupted = true;
    process.stdin.destroy();
  });
  return () => isInterrupted;
}

async function* inputLines(): AsyncGenerator<Buffer> {
  const lines = new LineSplitter();
  if (process.stdin.isTTY) note("reads records from the keyboard, one a line; Ctrl-D ends");
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) yield* lines.push(chunk);
  } catch (error) {
    if (!isPrematureClose(error)) throw error;
  }
  const last = lines.end();
  if (last !== undefined) yield last;
}

/** Standard input was closed by us. */
function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_STREAM_PREMATURE_CLOSE";
}

async function partitionsOf(kafka: Kafka, topic: string, options: ProduceOptions): Promise<number> {
  if (options.allowAutoTopicCreation && !(await kafka.topicNames(true)).includes(topic)) {
    await kafka.admin.createTopics({ topics: [topic] });
  }
  return (await kafka.topic(topic)).partitionsCount;
}

function batchSender(kafka: Kafka, topic: string, { acks, compression }: ProduceOptions) {
  // Only with all acknowledgements can the broker tell a repeated batch from a new one.
  const idempotent = acks === "all";
  const producer = kafka.producer({ acks: ACKS[acks], compression, idempotent });
  return async (partition: number, records: readonly TimedRecord[]): Promise<void> => {
    const messages = records.map(({ key, value, headers, timestamp }) => ({
      topic,
      partition,
      timestamp,
      headers: new Map(headers as readonly (readonly [Buffer, Buffer])[]),
      // The library's types do not know null; it writes it as Kafka does.
      key: key as Buffer,
      value: value as Buffer,
    }));
    await producer.send({ messages, acks: ACKS[acks], compression, idempotent });
  };
}

/** @throws CommandFailure for a partition that the library would silently replace by another. */
function checked(record: NewRecord, topic: string, partitions: number): NewRecord {
  if (record.partition === undefined || record.partition < partitions) return record;
  throw new CommandFailure(
    `topic ${topic} has no partition ${record.partition}: it has ${partitions}, from 0; --partition overrides that of a line`,
  );
}

function numbered<T>(line: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    throw new CommandFailure(`line ${line}: ${error.message}`, { cause: error });
  }
}
