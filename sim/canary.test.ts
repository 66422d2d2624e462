/**
 * Does the simulator catch what it is there to catch? A small log is run and crashed with many seeds: without a
 * mistake it must never be caught, with any one mistake it must.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvariantError } from "../src/base/assert.ts";
import { IoError } from "../src/ports/disk.ts";
import type { DiskFaults } from "./sim-disk.ts";
import { CRASHED, type CrashKind, Simulation } from "./simulation.ts";
import { type Mistake, ToyLog } from "./toy-log.ts";

interface Canary {
  readonly mistake: Mistake;
  /** Where the mistake does harm, if it needs more than a power loss. */
  readonly disk?: Partial<DiskFaults>;
}

const CANARIES: readonly Canary[] = [
  { mistake: "acknowledges before it syncs" },
  { mistake: "syncs while the write is in flight" },
  { mistake: "checks no checksum" },
  { mistake: "checks the last entry only" },
  { mistake: "takes zeroes for an entry" },
  { mistake: "never syncs the folder" },
  { mistake: "renames before it syncs the file" },
  { mistake: "removes the old file before the rename is durable" },
  { mistake: "trusts the bytes that a killed process left" },
  { mistake: "trusts the names that a killed process left" },
  { mistake: "tries a failed sync again", disk: { syncErrorRate: 0.2 } },
  { mistake: "overlooks the failed sync of another append", disk: { syncErrorRate: 0.2 } },
  { mistake: "syncs what was found without writing it again", disk: { syncErrorRate: 0.2 } },
  { mistake: "goes on after a failed write", disk: { writeErrorRate: 0.2 } },
  { mistake: "goes on after a failed write", disk: { capacityBytes: 200 } },
  { mistake: "changes a buffer in flight" },
];

const CRASHES: readonly CrashKind[] = ["power", "kill"];
const SEEDS = 400;
const APPENDS = 12;

/** One life after another on one disk. Returns what was wrong, if anything. */
async function faultOf(seed: number, canary: Partial<Canary>): Promise<string | undefined> {
  const simulation = new Simulation({ seed, ...(canary.disk === undefined ? {} : { disk: canary.disk }) });
  const { random } = simulation;
  const appended: number[] = [];
  let acknowledged = 0;
  for (let life = 0; life < 4; life++) {
    simulation.crashAt(random.between(1, 60), random.pick(CRASHES));
    try {
      const result = await simulation.run(async (process) => {
        const log = await ToyLog.open(process.disk, canary.mistake);
        const found = [...log.entries];
        // Phantoms are allowed, holes never: what was not acknowledged may be there, whole and in order.
        const wrong = found.some((value, index) => value !== appended[index]);
        if (wrong) return `found ${found.join(" ")}, appended ${appended.join(" ")}`;
        if (found.length < acknowledged) return `found ${found.length} of ${acknowledged} acknowledged`;
        appended.length = found.length;
        acknowledged = found.length;
        for (let count = 0; count < APPENDS; count++) {
          if (random.chance(0.2)) await log.roll();
          // Several at once, so that writes and syncs overlap.
          const batch = Array.from({ length: random.between(1, 3) }, () => random.uint32());
          const next = batch.map((value) => (appended.push(value), log.append(value)));
          for (const append of next) append.catch(() => undefined);
          for (const append of next) {
            await append;
            acknowledged++;
          }
        }
        return undefined;
      });
      if (typeof result === "string") return result;
      if (result !== CRASHED) simulation.crash(random.pick(CRASHES));
    } catch (error) {
      if (error instanceof InvariantError) return error.message;
      // The head names a file that is not there, or an empty name.
      if (error instanceof IoError && ["notFound", "EINVAL"].some((word) => [error.kind, error.code].includes(word))) {
        return error.message;
      }
      // A failed write or sync ends the process, as it should.
      if (!(error instanceof IoError)) throw error;
      simulation.crash(random.pick(CRASHES));
    }
  }
  return undefined;
}

/** The first seed that catches it, or undefined. */
async function firstCatch(canary: Partial<Canary>): Promise<{ seed: number; fault: string } | undefined> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const fault = await faultOf(seed, canary);
    if (fault !== undefined) return { seed, fault };
  }
  return undefined;
}

describe("canaries of the simulated disk", () => {
  for (const canary of CANARIES) {
    const { disk, mistake } = canary;
    const faults = disk === undefined ? "" : ` (${JSON.stringify(disk)})`;
    it(`catches a log that ${mistake}${faults}`, async (context) => {
      const caught = await firstCatch(canary);
      assert(caught !== undefined, `not caught by ${SEEDS} seeds`);
      context.diagnostic(`seed ${caught.seed}: ${caught.fault.split("\n")[0]}`);
    });
  }

  for (const disk of [{}, { syncErrorRate: 0.2 }, { writeErrorRate: 0.2 }, { capacityBytes: 200 }]) {
    it(`finds nothing wrong with a log that makes no mistake (${JSON.stringify(disk)})`, async () => {
      assert.equal(await firstCatch({ disk }), undefined);
    });
  }
});
