/** Workloads of all kinds that die at any moment, several times. `CRASH_PLAY=…`, as a failure prints it, plays one again. */
import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { type PlayOptions, play } from "./play.ts";
import { playAtRandom } from "./plays.ts";
import { seeds } from "./seeds.ts";

const asked = process.env["CRASH_PLAY"];

describe("deaths at any moment", () => {
  it("lose nothing, and give out nothing twice", async (context) => {
    let lives = 0;
    if (asked !== undefined) return void (await play(JSON.parse(asked) as PlayOptions));
    for (const seed of seeds(150)) lives += (await playAtRandom(seed)).operations.length;
    context.diagnostic(`${lives} lives`);
  });

  it("go the same way every time: a seed is all there is to a failure", async () => {
    for (const seed of seeds(3)) {
      const [once, again] = [await playAtRandom(seed), await playAtRandom(seed)];
      assert.equal(again.digest, once.digest, `seed ${seed}`);
    }
  });
});
