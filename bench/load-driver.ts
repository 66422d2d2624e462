/**
 * A load generator that is not the limit: encoded once, sent many times, in a process of its own. See bench/README.md.
 *
 *     load-driver produce --broker HOST:PORT --topic T [--create] [--partitions 6] [--records 1000000] …
 *     load-driver fetch   --broker HOST:PORT --topic T [--partitions 6] [--readers 1] [--check-crc] …
 *     load-driver tail    --broker HOST:PORT --topic T [--rate 50] [--seconds 10] [--readers 1] …
 *     load-driver idle    --broker HOST:PORT --topic T [--consumers 1000]
 */
import { parseArgs } from "node:util";
import type { BrokerAddress } from "./load/connection.ts";
import { fetchAll } from "./load/fetch.ts";
import type { LatencySummary } from "./load/histogram.ts";
import { idleConsumers } from "./load/idle.ts";
import { produce } from "./load/produce.ts";
import { tail } from "./load/tail.ts";
import { createTopic, topicNames } from "./load/topic.ts";

const HELP = `usage: load-driver produce|fetch|tail|idle --broker HOST:PORT --topic NAME [options]

  --partitions N              partitions of the topic, 0 to N-1 (6)
  --connections N             connections; partition p goes over connection p modulo N (3)
  --json                      print one line of JSON
produce:
  --create                    create the topic first
  --topics N                  N topics instead of one: NAME-0 to NAME-(N-1)
  --records N                 records to send (1000000)
  --record-size BYTES         size of a record's value (1024)
  --batch-size BYTES          size of a batch, as a producer's batch.size (16384)
  --in-flight N               unanswered requests of one connection (5)
  --partitions-per-request N  batches in one request, each of another partition (1)
fetch:
  --max-bytes BYTES           of one answer (52428800)
  --partition-max-bytes BYTES of one partition in one answer (1048576)
  --readers N                 each reads everything, over connections of its own (1)
  --check-crc                 check the CRC of every batch
tail: produces at a fixed rate, and reads what comes
  --rate MB                   record values in a second, in 10^6 bytes (50)
  --seconds N                 how long (10)
  --readers N                 consumers, each with one connection for all partitions (1)
  --interval SECONDS          print latencies of each such interval, too, a line of JSON for each (none)
idle: consumers of empty partitions, who wait for records until the driver is ended; it says "ready" when all do
  --consumers N               one connection and one partition each (1000)
`;

/** What one run prints: sizes in bytes of record values (produce) or of answers (fetch), 1 MB = 10^6 bytes. */
export interface LoadReport {
  readonly records: number;
  readonly requests: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly recordsPerSecond: number;
  readonly megabytesPerSecond: number;
  /** User and system time of this process during the run. */
  readonly driverCpuSeconds: number;
  readonly latency: LatencySummary;
  /** Until a record that was sent has arrived at a reader. Of `tail` only, where `latency` is that of acknowledgements. */
  readonly endToEnd?: LatencySummary;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    broker: { type: "string" },
    topic: { type: "string" },
    topics: { type: "string" },
    create: { type: "boolean", default: false },
    partitions: { type: "string", default: "6" },
    connections: { type: "string", default: "3" },
    records: { type: "string", default: "1000000" },
    "record-size": { type: "string", default: "1024" },
    "batch-size": { type: "string", default: "16384" },
    "in-flight": { type: "string", default: "5" },
    "partitions-per-request": { type: "string", default: "1" },
    "max-bytes": { type: "string", default: "52428800" },
    "partition-max-bytes": { type: "string", default: "1048576" },
    readers: { type: "string", default: "1" },
    rate: { type: "string", default: "50" },
    seconds: { type: "string", default: "10" },
    interval: { type: "string" },
    consumers: { type: "string", default: "1000" },
    "check-crc": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function count(name: keyof typeof values): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`--${name} takes a whole number of at least 1`);
  return value;
}

function brokerAddress(text: string): BrokerAddress {
  const colon = text.lastIndexOf(":");
  const port = Number(text.slice(colon + 1));
  if (colon < 1 || !(port > 0)) throw new RangeError("--broker takes HOST:PORT");
  return { host: text.slice(0, colon), port };
}

type Mode = "produce" | "fetch" | "tail";

/** What each mode gives; the report adds rates and this process's own CPU time. */
interface Outcome extends Pick<LoadReport, "records" | "requests" | "bytes" | "seconds" | "latency"> {
  readonly endToEnd?: LatencySummary;
}

async function run(mode: Mode, address: BrokerAddress, topic: string): Promise<LoadReport> {
  const before = process.cpuUsage();
  const outcome = await MODES[mode]({
    address,
    topic,
    partitions: count("partitions"),
    connections: count("connections"),
  });
  const { user, system } = process.cpuUsage(before);
  return {
    ...outcome,
    recordsPerSecond: outcome.records / outcome.seconds,
    megabytesPerSecond: outcome.bytes / 1e6 / outcome.seconds,
    driverCpuSeconds: (user + system) / 1e6,
  };
}

interface Shared {
  readonly address: BrokerAddress;
  readonly topic: string;
  readonly partitions: number;
  readonly connections: number;
}

const MODES: Readonly<Record<Mode, (shared: Shared) => Promise<Outcome>>> = {
  produce: async (shared) => {
    const topics = values.topics === undefined ? [shared.topic] : topicNames(shared.topic, count("topics"));
    if (values.create) {
      for (const each of topics) await createTopic(shared.address, each, shared.partitions);
    }
    const { valueBytes, ...result } = await produce({
      ...shared,
      topics,
      recordCount: count("records"),
      recordSizeBytes: count("record-size"),
      batchSizeBytes: count("batch-size"),
      inFlight: count("in-flight"),
      partitionsPerRequest: count("partitions-per-request"),
    });
    return { ...result, bytes: valueBytes };
  },
  fetch: async (shared) => {
    const { records, requests, wireBytes, seconds, latency } = await fetchAll({
      ...shared,
      readers: count("readers"),
      maxBytes: count("max-bytes"),
      partitionMaxBytes: count("partition-max-bytes"),
      checkCrc: values["check-crc"],
    });
    return { records, requests, bytes: wireBytes, seconds, latency };
  },
  tail: async (shared) => {
    const { records, requests, readBytes, seconds, acknowledged, endToEnd } = await tail({
      ...shared,
      recordSizeBytes: count("record-size"),
      batchSizeBytes: count("batch-size"),
      bytesPerSecond: count("rate") * 1e6,
      seconds: count("seconds"),
      readers: count("readers"),
      intervalSeconds: values.interval === undefined ? Infinity : count("interval"),
      onInterval: (latencies) => {
        if (values.interval !== undefined) console.log(JSON.stringify(latencies));
      },
    });
    return { records, requests, bytes: readBytes, seconds, latency: acknowledged, endToEnd };
  },
};

/** Until this process is ended, or something goes wrong. */
async function waitIdle(address: BrokerAddress, topic: string): Promise<never> {
  const consumers = await idleConsumers({
    address,
    topic,
    partitions: count("partitions"),
    consumers: count("consumers"),
  });
  console.log("ready");
  return consumers.failed;
}

function readable(report: LoadReport): string {
  const ms = (value: number): string => `${value.toFixed(2)} ms`;
  const latencies = ({ meanMs, p50Ms, p95Ms, p99Ms, p999Ms, maxMs }: LatencySummary): string =>
    `mean ${ms(meanMs)}, p50 ${ms(p50Ms)}, p95 ${ms(p95Ms)}, p99 ${ms(p99Ms)}, p99.9 ${ms(p999Ms)}, max ${ms(maxMs)}`;
  return [
    `${report.records} records, ${report.requests} requests, ${(report.bytes / 1e6).toFixed(1)} MB in ${report.seconds.toFixed(2)} s`,
    `${Math.round(report.recordsPerSecond)} records/s, ${report.megabytesPerSecond.toFixed(1)} MB/s`,
    `latency ${latencies(report.latency)}`,
    ...(report.endToEnd === undefined ? [] : [`end to end ${latencies(report.endToEnd)}`]),
    `driver CPU ${report.driverCpuSeconds.toFixed(2)} s`,
  ].join("\n");
}

const [mode] = positionals;
if (
  values.help ||
  (mode !== "produce" && mode !== "fetch" && mode !== "tail" && mode !== "idle") ||
  values.broker === undefined ||
  values.topic === undefined
) {
  process.stderr.write(HELP);
  process.exit(values.help ? 0 : 2);
}
if (mode === "idle") await waitIdle(brokerAddress(values.broker), values.topic);
const report = await run(mode as Mode, brokerAddress(values.broker), values.topic);
console.log(values.json ? JSON.stringify(report) : readable(report));
