/**
 * What grows with the data: memory, open files, files and the time that a restart takes, each time that another gigabyte was
 * produced. Retention is off. Restarts are measured after a clean stop and after `kill -9` in the middle of producing.
 *
 *     node bench/volume.ts [--gigabytes 5] [--broker chronik|kafka] [--folder DIR]
 *
 * Chronik seals and removes files every five seconds here instead of every 30 s or 5 min, so that it comes to rest soon.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Broker, freePort } from "./brokers/broker.ts";
import { brokerKind } from "./brokers/kinds.ts";
import { installPublished } from "./brokers/published.ts";
import {
  figureTable,
  filesIn,
  load,
  median,
  megabytes,
  type Restart,
  restart,
  sumOf,
  untilFilesRest,
} from "./figures.ts";
import { createTopic } from "./load/topic.ts";
import { driverProduce } from "./tools/load-driver.ts";
import { settleDisk } from "./tools/run.ts";

const TOPIC = "volume";
const PARTITIONS = 6;
const RECORD_BYTES = 1024;
const BATCHES = { batchSizeBytes: 16 * 1024, partitionsPerRequest: 1 };
/** Gets the first record after each start. */
const START_TOPIC = "start";
const RESTARTS = 3;
/** Longer than anything in SETTINGS lets the broker wait. */
const REST_MS = 12_000;
/** The kill comes somewhere in this time after the begin of producing. */
const KILL_AFTER_MS = { from: 300, to: 1_500 };

const SETTINGS = {
  chronik: {
    "log.retention.ms": "-1",
    "log.retention.bytes": "-1",
    "wal.indexing.interval.ms": "5000",
    "log.retention.check.interval.ms": "5000",
    "segment.delete.delay.ms": "5000",
  },
  kafka: { "log.retention.ms": "-1", "log.retention.bytes": "-1" },
};

const HEAD = [
  "GB",
  "memory, MB",
  "peak, MB",
  "JS heap, MB",
  "open files",
  "files",
  "segments",
  "newest snapshot, kB",
  "restart, s (CPU s)",
  "then memory, MB",
  "after kill -9, s (CPU s)",
  "read again, MB",
  "load",
];

const { values } = parseArgs({
  options: {
    gigabytes: { type: "string", default: "5" },
    broker: { type: "string", default: "chronik" },
    folder: { type: "string", default: tmpdir() },
  },
});

function gigabyte(): Parameters<typeof driverProduce>[1] {
  return {
    topic: TOPIC,
    partitions: PARTITIONS,
    recordCount: Math.ceil(1e9 / RECORD_BYTES),
    recordSizeBytes: RECORD_BYTES,
  };
}

/** Produces, and kills the broker in the middle of it. */
async function killWhileProducing(broker: Broker): Promise<void> {
  const producing = driverProduce(broker, gigabyte(), BATCHES).catch(() => undefined);
  await delay(KILL_AFTER_MS.from + Math.random() * (KILL_AFTER_MS.to - KILL_AFTER_MS.from));
  await broker.kill();
  await producing;
}

/** What the broker says on /metrics; NaN when it does not. */
async function metric(broker: Broker, name: string): Promise<number> {
  if (broker.kind.name !== "chronik") return Number.NaN;
  const page = await (await fetch(`http://127.0.0.1:${broker.home.port + 1}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(page)?.[1] ?? Number.NaN);
}

/** One row of the table, at rest. Leaves the broker running. */
async function figures(broker: Broker, dataFolder: string): Promise<string[]> {
  const usage = broker.usage();
  const heapBytes = await metric(broker, "nodejs_heap_size_used_bytes");
  const files = filesIn(dataFolder);
  const openFiles = broker.openFiles();
  const segments = files.filter(({ name }) => /\.(segment|log)$/.test(name));
  const snapshots = files
    .filter(({ name }) => name.endsWith(".snapshot"))
    .toSorted((a, b) => (a.name < b.name ? 1 : -1));
  const clean: Restart[] = [];
  for (let count = 0; count < RESTARTS; count++) {
    await broker.stop();
    await settleDisk();
    clean.push(await restart(broker, START_TOPIC));
  }
  const killed = [];
  for (let count = 0; count < RESTARTS; count++) {
    await killWhileProducing(broker);
    await settleDisk();
    const start = await restart(broker, START_TOPIC);
    killed.push({ ...start, replayedBytes: await metric(broker, "chronik_recovery_replayed_bytes") });
  }
  const times = (starts: readonly Restart[]): string =>
    `${median(starts.map(({ seconds }) => seconds)).toFixed(2)} (${median(starts.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2)})`;
  return [
    (sumOf(files) / 1e9).toFixed(2),
    megabytes(usage.memoryBytes),
    megabytes(usage.peakMemoryBytes),
    megabytes(heapBytes),
    String(openFiles),
    String(files.length),
    String(segments.length),
    ((snapshots[0]?.sizeBytes ?? 0) / 1e3).toFixed(1),
    times(clean),
    megabytes(median(clean.map(({ memoryBytes }) => memoryBytes))),
    times(killed),
    killed.map(({ replayedBytes }) => megabytes(replayedBytes)).join(" "),
    load(),
  ];
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const name = values.broker;
if (name !== "chronik" && name !== "kafka") throw new RangeError("--broker takes chronik or kafka");
if (name === "chronik") process.env["CHRONIK"] ??= await installPublished();
const folder = mkdtempSync(join(values.folder, "chronik-volume-"));
process.on("exit", () => rmSync(folder, { recursive: true, maxRetries: 3 }));
const port = await freePort();
const settings = name === "chronik" ? { ...SETTINGS.chronik, "http.port": String(port + 1) } : SETTINGS.kafka;
const broker = new Broker(brokerKind(name, settings), { port, folder });
const dataFolder = join(folder, "data");
await broker.start();
await createTopic(broker.endpoint, TOPIC, PARTITIONS);
await createTopic(broker.endpoint, START_TOPIC, 1);
const rows: string[][] = [];
for (let count = 0; count < Number(values.gigabytes); count++) {
  broker.resetPeakMemory();
  await driverProduce(broker, gigabyte(), BATCHES);
  await untilFilesRest(dataFolder, REST_MS);
  const row = await figures(broker, dataFolder);
  rows.push(row);
  console.error(HEAD.map((title, column) => `${title}: ${row[column]}`).join(", "));
}
await broker.stop();
console.log(figureTable(HEAD, rows));
