/** What volume.ts and partitions.ts measure of a broker from outside, and the table that they print. */
import { readdirSync, statSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Broker } from "./brokers/broker.ts";
import { firstAcknowledgement } from "./first-acknowledgement.ts";

const POLL_MS = 500;
const AFTER_START_MS = 5_000;
/** The unit of st_blocks. */
const BLOCK_BYTES = 512;

export interface StoredFile {
  /** Below the folder that was listed. */
  readonly name: string;
  readonly sizeBytes: number;
  /** What it takes of the disk: less where it has holes, as Kafka's index files have. */
  readonly diskBytes: number;
}

/** All files below a folder. What goes away meanwhile is left out. */
export function filesIn(folder: string): StoredFile[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.flatMap((entry) => {
    const file = join(entry.parentPath, entry.name);
    const stats = statSync(file, { throwIfNoEntry: false });
    return stats === undefined
      ? []
      : [{ name: file.slice(folder.length + 1), sizeBytes: stats.size, diskBytes: stats.blocks * BLOCK_BYTES }];
  });
}

/** On disk. */
export function sumOf(files: readonly StoredFile[]): number {
  return files.reduce((sum, { diskBytes }) => sum + diskBytes, 0);
}

/** Waits until no file has come or gone for so long: the broker is done with its own work. */
export async function untilFilesRest(folder: string, restMs: number): Promise<void> {
  const names = (): string =>
    filesIn(folder)
      .map(({ name }) => name)
      .toSorted()
      .join();
  let [last, sinceMs] = [names(), performance.now()];
  while (performance.now() - sinceMs < restMs) {
    await delay(POLL_MS);
    const now = names();
    if (now !== last) [last, sinceMs] = [now, performance.now()];
  }
}

export interface Restart {
  /** From the start of the process to the first acknowledged record. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** From the start of the process until `ready` resolved. */
  readonly readySeconds: number;
  /** Some seconds later. */
  readonly memoryBytes: number;
}

/** Starts a broker that has ended, on what it left. `ready` waits, behind the first acknowledgement, for all else. */
export async function restart(
  broker: Broker,
  topic: string,
  ready: () => Promise<void> = async () => {},
): Promise<Restart> {
  const startMs = await broker.launch();
  await firstAcknowledgement(broker, topic);
  const seconds = (performance.now() - startMs) / 1000;
  const { cpuSeconds } = broker.usage();
  await ready();
  const readySeconds = (performance.now() - startMs) / 1000;
  await delay(AFTER_START_MS);
  return { seconds, cpuSeconds, readySeconds, memoryBytes: broker.usage().memoryBytes };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
}

/** How much the machine had to do in the last minute, the clients included. */
export function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

/** Markdown with aligned columns; the first are names, the others are figures. */
export function figureTable(head: readonly string[], rows: readonly (readonly string[])[], names = 1): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0), 3));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column < names ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join(" | ")} |`;
  const rule = widths.map((width, column) => (column < names ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}
