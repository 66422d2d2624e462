/** What the storage of this broker has done since it started. Plain numbers: `src/http/metrics/` reads them. */
import { DURATION_BOUNDS_MS, Histogram } from "../base/histogram.ts";
import type { WalFile } from "../log/wal-file.ts";
import type { Job, JobResult } from "./jobs.ts";

export const JOB_KINDS = ["convert", "merge", "compact"] as const satisfies readonly Job["kind"][];

/** `failed`: tried again later. `damaged`: what was to be read is not what was written. */
export const JOB_OUTCOMES = ["done", "failed", "damaged"] as const;
export type JobOutcome = (typeof JOB_OUTCOMES)[number];

/** Jobs of one kind. */
export class JobMetrics {
  begun = 0;
  readonly ended: Record<JobOutcome, number> = { done: 0, failed: 0, damaged: 0 };
  /** Sizes of the files that those that are done have read, and written. */
  readBytes = 0;
  writtenBytes = 0;
  readonly durationMs = new Histogram(DURATION_BOUNDS_MS);

  get running(): number {
    return JOB_OUTCOMES.reduce((running, outcome) => running - this.ended[outcome], this.begun);
  }
}

export class StorageMetrics {
  readonly jobs: Readonly<Record<Job["kind"], JobMetrics>> = {
    convert: new JobMetrics(),
    merge: new JobMetrics(),
    compact: new JobMetrics(),
  };
  workersLaunched = 0;
  /** Ended without being asked to. */
  workersCrashed = 0;
  /** Ended because they showed no progress. */
  workersStalled = 0;
  segmentsRemoved = 0;
  removedBytes = 0;
  /** How often a producer's connection was held back because of the backlog. */
  producersHeldBack = 0;
  readonly #waitingSinceMs = new WeakMap<WalFile, number>();

  begun(work: Job): void {
    this.jobs[work.kind].begun += 1;
  }

  /** `result`: of a job that is done. */
  ended(work: Job, outcome: JobOutcome, tookMs: number, result?: JobResult): void {
    const metrics = this.jobs[work.kind];
    metrics.ended[outcome] += 1;
    metrics.durationMs.observe(tookMs);
    if (result === undefined) return;
    metrics.readBytes += inputBytes(work);
    for (const segment of result.segments) metrics.writtenBytes += segment?.sizeBytes ?? 0;
  }

  /** Remembers since when files wait for becoming segments. Those that are known already keep their time. */
  noteWaiting(files: Iterable<WalFile>, nowMs: number): void {
    for (const file of files) if (!this.#waitingSinceMs.has(file)) this.#waitingSinceMs.set(file, nowMs);
  }

  waitingMs(file: WalFile, nowMs: number): number {
    return nowMs - (this.#waitingSinceMs.get(file) ?? nowMs);
  }
}

function inputBytes(work: Job): number {
  if (work.kind === "convert") return work.wal.end - work.wal.base;
  return work.inputs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
