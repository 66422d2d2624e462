import assert from "node:assert/strict";
import { test } from "node:test";
import { CRASHED, Simulation } from "../../sim/simulation.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import { wrapped, wrappedFile } from "../ports/wrapped-disk.ts";
import { removeInSteps } from "./remove-in-steps.ts";

const MIB = 1024 * 1024;
const TRUNCATE_MS = 2;

interface Cut {
  readonly sizeBytes: number;
  readonly beganMs: number;
  readonly endedMs: number;
}

/** Runs with a disk that takes some time to cut a file, and notes when it did. */
async function inSimulation(
  scenario: (watched: { readonly disk: Disk; readonly clock: Clock; readonly cuts: readonly Cut[] }) => Promise<void>,
): Promise<void> {
  const ran = await new Simulation({ seed: 1 }).run(async ({ disk, clock }) => {
    const cuts: Cut[] = [];
    const open: Disk["open"] = async (name, access) => {
      const file = await disk.open(name, access);
      const truncate = async (sizeBytes: number): Promise<void> => {
        const beganMs = clock.monotonicMs();
        await new Promise<void>((resolve) => clock.schedule(TRUNCATE_MS, resolve));
        await file.truncate(sizeBytes);
        cuts.push({ sizeBytes, beganMs, endedMs: clock.monotonicMs() });
      };
      return wrappedFile(file, { truncate });
    };
    await scenario({ disk: wrapped(disk, { open }), clock, cuts });
  });
  assert.ok(ran !== CRASHED);
}

async function write(disk: Disk, sizeBytes: number): Promise<void> {
  const file = await disk.create("f");
  await file.write([Buffer.alloc(sizeBytes, 1)], 0);
  await file.close();
}

test("a large file is cut from its end on, and the disk is left to others in between", async () => {
  await inSimulation(async ({ disk, clock, cuts }) => {
    await write(disk, 11 * MIB);
    await removeInSteps(disk, clock, "f");
    const [first, second] = cuts;
    assert.deepEqual(
      cuts.map(({ sizeBytes }) => sizeBytes),
      [7 * MIB, 3 * MIB],
    );
    assert.ok(second!.beganMs - first!.endedMs >= 4 * (first!.endedMs - first!.beganMs));
    assert.deepEqual(await disk.list(""), []);
  });
});

test("a small file goes at once", async () => {
  await inSimulation(async ({ disk, clock, cuts }) => {
    await write(disk, 4 * MIB);
    await removeInSteps(disk, clock, "f");
    assert.deepEqual(cuts, []);
    assert.deepEqual(await disk.list(""), []);
  });
});

test("a file that is not there any more needs nothing", async () => {
  await inSimulation(({ disk, clock }) => removeInSteps(disk, clock, "f"));
});
