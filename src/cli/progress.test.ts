import assert from "node:assert/strict";
import { test } from "node:test";
import { Simulation } from "../../sim/simulation.ts";
import { Progress } from "./progress.ts";

const MIB = 1024 * 1024;

/** What is written while 3 MiB are read, a tenth of a second each, on a terminal or not. */
async function written(isTTY: boolean): Promise<readonly string[]> {
  const texts: string[] = [];
  const simulation = new Simulation({ seed: 1 });
  await simulation.run(async ({ clock }) => {
    const progress = new Progress(clock, { isTTY, write: (text) => texts.push(String(text)) > 0 });
    for (let doneBytes = MIB; doneBytes <= 3 * MIB; doneBytes += MIB) {
      await new Promise<void>((resolve) => void clock.schedule(100, resolve));
      progress.show(doneBytes, 3 * MIB);
    }
    progress.end();
    progress.end();
  });
  return texts;
}

test("a terminal sees one line that is gone at the end; nobody else sees anything", async () => {
  assert.deepEqual(await written(true), ["\r2 of 3 MiB read", "\r\x1b[K"]);
  assert.deepEqual(await written(false), []);
});
