/**
 * A whole broker in the simulation, and clients that speak the protocol to it.
 *
 *     await withBroker(async ({ connect }) => {
 *       const { brokers } = await connect().request(APIS.metadata, 13, { topics: null });
 *     });
 *
 * After each scenario its connections are closed, and then the broker must hold nothing of them any more: no memory, no
 * waiting fetch, no borrowed block. Then it must stop in good order.
 */

import assert from "node:assert/strict";
import { KafkaClient } from "../../sim/kafka-client.ts";
import type { DiskFaults } from "../../sim/sim-disk.ts";
import type { SimConnection } from "../../sim/sim-network.ts";
import { SimWorkers, type WorkerFate } from "../../sim/sim-worker.ts";
import { CRASHED, type SimProcess, Simulation } from "../../sim/simulation.ts";
import type { Uuid } from "../../src/base/uuid.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { type RunningBroker, startBroker } from "../../src/broker/start.ts";
import { loadSettings } from "../../src/config/load.ts";
import type { Disk } from "../../src/ports/disk.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { type BatchOptions, encodeBatch, type RecordInput, readRecords } from "../../src/protocol/record.ts";
import { batchSizeBytes } from "../../src/protocol/record-batch.ts";

export const PORT = 9092;
export const NODE_ID = 1;

/** A scenario that waits longer, in virtual time, waits for what never comes. */
const PATIENCE_MS = 120_000;

export interface BrokerOptions {
  readonly seed?: number;
  /** As given with `--set`. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly disk?: Partial<DiskFaults>;
  /** As of the simulation. */
  readonly quickWrites?: boolean;
  /** What becomes of storage workers at each of their disk operations. */
  readonly workerFate?: (operation: number) => WorkerFate;
  /** Puts something between the broker and its disk. */
  readonly wrapDisk?: (disk: Disk) => Disk;
}

/** What a scenario works with. */
export interface BrokerWorld {
  readonly simulation: Simulation;
  readonly process: SimProcess;
  readonly running: RunningBroker;
  readonly broker: Broker;
  /** What the broker has logged since it started. */
  readonly lines: string[];
  readonly connect: () => KafkaClient;
  /** A connection for bytes that are no requests. */
  readonly connectRaw: () => SimConnection;
  /** Resolves when `condition` holds, asked every virtual millisecond. */
  readonly until: (condition: () => boolean) => Promise<void>;
  /** Lets virtual time pass. */
  readonly pass: (delayMs: number) => Promise<void>;
}

export type Scenario = (world: BrokerWorld) => Promise<void>;

/** Runs `scenario` against a broker with an empty disk. */
export async function withBroker(scenario: Scenario, options: BrokerOptions = {}): Promise<void> {
  await new BrokerLives(options).live(scenario);
}

/** Brokers that live on one disk, one after the other. */
export class BrokerLives {
  readonly simulation: Simulation;
  readonly #options: BrokerOptions;

  constructor(options: BrokerOptions = {}) {
    const { seed = 1, disk = {}, quickWrites } = options;
    this.#options = options;
    this.simulation = new Simulation({ seed, disk, ...(quickWrites === undefined ? {} : { quickWrites }) });
  }

  /** Starts a broker, runs `scenario`, and ends it: in good order, or as `kill -9` or a power loss does. */
  async live(scenario: Scenario, end: "stop" | "kill" | "power" = "stop"): Promise<void> {
    const { simulation } = this;
    const result = await simulation.run(async (process) => {
      const failure = Promise.withResolvers<never>();
      const world = await this.#start(process, failure.reject);
      await Promise.race([scenario(world), failure.promise]);
      if (end !== "stop") return;
      await assertNothingIsLeft(world);
      await Promise.race([world.running.stop(), failure.promise]);
    });
    assert.ok(result !== CRASHED, "the process died within the scenario");
    simulation.crash(end === "power" ? "power" : "kill");
  }

  async #start(process: SimProcess, fail: (error: unknown) => void): Promise<BrokerWorld> {
    const { simulation } = this;
    const set = Object.entries(this.#options.settings ?? {}).map(([key, value]) => `${key}=${value}`);
    const loaded = loadSettings({ set: ["wal.min.free.bytes=0", ...set], flags: { port: String(PORT) } });
    assert.ok("settings" in loaded, "errors" in loaded ? loaded.errors.join("\n") : "");
    const lines: string[] = [];
    const { clock, random, network } = process;
    const disk = this.#options.wrapDisk?.(process.disk) ?? process.disk;
    const { workerFate: fate } = this.#options;
    const running = await startBroker({
      ports: {
        clock,
        random,
        disk,
        network,
        storageWorker: new SimWorkers({ clock, disk, ...(fate === undefined ? {} : { fate }) }),
      },
      settings: loaded.settings,
      log: (line) => void lines.push(line),
      fail,
    });
    const connections: SimConnection[] = [];
    const connectRaw = (): SimConnection => {
      const connection = simulation.connect(PORT);
      connections.push(connection);
      return connection;
    };
    const pass = (delayMs: number): Promise<void> =>
      new Promise((resolve) => void simulation.clock.schedule(delayMs, resolve));
    const world: BrokerWorld = {
      simulation,
      process,
      running,
      broker: running.broker,
      lines,
      connectRaw,
      connect: () => new KafkaClient(connectRaw()),
      pass,
      async until(condition) {
        for (let waitedMs = 0; !condition(); waitedMs += 1) {
          if (waitedMs > PATIENCE_MS) throw new Error(`nothing came in ${PATIENCE_MS} ms\n${simulation.history()}`);
          await pass(1);
        }
      },
    };
    toClose.set(world, connections);
    return world;
  }
}

const toClose = new WeakMap<BrokerWorld, readonly SimConnection[]>();

async function assertNothingIsLeft(world: BrokerWorld): Promise<void> {
  const { broker, until } = world;
  for (const connection of toClose.get(world)!) connection.close();
  await until(() => broker.connectionCount === 0);
  await until(() => broker.requestBytes === 0 && broker.store.blocks.lentBytes === 0 && broker.reader.busyBytes === 0);
  assert.equal(broker.parkedFetches.size, 0);
  for (const topic of broker.store.state.topics()) {
    for (const partition of topic.partitions) assert.equal(partition.waiters.size, 0);
  }
}

/** Creates a topic; answers its id. */
export async function createTopic(
  client: KafkaClient,
  name: string,
  options: { readonly partitions?: number; readonly configs?: Readonly<Record<string, string>> } = {},
): Promise<Uuid> {
  const configs = Object.entries(options.configs ?? {}).map(([key, value]) => ({ name: key, value }));
  const topic = { name, numPartitions: options.partitions ?? 1, replicationFactor: 1, configs };
  const { topics } = await client.request(APIS.createTopics, 7, { topics: [topic] });
  assert.equal(topics[0]!.errorCode, ErrorCode.NONE, topics[0]!.errorMessage ?? "");
  return topics[0]!.topicId;
}

/** Where records go, and come from. */
export interface Place {
  readonly topic: string;
  readonly partition?: number;
}

export type ProducedPartition = Awaited<ReturnType<typeof produceBytes>>;

/** Produces one batch; answers what is said of its partition. */
export function produce(
  client: KafkaClient,
  place: Place,
  records: readonly RecordInput[],
  options: BatchOptions = {},
): Promise<ProducedPartition> {
  return produceBytes(client, place, encodeBatch(records, options));
}

/** Produces `records`, whatever bytes they are, with acks=all. */
export async function produceBytes(client: KafkaClient, { topic, partition = 0 }: Place, records: Buffer | null) {
  const partitionData = [{ index: partition, records: records === null ? null : [records] }];
  const body = { acks: -1, timeoutMs: 1000, topicData: [{ name: topic, partitionData }] };
  const { responses } = await client.request(APIS.produce, 12, body);
  assert.equal(responses.length, 1);
  assert.equal(responses[0]!.partitionResponses.length, 1);
  return responses[0]!.partitionResponses[0]!;
}

export interface FetchOptions {
  readonly offset?: number;
  readonly maxBytes?: number;
  readonly partitionMaxBytes?: number;
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly isolationLevel?: number;
}

/** Fetches from one partition, without a session; answers what is said of it. */
export async function fetch(client: KafkaClient, { topic, partition = 0 }: Place, options: FetchOptions = {}) {
  const { offset = 0, partitionMaxBytes = 1_000_000, maxBytes = 10_000_000, maxWaitMs = 0, minBytes = 1 } = options;
  const partitions = [{ partition, fetchOffset: offset, partitionMaxBytes }];
  const body = { maxWaitMs, minBytes, maxBytes, isolationLevel: options.isolationLevel ?? 0 };
  const answer = await client.request(APIS.fetch, 12, { ...body, topics: [{ topic, partitions }] });
  assert.equal(answer.errorCode, ErrorCode.NONE);
  return answer.responses[0]!.partitions[0]!;
}

/** The batches in an answer to a fetch. */
export function batchesOf({ records }: { readonly records: readonly Buffer[] | null }): Buffer[] {
  const bytes = Buffer.concat(records ?? []);
  const batches: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += batchSizeBytes(bytes, at)) {
    batches.push(bytes.subarray(at, at + batchSizeBytes(bytes, at)));
  }
  return batches;
}

/** Offset and value of every record in an answer to a fetch. */
export function recordsOf(answer: { readonly records: readonly Buffer[] | null }): [number, string | null][] {
  return batchesOf(answer).flatMap((batch) =>
    [...readRecords(batch)].map(({ offset, value }): [number, string | null] => [offset, value?.toString() ?? null]),
  );
}

/** All records of one partition, read as a consumer does: fetch by fetch, on from behind the last record. */
export async function readAll(
  client: KafkaClient,
  place: Place,
  options: FetchOptions = {},
): Promise<[number, string | null][]> {
  const records: [number, string | null][] = [];
  for (let next = options.offset ?? 0; ; ) {
    const answer = await fetch(client, place, { ...options, offset: next });
    assert.equal(answer.errorCode, ErrorCode.NONE);
    if (next >= answer.highWatermark) return records;
    const fetched = recordsOf(answer).filter(([offset]) => offset >= next);
    assert.ok(fetched.length > 0, `a fetch from ${next} below the high watermark ${answer.highWatermark} gave nothing`);
    records.push(...fetched);
    next = fetched.at(-1)![0] + 1;
  }
}
