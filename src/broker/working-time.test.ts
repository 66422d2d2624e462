import assert from "node:assert/strict";
import { test } from "node:test";
import { Simulation } from "../../sim/simulation.ts";
import { WorkingTime } from "./working-time.ts";

test("time goes on while the process works, and stands still while it does not", async () => {
  const simulation = new Simulation({ seed: 1 });
  const time = new WorkingTime(simulation.process.clock);
  const startMs = time.nowMs();
  const passed = (): number => time.nowMs() - startMs;
  const pass = async (delayMs: number): Promise<void> => {
    const untilMs = simulation.nowMs + delayMs;
    await simulation.runUntil(() => simulation.nowMs >= untilMs);
  };
  await pass(10_000);
  assert.ok(Math.abs(passed() - 10_000) < 600, `${passed()} ms`);
  const beforeMs = passed();
  simulation.stall(60_000);
  assert.ok(passed() - beforeMs < 1, "the stall did not happen");
  await pass(10_000);
  assert.ok(Math.abs(passed() - beforeMs - 10_000) < 1_200, `${passed() - beforeMs} ms`);
  time.stop();
});
