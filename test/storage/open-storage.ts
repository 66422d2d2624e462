/** A log with its storage, on the ports of a simulated process, without a broker: files become segments, and those larger ones. */
import { SimWorkers, type WorkerFate } from "../../sim/sim-worker.ts";
import { CRASHED, type SimProcess, Simulation } from "../../sim/simulation.ts";
import type { FileRange } from "../../src/log/log-file.ts";
import { Segment } from "../../src/log/segment.ts";
import type { Disk } from "../../src/ports/disk.ts";
import type { Job } from "../../src/storage/jobs.ts";
import { Storage } from "../../src/storage/storage.ts";
import { type OpenLog, openLog } from "../log/open-log.ts";

export interface OpenStorage extends OpenLog {
  readonly process: SimProcess;
  readonly storage: Storage;
  readonly workers: SimWorkers;
  /** What the operator was told. */
  readonly lines: string[];
  /** Seals the present file, and waits until there is nothing left to convert or merge. */
  readonly settle: () => Promise<void>;
  /** Lets virtual time pass. */
  readonly pass: (delayMs: number) => Promise<void>;
}

export interface StorageWorldOptions {
  readonly settings?: Readonly<Record<string, string>>;
  readonly keepOrphans?: boolean;
  readonly workerFate?: (operation: number) => WorkerFate;
  /** Size of the disk. */
  readonly capacityBytes?: number;
  readonly compactionPartBytes?: number;
  readonly jobFate?: (work: Job) => WorkerFate;
  /** Puts something between the worker and its disk. */
  readonly wrapWorkerDisk?: (disk: Disk) => Disk;
}

const SETTINGS = {
  "wal.tail.cache.bytes": "1048576",
  "read.buffer.bytes": "1048576",
  "segment.delete.delay.ms": "0",
  "log.retention.check.interval.ms": "1000",
};

/** Opens the data folder of a process, storage included. */
export async function openStorage(process: SimProcess, options: StorageWorldOptions = {}): Promise<OpenStorage> {
  const { disk, clock, random } = process;
  const { settings = {}, keepOrphans = false, workerFate, jobFate, wrapWorkerDisk = (each: Disk) => each } = options;
  const log = await openLog(process, { ...SETTINGS, ...settings });
  const { store } = log;
  const lines: string[] = [];
  const workers = new SimWorkers({
    ...{ clock, disk: wrapWorkerDisk(disk) },
    ...(workerFate === undefined ? {} : { fate: workerFate }),
    ...(jobFate === undefined ? {} : { jobFate }),
  });
  const { compactionPartBytes } = options;
  const storage = new Storage({
    ...(compactionPartBytes === undefined ? {} : { compactionPartBytes }),
    ...{ store, launcher: workers, clock, random, disk, keepOrphans },
    log: (line) => void lines.push(line),
    failed: (error) => {
      throw error;
    },
  });
  storage.start();
  return {
    ...log,
    process,
    storage,
    workers,
    lines,
    async settle() {
      await log.roll();
      await storage.idle();
      await log.flush();
    },
    pass: (delayMs) => new Promise((resolve) => void clock.schedule(delayMs, resolve)),
  };
}

/** Runs `scenario` with a log and its storage on an empty disk. */
export async function withStorage(
  scenario: (open: OpenStorage, simulation: Simulation) => Promise<void>,
  options: StorageWorldOptions = {},
): Promise<void> {
  const { capacityBytes } = options;
  const simulation = new Simulation({ seed: 1, ...(capacityBytes === undefined ? {} : { disk: { capacityBytes } }) });
  const result = await simulation.run(async (process) => {
    const open = await openStorage(process, options);
    await scenario(open, simulation);
    open.storage.stop();
  });
  if (result === CRASHED) throw new Error("the process died within the scenario");
}

/** The segments that ranges lie in, without repeats. */
export function segmentsOf(ranges: readonly FileRange[]): Segment[] {
  return [...new Set(ranges.map(({ file }) => file).filter((file) => file instanceof Segment))];
}
