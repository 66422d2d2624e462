/** How long one record takes: alone, and beside a load that is about half of what the broker could do. */
import type { Broker } from "../brokers/broker.ts";
import { createTopic } from "../load/topic.ts";
import type { CaseResult, Measurements } from "../metrics.ts";
import { besideLoad, endToEndLatency, producerPerformance } from "../tools/kafka.ts";
import type { ToolRun } from "../tools/run.ts";
import { type BenchCase, type Load, prepare } from "./case.ts";

/** Half of what Kafka took of `producer-1k` on two cores. The same for every side, so that all do the same. */
const HALF_LOAD = { partitions: 6, recordSizeBytes: 1024, recordsPerSecond: 90_000 };
const BESIDE_TEXT = `beside a ProducerPerformance at ${HALF_LOAD.recordsPerSecond} records/s of ${HALF_LOAD.recordSizeBytes} B`;

/**
 * A Java client that has just begun has compiled nothing: its first records wait for itself, and were nearly all of the mean and of the 99th
 * percentile of ten seconds, a different part of them in each run.
 */
const WARM_UP_SECONDS = 5;

/** `loaded` puts half the load beside. */
export function latencyCase(load: Load, options: { recordsPerSecond: number; loaded: boolean }): BenchCase {
  const { recordsPerSecond } = options;
  const alone =
    `ProducerPerformance with acks=all, linger.ms=0, at ${recordsPerSecond} records/s of ${load.recordSizeBytes} B, ` +
    `behind its first ${WARM_UP_SECONDS} s`;
  return latency(load, {
    ...options,
    method: alone,
    tool: async (broker, scale) => {
      const topicLoad = await prepare(broker, load, scale);
      const pace = { recordsPerSecond, warmUpRecords: WARM_UP_SECONDS * recordsPerSecond };
      return () => producerPerformance(broker, topicLoad, ["linger.ms=0"], pace);
    },
  });
}

export function endToEndCase(load: Load, options: { loaded: boolean }): BenchCase {
  return latency(load, {
    ...options,
    method: `EndToEndLatency with acks=all, ${load.recordSizeBytes} B records one by one; its percentiles are whole ms`,
    tool: async (broker, scale) => {
      const topicLoad = await prepare(broker, load, scale);
      return () => endToEndLatency(broker, topicLoad);
    },
  });
}

interface LatencyOptions {
  readonly loaded: boolean;
  readonly method: string;
  /** Prepares a tool, and returns it. */
  readonly tool: (broker: Broker, scale: number) => Promise<() => Promise<ToolRun>>;
}

function latency(load: Load, { loaded, method, tool }: LatencyOptions): BenchCase {
  return {
    ...load,
    method: loaded ? `${method}, ${BESIDE_TEXT}` : method,
    cold: false,
    run: async (broker, scale) => {
      const run = await tool(broker, scale);
      const { measurements } = loaded ? await besideHalfLoad(broker, load.name, run) : await run();
      return latenciesOf(measurements);
    },
  };
}

async function besideHalfLoad(broker: Broker, name: string, run: () => Promise<ToolRun>): Promise<ToolRun> {
  const topic = `${name}-beside`;
  await createTopic(broker.endpoint, topic, HALF_LOAD.partitions);
  return besideLoad(broker, { ...HALF_LOAD, topic, recordCount: 0 }, run);
}

/** A rate that was given says nothing. */
function latenciesOf(measurements: Measurements): CaseResult {
  const { recordsPerSecond: _rate, megabytesPerSecond: _bytes, ...latencies } = measurements;
  return { measurements: latencies };
}
