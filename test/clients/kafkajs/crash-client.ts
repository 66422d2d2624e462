/** The part of kafkajs in ../crash-suite.ts: PACKAGE (its folder), then HOST:PORT. */
import type { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { type Header, type Library, type SentRecord, serve } from "../scenario.ts";

/** What is used here of the library, which is no dependency of this repository. */
interface KafkaJs {
  readonly Kafka: new (options: object) => Kafka;
  readonly logLevel: { readonly WARN: number };
  readonly CompressionTypes: { readonly None: number; readonly GZIP: number };
}

interface Kafka {
  admin(): Connected & {
    createTopics(options: object): Promise<boolean>;
    fetchTopicOffsets(topic: string): Promise<readonly { readonly partition: number; readonly high: string }[]>;
  };
  producer(options: object): Connected & {
    send(options: object): Promise<readonly { readonly partition: number; readonly baseOffset: string }[]>;
  };
  consumer(options: object): Connected & {
    readonly events: { readonly CRASH: string };
    on(event: string, listener: (event: { readonly payload: { readonly error: Error } }) => void): void;
    subscribe(options: object): Promise<void>;
    run(options: {
      readonly autoCommit: boolean;
      readonly eachBatch: (payload: { readonly batch: Batch }) => Promise<void>;
    }): Promise<void>;
  };
}

interface Connected {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
}

interface Batch {
  readonly partition: number;
  readonly messages: readonly {
    readonly offset: string;
    readonly timestamp: string;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: Readonly<Record<string, Buffer | null | readonly (Buffer | null)[]>>;
  }[];
  lastOffset(): string;
}

const [packageFolder = "", address = ""] = process.argv.slice(2);
const { Kafka, CompressionTypes, logLevel } = createRequire(import.meta.url)(packageFolder) as KafkaJs;

/** Without any record in the meantime, it is not coming. */
const READ_TIMEOUT_MS = 30_000;
/** The library doubles its pauses between retries, up to this. */
const RETRY_PAUSE_MAX_MS = 1_000;

const ACKS = { all: -1, "1": 1, "0": 0 } as const;
const CODECS = new Map([
  ["none", CompressionTypes.None],
  ["gzip", CompressionTypes.GZIP],
]);

const retry = { retries: Number.MAX_SAFE_INTEGER, maxRetryTime: RETRY_PAUSE_MAX_MS };
const kafka = new Kafka({
  clientId: "crash-client",
  brokers: [address],
  logLevel: logLevel.WARN,
  retry,
  // By itself it would write to stdout, where the answers go.
  logCreator: () => (entry: { readonly label: string; readonly log: object }) => {
    process.stderr.write(`${entry.label} ${JSON.stringify(entry.log)}\n`);
  },
});

const library: Library = {
  codecs: [...CODECS.keys()],
  refusesNullHeaders: true,

  async create(topic, partitions) {
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }] });
    await admin.disconnect();
  },

  async producer({ codec, acks }) {
    const producer = kafka.producer({ idempotent: acks === "all", retry });
    await producer.connect();
    return {
      async send(topic, records) {
        const sent = await producer.send({
          topic,
          acks: ACKS[acks],
          compression: CODECS.get(codec),
          messages: records.map(messageOf),
        });
        return new Map(sent.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]));
      },
      close: async () => producer.disconnect(),
    };
  },

  async endOffsets(topic, partitions) {
    const admin = kafka.admin();
    await admin.connect();
    // A partition that has no leader yet, just after the broker's start, is left to the next question.
    const offsets = await admin.fetchTopicOffsets(topic).catch((error: { readonly retriable?: boolean }) => {
      if (error.retriable === true) return [];
      throw error;
    });
    await admin.disconnect();
    const ends = new Map(offsets.map(({ partition, high }) => [partition, Number(high)]));
    return Array.from({ length: partitions }, (_, partition) => ends.get(partition) ?? 0);
  },

  /** In a group, since it cannot be told which partitions to read; a new one, so from the beginning. */
  async read(topic, ends, take) {
    const unread = new Set([...ends.keys()].filter((partition) => ends[partition]! > 0));
    if (unread.size === 0) return;
    const consumer = kafka.consumer({ groupId: `reads-${topic}-${randomUUID()}`, retry });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const done = Promise.withResolvers<void>();
    const late = setTimeout(
      () => done.reject(new Error(`no more records of the partitions ${[...unread].join(", ")}`)),
      READ_TIMEOUT_MS,
    );
    consumer.on(consumer.events.CRASH, ({ payload }) => done.reject(payload.error));
    await consumer.run({
      autoCommit: false,
      async eachBatch({ batch }) {
        late.refresh();
        const { partition } = batch;
        for (const { offset, timestamp, key, value, headers } of batch.messages) {
          take({
            partition,
            offset: Number(offset),
            timestamp: Number(timestamp),
            key,
            value,
            headers: headersOf(headers),
          });
        }
        if (Number(batch.lastOffset()) + 1 >= ends[partition]!) unread.delete(partition);
        if (unread.size === 0) done.resolve();
      },
    });
    await done.promise;
    clearTimeout(late);
    await consumer.disconnect();
  },
};

function messageOf({ partition, timestamp, key, value, headers }: SentRecord) {
  const contents = Object.groupBy(headers, ([name]) => name);
  return {
    partition,
    timestamp: String(timestamp),
    key,
    value,
    headers: Object.fromEntries(
      Object.entries(contents).map(([name, some = []]) => [name, some.map(([, content]) => content)]),
    ),
  };
}

function headersOf(headers: Batch["messages"][number]["headers"]): readonly Header[] {
  return Object.entries(headers).flatMap(([name, contents]) =>
    (Array.isArray(contents) ? contents : [contents]).map((content): Header => [name, content as Buffer | null]),
  );
}

await serve(library);
