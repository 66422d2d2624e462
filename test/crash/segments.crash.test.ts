/**
 * The broker dies at every disk operation of a life in which files of the log are sealed, become segments, segments become
 * larger ones, and what is of no more use is removed; at every second one by default, since a dozen files go the same way. After
 * each death everything is checked, and after each turn of housekeeping in the life that lasts: every offset can be read, byte
 * for byte, and nothing is left over.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dieWhileTiersChange } from "./plays.ts";
import { isSoak, seeds } from "./seeds.ts";

describe("a death at every disk operation of sealing, converting, merging, registering and removing", () => {
  it("hazard: loses nothing, gives out nothing twice, leaves nothing behind", async (context) => {
    for (const seed of seeds(1)) {
      const { plays, counts } = await dieWhileTiersChange(seed, isSoak ? 1 : 2);
      context.diagnostic(`${plays} plays: ${JSON.stringify(counts)}`);
      assert.ok(counts.conversions >= 8 * plays, "files become segments in each play");
      assert.ok(counts.merges >= plays, "segments are merged in each play");
      assert.ok(counts.removals >= 8 * plays && counts.freed >= 8 * plays, "what is of no more use goes");
      assert.ok(counts.reused >= plays, "files of the log are written over in each play");
      assert.ok(counts.orphans > 0, "some deaths leave orphans");
    }
  });
});
