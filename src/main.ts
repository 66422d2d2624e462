/**
 * The composition root: a broker on this machine's disk, network and clock, with its HTTP port, until a signal ends it.
 */
import { createRequire } from "node:module";
import process from "node:process";
import { type RunningBroker, startBroker } from "./broker/start.ts";
import type { BrokerSettings } from "./config/load.ts";
import type { Scrape } from "./http/metrics/metric.ts";
import { lockDataFolder } from "./io/data-folder-lock.ts";
import { trimHeap } from "./io/huge-pages.ts";
import { ioError } from "./io/io-error.ts";
import { createNodeClock } from "./io/node-clock.ts";
import { createNodeDisk } from "./io/node-disk.ts";
import { createNodeNetwork } from "./io/node-network.ts";
import { createNodeRandom } from "./io/node-random.ts";
import { createThreadLauncher } from "./io/node-thread.ts";
import { createProcessStats } from "./io/process-stats.ts";
import { ThreadRegionReads } from "./io/thread-region-reads.ts";
import { takeShortSlices } from "./io/time-slices.ts";
import { DiskRegionReads } from "./log/disk-region-reads.ts";
import type { Clock } from "./ports/clock.ts";
import type { Address } from "./ports/network.ts";

/** An orderly stop that takes longer is not orderly any more: what is acknowledged is durable anyway. */
const STOP_DEADLINE_MS = 900;
const PROGRESS_EVERY_MS = 1_000;
/** Of the storage worker: the index of one file and the directory of one segment, above all. */
const WORKER_HEAP_MEGABYTES = 512;
/** Of the thread that reads for those who catch up: it remembers nothing. */
const READER_HEAP_MEGABYTES = 32;
/** How often memory that is not in use goes back to the system. */
const TRIM_EVERY_MS = 5_000;
const MIB = 1024 * 1024;

/** Runs a broker until SIGTERM or SIGINT. Rejects when it cannot start; a failure later ends the process with 1. */
export async function runBroker(settings: BrokerSettings): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const fail = (error: unknown): never => {
    log(`fatal: ${error instanceof Error ? error.message : String(error)}`);
    log("the broker ends here; everything acknowledged is on disk and is there after a restart");
    process.exit(1);
  };
  process.on("uncaughtException", (error) => {
    log(error.stack ?? String(error));
    fail(error);
  });
  takeShortSlices();
  for (const notice of settings.notices) log(`note: ${notice}`);

  const clock = createNodeClock();
  const lock = lockDataFolder(settings.dataFolder);
  const disk = createNodeDisk(settings.dataFolder);
  const network = createNodeNetwork({
    buffers: {
      sendBytes: settings.config["socket.send.buffer.bytes"],
      receiveBytes: settings.config["socket.receive.buffer.bytes"],
    },
  });
  let saidMs = clock.monotonicMs();
  const progress = (doneBytes: number, totalBytes: number): void => {
    if (clock.monotonicMs() - saidMs < PROGRESS_EVERY_MS) return;
    saidMs = clock.monotonicMs();
    log(`recovering: ${Math.floor(doneBytes / MIB)} of ${Math.ceil(totalBytes / MIB)} MiB of log read`);
  };
  const storageWorker = createThreadLauncher({
    entry: new URL(import.meta.url.replace(/main\.(\w+)$/, "storage-worker.$1")),
    data: { folder: settings.dataFolder },
    heapMegabytes: WORKER_HEAP_MEGABYTES,
  });
  const regionReads = new ThreadRegionReads({
    launcher: (memory) =>
      createThreadLauncher({
        entry: new URL(import.meta.url.replace(/main\.(\w+)$/, "reader-thread.$1")),
        data: { folder: settings.dataFolder, memory, logInMemory: settings.config["wal.sync"] === "interval" },
        heapMegabytes: READER_HEAP_MEGABYTES,
      }),
    here: new DiskRegionReads(disk),
    log,
  });
  const ports = { clock, disk, network, storageWorker, regionReads, random: createNodeRandom() };
  const running = await startBroker({ ports, settings, log, progress, fail });

  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(1); // asked twice
    stopping = true;
    clock.schedule(STOP_DEADLINE_MS, () => process.exit(0));
    running.stop().then(() => {
      lock.release();
      process.exit(0);
    }, fail);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  const trim = (): void => {
    trimHeap();
    clock.schedule(TRIM_EVERY_MS, trim);
  };
  clock.schedule(TRIM_EVERY_MS, trim);

  const http = await serve({ settings, running, clock, log, ready: () => !stopping });
  const [address] = running.addresses;
  const { advertised } = settings.listeners[0]!;
  const bootstrap = `${advertised.host}:${advertised.port === 0 ? address!.port : advertised.port}`;
  say(`chronik listens on ${running.addresses.map(({ host, port }) => `${host}:${port}`).join(", ")}`);
  say(`data is in ${settings.dataFolder}`);
  say(`send a record: echo hello | kcat -b ${bootstrap} -t events -P`);
  say(`read it back:  kcat -b ${bootstrap} -t events -C -e`);
  if (http !== undefined) {
    say(`health is on http://${http.host}:${http.port}/healthz and /readyz, metrics are on /metrics`);
  }
}

/** Serves HTTP unless it is told not to. What listens for clients by then stays so. */
async function serve(options: {
  readonly settings: BrokerSettings;
  readonly running: RunningBroker;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  readonly ready: () => boolean;
}): Promise<Address | undefined> {
  const { settings, running, clock, log, ready } = options;
  const { "http.host": host, "http.port": port } = settings.config;
  if (port < 0) return undefined;
  const { serveHttp } = await import("./http/server.ts");
  const stats = createProcessStats(clock);
  const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string };
  const scrape = (): Scrape => ({ ...running, version, stats, process: stats.read() });
  return serveHttp({ host, port, ready, scrape, log }).catch((error: unknown) => {
    throw ioError(error, "serve HTTP on", `${host}:${port} (http.port)`);
  });
}
