/** The part of kafkajs in ../group-suite.ts: PACKAGE (its folder), then HOST:PORT. */
import { createRequire } from "node:module";
import { HEARTBEAT_INTERVAL_MS, type Membership, type Report, SESSION_TIMEOUT_MS, serve } from "../membership.ts";

/** What is used here of the library, which is no dependency of this repository. */
interface KafkaJs {
  readonly Kafka: new (options: object) => { consumer(options: object): Consumer };
  readonly logLevel: { readonly WARN: number };
  readonly PartitionAssigners: { readonly roundRobin: unknown };
}

interface Consumer {
  readonly events: { readonly CRASH: string; readonly GROUP_JOIN: string; readonly REBALANCING: string };
  on(event: string, listener: (event: { readonly payload: EventPayload }) => void): void;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  subscribe(options: object): Promise<void>;
  run(options: {
    readonly autoCommit: boolean;
    readonly eachBatch: (payload: { readonly batch: Batch }) => Promise<void>;
  }): Promise<void>;
  commitOffsets(
    positions: readonly { readonly topic: string; readonly partition: number; readonly offset: string }[],
  ): Promise<void>;
}

interface EventPayload {
  /** Of CRASH: the library begins again by itself. */
  readonly restart: boolean;
  readonly error: Error;
  /** Of GROUP_JOIN. */
  readonly memberAssignment: Readonly<Record<string, readonly number[]>>;
}

interface Batch {
  readonly partition: number;
  readonly messages: readonly { readonly offset: string }[];
}

const [packageFolder = "", address = ""] = process.argv.slice(2);
const { Kafka, PartitionAssigners, logLevel } = createRequire(import.meta.url)(packageFolder) as KafkaJs;

const FETCH_WAIT_MS = 100;
/** The library doubles its pauses between retries, up to this. */
const RETRY_PAUSE_MAX_MS = 1_000;

const retry = { retries: Number.MAX_SAFE_INTEGER, maxRetryTime: RETRY_PAUSE_MAX_MS };
const kafka = new Kafka({
  clientId: "group-member",
  brokers: [address],
  logLevel: logLevel.WARN,
  retry,
  // By itself it would write to stdout, where the report goes.
  logCreator: () => (entry: { readonly label: string; readonly log: object }) => {
    process.stderr.write(`${entry.label} ${JSON.stringify(entry.log)}\n`);
  },
});

async function consume({ group, topic }: Membership, report: Report, signal: AbortSignal): Promise<void> {
  const consumer = kafka.consumer({
    groupId: group,
    partitionAssigners: [PartitionAssigners.roundRobin],
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_INTERVAL_MS,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    retry,
  });
  const ended = Promise.withResolvers<void>();
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => report.owns(payload.memberAssignment[topic] ?? []));
  consumer.on(consumer.events.REBALANCING, () => report.owns([]));
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    report.owns([]);
    if (!payload.restart) ended.reject(payload.error);
  });
  signal.addEventListener("abort", () => ended.resolve());
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    /** A batch whose commit fails is delivered again, or to another member. */
    async eachBatch({ batch: { partition, messages } }) {
      const offsets = messages.map(({ offset }) => Number(offset));
      const last = offsets.at(-1);
      if (last === undefined) return;
      report.read(partition, offsets);
      await consumer.commitOffsets([{ topic, partition, offset: String(last + 1) }]);
      report.committed(partition, last + 1);
    },
  });
  try {
    await ended.promise;
  } finally {
    await consumer.disconnect();
  }
}

await serve({ modes: ["roundrobin"], consume });
