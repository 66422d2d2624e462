/**
 * A load generator that is not the limit: encoded once, sent many times, in a process of its own. See bench/README.md.
 *
 *     load-driver produce --broker HOST:PORT --topic T [--create] [--partitions 6] [--records 1000000] …
 *     load-driver fetch   --broker HOST:PORT --topic T [--partitions 6] [--check-crc] …
 */
import { parseArgs } from "node:util";
import type { BrokerAddress } from "./load/connection.ts";
import { fetchAll } from "./load/fetch.ts";
import type { LatencySummary } from "./load/histogram.ts";
import { produce } from "./load/produce.ts";
import { createTopic, topicNames } from "./load/topic.ts";

const HELP = `usage: load-driver produce|fetch --broker HOST:PORT --topic NAME [options]

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
  --check-crc                 check the CRC of every batch
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

async function run(mode: "produce" | "fetch", address: BrokerAddress, topic: string): Promise<LoadReport> {
  const shared = { address, topic, partitions: count("partitions"), connections: count("connections") };
  const topics = values.topics === undefined ? [topic] : topicNames(topic, count("topics"));
  if (mode === "produce" && values.create) {
    for (const each of topics) await createTopic(address, each, shared.partitions);
  }
  const before = process.cpuUsage();
  const result =
    mode === "produce"
      ? await produce({
          ...shared,
          topics,
          recordCount: count("records"),
          recordSizeBytes: count("record-size"),
          batchSizeBytes: count("batch-size"),
          inFlight: count("in-flight"),
          partitionsPerRequest: count("partitions-per-request"),
        })
      : await fetchAll({
          ...shared,
          maxBytes: count("max-bytes"),
          partitionMaxBytes: count("partition-max-bytes"),
          checkCrc: values["check-crc"],
        });
  const { user, system } = process.cpuUsage(before);
  const bytes = "valueBytes" in result ? result.valueBytes : result.wireBytes;
  return {
    records: result.records,
    requests: result.requests,
    bytes,
    seconds: result.seconds,
    recordsPerSecond: result.records / result.seconds,
    megabytesPerSecond: bytes / 1e6 / result.seconds,
    driverCpuSeconds: (user + system) / 1e6,
    latency: result.latency,
  };
}

function readable(report: LoadReport): string {
  const { latency } = report;
  const ms = (value: number): string => `${value.toFixed(2)} ms`;
  return [
    `${report.records} records, ${report.requests} requests, ${(report.bytes / 1e6).toFixed(1)} MB in ${report.seconds.toFixed(2)} s`,
    `${Math.round(report.recordsPerSecond)} records/s, ${report.megabytesPerSecond.toFixed(1)} MB/s`,
    `latency mean ${ms(latency.meanMs)}, p50 ${ms(latency.p50Ms)}, p95 ${ms(latency.p95Ms)}, p99 ${ms(latency.p99Ms)}, p99.9 ${ms(latency.p999Ms)}, max ${ms(latency.maxMs)}`,
    `driver CPU ${report.driverCpuSeconds.toFixed(2)} s`,
  ].join("\n");
}

const [mode] = positionals;
if (
  values.help ||
  (mode !== "produce" && mode !== "fetch") ||
  values.broker === undefined ||
  values.topic === undefined
) {
  process.stderr.write(HELP);
  process.exit(values.help ? 0 : 2);
}
const report = await run(mode, brokerAddress(values.broker), values.topic);
console.log(values.json ? JSON.stringify(report) : readable(report));
