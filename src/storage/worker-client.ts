/**
 * The broker's side of the storage worker: launches it when there is something to do, hands it jobs, ends it when it shows no
 * progress, or has nothing to do: it holds some 100 MB, and costs a thirtieth of a second to launch. When it crashes, its jobs
 * fail, and the next one launches it anew.
 */
import type { Child, ChildLauncher } from "../ports/child.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Answer, CompactedPart, Job, JobFailure, JobResult } from "./jobs.ts";
import type { JobOutcome, StorageMetrics } from "./metrics.ts";

/** A job that has told nothing for so long hangs: even a slow disk reads a few MiB in that time. */
const STALL_MS = 30_000;
/**
 * The time is counted in beats, and not read from a clock: when the process itself is stopped for a minute no beat passes, and the
 * worker, which was stopped with it, is not taken for one that hangs.
 */
const BEAT_MS = 1_000;
/** A worker that had nothing to do for so long is ended. */
const IDLE_BEATS = 2;

/** Why a job was not done. `lost`: the worker ended, or was ended, before it was. */
export class JobError extends Error {
  override readonly name = "JobError";
  readonly kind: JobFailure["kind"] | "lost";
  readonly file: string | undefined;
  /** How many jobs were lost at once: with several nobody knows which of them was the cause. */
  readonly lostJobs: number;

  constructor(failure: {
    readonly kind: JobError["kind"];
    readonly message: string;
    readonly file?: string | undefined;
    readonly lostJobs?: number;
  }) {
    super(failure.message);
    this.kind = failure.kind;
    this.file = failure.file;
    this.lostJobs = failure.lostJobs ?? 0;
  }
}

interface Pending {
  readonly resolve: (result: JobResult) => void;
  readonly reject: (error: JobError) => void;
  readonly part: (done: CompactedPart) => void;
  /** Beats since it told something. */
  silentBeats: number;
  readonly work: Job;
  readonly beganMs: number;
}

export class WorkerClient {
  readonly #launcher: ChildLauncher;
  readonly #clock: Clock;
  readonly #log: (line: string) => void;
  readonly #metrics: StorageMetrics;
  readonly #pending = new Map<number, Pending>();
  #child: Child | undefined;
  #beat: Timer | undefined;
  #idleBeats = 0;
  #jobs = 0;
  #paceFactor = 0;
  #stopped = false;

  constructor(options: {
    readonly launcher: ChildLauncher;
    readonly clock: Clock;
    readonly log: (line: string) => void;
    readonly metrics: StorageMetrics;
  }) {
    this.#launcher = options.launcher;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#metrics = options.metrics;
  }

  /** `part`: called for each part of the work that is done. @throws JobError */
  run(work: Job, part: (done: CompactedPart) => void = () => undefined): Promise<JobResult> {
    if (this.#stopped) return Promise.reject(new JobError({ kind: "lost", message: "the broker stops" }));
    try {
      this.#child ??= this.#launch();
    } catch (error) {
      // The system may have no thread to spare now; another time it may.
      const message = `the storage worker cannot be started: ${error instanceof Error ? error.message : String(error)}`;
      return Promise.reject(new JobError({ kind: "starved", message }));
    }
    const job = (this.#jobs += 1);
    this.#metrics.begun(work);
    return new Promise((resolve, reject) => {
      this.#pending.set(job, { resolve, reject, part, silentBeats: 0, work, beganMs: this.#clock.monotonicMs() });
      this.#child!.send({ job, work });
      this.#idleBeats = 0;
      this.#beat ??= this.#clock.schedule(BEAT_MS, () => this.#countBeat());
    });
  }

  /** How much longer than its work on the disk each of the worker's pauses is. */
  set paceFactor(factor: number) {
    if (factor === this.#paceFactor) return;
    this.#paceFactor = factor;
    this.#child?.send({ paceFactor: factor });
  }

  /** Whether it does something. */
  get isBusy(): boolean {
    return this.#pending.size > 0;
  }

  /** Ends the worker; what it was doing is given up. */
  stop(): void {
    this.#stopped = true;
    this.#child?.end();
    this.#beat?.cancel();
    this.#failAll("the broker stops");
  }

  #launch(): Child {
    const child = this.#launcher.launch({
      message: (message) => this.#take(message as Answer),
      ended: (reason) => {
        if (this.#child !== child) return;
        this.#child = undefined;
        if (!this.#stopped) {
          this.#metrics.workersCrashed += 1;
          this.#log(`warning: the storage worker ended (${reason}); it is started again`);
        }
        this.#failAll(`the storage worker ended: ${reason}`);
      },
    });
    this.#metrics.workersLaunched += 1;
    if (this.#paceFactor !== 0) child.send({ paceFactor: this.#paceFactor });
    return child;
  }

  #countBeat(): void {
    this.#beat = undefined;
    for (const pending of this.#pending.values()) {
      pending.silentBeats += 1;
      if (pending.silentBeats * BEAT_MS <= STALL_MS) continue;
      this.#endHanging();
      return;
    }
    this.#idleBeats = this.#pending.size > 0 ? 0 : this.#idleBeats + 1;
    if (this.#idleBeats >= IDLE_BEATS) this.#letGo()?.end();
    if (this.#child !== undefined) this.#beat = this.#clock.schedule(BEAT_MS, () => this.#countBeat());
  }

  /** Whatever the worker may still say counts no more. */
  #letGo(): Child | undefined {
    const child = this.#child;
    this.#child = undefined;
    return child;
  }

  #endHanging(): void {
    this.#log(`warning: the storage worker has shown no progress for ${STALL_MS} ms and is ended`);
    this.#metrics.workersStalled += 1;
    const child = this.#letGo();
    this.#failAll("the storage worker hung");
    child?.end();
  }

  #take(answer: Answer): void {
    const pending = this.#pending.get(answer.job);
    if (pending === undefined) return; // given up since
    if (answer.type === "progress" || answer.type === "part") {
      pending.silentBeats = 0;
      if (answer.type === "part") pending.part(answer.part);
      return;
    }
    this.#pending.delete(answer.job);
    if (answer.type === "done") {
      this.#ended(pending, "done", answer.result);
      pending.resolve(answer.result);
    } else {
      this.#ended(pending, answer.failure.kind === "damaged" ? "damaged" : "failed");
      pending.reject(new JobError(answer.failure));
    }
  }

  #ended({ work, beganMs }: Pending, outcome: JobOutcome, result?: JobResult): void {
    this.#metrics.ended(work, outcome, this.#clock.monotonicMs() - beganMs, result);
  }

  #failAll(message: string): void {
    const lostJobs = this.#pending.size;
    for (const pending of this.#pending.values()) {
      this.#ended(pending, "failed");
      pending.reject(new JobError({ kind: "lost", message, lostJobs }));
    }
    this.#pending.clear();
  }
}
