/**
 * One data folder and the brokers that live on it, one after the other, with clients that outlive them all.
 *
 * A life begins with `start`: the whole broker (`startBroker`) on the simulation's ports. What it recovered is compared
 * with what is known: its fold with the journal of the life before (`StateJournal`), and what clients can read with what
 * clients were told before (`LogModel`). Only then does the gate open for the workload.
 */
import { KafkaClient } from "../../sim/kafka-client.ts";
import { LogModel } from "../../sim/log-model.ts";
import type { DiskFaults } from "../../sim/sim-disk.ts";
import { NO_NETWORK_FAULTS } from "../../sim/sim-network.ts";
import { SimWorkers, type WorkerFate } from "../../sim/sim-worker.ts";
import { CRASHED, type CrashKind, type SimProcess, Simulation } from "../../sim/simulation.ts";
import { type RunningBroker, startBroker } from "../../src/broker/start.ts";
import { type BrokerSettings, loadSettings } from "../../src/config/load.ts";
import type { ChildLauncher } from "../../src/ports/child.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Disk } from "../../src/ports/disk.ts";
import { wrapped } from "../../src/ports/wrapped-disk.ts";
import type { State } from "../../src/state/state.ts";
import { type Everything, readEverything } from "./read-everything.ts";
import { StateJournal, stateDigest } from "./state-digest.ts";

export const PORT = 9092;

/** Small and quick, so that a short workload meets everything: sealed files, snapshots, retention. */
const SETTINGS: Readonly<Record<string, string>> = {
  "wal.indexing.interval.ms": "40",
  "snapshot.interval.bytes": "4096",
  "wal.min.free.bytes": "0",
  "read.buffer.bytes": "1048576",
  "log.retention.check.interval.ms": "25",
  "auto.create.topics.enable": "false",
  "segment.delete.delay.ms": "0",
};

export interface WorldOptions {
  readonly seed: number;
  /** Settings other than those above. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly disk?: Partial<DiskFaults>;
  /** Share of the arrivals that reset their connection, while the gate is open. */
  readonly resetRate?: number;
  /** Puts something between broker and disk: how canaries are let in. */
  readonly wrapDisk?: (disk: Disk) => Disk;
  /** What becomes of storage workers, at each of their disk operations in a life. */
  readonly workerFate?: (operation: number) => WorkerFate;
  /** Puts something between storage workers and the broker's disk. */
  readonly wrapWorkerDisk?: (disk: Disk) => Disk;
  /** Nothing leaves the write-ahead log: the storage worker takes jobs, and does none. */
  readonly withoutSegments?: boolean;
  /** Sees each broker before anything is sent to it. */
  readonly onBroker?: (running: RunningBroker) => void;
  /** Leaves the folds alone, for canaries that clients must catch. */
  readonly withoutJournal?: boolean;
}

/** What became of batches on their way through the tiers, in all lives: plays without it prove nothing about it. */
export interface StorageCounts {
  /** State records that say that batches have moved: out of files of the log, and from segments to larger or cleaned ones. */
  conversions: number;
  merges: number;
  compactions: number;
  /** Segments that were removed: nothing referred to them any more, or nothing ever had. */
  removals: number;
  /** Files of the log that were removed, or kept to be written over. */
  freed: number;
  /** Files that were written over. */
  reused: number;
  /** Lines that tell of workers that crashed or hung. */
  workerDeaths: number;
  /** Orphans that were found. */
  orphans: number;
}

const IDLE_WORKER: ChildLauncher = { launch: () => ({ send: () => undefined, end: () => undefined }) };

/** Recovery speaks of damage where there is none. */
export class FalseAlarm extends Error {
  override readonly name = "FalseAlarm";
}

/** The fold after a restart is not the one before. */
export class StateDiffers extends Error {
  override readonly name = "StateDiffers";
}

const MAX_EVENTS = 2_000_000;

export class World {
  readonly simulation: Simulation;
  readonly model = new LogModel();
  readonly journal = new StateJournal();
  readonly gate = new Gate();
  readonly settings: BrokerSettings;
  /** What the broker of this life logged. */
  readonly lines: string[] = [];
  /** Somebody damages files: recovery may say so. */
  isDamaged = false;
  /** The disk refuses something in this life. */
  diskFails = false;
  readonly counts: StorageCounts = {
    ...{ conversions: 0, merges: 0, compactions: 0, removals: 0, freed: 0, reused: 0, workerDeaths: 0, orphans: 0 },
  };
  /** Why the broker of this life ended itself. */
  failure: unknown;
  readonly #options: WorldOptions;
  /** The storage workers of this life. */
  workers!: SimWorkers;
  #running: RunningBroker | undefined;
  #process: SimProcess;
  /** Lives since the last one that listened. */
  #deadStarts = 0;
  /** The first power loss since everything was checked. */
  #powerLossMs = Number.POSITIVE_INFINITY;

  constructor(options: WorldOptions) {
    this.#options = options;
    const { seed, disk } = options;
    this.simulation = new Simulation({ seed, maxEvents: MAX_EVENTS, ...(disk === undefined ? {} : { disk }) });
    this.settings = settingsOf({ ...SETTINGS, ...options.settings });
    this.#process = this.simulation.process;
  }

  get clock(): Clock {
    return this.simulation.clock;
  }

  get running(): RunningBroker {
    if (this.#running === undefined) throw new Error("no broker runs");
    return this.#running;
  }

  /** Whether the process of the present life still lives. */
  get alive(): boolean {
    return this.#process.alive;
  }

  connect(): KafkaClient {
    return new KafkaClient(this.simulation.connect(PORT));
  }

  /** Begins a life. False when the process died before it listened. @throws what the start throws. */
  async start(overrides: Readonly<Record<string, string>> = {}): Promise<boolean> {
    const { wrapDisk, onBroker } = this.#options;
    const process = this.simulation.process;
    this.#process = process;
    this.#running = undefined;
    this.lines.length = 0;
    this.failure = undefined;
    const given = Object.keys(overrides).length > 0;
    const settings = given ? settingsOf({ ...SETTINGS, ...this.#options.settings, ...overrides }) : this.settings;
    const { clock, random, network } = process;
    const wrappedDisk = wrapDisk?.(process.disk) ?? process.disk;
    const disk = this.#counting(wrappedDisk);
    const { workerFate: fate, withoutSegments } = this.#options;
    const workerDisk = this.#options.wrapWorkerDisk?.(wrappedDisk) ?? wrappedDisk;
    this.workers = new SimWorkers({ clock, disk: workerDisk, ...(fate === undefined ? {} : { fate }) });
    const started = await this.simulation.run(() =>
      startBroker({
        ports: { clock, random, network, disk, storageWorker: withoutSegments === true ? IDLE_WORKER : this.workers },
        settings,
        log: (line) => this.#hear(line),
        fail: (error) => {
          this.failure ??= error;
          process.exit();
        },
      }),
    );
    if (started === CRASHED) {
      this.#deadStarts += 1;
      return false;
    }
    this.#running = started;
    this.model.life += 1;
    this.#compareFolds(started);
    this.#countMoves(started);
    onBroker?.(started);
    return true;
  }

  /** Reads everything and checks it. False when the process died meanwhile. Only while nobody else sends. */
  async verify(): Promise<boolean> {
    const everything = await this.readEverything();
    if (everything === undefined) return false;
    this.model.clusterIs(everything.clusterId);
    if (this.settings.config["wal.sync"] === "interval") {
      const { "wal.sync.interval.ms": intervalMs } = this.settings.config;
      this.model.forgiveLoss(everything.topics, this.#powerLossMs - intervalMs - SYNC_SLACK_MS);
    }
    this.model.check(everything.topics);
    this.#powerLossMs = Number.POSITIVE_INFINITY;
    return true;
  }

  async readEverything(): Promise<Everything | undefined> {
    const client = this.connect();
    const everything = await this.simulation.run(() => readEverything(client));
    if (everything === CRASHED) return undefined;
    client.close();
    return everything;
  }

  /** Lets the workload in until `done`, or until the process dies. Answers whether it lives. */
  async letIn(done: () => boolean): Promise<boolean> {
    this.#process.network.faults = { resetRate: this.#options.resetRate ?? 0 };
    this.gate.open();
    await this.simulation.runUntil(() => done() || !this.alive);
    this.gate.close();
    this.#process.network.faults = NO_NETWORK_FAULTS;
    return this.alive;
  }

  /** Lets virtual time pass. */
  async pass(durationMs: number): Promise<void> {
    const untilMs = this.simulation.nowMs + durationMs;
    await this.simulation.runUntil(() => this.simulation.nowMs >= untilMs || !this.alive);
  }

  /** The process dies now. */
  crash(kind: CrashKind): void {
    this.simulation.crash(kind);
    this.died(kind);
  }

  /** The process has ended by itself, or could not start and ends now. */
  ended(): void {
    if (this.alive) this.crash("kill");
    else this.died("kill");
  }

  /** To be called when the process died of a planned crash. */
  died(kind: CrashKind): void {
    this.gate.close();
    if (kind === "power") this.#powerLossMs = Math.min(this.#powerLossMs, this.simulation.nowMs);
  }

  /** An orderly stop, and the end of the process. False when it died before. */
  async stop(): Promise<boolean> {
    const { running } = this;
    const { store } = running.broker;
    const stopped = await this.simulation.run(() => running.stop());
    if (stopped === CRASHED) return false;
    this.journal.restart(store.wal.position, stateDigest(store.state));
    this.crash("kill");
    return true;
  }

  /** Runs something with the disk of the process to come, as an operator would with a broker that is down. */
  async offline<T>(work: (disk: SimProcess["disk"]) => Promise<T>): Promise<T> {
    const result = await this.simulation.run((process) => work(process.disk));
    if (result === CRASHED) throw new Error("a crash is planned while the broker is down");
    return result;
  }

  #hear(line: string): void {
    this.lines.push(line);
    if (/the storage worker (ended|has shown no progress)/.test(line)) this.counts.workerDeaths += 1;
    if (line.includes("belongs to nothing")) this.counts.orphans += 1;
  }

  /** `disk`, with what it removes counted. */
  #counting(disk: Disk): Disk {
    const removed = (name: string): void => {
      if (name.endsWith(".segment")) this.counts.removals += 1;
      if (name.endsWith(".wal")) this.counts.freed += 1;
    };
    return wrapped(disk, {
      remove: (name) => disk.remove(name).then(() => removed(name)),
      discard: (name) => disk.discard(name).then(() => removed(name)),
      rename: async (from, to) => {
        await disk.rename(from, to);
        if (from.endsWith(".wal")) this.counts.freed += 1;
      },
      syncedWrites: async (folder) => {
        const writes = await disk.syncedWrites(folder);
        return {
          ...writes,
          reuse: async (from, name) => {
            this.counts.reused += 1;
            return writes.reuse(from, name);
          },
        };
      },
    });
  }

  #countMoves({ broker: { store } }: RunningBroker): void {
    const append = store.appendInBackground.bind(store);
    store.appendInBackground = (record) => {
      if (record.type === 10) {
        const { segments, topics } = record.value;
        const isCompaction = topics.some(({ partitions }) => partitions.some(({ cleanedTo }) => cleanedTo !== -1));
        if (isCompaction) this.counts.compactions += 1;
        else if (segments.some(({ level }) => level > 0)) this.counts.merges += 1;
        else this.counts.conversions += 1;
      }
      return append(record);
    };
  }

  #compareFolds({ opened, broker }: RunningBroker): void {
    if (this.#options.withoutJournal === true) return;
    const { store } = broker;
    const position = opened.end;
    const told = opened.warnings.find((line) => line.includes("damage"));
    if (told !== undefined && !this.isDamaged) throw new FalseAlarm(told);
    const clusterId = position === 0 ? "" : store.state.clusterId;
    const digest = stateDigest(store.state, { starts: store.state.starts - 1, clusterId });
    const expected = this.journal.at(position);
    const isFirst = this.model.life === 1;
    if (!isFirst && told === undefined && digest !== expected && !this.#isOfDeadStart(store.state)) {
      const before = expected ?? "the log never ended there";
      throw new StateDiffers(`at position ${position}\nbefore ${before}\nafter  ${digest}`);
    }
    this.#deadStarts = 0;
    this.journal.restart(position, digest);
    this.journal.follow(store);
  }

  /** A process that dies while it starts may leave behind that it started, and nothing else. */
  #isOfDeadStart(state: State): boolean {
    for (let dead = 1; dead <= this.#deadStarts; dead++) {
      if (this.journal.knows(stateDigest(state, { starts: state.starts - 1 - dead }))) return true;
    }
    return false;
  }
}

/** How long a sync that is due may take to begin and end, with the one before it: see the simulated disk's durations. */
const SYNC_SLACK_MS = 12;

/** Holds clients back while there is no broker, or while what it recovered is being checked. */
export class Gate {
  #open = false;
  #waiting: (() => void)[] = [];

  open(): void {
    this.#open = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  close(): void {
    this.#open = false;
  }

  async passed(): Promise<void> {
    while (!this.#open) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

function settingsOf(settings: Readonly<Record<string, string>>): BrokerSettings {
  const loaded = loadSettings({ set: Object.entries(settings).map(([key, value]) => `${key}=${value}`), flags: {} });
  if ("errors" in loaded) throw new Error(loaded.errors.join("\n"));
  return loaded.settings;
}
