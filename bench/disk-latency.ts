/** What one synced write takes on a disk: the least that an acknowledgement can take of a broker that syncs. */
import { closeSync, constants, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

const APPENDS = { small: { sizeBytes: 4 * 1024, count: 2000 }, large: { sizeBytes: 128 * 1024, count: 500 } };

export interface Percentiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Appends with O_DSYNC to a file of their own. */
export interface DiskLatency {
  /** Of 4 KiB. */
  readonly small: Percentiles;
  /** Of 128 KiB. */
  readonly large: Percentiles;
}

/** Writes and removes a file in `folder`, a few seconds long. */
export function measureDisk(folder: string): DiskLatency {
  return { small: measureAppends(folder, APPENDS.small), large: measureAppends(folder, APPENDS.large) };
}

function measureAppends(folder: string, { sizeBytes, count }: { sizeBytes: number; count: number }): Percentiles {
  const path = join(folder, `disk-latency-${process.pid}`);
  const bytes = Buffer.alloc(sizeBytes, 1);
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_DSYNC);
  try {
    const timesMs = Array.from({ length: count }, () => {
      const startMs = performance.now();
      writeSync(file, bytes);
      return performance.now() - startMs;
    });
    return percentiles(timesMs);
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

export function percentiles(timesMs: readonly number[]): Percentiles {
  const sorted = timesMs.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
