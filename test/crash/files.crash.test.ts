/** What happens to files: sealed, indexed, freed, and nothing left over. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { World } from "./world.ts";

describe("files of the log", () => {
  it("seals a file that has come of age while nothing is written: a start need not read it again", async () => {
    const world = new World({ seed: 1 });
    await world.start();
    await world.pass(100);
    const { closed } = world.running.broker.store.files;
    assert.equal(closed.length, 1);
    assert.ok(closed[0]!.indexed);
  });

  it("reads nothing again after an orderly stop", async () => {
    const world = new World({ seed: 1 });
    await world.start();
    await world.pass(10); // all that was written is durable, and nothing more comes
    await world.stop();
    await world.start();
    assert.equal(world.running.opened.report.replayedBytes, 0);
  });
});
