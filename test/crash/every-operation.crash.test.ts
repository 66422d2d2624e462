/**
 * The heart of the crash tests: a workload dies at every one of its disk operations, of a power loss, of a kill, or
 * because the operation fails; and what recovers from that dies on its way, too. After each death everything is checked.
 */
import { describe, it } from "node:test";
import { dieAtEveryOperation, dieAtEveryOperationOfRecovery } from "./plays.ts";
import { seeds } from "./seeds.ts";

const DEATHS = [
  { kind: "power", sync: "always" },
  { kind: "power", sync: "interval" },
  { kind: "kill", sync: "always" },
  { kind: "error", sync: "always" },
] as const;

describe("a death at every disk operation", () => {
  for (const [index, how] of DEATHS.entries()) {
    it(`loses nothing, and gives out nothing twice (${how.kind}, wal.sync=${how.sync})`, async (context) => {
      let plays = 0;
      for (const seed of seeds(1)) plays += await dieAtEveryOperation(seed * DEATHS.length + index, how);
      context.diagnostic(`${plays} plays`);
    });
  }

  it("loses nothing when recovery dies at any of its own", async (context) => {
    let plays = 0;
    for (const seed of seeds(3)) plays += await dieAtEveryOperationOfRecovery(seed);
    context.diagnostic(`${plays} plays`);
  });
});
