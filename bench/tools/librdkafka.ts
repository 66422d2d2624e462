/** The driver over librdkafka, which is built on its first use (librdkafka/driver). */
import { join } from "node:path";
import type { Broker } from "../brokers/broker.ts";
import { REPOSITORY } from "../brokers/kinds.ts";
import { outputOf, type ProduceLoad, type ToolRun } from "./run.ts";

export const LIBRDKAFKA_DRIVER = join(REPOSITORY, "bench/librdkafka/driver");

interface DriverReport {
  readonly records: number;
  readonly bytes: number;
  readonly seconds: number;
  /** From handing a record over to its delivery report. Only when producing. */
  readonly latency?: { readonly meanMs: number; readonly p50Ms: number; readonly p99Ms: number };
}

/** Produces with acks=all to a topic that exists. */
export async function librdkafkaProduce(broker: Broker, load: ProduceLoad): Promise<ToolRun> {
  return driver(["produce", broker.address, load.topic, load.recordCount, load.recordSizeBytes, "acks=all"]);
}

/** Reads so many records from the beginning of all partitions, which it is assigned. */
export async function librdkafkaConsume(broker: Broker, load: ProduceLoad): Promise<ToolRun> {
  return driver(["consume", broker.address, load.topic, load.partitions, load.recordCount]);
}

async function driver(words: readonly (string | number)[]): Promise<ToolRun> {
  const report = JSON.parse(await outputOf(LIBRDKAFKA_DRIVER, words.map(String))) as DriverReport;
  const { records, bytes, seconds, latency } = report;
  return {
    bytes,
    measurements: {
      recordsPerSecond: records / seconds,
      megabytesPerSecond: bytes / 1e6 / seconds,
      ...(latency && { latencyMeanMs: latency.meanMs, latencyP50Ms: latency.p50Ms, latencyP99Ms: latency.p99Ms }),
    },
  };
}
