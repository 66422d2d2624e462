import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { GroupSimulation, type SimulationFaults } from "./group-simulation.ts";

const SEEDS = 300;

function firstFailure(faults: SimulationFaults): unknown {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      new GroupSimulation(seed, faults).run();
    } catch (error) {
      return error;
    }
  }
  return undefined;
}

suite("groups under random histories", () => {
  test(`hold what they promise (${SEEDS} seeds)`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        new GroupSimulation(seed).run();
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });

  test("canary: generations that are begun and not stored are found", () => {
    assert.match(String(firstFailure({ logged: ({ type }) => type !== 24 })), /generation \d+/);
  });

  test("canary: answers that do not wait for the log are found", () => {
    assert.ok(firstFailure({ withoutBarrier: true }) instanceof assert.AssertionError);
  });

  test("canary: commits that do not reach the log are found", () => {
    assert.match(String(firstFailure({ logged: ({ type }) => type !== 20 })), /was committed at/);
  });
});
