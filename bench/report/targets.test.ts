import assert from "node:assert/strict";
import { test } from "node:test";
import { CASES } from "../cases.ts";
import { METRICS, type Metric } from "../metrics.ts";
import type { Sample } from "./samples.ts";
import { judge, TARGETS, type Target, type Verdict } from "./targets.ts";

function verdictOf(target: Omit<Target, "caseName">, chronik: number, kafka: number): Verdict {
  const sample = (side: string, value: number): Sample => ({
    side,
    round: 1,
    caseName: "one",
    measurements: { [target.metric]: value },
  });
  return judge({ ...target, caseName: "one" }, [sample("chronik", chronik), sample("kafka", kafka)], 2).verdict;
}

test("more is better of a rate", () => {
  const target = { metric: "recordsPerSecond", against: "kafka", goal: 1.2, floor: 1 } as const;
  assert.equal(verdictOf(target, 120, 100), "goal reached");
  assert.equal(verdictOf(target, 119, 100), "above the floor");
  assert.equal(verdictOf(target, 99.8, 100), "above the floor"); // 1.00 as it is printed
  assert.equal(verdictOf(target, 99, 100), "missed");
});

test("less is better of time, and a goal without a floor is reached or missed", () => {
  const target = { metric: "brokerCpuSecondsPerGigabyte", against: "kafka", goal: 2 } as const;
  assert.equal(verdictOf(target, 2, 1), "goal reached");
  assert.equal(verdictOf(target, 2.1, 1), "missed");
});

test("a value of its own needs no other side", () => {
  const target = { metric: "firstAckSeconds", goal: 0.5 } as const;
  assert.equal(verdictOf(target, 0.5, Number.NaN), "goal reached");
  assert.equal(verdictOf(target, 0.6, 100), "missed");
});

test("the floor of a latency is Kafka's and one synced write", () => {
  const target = { metric: "latencyP99Ms", against: "kafka", goal: 0.5, floor: "sync" } as const;
  assert.equal(verdictOf(target, 2, 4), "goal reached");
  assert.equal(verdictOf(target, 6, 4), "above the floor");
  assert.equal(verdictOf(target, 6.1, 4), "missed");
});

test("what lacks a side is not measured", () => {
  const [target] = TARGETS;
  assert.equal(judge(target!, [], 2).verdict, "not measured");
});

test("every target names a case and a metric with a direction", () => {
  const names = new Set(CASES.map(({ name }) => name));
  for (const { caseName, metric } of TARGETS) {
    assert.ok(names.has(caseName), caseName);
    assert.notEqual(METRICS[metric as Metric].better, "neither");
  }
});
