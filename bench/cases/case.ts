/** What all cases are made of. */
import { setTimeout as delay } from "node:timers/promises";
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

/**
 * A broker is at rest when it has taken no more than this share of a processor, so often in a row: for longer than Chronik lets
 * work wait (5 s).
 */
const REST_SHARE = 0.1;
const REST_LOOKS = 12;
const LOOK_SECONDS = 0.5;
const REST_DEADLINE_SECONDS = 300;

/** Waits until neither the disk nor the broker has to do with what was done before. @throws Error when that takes too long. */
export async function comeToRest(broker: Broker): Promise<void> {
  await settleDisk();
  let before = broker.usage();
  for (let quiet = 0, looks = 0; quiet < REST_LOOKS; looks += 1) {
    if (looks * LOOK_SECONDS > REST_DEADLINE_SECONDS) throw new Error("the broker does not come to rest");
    await delay(LOOK_SECONDS * 1000);
    const now = broker.usage();
    quiet = now.cpuSeconds - before.cpuSeconds <= REST_SHARE * LOOK_SECONDS ? quiet + 1 : 0;
    before = now;
  }
}

/** Creates the topic and settles it; then the broker and the disk come to rest. */
export async function prepare(broker: Broker, load: Load, scale: number): Promise<ProduceLoad> {
  const { name: topic, partitions, recordSizeBytes } = load;
  await createTopic(broker.endpoint, topic, partitions);
  const first = { topic, partitions, ...SETTLING, recordCount: SETTLING.recordsPerPartition * partitions };
  await driverProduce(broker, first, { batchSizeBytes: 1, partitionsPerRequest: 1 });
  await comeToRest(broker);
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
