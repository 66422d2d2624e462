/**
 * The heart of the crash tests: a workload dies at every one of its disk operations, of a power loss, of a kill, or
 * because the operation fails; what recovers from that dies once more. After each death everything is checked.
 */
import { describe, it } from "node:test";
import { type Death, dieAtEveryOperation } from "./plays.ts";
import { isSoak, seeds } from "./seeds.ts";

const DEATHS: readonly Death[] = [
  { kind: "power", sync: "always", every: 1, withoutSegments: true }, // segments.crash.test.ts has those with segments
  { kind: "kill", sync: "always", every: isSoak ? 1 : 3 },
  { kind: "error", sync: "always", every: isSoak ? 1 : 3 },
  { kind: "power", sync: "interval", every: isSoak ? 1 : 3 },
];

describe("a death at every disk operation", () => {
  for (const [index, how] of DEATHS.entries()) {
    it(`loses nothing, and gives out nothing twice (${how.kind}, wal.sync=${how.sync})`, async (context) => {
      let plays = 0;
      for (const seed of seeds(1)) plays += await dieAtEveryOperation(seed * DEATHS.length + index, how);
      context.diagnostic(`${plays} plays`);
    });
  }
});
