/** Which plays are tried: by rule, so that every run tries the same. */
import { SimRandom } from "../../sim/random.ts";
import { type Crash, type Played, type PlayOptions, play } from "./play.ts";
import type { Amounts } from "./workload.ts";

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
  /** 1: at every operation, 2: at every second one. */
  readonly every: number;
}

/** Dies at every operation of a short play, and again some time after. Answers the number of plays. */
export async function dieAtEveryOperation(seed: number, { kind, sync, every }: Death): Promise<number> {
  const options = shortPlayOf(seed, sync);
  const [operations] = (await play(options)).operations;
  const random = new SimRandom(seed, "deaths");
  let plays = 0;
  for (let operation = 1 + (seed % every); operation <= operations!; operation += every) {
    await play({ ...options, crashes: [{ operation, kind }, dieSoon(random)] });
    plays += 1;
  }
  return plays;
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
