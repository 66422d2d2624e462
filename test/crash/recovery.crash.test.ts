/** Recovery dies at every one of its own operations, and what recovers from that must find the same. */
import { describe, it } from "node:test";
import { dieAtEveryOperationOfRecovery } from "./plays.ts";
import { seeds } from "./seeds.ts";

describe("a death at every disk operation of recovery", () => {
  it("loses nothing, and gives out nothing twice", async (context) => {
    let plays = 0;
    for (const seed of seeds(3)) plays += await dieAtEveryOperationOfRecovery(seed);
    context.diagnostic(`${plays} plays`);
  });
});
