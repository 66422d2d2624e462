/**
 * Many topics on one broker, with traffic on all of their partitions, Chronik and Apache Kafka one after the other: what they
 * cost at rest and under load.
 *
 *     node bench/partitions.ts [--topics 2000] [--partitions 5] [--sides kafka,chronik] [--folder DIR]
 *
 * `--scale` multiplies the records, `--idle-seconds` is how long the idle broker is watched: smaller ones for a quick look.
 * Both sides have their defaults (Kafka does not sync before it acknowledges), Chronik's data gets time to become segments.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Broker, freePort } from "./brokers/broker.ts";
import { brokerKind } from "./brokers/kinds.ts";
import { installPublished } from "./brokers/published.ts";
import { figureTable, filesIn, load, megabytes, restart, sumOf } from "./figures.ts";
import { createTopic, topicNames, untilLed } from "./load/topic.ts";
import { driverProduce } from "./tools/load-driver.ts";
import { settleDisk } from "./tools/run.ts";

const TOPIC = "many";
const IDLE_MS = 60_000;
/** Chronik's defaults make segments of what lies there for 30 s. */
const SETTLE_MS = 75_000;
/** What one request of a producer with many partitions brings along. */
const PARTITIONS_PER_REQUEST = 20;

const { values } = parseArgs({
  options: {
    topics: { type: "string", default: "2000" },
    partitions: { type: "string", default: "5" },
    sides: { type: "string", default: "kafka,chronik" },
    folder: { type: "string", default: tmpdir() },
    scale: { type: "string", default: "1" },
    "idle-seconds": { type: "string", default: String(IDLE_MS / 1000) },
  },
});
const topics = Number(values.topics);
const partitions = Number(values.partitions);
const scale = Number(values.scale);
const idleMs = Number(values["idle-seconds"]) * 1000;

type Figures = Map<string, string>;

class Side {
  readonly figures: Figures = new Map();
  readonly #broker: Broker;
  readonly #folder: string;

  constructor(broker: Broker, folder: string) {
    this.#broker = broker;
    this.#folder = folder;
  }

  async run(): Promise<void> {
    await this.#broker.start();
    await this.#create();
    this.#state("created");
    await this.#produce("first records", { recordsPerPartition: 2, recordSizeBytes: 8192, batchSizeBytes: 1 });
    await this.#produce("batches of 16 KiB", {
      recordsPerPartition: 100,
      recordSizeBytes: 1024,
      batchSizeBytes: 16_384,
    });
    await this.#produce("single records", { recordsPerPartition: 50, recordSizeBytes: 1024, batchSizeBytes: 1 });
    this.#note("produced: peak memory, MB", megabytes(this.#broker.usage().peakMemoryBytes));
    await settleDisk();
    await delay(Math.min(SETTLE_MS, 2 * idleMs));
    await this.#idle();
    this.#state("idle");

    await this.#broker.stop();
    await settleDisk();
    await this.#restart("restart");
    const producing = driverProduce(this.#broker, this.#load(100, 1024), {
      batchSizeBytes: 16_384,
      partitionsPerRequest: PARTITIONS_PER_REQUEST,
    }).catch(() => undefined);
    await delay(1_500);
    await this.#broker.kill();
    await producing;
    await this.#restart("after kill -9");
    await this.#produce("after all", { recordsPerPartition: 1, recordSizeBytes: 1024, batchSizeBytes: 1 });
    await this.#broker.stop();
  }

  async #create(): Promise<void> {
    const [before, startMs] = [this.#broker.usage(), performance.now()];
    for (const topic of topicNames(TOPIC, topics)) await createTopic(this.#broker.endpoint, topic, partitions);
    const seconds = (performance.now() - startMs) / 1000;
    this.#note("create, one topic after the other: s", seconds.toFixed(1));
    this.#note("create: CPU s", (this.#broker.usage().cpuSeconds - before.cpuSeconds).toFixed(1));
    this.#note("create: load", load());
  }

  async #produce(
    what: string,
    size: { readonly recordsPerPartition: number; readonly recordSizeBytes: number; readonly batchSizeBytes: number },
  ): Promise<void> {
    await settleDisk();
    const before = this.#broker.usage();
    const { bytes, measurements } = await driverProduce(
      this.#broker,
      this.#load(size.recordsPerPartition, size.recordSizeBytes),
      { batchSizeBytes: size.batchSizeBytes, partitionsPerRequest: PARTITIONS_PER_REQUEST },
    );
    const cpuSeconds = this.#broker.usage().cpuSeconds - before.cpuSeconds;
    this.#note(`${what}: records/s`, measurements.recordsPerSecond?.toFixed(0) ?? "");
    this.#note(`${what}: MB/s`, measurements.megabytesPerSecond?.toFixed(1) ?? "");
    this.#note(`${what}: CPU s/GB`, (cpuSeconds / (bytes / 1e9)).toFixed(2));
    this.#note(`${what}: load`, load());
  }

  async #idle(): Promise<void> {
    const before = this.#broker.usage();
    await delay(idleMs);
    const { cpuSeconds } = this.#broker.usage();
    this.#note(
      `idle: CPU, % of a core over ${idleMs / 1000} s`,
      ((cpuSeconds - before.cpuSeconds) / (idleMs / 1e5)).toFixed(2),
    );
  }

  #state(when: string): void {
    const files = filesIn(join(this.#folder, "data"));
    this.#note(`${when}: memory, MB`, megabytes(this.#broker.usage().memoryBytes));
    this.#note(`${when}: open files`, String(this.#broker.openFiles()));
    this.#note(`${when}: files`, String(files.length));
    this.#note(`${when}: size, MB`, megabytes(sumOf(files)));
    this.#note(`${when}: load`, load());
  }

  /** Ends and starts were the caller's; all partitions have to be there again. */
  async #restart(how: string): Promise<void> {
    const allLed = async (): Promise<void> => {
      for (const topic of topicNames(TOPIC, topics)) await untilLed(this.#broker.endpoint, topic, partitions);
    };
    const { seconds, readySeconds, cpuSeconds, memoryBytes } = await restart(this.#broker, `${TOPIC}-0`, allLed);
    this.#note(`${how}: first acknowledgement, s`, seconds.toFixed(2));
    this.#note(`${how}: every partition was seen to answer after, s`, readySeconds.toFixed(1));
    this.#note(`${how}: CPU s to the first acknowledgement`, cpuSeconds.toFixed(2));
    this.#note(`${how}: memory, MB`, megabytes(memoryBytes));
    this.#note(`${how}: load`, load());
  }

  #load(recordsPerPartition: number, recordSizeBytes: number): Parameters<typeof driverProduce>[1] {
    const recordCount = Math.ceil(topics * partitions * recordsPerPartition * scale);
    return { topic: TOPIC, topics, partitions, recordCount, recordSizeBytes };
  }

  #note(name: string, figure: string): void {
    this.figures.set(name, figure);
    console.error(`${this.#broker.kind.name} ${name}: ${figure}`);
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const names = values.sides.split(",");
if (names.includes("chronik")) process.env["CHRONIK"] ??= await installPublished();
const parent = mkdtempSync(join(values.folder, "chronik-partitions-"));
process.on("exit", () => rmSync(parent, { recursive: true, maxRetries: 3 }));
const sides: { readonly name: string; readonly figures: Figures }[] = [];
for (const name of names) {
  const folder = join(parent, name);
  const broker = new Broker(brokerKind(name), { port: await freePort(), folder });
  const side = new Side(broker, folder);
  try {
    await side.run();
  } finally {
    await broker.destroy();
    rmSync(folder, { recursive: true, maxRetries: 3 });
  }
  sides.push({ name, figures: side.figures });
}
const figureNames = [...(sides[0]?.figures.keys() ?? [])];
const rows = figureNames.map((name) => [name, ...sides.map(({ figures }) => figures.get(name) ?? "")]);
console.log(figureTable([`${topics} topics, ${topics * partitions} partitions`, ...names], rows));
