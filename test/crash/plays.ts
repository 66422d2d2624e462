/** Which plays are tried: by rule, so that every run tries the same. */
import { SimRandom } from "../../sim/random.ts";
import type { WorkerFate } from "../../sim/sim-worker.ts";
import { type Crash, type Played, type PlayOptions, play } from "./play.ts";
import type { Amounts } from "./workload.ts";
import type { StorageCounts } from "./world.ts";

/** Short enough to die at every one of its operations, and with a bit of everything: sealed files, snapshots, retention. */
function shortPlayOf(seed: number, sync: "always" | "interval"): PlayOptions {
  const amounts = { idempotentProducers: 1, requests: 5, adminSteps: 2, largestValueBytes: 200 };
  const settings = {
    ...playOf(seed, amounts).settings,
    "wal.indexing.interval.ms": "40",
    "snapshot.interval.bytes": "1",
  };
  return { seed, amounts, settings: { ...settings, "wal.sync": sync } };
}

/** Recovery takes about so many operations, with the checks behind it. */
const RECOVERY_OPERATIONS = 60;

/** Everything that a seed decides but for the deaths. */
export function playOf(seed: number, amounts: Partial<Amounts>): PlayOptions {
  const random = new SimRandom(seed, "play");
  const settings = {
    "wal.sync": random.pick(["always", "always", "interval"]),
    "wal.sync.interval.ms": "20",
    "wal.indexing.interval.ms": random.pick(["5", "40", "40", "200"]),
    "snapshot.interval.bytes": random.pick(["1", "4096", "20000"]),
  };
  return { seed, settings, amounts };
}

export interface Death {
  readonly kind: Crash["kind"];
  readonly sync: "always" | "interval";
  /** Nothing leaves the log: of what does there are plays of their own. */
  readonly withoutSegments?: boolean;
  /** 1: at every operation, 2: at every second one. */
  readonly every: number;
}

/** Dies at every operation of a short play, and again some time after. Answers the number of plays. */
export async function dieAtEveryOperation(
  seed: number,
  { kind, sync, every, withoutSegments = false }: Death,
): Promise<number> {
  const options = { ...shortPlayOf(seed, sync), withoutSegments };
  const [operations] = (await play(options)).operations;
  const random = new SimRandom(seed, "deaths");
  let plays = 0;
  for (let operation = 1 + (seed % every); operation <= operations!; operation += every) {
    await play({ ...options, crashes: [{ operation, kind }, dieSoon(random)] });
    plays += 1;
  }
  return plays;
}

/**
 * So many files are sealed that they become segments, and those a larger one, in each life that lasts: the turns of
 * housekeeping seal a dozen files of one topic.
 */
export function segmentPlayOf(seed: number): PlayOptions {
  return {
    seed,
    amounts: { idempotentProducers: 1, plainProducers: 0, requests: 4, adminSteps: 1, largestValueBytes: 200 },
    settings: {
      "wal.indexing.interval.ms": "4",
      "snapshot.interval.bytes": "20000",
      "log.retention.check.interval.ms": "60",
    },
    housekeeping: { times: 3, patienceMs: 0 },
  };
}

/** What the plays of a test saw of the tiers. */
export interface SegmentPlays {
  plays: number;
  readonly counts: StorageCounts;
}

function counted(played: readonly Played[]): SegmentPlays {
  const [first, ...others] = played.map(({ counts }) => counts);
  const sum = { ...first! };
  for (const each of others) for (const key of Object.keys(sum) as (keyof StorageCounts)[]) sum[key] += each[key];
  return { plays: played.length, counts: sum };
}

const KINDS = ["power", "kill", "error"] as const;

/**
 * Dies at every operation of a life in which files are sealed, converted, merged, registered and removed: of one kind after
 * the other, since a dozen files go the same way. `every` 1: at each, 2: at each second one.
 */
export async function dieWhileTiersChange(seed: number, every: number): Promise<SegmentPlays> {
  const options = segmentPlayOf(seed);
  const whole = await play(options);
  const random = new SimRandom(seed, "deaths");
  const played = [whole];
  for (let operation = 1 + (seed % every); operation <= whole.operations[0]!; operation += every) {
    const kind = KINDS[(operation + seed) % KINDS.length]!;
    const crashes = [{ operation, kind }, ...(random.chance(0.3) ? [dieSoon(random)] : [])];
    played.push(await play({ ...options, crashes }));
  }
  return counted(played);
}

/** The storage worker alone crashes, or hangs, at each of its operations: the broker goes on, and nobody notices. */
export async function loseWorkerAtEveryOperation(
  seed: number,
  fate: "crashes" | "hangs",
  every: number,
): Promise<SegmentPlays> {
  const options = {
    ...segmentPlayOf(seed),
    housekeeping: { times: 3, patienceMs: fate === "crashes" ? 2_500 : 35_000 },
  };
  let operations = 0;
  const count = (operation: number): WorkerFate => {
    operations = Math.max(operations, operation);
    return "lives";
  };
  const played = [await play({ ...options, workerFate: count })];
  for (let doomed = 1; doomed <= operations; doomed += every) {
    played.push(await play({ ...options, workerFate: (operation) => (operation === doomed ? fate : "lives") }));
  }
  return counted(played);
}

/** Dies at some operation of a short play, and then at every operation of the recovery. Answers the number of plays. */
export async function dieAtEveryOperationOfRecovery(seed: number): Promise<number> {
  const random = new SimRandom(seed, "deaths");
  const options = shortPlayOf(seed, random.pick(["always", "always", "interval"]));
  const [operations] = (await play(options)).operations;
  const first: Crash = { operation: random.between(1, operations!), kind: random.pick(["power", "kill"]) };
  for (let operation = 1; operation <= RECOVERY_OPERATIONS; operation++) {
    const second: Crash = { operation, kind: random.pick(["power", "kill", "error"]) };
    await play({ ...options, crashes: [first, second, dieSoon(random)] });
  }
  return RECOVERY_OPERATIONS;
}

/** Up to six deaths at any moment, connections that break, and workloads of all sizes. */
export function playAtRandom(seed: number): Promise<Played> {
  const random = new SimRandom(seed, "deaths");
  const crashes = Array.from({ length: random.between(1, 6) }, (): Crash => {
    const operation = random.between(1, random.pick([RECOVERY_OPERATIONS, 300]));
    return { operation, kind: random.pick(["power", "power", "kill", "error"]) };
  });
  const amounts = {
    requests: random.between(3, 12),
    adminSteps: random.between(0, 8),
    idempotentProducers: random.between(1, 3),
    plainProducers: random.between(0, 2),
  };
  return play({ ...playOf(seed, amounts), crashes, resetRate: random.pick([0, 0, 0.003]) });
}

function dieSoon(random: SimRandom): Crash {
  return { operation: random.between(1, RECOVERY_OPERATIONS), kind: random.pick(["power", "kill"]) };
}
