/** The programs that load a broker, each in a process of its own, and what they report. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Broker } from "./brokers/broker.ts";
import { KAFKA_SCRIPT } from "./brokers/kinds.ts";
import type { LoadReport } from "./load-driver.ts";
import type { Measurements } from "./metrics.ts";

const LOAD_DRIVER = fileURLToPath(new URL("load-driver.ts", import.meta.url));
const OUTPUT_MAX_BYTES = 64 * 2 ** 20;

/** One run of a tool. */
export interface ToolRun {
  /** Of record values (produce) or of answers (fetch). */
  readonly bytes: number;
  readonly measurements: Measurements;
}

export interface ProduceLoad {
  readonly topic: string;
  /** So many topics, `topic`-0 and so on, each with these partitions. One topic of this very name when left out. */
  readonly topics?: number;
  readonly partitions: number;
  readonly recordCount: number;
  readonly recordSizeBytes: number;
}

/** Kafka's ProducerPerformance with acks=all on a topic that exists. `recordsPerSecond` limits its rate. */
export async function producerPerformance(
  broker: Broker,
  load: ProduceLoad,
  properties: readonly string[],
  recordsPerSecond = -1,
): Promise<ToolRun> {
  const output = await outputOf(KAFKA_SCRIPT, [
    ...["run", "org.apache.kafka.tools.ProducerPerformance", "--topic", load.topic],
    ...["--num-records", String(load.recordCount), "--record-size", String(load.recordSizeBytes)],
    ...["--throughput", String(recordsPerSecond)],
    ...["--producer-props", `bootstrap.servers=${broker.address}`, "acks=all", ...properties],
  ]);
  // "N records sent, N records/sec (N MB/sec), N ms avg latency, N ms max latency, N ms 50th, N ms 95th, N ms 99th, …"
  const summary = output.trimEnd().split("\n").at(-1) ?? "";
  const number = (pattern: RegExp): number => {
    const match = pattern.exec(summary);
    if (match === null) throw new Error(`ProducerPerformance ended with: ${summary}`);
    return Number(match[1]);
  };
  const achieved = number(/sent, ([\d.]+) records\/sec/);
  return {
    bytes: load.recordCount * load.recordSizeBytes,
    measurements: {
      recordsPerSecond: achieved,
      megabytesPerSecond: (achieved * load.recordSizeBytes) / 1e6,
      latencyMeanMs: number(/([\d.]+) ms avg latency/),
      latencyP50Ms: number(/(\d+) ms 50th/),
      latencyP99Ms: number(/(\d+) ms 99th/),
    },
  };
}

/** The load driver produces to a topic that exists. */
export async function driverProduce(
  broker: Broker,
  load: ProduceLoad,
  batches: { readonly batchSizeBytes: number; readonly partitionsPerRequest: number },
): Promise<ToolRun> {
  return loadDriver(broker, "produce", {
    topic: load.topic,
    ...(load.topics === undefined ? {} : { topics: load.topics }),
    partitions: load.partitions,
    records: load.recordCount,
    "record-size": load.recordSizeBytes,
    "batch-size": batches.batchSizeBytes,
    "partitions-per-request": batches.partitionsPerRequest,
  });
}

/** The load driver reads a topic to its end. */
export async function driverFetch(broker: Broker, topic: string, partitions: number): Promise<ToolRun> {
  return loadDriver(broker, "fetch", { topic, partitions });
}

async function loadDriver(
  broker: Broker,
  mode: "produce" | "fetch",
  options: Readonly<Record<string, string | number>>,
): Promise<ToolRun> {
  const given = Object.entries({ broker: broker.address, ...options });
  const words = given.flatMap(([name, value]) => [`--${name}`, String(value)]);
  const output = await outputOf(process.execPath, [LOAD_DRIVER, mode, "--json", ...words]);
  const report = JSON.parse(output) as LoadReport;
  return {
    bytes: report.bytes,
    measurements: {
      recordsPerSecond: report.recordsPerSecond,
      megabytesPerSecond: report.megabytesPerSecond,
      latencyMeanMs: report.latency.meanMs,
      latencyP50Ms: report.latency.p50Ms,
      latencyP99Ms: report.latency.p99Ms,
      driverCpuSecondsPerGigabyte: report.driverCpuSeconds / (report.bytes / 1e9),
    },
  };
}

/** Runs a command to its end; what it wrote to stdout. @throws Error with its stderr when it failed. */
export async function outputOf(file: string, words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(file, words, { maxBuffer: OUTPUT_MAX_BYTES });
  return stdout;
}
