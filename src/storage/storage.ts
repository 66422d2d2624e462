/**
 * What becomes of batches after the write-ahead log: sealed files turn into segments, segments into larger ones, and what
 * nothing refers to any more goes away. Runs in the background, one decision after the other; the work itself is done by
 * the storage worker, and what comes of it counts when a state record says so.
 *
 * What a crash can leave: a segment that no state record tells of. It is found by a look through the folder (`scrub.ts`).
 * A file whose batches have moved stays until two snapshots know of the move; so not even a damaged log lets anything
 * refer to what is gone.
 */
import { newUuid } from "../base/uuid.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { SEGMENT_FOLDER, type Segment, segmentName } from "../log/segment.ts";
import type { WalFile } from "../log/wal-file.ts";
import type { ChildLauncher } from "../ports/child.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import { type Disk, ignoreMissing } from "../ports/disk.ts";
import type { Random } from "../ports/random.ts";
import { rangesIn } from "../state/ranges-in.ts";
import type { StateRecord } from "../state/state-record.ts";
import type { Store } from "../state/store.ts";
import { Attempts } from "./attempts.ts";
import { Backlog } from "./backlog.ts";
import { COMPACTION_PART_BYTES, type CompactionPlan, planCompaction } from "./compaction-plan.ts";
import { compactJob, convertJob, mergeJob, segmentsBehind, spansOf } from "./job-messages.ts";
import type { CompactedPart, JobResult } from "./jobs.ts";
import { StorageMetrics } from "./metrics.ts";
import { compactionRecords, MovePlan } from "./move.ts";
import { OldestDirty } from "./oldest-dirty.ts";
import { FAN_IN, FAN_IN_WHEN_BUSY, type MergePlan, planMerge } from "./plan.ts";
import { scrub } from "./scrub.ts";
import type { SegmentIdentity } from "./segment-format.ts";
import { pause, runInSlices } from "./slices.ts";
import { JobError, WorkerClient } from "./worker-client.ts";

/** How often the pace is set while the worker works. */
const PACE_MS = 200;
/** How often is looked for what has become due by time alone. */
const CHECK_MS = 5_000;
const SCRUB_MS = 600_000;
/** Between two looks for something to compact, whatever log.cleaner.backoff.ms says. */
const SHORTEST_REST_MS = 10;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;
/** When so many jobs in a row fail that never have before, it is not because of what they work on. */
const FAILURES_IN_A_ROW = 3;
/** What a job is to write, and the state records that say that it was done. */
interface Move {
  /** For the operator. */
  readonly what: string;
  readonly identities: readonly SegmentIdentity[];
  /** What it works on: what fails when it does (`attempts.ts`). */
  readonly inputs: readonly (WalFile | Segment | PartitionLog)[];
  /** Undefined when the result is not what was asked for. */
  records(result: JobResult): Promise<readonly StateRecord[] | undefined>;
}

/** `damaged`: it will never work. `failed`: it is tried again. */
type Outcome = "done" | "damaged" | "failed";

export interface StorageOptions {
  readonly store: Store;
  readonly launcher: ChildLauncher;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  /** State records may have been lost: what nothing refers to may be all that is left. */
  readonly keepOrphans: boolean;
  readonly log: (line: string) => void;
  readonly failed: (error: unknown) => void;
  /** For tests: compaction in smaller parts. */
  readonly compactionPartBytes?: number;
}

export class Storage {
  readonly metrics = new StorageMetrics();
  readonly #options: StorageOptions;
  readonly #worker: WorkerClient;
  readonly #converting = new Set<WalFile>();
  /** Files with damage: they stay as they are. */
  readonly #stuck = new Set<WalFile>();
  /** Segments that a job reads. */
  #inUse: ReadonlySet<Segment> = new Set();
  /** Those, and the ones that are not taken up again: they have damage. */
  readonly #merging = new Set<Segment>();
  #mergeActive = false;
  #compactionDue = true;
  /** Whether merging and compaction wait for room on the disk. */
  #lacksRoom = false;
  /** Segments that are not there any more, as the operator was told. */
  #missing: ReadonlySet<string> = new Set();
  /** Names of segments that are being written. */
  readonly #writing = new Set<string>();
  #mergeDue = true;
  /** Where the log stood when merges were planned last: as long as it stands there, nothing has changed. */
  #plannedAt = -1;
  readonly backlog: Backlog;
  readonly #attempts: Attempts;
  readonly #oldestDirty: OldestDirty;
  /** The job under way has the worker for itself. */
  #isAlone = false;
  #failuresInARow = 0;
  #retryMs = FIRST_RETRY_MS;
  #waitsForRetry = false;
  readonly #timers = new Map<string, Timer>();
  #scrubbing: Promise<void> | undefined;
  #scrubAgain = false;
  #stopped = false;
  readonly #idleWaiters: (() => void)[] = [];

  constructor(options: StorageOptions) {
    this.#options = options;
    const { launcher, clock, log } = options;
    this.#worker = new WorkerClient({ launcher, clock, log, metrics: this.metrics });
    this.#attempts = new Attempts(clock);
    this.#oldestDirty = new OldestDirty(options.store.reader);
    this.backlog = new Backlog({ store: options.store, clock, log, stuck: this.#stuck });
  }

  /** Takes up what was left, and goes on by itself. */
  start(): void {
    this.#options.store.files.indexed = () => this.#pump();
    const look = async (): Promise<void> => {
      if (this.#plannedAt !== this.#options.store.wal.position) this.#mergeDue = true;
      this.#pump();
    };
    const { broker } = this.#options.store.state;
    const checkMs = Math.min(CHECK_MS, broker["log.retention.check.interval.ms"]);
    this.#every("check", checkMs, look);
    this.#every("garbage", checkMs, () => this.#collectGarbage());
    this.#every("compaction", Math.max(broker["log.cleaner.backoff.ms"], SHORTEST_REST_MS), async () => {
      await this.#oldestDirty.lookUp(this.#options.store.state);
      this.#compactionDue = true;
      this.#pump();
    });
    this.#every("scrub", SCRUB_MS, () => this.#scrub());
    this.#inBackground(this.#scrub());
    this.#pump();
  }

  stop(): void {
    this.#stopped = true;
    this.#options.store.files.indexed = () => undefined;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#worker.stop();
  }

  /** Whether a file has damage, and is kept as it is. */
  isStuck(file: WalFile): boolean {
    return this.#stuck.has(file);
  }

  /** For how long the oldest of the files that wait for becoming segments has, in ms; since the start at most. */
  get backlogAgeMs(): number {
    const { oldest } = this.backlog;
    return oldest === undefined ? 0 : this.metrics.waitingMs(oldest, this.#options.clock.monotonicMs());
  }

  /** Whether a segment of this name is being written. */
  isWriting(name: string): boolean {
    return this.#writing.has(name);
  }

  /** Resolves when nothing is left to do for now. For tests and tools. */
  async idle(): Promise<void> {
    while (this.#busy || this.#next() !== undefined) {
      await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
    }
  }

  get #busy(): boolean {
    return this.#converting.size > 0 || this.#mergeActive || this.#isAlone;
  }

  /** Begins what can be begun. */
  #pump(): void {
    this.metrics.noteWaiting(this.#options.store.files.closed, this.#options.clock.monotonicMs());
    if (this.#stopped) return;
    this.backlog.look();
    if (this.#waitsForRetry) return;
    for (let begin = this.#next(); begin !== undefined; begin = this.#next()) {
      this.#inBackground(begin());
      if (this.#waitsForRetry) break;
    }
    if (!this.#busy) for (const wake of this.#idleWaiters.splice(0)) wake();
  }

  #next(): (() => Promise<void>) | undefined {
    if (this.#isAlone || !this.backlog.mayWork) return undefined;
    // One at a time: a second one would want the same thread, and the memory of another whole file.
    if (this.#converting.size === 0) {
      const file = this.#nextFile();
      if (file !== undefined && this.#attempts.needsWorkerAlone([file])) {
        return this.#busy ? undefined : () => this.#alone(this.#convert(file));
      }
      if (file !== undefined) return () => this.#convert(file);
    }
    if (this.#busy) return undefined;
    return this.#nextCompaction() ?? (this.#mergeDue ? () => this.#planAndMerge() : undefined);
  }

  /** Of the files that can become segments: those under suspicion first, then by how often it failed; the oldest of them. */
  #nextFile(): WalFile | undefined {
    let best: WalFile | undefined;
    let bestRank = Infinity;
    for (const file of this.#options.store.files.closed) {
      const isTaken = this.#converting.has(file) || this.#stuck.has(file) || this.#attempts.isResting(file);
      if (!file.indexed || file.users === 0 || isTaken) continue;
      const rank = this.#attempts.isSuspect(file) ? -1 : this.#attempts.failuresOf(file);
      if (rank >= bestRank) continue;
      best = file;
      bestRank = rank;
    }
    return best;
  }

  /** Nothing else is begun as long as this work is under way. */
  async #alone(work: Promise<void>): Promise<void> {
    this.#isAlone = true;
    await work.finally(() => {
      this.#isAlone = false;
    });
    this.#pump();
  }

  /** The worker leaves the disk to the log while that is written, unless it falls behind. */
  #setPace(): void {
    this.#worker.paceFactor = this.backlog.paceFactor;
    this.#timers.get("pace")?.cancel();
    if (!this.#worker.isBusy) return;
    const again = this.#options.clock.schedule(PACE_MS, () => this.#setPace());
    this.#timers.set("pace", again);
  }

  /** Nothing else is begun as long as it is planned: what a plan takes up is still there then. */
  async #planAndMerge(): Promise<void> {
    const { store, clock } = this.#options;
    this.#mergeDue = false;
    this.#plannedAt = store.wal.position;
    this.#isAlone = true;
    const attempts = this.#attempts;
    const planning = planMerge(store.state, {
      busy: { has: (segment) => this.#merging.has(segment) || attempts.isResting(segment) },
      fanIn: this.backlog.isBusy ? FAN_IN_WHEN_BUSY : FAN_IN,
      failuresOf: (segment) => attempts.failuresOf(segment),
    });
    const plan = await runInSlices(planning, clock);
    this.#isAlone = false;
    if (plan === undefined || this.#stopped) return this.#pump();
    const work = this.#merge(plan);
    if (attempts.needsWorkerAlone(plan.inputs)) return this.#alone(work);
    this.#pump(); // files have waited for the plan
    return work;
  }

  #nextCompaction(): (() => Promise<void>) | undefined {
    if (!this.#compactionDue) return undefined;
    this.#compactionDue = false;
    const { store, clock } = this.#options;
    if (!store.state.broker["log.cleaner.enable"]) return undefined;
    const attempts = this.#attempts;
    const { compactionPartBytes: partBytes = COMPACTION_PART_BYTES } = this.#options;
    const plan = planCompaction(store.state, {
      ...{ busy: this.#merging, nowMs: clock.wallMs(), partBytes, attempts },
      oldestDirty: this.#oldestDirty,
    });
    if (plan === undefined) return undefined;
    const isAlone = attempts.needsWorkerAlone(plan.partitions.map(({ partition }) => partition));
    return () => (isAlone ? this.#alone(this.#compact(plan)) : this.#compact(plan));
  }

  async #convert(file: WalFile): Promise<void> {
    const { store, random, clock } = this.#options;
    this.#converting.add(file);
    const identity = { id: newUuid(random), walPosition: file.base };
    const ranges = rangesIn(store.state, file);
    const plan = new MovePlan([{ identity, level: 0 }]);
    for (const { topic, range } of ranges) plan.add({ topic, ranges: [range], output: 0 });
    const outcome = await this.#run(
      {
        what: `a segment of ${file.name}`,
        identities: [identity],
        inputs: [file],
        records: (result) => runInSlices(plan.records(result), clock),
      },
      () => this.#worker.run(convertJob(file, ranges, identity)),
      (message) => {
        if (file.users === 0) return; // nobody needs it any more: it may have gone meanwhile
        this.#stuck.add(file);
        this.#options.log(`error: ${message}; ${file.name} is kept as it is, and read from as long as it is needed`);
      },
    );
    this.#converting.delete(file);
    if (outcome === "done") this.#mergeDue = true;
    this.#pump();
  }

  async #merge(plan: MergePlan): Promise<void> {
    const { random, clock } = this.#options;
    const neededBytes = plan.inputs.reduce((sum, { liveBytes }) => sum + liveBytes, 0);
    if (!(await this.#begin(plan.inputs, neededBytes))) return;
    const walPosition = plan.inputs.reduce((least, segment) => Math.min(least, segment.walPosition), Infinity);
    const identities = plan.outputs.map(() => ({ id: newUuid(random), walPosition }));
    const moved = new MovePlan(plan.outputs.map(({ level }, index) => ({ identity: identities[index]!, level })));
    plan.outputs.forEach(({ groups }, output) => {
      for (const { topic, ranges } of groups) moved.add({ topic, ranges, output });
    });
    let bad: string | undefined;
    const outcome = await this.#run(
      {
        what: `a merge of ${plan.inputs.length} segments from ${plan.inputs[0]!.name} on`,
        identities,
        inputs: plan.inputs,
        records: (result) => runInSlices(moved.records(result), clock),
      },
      () => this.#worker.run(mergeJob(plan, identities)),
      (message, file) => {
        bad = file;
        this.#options.log(`error: ${message}; its segment is not merged with others`);
      },
    );
    this.#ended(plan.inputs, outcome, bad);
    this.#mergeDue = true;
    this.#pump();
  }

  async #compact(plan: CompactionPlan): Promise<void> {
    const { random, log, store, clock } = this.#options;
    const { topic, partitions, parts } = plan;
    const inputs = [...new Set(partitions.flatMap(({ ranges }) => ranges.map(({ file }) => file)))];
    if (!(await this.#begin(inputs, parts[0]!))) return;
    const walPosition = inputs.reduce((least, segment) => Math.min(least, segment.walPosition), Infinity);
    const identities = parts.map(() => ({ id: newUuid(random), walPosition }));
    let isAsAsked = true;
    const registerPart = (done: CompactedPart): void => {
      for (const { partition, unreadable } of done.partitions) {
        if (unreadable !== undefined) log(`warning: ${topic.name}-${partition}: ${unreadable}; it stays as it is`);
      }
      const identity = identities[done.part];
      const records = identity && compactionRecords(identity, topic, spansOf(plan, done.part), done);
      isAsAsked &&= records !== undefined;
      if (!isAsAsked) return;
      for (const record of records ?? []) store.appendInBackground(record);
      this.#inUse = new Set(segmentsBehind(plan, done.part)); // the others may go, and make room for what comes
    };
    let bad: string | undefined;
    const outcome = await this.#run(
      {
        what: `a compaction of ${topic.name}-${partitions.map(({ partition: { partition } }) => partition).join(",")}`,
        identities,
        inputs: partitions.map(({ partition }) => partition),
        // Each part has been registered when it came.
        records: () => Promise.resolve(isAsAsked ? [] : undefined),
      },
      () => {
        const { broker } = store.state;
        const job = compactJob(plan, inputs, identities, {
          nowMs: clock.wallMs(),
          secret: random.bytes(16),
          mapBytes: broker["log.cleaner.dedupe.buffer.size"],
          minFreeBytes: broker["wal.min.free.bytes"],
        });
        return this.#worker.run(job, registerPart);
      },
      (message, file) => {
        bad = file;
        this.#options.log(`error: ${message}; topic ${topic.name} is not compacted`);
      },
    );
    this.#ended(inputs, outcome, bad);
    this.#mergeDue = true;
    this.#compactionDue = true;
    this.#pump();
  }

  /** Begins work on segments; false when that has to wait, since the disk has no room for what comes of it. */
  async #begin(inputs: readonly Segment[], neededBytes: number): Promise<boolean> {
    for (const segment of inputs) this.#merging.add(segment);
    this.#inUse = new Set(inputs);
    this.#mergeActive = true;
    if (await this.#hasRoom(neededBytes)) return true;
    this.#ended(inputs, "failed", undefined);
    this.#pump();
    return false;
  }

  /** What is merged is there twice for a while. The log has its share of the disk all the same: without it the broker ends. */
  async #hasRoom(neededBytes: number): Promise<boolean> {
    const { disk, store, log } = this.#options;
    const usable = async (): Promise<number> => (await disk.freeBytes()) - store.state.broker["wal.min.free.bytes"];
    let freeBytes = await usable();
    if (neededBytes > freeBytes && store.files.recycled.count > 0) {
      await store.files.giveUpRecycled();
      freeBytes = await usable();
    }
    const lacksRoom = neededBytes > freeBytes;
    if (lacksRoom && !this.#lacksRoom) {
      log(`warning: merging and compaction wait: ${neededBytes} bytes are needed, of which ${freeBytes} may be used`);
    }
    this.#lacksRoom = lacksRoom;
    return !lacksRoom;
  }

  /** Ends the work on segments. The one with damage is not taken up again; all of them, where nobody knows which it is. */
  #ended(inputs: readonly Segment[], outcome: Outcome, damaged: string | undefined): void {
    const isBarred = ({ name }: Segment): boolean => outcome === "damaged" && (damaged ?? name) === name;
    for (const segment of inputs) if (!isBarred(segment)) this.#merging.delete(segment);
    this.#inUse = new Set();
    this.#mergeActive = false;
  }

  /** Has a job done, and registers what comes of it. */
  async #run(
    move: Move,
    job: () => ReturnType<WorkerClient["run"]>,
    damaged: (message: string, file: string | undefined) => void,
  ): Promise<Outcome> {
    const { store, clock } = this.#options;
    const names = move.identities.map(({ walPosition, id }) => segmentName(walPosition, id));
    for (const name of names) this.#writing.add(name);
    try {
      const working = job();
      this.#setPace();
      const result = await working;
      if (this.#stopped) return "failed";
      const records = await move.records(result);
      if (records === undefined) {
        damaged("the storage worker did not give what it should", undefined);
        return "damaged";
      }
      for (const record of records) {
        if (this.#stopped) return "failed"; // what has not moved is where it was
        store.appendInBackground(record);
        await pause(clock);
      }
      this.#attempts.done(move.inputs);
      this.#failuresInARow = 0;
      this.#retryMs = FIRST_RETRY_MS;
      return "done";
    } catch (error) {
      if (!(error instanceof JobError)) throw error;
      if (this.#stopped) return "failed";
      if (error.kind === "damaged") {
        damaged(error.message, error.file);
        return "damaged";
      }
      this.#failed(move, error);
      return "failed";
    } finally {
      for (const name of names) this.#writing.delete(name);
    }
  }

  /** Decides when a job is tried again: what it lacked all of them lack, or it is the one that fails. */
  #failed({ what, inputs }: Move, error: JobError): void {
    const { log } = this.#options;
    this.#inBackground(Promise.resolve().then(() => this.#scrub())); // when its names are not taken any more
    if (error.kind === "starved") {
      log(`warning: ${error.message}; the storage worker tries again in ${this.#retryMs} ms`);
      this.#retryLater();
      return;
    }
    if (error.kind === "lost" && error.lostJobs > 1) {
      this.#attempts.suspect(inputs);
      log(`warning: ${what}: ${error.message}, and ${error.lostJobs - 1} more with it; it is tried again alone`);
      return;
    }
    const blamed = inputs.filter((input) => "name" in input && input.name === error.file);
    const failing = blamed.length === 0 ? inputs : blamed;
    const isFirst = failing.every((input) => this.#attempts.failuresOf(input) === 0);
    const restMs = this.#attempts.failed(failing, { tookWorkerDown: error.kind === "lost" });
    log(`warning: ${what}: ${error.message}; the storage worker tries again in ${restMs} ms`);
    this.#later(`retry of ${what}`, restMs);
    if (isFirst) this.#failuresInARow += 1;
    if (this.#failuresInARow >= FAILURES_IN_A_ROW) this.#retryLater();
  }

  /** Looks for something to do when what has failed has rested. */
  #later(name: string, delayMs: number): void {
    this.#timers.get(name)?.cancel();
    const task = (): void => {
      this.#timers.delete(name);
      this.#mergeDue = true;
      this.#compactionDue = true;
      this.#inBackground(this.#scrub()); // what the worker had begun may have come into being only now
      this.#pump();
    };
    this.#timers.set(name, this.#options.clock.schedule(delayMs, task));
  }

  #retryLater(): void {
    if (this.#waitsForRetry) return;
    this.#waitsForRetry = true;
    const delayMs = this.#retryMs;
    this.#retryMs = Math.min(2 * delayMs, LAST_RETRY_MS);
    this.#timers.set(
      "retry",
      this.#options.clock.schedule(delayMs, () => {
        this.#waitsForRetry = false;
        this.#later("retry", 0);
      }),
    );
  }

  /** Removes segments that nothing refers to any more, some time after the last snapshot has forgotten them. */
  async #collectGarbage(): Promise<void> {
    const { store, clock, disk } = this.#options;
    const { state, files } = store;
    const delayMs = state.broker["segment.delete.delay.ms"];
    let removed = 0;
    for (const segment of [...state.segments.values()]) {
      if (segment.users > 0 || this.#writing.has(segment.name)) continue; // not all that it is for may have moved yet
      segment.freedAt ??= store.wal.position;
      segment.freedMs ??= clock.monotonicMs();
      const isDue = clock.monotonicMs() - segment.freedMs >= delayMs && files.isForgotten(segment.freedAt);
      if (!isDue || segment.readers > 0 || this.#inUse.has(segment)) continue;
      store.reader.forget(segment);
      await disk.discard(segment.name).catch(ignoreMissing);
      state.segments.delete(segment.id);
      this.#merging.delete(segment);
      removed += 1;
      this.metrics.segmentsRemoved += 1;
      this.metrics.removedBytes += segment.sizeBytes;
    }
    if (removed > 0) await disk.syncFolder(SEGMENT_FOLDER);
  }

  /** One look at a time: two would tell of the same. Resolves when one that began after this call has ended. */
  async #scrub(): Promise<void> {
    this.#scrubAgain = true;
    this.#scrubbing ??= this.#scrubWhileAsked();
    await this.#scrubbing;
  }

  async #scrubWhileAsked(): Promise<void> {
    try {
      while (this.#scrubAgain) {
        this.#scrubAgain = false;
        await this.#scrubOnce();
      }
    } finally {
      this.#scrubbing = undefined;
    }
  }

  async #scrubOnce(): Promise<void> {
    const { store, disk, keepOrphans, log } = this.#options;
    const { lines, missing } = await scrub(disk, {
      segments: () => store.state.segments.values(),
      isWritten: (name) => this.isWriting(name),
      remove: !keepOrphans,
      told: this.#missing,
    });
    this.#missing = new Set(missing);
    for (const line of lines) log(line);
  }

  #every(name: string, delayMs: number, task: () => Promise<void>): void {
    const run = (): void => {
      const again = (): void => {
        if (!this.#stopped) this.#timers.set(name, this.#options.clock.schedule(delayMs, run));
      };
      this.#inBackground(task().then(again));
    };
    this.#timers.set(name, this.#options.clock.schedule(delayMs, run));
  }

  /** A failure here is one of the program, or of a disk that cannot remove or list: fatal, like one in the log. */
  #inBackground(task: Promise<void>): void {
    task.catch((error: unknown) => {
      if (!this.#stopped) this.#options.failed(error);
    });
  }
}
