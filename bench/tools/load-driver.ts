/** The load driver as a process of its own. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { Broker } from "../brokers/broker.ts";
import type { TailLatencies } from "../load/tail.ts";
import type { LoadReport } from "../load-driver.ts";
import type { Measurements } from "../metrics.ts";
import { DEADLINE_MS, type ProduceLoad, type ToolRun } from "./run.ts";

const LOAD_DRIVER = fileURLToPath(new URL("../load-driver.ts", import.meta.url));

type Options = Readonly<Record<string, string | number>>;

/** Produces to a topic that exists. */
export async function driverProduce(
  broker: Broker,
  load: ProduceLoad,
  batches: { readonly batchSizeBytes: number; readonly partitionsPerRequest: number },
): Promise<ToolRun> {
  return report(broker, "produce", {
    topic: load.topic,
    ...(load.topics === undefined ? {} : { topics: load.topics }),
    partitions: load.partitions,
    records: load.recordCount,
    "record-size": load.recordSizeBytes,
    "batch-size": batches.batchSizeBytes,
    "partitions-per-request": batches.partitionsPerRequest,
  });
}

/** Reads a topic to its end. Each of so many `readers` reads everything, over so many connections, as a group of so many consumers would. */
export async function driverFetch(
  broker: Broker,
  topic: string,
  load: { readonly partitions: number; readonly readers: number; readonly connections: number },
): Promise<ToolRun> {
  return report(broker, "fetch", { topic, ...load });
}

export interface TailLoad {
  readonly topic: string;
  readonly partitions: number;
  readonly recordSizeBytes: number;
  readonly batchSizeBytes: number;
  readonly megabytesPerSecond: number;
  readonly seconds: number;
  readonly readers: number;
}

/** Produces at a fixed rate beside consumers. `onInterval` is called after each interval when one is given. */
export async function driverTail(
  broker: Broker,
  load: TailLoad,
  intervals?: { readonly seconds: number; readonly onInterval: (latencies: TailLatencies) => void },
): Promise<ToolRun> {
  const options = {
    topic: load.topic,
    partitions: load.partitions,
    "record-size": load.recordSizeBytes,
    "batch-size": load.batchSizeBytes,
    rate: load.megabytesPerSecond,
    seconds: load.seconds,
    readers: load.readers,
    ...(intervals === undefined ? {} : { interval: intervals.seconds }),
  };
  return report(broker, "tail", options, intervals?.onInterval);
}

/** Does something while so many consumers wait at partitions that stay empty. */
export async function besideIdleConsumers<Result>(
  broker: Broker,
  options: { readonly topic: string; readonly partitions: number; readonly consumers: number },
  work: () => Promise<Result>,
): Promise<Result> {
  const driver = start(broker, "idle", { ...options });
  const failed = endOf(driver).then(() => Promise.reject(new Error("the idle consumers ended by themselves")));
  failed.catch(() => {});
  try {
    await Promise.race([once(driver.stdout, "data"), failed]); // it says that all wait
    return await Promise.race([work(), failed]);
  } finally {
    driver.kill("SIGKILL");
  }
}

/** A line with the latencies of an interval goes to `onInterval` when it comes; the report is the other one. */
async function report(
  broker: Broker,
  mode: "produce" | "fetch" | "tail",
  options: Options,
  onInterval: (latencies: TailLatencies) => void = () => {},
): Promise<ToolRun> {
  const driver = start(broker, mode, options);
  const ended = endOf(driver);
  ended.catch(() => {}); // awaited when its output has ended
  let loadReport: LoadReport | undefined;
  for await (const line of createInterface({ input: driver.stdout })) {
    const message = JSON.parse(line) as LoadReport | TailLatencies;
    if ("acknowledged" in message) onInterval(message);
    else loadReport = message;
  }
  await ended;
  if (loadReport === undefined) throw new Error("the load driver ended without a report");
  return { bytes: loadReport.bytes, measurements: measurementsOf(loadReport) };
}

type Driver = ChildProcessByStdio<null, Readable, Readable>;

function start(broker: Broker, mode: string, options: Options): Driver {
  const given = Object.entries({ broker: broker.address, ...options });
  const words = given.flatMap(([name, value]) => [`--${name}`, String(value)]);
  const driver = spawn(process.execPath, [LOAD_DRIVER, mode, "--json", ...words], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: DEADLINE_MS,
    killSignal: "SIGKILL",
  });
  const endWithUs = (): boolean => driver.kill("SIGKILL");
  process.once("exit", endWithUs);
  driver.once("exit", () => process.removeListener("exit", endWithUs));
  return driver;
}

/** Resolves when it ended well. @throws Error with its stderr when it did not. */
async function endOf(driver: Driver): Promise<void> {
  const complaint = text(driver.stderr);
  const [code] = (await once(driver, "exit")) as [number | null];
  if (code !== 0) throw new Error(`the load driver ended with code ${code}: ${await complaint}`);
}

function measurementsOf(report: LoadReport): Measurements {
  const { latency, endToEnd } = report;
  return {
    recordsPerSecond: report.recordsPerSecond,
    megabytesPerSecond: report.megabytesPerSecond,
    latencyMeanMs: latency.meanMs,
    latencyP50Ms: latency.p50Ms,
    latencyP99Ms: latency.p99Ms,
    ...(endToEnd && {
      endToEndMeanMs: endToEnd.meanMs,
      endToEndP50Ms: endToEnd.p50Ms,
      endToEndP99Ms: endToEnd.p99Ms,
    }),
    driverCpuSecondsPerGigabyte: report.driverCpuSeconds / (report.bytes / 1e9),
  };
}
