/** The storage worker dies, alone: the broker goes on, does it again, and no client notices. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { loseWorkerAtEveryOperation } from "./plays.ts";
import { isSoak, seeds } from "./seeds.ts";

describe("the storage worker, at every one of its disk operations,", () => {
  for (const fate of ["crashes", "hangs"] as const) {
    it(`${fate}: nothing is lost, nothing left over, and in the end all of it is done`, async (context) => {
      for (const seed of seeds(1)) {
        const { plays, counts } = await loseWorkerAtEveryOperation(seed, fate, isSoak ? 1 : fate === "crashes" ? 2 : 3);
        context.diagnostic(`${plays} plays: ${JSON.stringify(counts)}`);
        // One that hangs when its work is done is noticed with the next job, if there is one; after the last wait of a play, never.
        assert.ok(counts.workerDeaths >= plays * (fate === "hangs" ? 0.6 : 0.75), "workers are lost");
        assert.ok(counts.conversions >= 8 * plays, "files become segments in each play");
        assert.ok(counts.merges >= plays, "segments are merged in each play");
        assert.ok(counts.orphans > 0, "some deaths leave orphans");
      }
    });
  }
});
