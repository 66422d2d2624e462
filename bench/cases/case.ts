/** What all cases are made of. */
import type { Broker } from "../brokers/broker.ts";
import { createTopic } from "../load/topic.ts";
import type { CaseResult } from "../metrics.ts";
import { driverProduce } from "../tools/load-driver.ts";
import { type ProduceLoad, settleDisk, type ToolRun } from "../tools/run.ts";

export const SMALL_BATCH_BYTES = 16 * 1024; // batch.size of Kafka's producer
export const LARGE_BATCH_BYTES = 1024 * 1024;

/** Each holds those before it. */
export const SUITES = ["quick", "standard", "full"] as const;
export type Suite = (typeof SUITES)[number];

export interface BenchCase {
  readonly name: string;
  /** How it is measured, for the report. */
  readonly method: string;
  /** The smallest suite that has it. */
  readonly suite: Suite;
  /** Wants a process that has done nothing yet; the others run after a warm-up. */
  readonly cold: boolean;
  /** `scale` multiplies the number of records, and the time of what is measured over time. */
  run(broker: Broker, scale: number): Promise<CaseResult>;
}

/** The topic of a case has its name. */
export interface Load extends Omit<ProduceLoad, "topic" | "topics"> {
  readonly name: string;
  readonly suite: Suite;
}

/**
 * What each new partition gets before it is measured. Kafka touches the index files of a partition only with the second batch
 * after 4 KiB, which costs it 10 ms of CPU time: with 1,000 partitions more than all that is measured.
 */
const SETTLING = { recordsPerPartition: 2, recordSizeBytes: 8192 };

/** Creates the topic and settles it; then the disk comes to rest. */
export async function prepare(broker: Broker, load: Load, scale: number): Promise<ProduceLoad> {
  const { name: topic, partitions, recordSizeBytes } = load;
  await createTopic(broker.endpoint, topic, partitions);
  const first = { topic, partitions, ...SETTLING, recordCount: SETTLING.recordsPerPartition * partitions };
  await driverProduce(broker, first, { batchSizeBytes: 1, partitionsPerRequest: 1 });
  await settleDisk();
  return { topic, partitions, recordSizeBytes, recordCount: Math.ceil(load.recordCount * scale) };
}

/** Creates the topic and fills it, for what reads it from its beginning. */
export async function fill(broker: Broker, load: Load, scale: number): Promise<ProduceLoad> {
  const topicLoad = await prepare(broker, load, scale);
  await driverProduce(broker, topicLoad, { batchSizeBytes: SMALL_BATCH_BYTES, partitionsPerRequest: 1 });
  await settleDisk();
  return topicLoad;
}

/** Runs a tool, and adds to its own measurements what the broker spent on it. */
export async function measured(broker: Broker, tool: () => Promise<ToolRun>): Promise<CaseResult> {
  broker.resetPeakMemory();
  const before = broker.usage();
  const { bytes, measurements } = await tool();
  const after = broker.usage();
  return {
    measurements: {
      ...measurements,
      brokerCpuSecondsPerGigabyte: (after.cpuSeconds - before.cpuSeconds) / (bytes / 1e9),
      peakMemoryMegabytes: after.peakMemoryBytes / 1e6,
    },
  };
}
