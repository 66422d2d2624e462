/** Kafka's own performance tools, with their defaults but for what is said here. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { Broker } from "../brokers/broker.ts";
import { KAFKA_SCRIPT } from "../brokers/kinds.ts";
import {
  parseConsumerPerformance,
  parseEndToEndLatency,
  parseProducerPerformance,
  rateOfReport,
} from "./kafka-output.ts";
import { outputOf, type ProduceLoad, type ToolRun } from "./run.ts";
import { SteadyRate } from "./steady-rate.ts";

const TOOLS = "org.apache.kafka.tools";

/** ProducerPerformance with acks=all on a topic that exists. `recordsPerSecond` limits its rate. */
export async function producerPerformance(
  broker: Broker,
  load: ProduceLoad,
  properties: readonly string[],
  pace?: { readonly recordsPerSecond: number; readonly warmUpRecords: number },
): Promise<ToolRun> {
  const warmUpRecords = pace?.warmUpRecords ?? 0;
  const all = { ...load, recordCount: warmUpRecords + load.recordCount };
  const words = producerWords(broker, all, properties, pace?.recordsPerSecond ?? -1);
  const output = await outputOf(KAFKA_SCRIPT, [...words, "--warmup-records", String(warmUpRecords)]);
  return {
    bytes: load.recordCount * load.recordSizeBytes,
    measurements: parseProducerPerformance(output, load.recordSizeBytes),
  };
}

function producerWords(
  broker: Broker,
  load: ProduceLoad,
  properties: readonly string[],
  recordsPerSecond: number,
): string[] {
  return [
    ...["run", `${TOOLS}.ProducerPerformance`, "--topic", load.topic],
    ...["--num-records", String(load.recordCount), "--record-size", String(load.recordSizeBytes)],
    ...["--throughput", String(recordsPerSecond)],
    ...["--producer-props", `bootstrap.servers=${broker.address}`, "acks=all", ...properties],
  ];
}

/**
 * Does something while a ProducerPerformance produces at a fixed rate to another topic. It begins when the load runs at that
 * rate, and the load ends with it.
 */
export async function besideLoad<Result>(
  broker: Broker,
  load: ProduceLoad & { readonly recordsPerSecond: number },
  work: () => Promise<Result>,
): Promise<Result> {
  const endless = { ...load, recordCount: 2 ** 31 - 1 };
  const words = [...producerWords(broker, endless, [], load.recordsPerSecond), "--reporting-interval", "1000"];
  const producer = spawn(KAFKA_SCRIPT, words, { stdio: ["ignore", "pipe", "pipe"] });
  const endWithUs = (): boolean => producer.kill("SIGKILL");
  process.once("exit", endWithUs);
  const complaint = text(producer.stderr);
  const failed = once(producer, "exit").then(async ([code]) => {
    throw new Error(`the load beside ended by itself with code ${code}: ${await complaint}`);
  });
  failed.catch(() => {});
  try {
    await Promise.race([steady(producer.stdout, load.recordsPerSecond), failed]);
    return await Promise.race([work(), failed]);
  } finally {
    await end(producer);
    process.removeListener("exit", endWithUs);
  }
}

/** Resolves when the reports say so. They are read on: a producer must not wait for somebody to take them. */
function steady(reports: Readable, recordsPerSecond: number): Promise<void> {
  const rate = new SteadyRate(recordsPerSecond);
  return new Promise((resolve) => {
    createInterface(reports).on("line", (line) => {
      const reported = rateOfReport(line);
      if (reported !== undefined && rate.reported(reported)) resolve();
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

/** ConsumerPerformance reads so many records of a topic from its beginning, as one consumer of a new group. */
export async function consumerPerformance(broker: Broker, topic: string, recordCount: number): Promise<ToolRun> {
  const output = await outputOf(KAFKA_SCRIPT, [
    ...["run", `${TOOLS}.ConsumerPerformance`, "--bootstrap-server", broker.address, "--topic", topic],
    ...["--num-records", String(recordCount), "--timeout", "60000"],
  ]);
  const { records, bytes, measurements } = parseConsumerPerformance(output);
  if (records < recordCount) throw new Error(`ConsumerPerformance read ${records} of ${recordCount} records`);
  return { bytes, measurements };
}

/** EndToEndLatency: one record after the other, each sent when the one before has come back. */
export async function endToEndLatency(broker: Broker, load: ProduceLoad): Promise<ToolRun> {
  const { topic, recordCount, recordSizeBytes } = load;
  const words = [broker.address, topic, String(recordCount), "all", String(recordSizeBytes)];
  const output = await outputOf(KAFKA_SCRIPT, ["run", `${TOOLS}.EndToEndLatency`, ...words]);
  return { bytes: recordCount * recordSizeBytes, measurements: parseEndToEndLatency(output) };
}
