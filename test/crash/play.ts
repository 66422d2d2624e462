/**
 * A whole play: a workload on a broker that dies at given disk operations, once in each life, until there are no more
 * deaths planned and the work is done. Every life begins with a check of all there is (`World`), and the last one ends
 * in good order, after which nothing may be left over on the disk and a restart must find the very state.
 */
import { LogModel } from "../../sim/log-model.ts";
import type { CrashKind } from "../../sim/simulation.ts";
import { IoError } from "../../src/ports/disk.ts";
import { checkLeftovers } from "./leftovers.ts";
import { type Amounts, Workload } from "./workload.ts";
import { type StorageCounts, World, type WorldOptions } from "./world.ts";

/** What happens to a life at one of its disk operations: it ends, or the operation fails, which may end it or not. */
export interface Crash {
  readonly operation: number;
  readonly kind: CrashKind | "error";
}

export interface PlayOptions extends WorldOptions {
  /** The first life's crash, then the second's, and so on. */
  readonly crashes?: readonly Crash[];
  readonly amounts?: Partial<Amounts>;
  /** How often housekeeping has its turn when the work is done, and how long is waited for it each time. Once, not at all. */
  readonly housekeeping?: { readonly times: number; readonly patienceMs: number };
}

export interface Played {
  /** Disk operations of each life. */
  readonly operations: readonly number[];
  readonly model: LogModel;
  readonly counts: StorageCounts;
  /** Equal for plays that went the same way. */
  readonly digest: string;
}

const MAX_LIVES = 50;
const HISTORY_LINES = 40;

/** @throws a Violation, or whatever else went wrong, with all that is needed to play it again. */
export async function play(options: PlayOptions): Promise<Played> {
  const world = new World(options);
  const operations: number[] = [];
  try {
    const workload = new Workload(world, options.amounts);
    workload.start();
    for (let life = 0; ; life++) {
      if (life === MAX_LIVES) throw new Error(`the work is not done after ${MAX_LIVES} lives`);
      const crash = options.crashes?.[life];
      const { disk } = world.simulation;
      world.diskFails = crash?.kind === "error";
      if (crash?.kind === "error") disk.failAt(crash.operation, "EIO");
      else if (crash !== undefined) world.simulation.crashAt(crash.operation, crash.kind);
      const isOver = await live(world, workload, options.housekeeping ?? { times: 1, patienceMs: 0 });
      operations.push(disk.operations);
      if (isOver) break;
      if (crash?.kind !== "error") world.died(crash!.kind);
    }
    await world.start();
    await world.verify();
    await world.stop();
    return { operations, model: world.model, counts: world.counts, digest: world.simulation.digest() };
  } catch (error) {
    throw replayable(error, world, options);
  }
}

/** One life. False when the process died before its end. */
async function live(
  world: World,
  workload: Workload,
  housekeeping: { readonly times: number; readonly patienceMs: number },
): Promise<boolean> {
  try {
    const isOver =
      (await world.start()) &&
      (await world.verify()) &&
      (await world.letIn(() => workload.isDone)) &&
      (await keepHouse(world, housekeeping)) &&
      (await world.stop());
    if (world.failure === undefined) return isOver;
    throw world.failure as Error;
  } catch (error) {
    if (!world.diskFails || !(error instanceof IoError)) throw error;
    world.ended();
    return false;
  }
}

/** Everything must be readable after each turn of housekeeping, and nothing be left over. False when the process died meanwhile. */
async function keepHouse(
  world: World,
  { times, patienceMs }: { readonly times: number; readonly patienceMs: number },
): Promise<boolean> {
  for (let turn = 1; turn <= times; turn++) {
    await world.pass(patienceMs);
    if (!world.alive || !(await checkLeftovers(world))) return false;
    if (turn < times && !(await world.verify())) return false;
  }
  return true;
}

/** The error with all that is needed to play it again in front, and the last steps behind. */
function replayable(error: unknown, world: World, options: PlayOptions): Error {
  const { seed, settings, amounts, crashes, resetRate, housekeeping, withoutSegments } = options;
  const failure = error instanceof Error ? error : new Error(String(error));
  failure.message = `CRASH_PLAY='${JSON.stringify({ seed, settings, amounts, crashes, resetRate, housekeeping, withoutSegments })}'\n${failure.message}`;
  const lastSteps = world.simulation.history().split("\n").slice(-HISTORY_LINES);
  failure.stack = [failure.message, failure.stack ?? "", ...lastSteps].join("\n");
  return failure;
}
