import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type ConsumerFaults, ConsumerSimulation } from "./consumer-simulation.ts";

const SEEDS = 250;

function firstFailure(faults: ConsumerFaults): unknown {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      new ConsumerSimulation(seed, faults).run();
    } catch (error) {
      return error;
    }
  }
  return undefined;
}

suite("groups of both protocols under random histories", () => {
  test(`hold what they promise (${SEEDS} seeds)`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        new ConsumerSimulation(seed).run();
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });

  test("canary: members that are not written down are found", () => {
    assert.ok(firstFailure({ logged: ({ type }) => type !== 25 }) instanceof assert.AssertionError);
  });

  test("canary: targets that are not written down are found", () => {
    assert.ok(firstFailure({ logged: ({ type }) => type !== 27 }) instanceof assert.AssertionError);
  });

  test("canary: answers that do not wait for the log are found", () => {
    assert.ok(firstFailure({ withoutBarrier: true }) instanceof assert.AssertionError);
  });

  test("canary: members that use what they say to have given up are found", () => {
    assert.match(String(firstFailure({ lying: true })), /is used by m\d and another/);
  });
});
