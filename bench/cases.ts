/** What is done with one broker. A case gets it running on an otherwise idle machine, and uses topics of its own. */
import { setTimeout as delay } from "node:timers/promises";
import type { Broker } from "./brokers/broker.ts";
import { firstAcknowledgement } from "./first-acknowledgement.ts";
import { createTopic } from "./load/topic.ts";
import type { Measurements } from "./metrics.ts";
import { driverFetch, driverProduce, outputOf, type ProduceLoad, producerPerformance, type ToolRun } from "./tools.ts";

const SMALL_BATCH_BYTES = 16 * 1024; // batch.size of Kafka's producer
const LARGE_BATCH_BYTES = 1024 * 1024;

/**
 * What each new partition gets before it is measured. Kafka touches the index files of a partition only with the second batch
 * after 4 KiB, which costs it 10 ms of CPU time: with 1,000 partitions more than all that is measured.
 */
const SETTLING = { recordsPerPartition: 2, recordSizeBytes: 8192 };
const IDLE_SECONDS = 5;

export interface BenchCase {
  readonly name: string;
  /** How it is measured, for the report. */
  readonly method: string;
  /** Wants a process that has done nothing yet; the others run after a warm-up. */
  readonly cold: boolean;
  /** `scale` multiplies the number of records. */
  run(broker: Broker, scale: number): Promise<Measurements>;
}

/** The topic of a case has its name. */
type Load = Omit<ProduceLoad, "topic"> & { readonly name: string };

export const CASES: readonly BenchCase[] = [
  {
    name: "start",
    method: "process start to the first acknowledged record, on a folder with one topic that was left by a clean stop",
    cold: true,
    run: measureStart,
  },
  {
    name: "idle",
    method: `memory (RSS) ${IDLE_SECONDS} s after the start, CPU time over the next ${IDLE_SECONDS} s, no clients`,
    cold: true,
    run: measureIdle,
  },
  producerCase({ name: "producer-1k", recordCount: 2_000_000, recordSizeBytes: 1024, partitions: 6 }),
  producerCase({ name: "producer-100b", recordCount: 10_000_000, recordSizeBytes: 100, partitions: 6 }),
  producerCase({ name: "producer-1k-1000", recordCount: 1_000_000, recordSizeBytes: 1024, partitions: 1000 }),
  latencyCase({ name: "latency-1k", recordCount: 10_000, recordSizeBytes: 1024, partitions: 6 }, 1000),
  driverCase({ name: "driver-1k", recordCount: 2_000_000, recordSizeBytes: 1024, partitions: 6 }, SMALL_BATCH_BYTES),
  driverCase({ name: "driver-1k-1m", recordCount: 2_000_000, recordSizeBytes: 1024, partitions: 6 }, LARGE_BATCH_BYTES),
  driverCase({ name: "driver-100b", recordCount: 10_000_000, recordSizeBytes: 100, partitions: 6 }, SMALL_BATCH_BYTES),
  driverCase(
    { name: "driver-100b-1m", recordCount: 10_000_000, recordSizeBytes: 100, partitions: 6 },
    LARGE_BATCH_BYTES,
  ),
  driverCase(
    { name: "driver-1k-1000", recordCount: 1_000_000, recordSizeBytes: 1024, partitions: 1000 },
    SMALL_BATCH_BYTES,
  ),
  fetchCase({ name: "fetch-1k", recordCount: 2_000_000, recordSizeBytes: 1024, partitions: 6 }),
];

/** Runs a broker's paths often enough that either engine, a JVM or Node's, has compiled them. */
export async function warmUp(broker: Broker): Promise<void> {
  for (const recordSizeBytes of [1024, 100]) {
    const load = { topic: `warm-up-${recordSizeBytes}`, recordCount: 600_000, recordSizeBytes, partitions: 6 };
    await createTopic(broker.endpoint, load.topic, load.partitions);
    await driverProduce(broker, load, { batchSizeBytes: SMALL_BATCH_BYTES, partitionsPerRequest: 1 });
    await producerPerformance(broker, load, []);
    await driverFetch(broker, load.topic, load.partitions);
  }
}

/** As fast as Kafka's own producer goes, with its defaults. */
function producerCase(load: Load): BenchCase {
  return {
    name: load.name,
    method: `ProducerPerformance with acks=all, ${load.recordSizeBytes} B records, ${load.partitions} partitions`,
    cold: false,
    run: async (broker, scale) => measured(broker, producerPerformance, await prepare(broker, load, scale), []),
  };
}

/** Far below any limit: how long one record takes. */
function latencyCase(load: Load, recordsPerSecond: number): BenchCase {
  return {
    name: load.name,
    method: `ProducerPerformance with acks=all, linger.ms=0, at ${recordsPerSecond} records/s of ${load.recordSizeBytes} B`,
    cold: false,
    run: async (broker, scale) => {
      const topicLoad = await prepare(broker, load, scale);
      const { measurements } = await producerPerformance(broker, topicLoad, ["linger.ms=0"], recordsPerSecond);
      const { latencyMeanMs = 0, latencyP50Ms = 0, latencyP99Ms = 0 } = measurements;
      return { latencyMeanMs, latencyP50Ms, latencyP99Ms };
    },
  };
}

function driverCase(load: Load, batchSizeBytes: number): BenchCase {
  // A producer sends what is ready in one request: of few partitions one batch, of many a lot.
  const partitionsPerRequest = load.partitions > 100 ? 20 : 1;
  return {
    name: load.name,
    method:
      `load driver with acks=all, ${load.recordSizeBytes} B records, batches of ${batchSizeBytes / 1024} KiB, ` +
      `${load.partitions} partitions, ${partitionsPerRequest} in a request, 3 connections × 5 requests in flight`,
    cold: false,
    run: async (broker, scale) =>
      measured(broker, driverProduce, await prepare(broker, load, scale), { batchSizeBytes, partitionsPerRequest }),
  };
}

function fetchCase(load: Load): BenchCase {
  return {
    name: load.name,
    method: `load driver fetches from the beginning what it has just produced, ${load.partitions} partitions, 3 connections`,
    cold: false,
    run: async (broker, scale) => {
      const produce = await prepare(broker, load, scale);
      await driverProduce(broker, produce, { batchSizeBytes: SMALL_BATCH_BYTES, partitionsPerRequest: 1 });
      await settleDisk();
      return measured(broker, driverFetch, produce.topic, produce.partitions);
    },
  };
}

/** Creates the topic and settles it; then the disk comes to rest. */
async function prepare(broker: Broker, load: Load, scale: number): Promise<ProduceLoad> {
  const topicLoad = { ...load, topic: load.name };
  await createTopic(broker.endpoint, load.name, load.partitions);
  const first = { ...topicLoad, ...SETTLING, recordCount: SETTLING.recordsPerPartition * load.partitions };
  await driverProduce(broker, first, { batchSizeBytes: 1, partitionsPerRequest: 1 });
  await settleDisk();
  return { ...topicLoad, recordCount: Math.ceil(load.recordCount * scale) };
}

/** Nothing that was written before is to be paid for in what is measured next. */
export async function settleDisk(): Promise<void> {
  await outputOf("sync", []);
}

/** Runs a tool, and adds to its own measurements what the broker spent on it. */
async function measured<Words extends readonly unknown[]>(
  broker: Broker,
  tool: (broker: Broker, ...words: Words) => Promise<ToolRun>,
  ...words: Words
): Promise<Measurements> {
  broker.resetPeakMemory();
  const before = broker.usage();
  const { bytes, measurements } = await tool(broker, ...words);
  const after = broker.usage();
  return {
    ...measurements,
    brokerCpuSecondsPerGigabyte: (after.cpuSeconds - before.cpuSeconds) / (bytes / 1e9),
    peakMemoryMegabytes: after.peakMemoryBytes / 1e6,
  };
}

async function measureStart(broker: Broker): Promise<Measurements> {
  const topic = "start";
  await createTopic(broker.endpoint, topic, 1);
  await broker.stop();
  const startMs = await broker.launch();
  await firstAcknowledgement(broker, topic);
  return { firstAckSeconds: (performance.now() - startMs) / 1000 };
}

async function measureIdle(broker: Broker): Promise<Measurements> {
  await delay(IDLE_SECONDS * 1000);
  const before = broker.usage();
  await delay(IDLE_SECONDS * 1000);
  const after = broker.usage();
  return {
    idleMemoryMegabytes: before.memoryBytes / 1e6,
    idleCpuPercent: ((after.cpuSeconds - before.cpuSeconds) / IDLE_SECONDS) * 100,
  };
}
