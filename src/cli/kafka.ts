/**
 * A Kafka cluster, as the commands see it. This is the only file that imports the client library at run time; commands
 * import it when they run, so that `chronik start` and `--help` do not load it.
 */
import type { Buffer } from "node:buffer";
import {
  Admin,
  type ClusterTopicMetadata,
  Connection,
  Consumer,
  consumerGroupDescribeV0,
  FindCoordinatorKeyTypes,
  type GroupBase,
  murmur2,
  Producer,
  type ProducerOptions,
} from "@platformatic/kafka";
import { nearest } from "../config/nearest.ts";
import { explain } from "./client-errors.ts";
import { CommandFailure } from "./failure.ts";

export interface Broker {
  readonly host: string;
  readonly port: number;
}

export interface PartitionOffset {
  readonly partition: number;
  readonly offset: bigint;
}

/** What ListOffsets takes in place of a time. */
export const END = -1n;
export const BEGINNING = -2n;

const CLIENT_ID = "chronik";

/** Whoever types a wrong address should not wait long to be told. */
const RETRIES = 2;
/** Once it has worked, it is worth waiting for a broker that restarts. */
const RETRIES_OF_STREAMS = 40;
const RETRY_DELAY_MS = 250;
const REQUEST_TIMEOUT_MS = 30_000;

/** Runs `use` with a cluster, and closes all connections afterwards. @throws CommandFailure for what the cluster refuses. */
export async function withKafka<T>(brokers: readonly Broker[], use: (kafka: Kafka) => Promise<T>): Promise<T> {
  const kafka = new Kafka(brokers);
  try {
    return await use(kafka);
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    const message = explain(error, brokers);
    if (message === undefined) throw error;
    throw new CommandFailure(message, { cause: error });
  } finally {
    await kafka.close();
  }
}

export class Kafka {
  readonly admin: Admin;
  readonly #options;
  readonly #streams: (Consumer | Producer)[] = [];

  constructor(brokers: readonly Broker[]) {
    this.#options = {
      clientId: CLIENT_ID,
      bootstrapBrokers: [...brokers],
      retries: RETRIES,
      retryDelay: RETRY_DELAY_MS,
      timeout: REQUEST_TIMEOUT_MS,
    };
    this.admin = new Admin(this.#options);
  }

  /** All topics by name, internal ones only when asked for. */
  async topicNames(includeInternals = false): Promise<readonly string[]> {
    return this.admin.listTopics({ includeInternals });
  }

  /** @throws CommandFailure naming the first topic that does not exist, and what may have been meant. */
  async topics(names: readonly string[]): Promise<ReadonlyMap<string, ClusterTopicMetadata>> {
    if (names.length === 0) return new Map();
    const known = await this.topicNames(true);
    for (const name of names) {
      if (!known.includes(name)) throw new CommandFailure(unknownName("topic", name, known));
    }
    const { topics } = await this.admin.metadata({ topics: [...names], forceUpdate: true });
    return new Map(names.map((name) => [name, topics.get(name)!]));
  }

  async topic(name: string): Promise<ClusterTopicMetadata> {
    return (await this.topics([name])).get(name)!;
  }

  /**
   * Of each partition the first offset whose record is at least as young as `timestamp`, or -1 where there is none.
   * `END` and `BEGINNING` ask for these.
   */
  async offsets(topic: string, partitions: readonly number[], timestamp: bigint): Promise<ReadonlyMap<number, bigint>> {
    if (partitions.length === 0) return new Map();
    const request = partitions.map((partitionIndex) => ({ partitionIndex, timestamp }));
    const listed = await this.admin.listOffsets({ topics: [{ name: topic, partitions: request }] });
    return new Map(listed[0]!.partitions.map(({ partitionIndex, offset }) => [partitionIndex, offset]));
  }

  /** All groups by name. Left to itself the library asks for classic ones. */
  async groups(): Promise<Map<string, GroupBase>> {
    return this.admin.listGroups({ types: [] });
  }

  /** A group of the consumer protocol (KIP-848), as its coordinator tells. The library has the request, and no call for it. */
  async consumerGroup(groupId: string): Promise<consumerGroupDescribeV0.ConsumerGroupDescribeResponseGroup> {
    const [coordinator] = await this.admin.findCoordinator({ keyType: FindCoordinatorKeyTypes.GROUP, keys: [groupId] });
    const connection = new Connection(CLIENT_ID, { connectTimeout: REQUEST_TIMEOUT_MS });
    try {
      await connection.connect(coordinator!.host, coordinator!.port);
      const { groups } = await consumerGroupDescribeV0.api.async(connection, [groupId], false);
      return groups[0]!;
    } finally {
      await connection.close();
    }
  }

  /** Reads partitions without belonging to a group. */
  reader(topic: string): Reader {
    // The library wants a group's name, and uses it only in calls that this program does not make.
    const consumer = new Consumer({ ...this.#options, retries: RETRIES_OF_STREAMS, groupId: CLIENT_ID });
    consumer.topics.track(topic);
    this.#streams.push(consumer);
    return new Reader(consumer, topic);
  }

  producer(
    options: Pick<ProducerOptions<Buffer, Buffer, Buffer, Buffer>, "acks" | "compression" | "idempotent">,
  ): Producer {
    const producer = new Producer({ ...this.#options, ...options, retries: RETRIES_OF_STREAMS });
    this.#streams.push(producer);
    return producer;
  }

  async close(): Promise<void> {
    // What fails while closing has nothing to add to how the command itself went.
    await Promise.allSettled([...this.#streams.map((stream) => stream.close(true)), this.admin.close()]);
  }
}

/** Fetches from partitions at the offsets it is told. */
export class Reader {
  readonly #consumer: Consumer;
  readonly #topic: string;

  constructor(consumer: Consumer, topic: string) {
    this.#consumer = consumer;
    this.#topic = topic;
  }

  /** The broker that leads each partition. */
  async leaders(): Promise<readonly number[]> {
    const { topics } = await this.#consumer.metadata({ topics: [this.#topic] });
    return topics.get(this.#topic)!.partitions.map(({ leader }) => leader);
  }

  /** What the broker `node` has of these partitions. Waits up to `maxWaitMs` for a first record. */
  async fetch(node: number, positions: readonly PartitionOffset[], maxWaitMs: number): Promise<FetchedPartitions> {
    const { topics } = await this.#consumer.metadata({ topics: [this.#topic] });
    const topicId = topics.get(this.#topic)!.id;
    const partitions = positions.map(({ partition, offset }) => ({
      partition,
      fetchOffset: offset,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      partitionMaxBytes: FETCH_PARTITION_BYTES,
    }));
    const { responses } = await this.#consumer.fetch({
      node,
      topics: [{ topicId, partitions }],
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      maxWaitTime: maxWaitMs,
      isolationLevel: 0,
    });
    return responses.flatMap((response) => response.partitions);
  }
}

type FetchResponse = Awaited<ReturnType<Consumer["fetch"]>>;
export type FetchedPartitions = FetchResponse["responses"][number]["partitions"];

const FETCH_BYTES = 8 * 1024 * 1024;
const FETCH_PARTITION_BYTES = 1024 * 1024;

/** The partition that Kafka's own clients choose for a key. */
export function partitionOfKey(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitions;
}

/** What to say of a name that does not exist. */
export function unknownName(kind: "topic" | "group", name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  const advice = meant === undefined ? `chronik ${kind}s list shows what there is` : `did you mean ${meant}?`;
  return `there is no ${kind} ${name}: ${advice}`;
}
