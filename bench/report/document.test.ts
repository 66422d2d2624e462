import assert from "node:assert/strict";
import { test } from "node:test";
import type { Machine } from "../machine.ts";
import { documentOf } from "./document.ts";
import { plotsOf } from "./plots.ts";
import { type Run, samplesOf, sidesOf } from "./results.ts";
import type { Sample } from "./samples.ts";

const MACHINE: Machine = {
  cpu: "Some CPU",
  cores: 2,
  memoryBytes: 8e9,
  kernel: "6.1",
  disk: "ext4 on /dev/sda",
  diskLatency: { small: { p50Ms: 0.5, p99Ms: 1.25 }, large: { p50Ms: 0.75, p99Ms: 2 } },
};

function run(startSeconds: number, changes: Partial<Run> = {}): Run {
  const sample = (side: string, firstAckSeconds: number): Sample => ({
    side,
    round: 1,
    caseName: "start",
    measurements: { firstAckSeconds, peakMemoryMegabytes: 50 },
  });
  return {
    startedAt: "2026-11-21T10:00:00.000Z",
    command: "npm run bench -- --rounds 1",
    sides: ["kafka", "chronik"],
    rounds: 1,
    scale: 1,
    machine: MACHINE,
    versions: { chronik: "abc", node: "v26", kafka: "4.2.0", java: "17", librdkafka: "not used" },
    samples: [sample("kafka", 4), sample("chronik", startSeconds)],
    failures: [],
    ...changes,
  };
}

function page(...runs: readonly Run[]): string {
  const plots = plotsOf(samplesOf(runs), sidesOf(runs));
  return documentOf(runs, { plots, plotFolder: "benchmarks", notes: "## What grows\n\nA table.", maxStolen: 20 });
}

/** The line of a table that begins with these cells, without its spaces. */
function row(text: string, begin: string): string | undefined {
  return text
    .split("\n")
    .map((each) => each.replaceAll(/ *\| */g, "|"))
    .find((each) => each.startsWith(begin));
}

test("a page says what was measured, where, how, and what came of it", () => {
  const text = page(run(0.25));
  for (const part of [
    "Some CPU, 2 cores",
    "ext4 on /dev/sda",
    "`npm run bench -- --rounds 1`",
    "abc",
    "1.250",
    "\n\n## What grows\n\nA table.\n\n",
  ]) {
    assert.ok(text.includes(part), part);
  }
  assert.equal(
    row(text, "|start|first acknowledgement, s||"),
    "|start|first acknowledgement, s||≤ 0.5||0.25||goal reached|",
  );
  assert.equal(row(text, "|start|first acknowledgement, s|4.00"), "|start|first acknowledgement, s|4.00|0.25|0.06|");
  assert.ok(text.includes("](benchmarks/memory.svg)"));
  assert.ok(text.includes("- `start`: process start to"));
  assert.ok(!text.includes("another scale"));
});

test("a ratio stands beside the medians that it is made of", () => {
  const sample = (side: string, idleCpuPercent: number): Sample => ({
    side,
    round: 1,
    caseName: "idle-consumers",
    measurements: { idleCpuPercent },
  });
  const text = page(run(1, { samples: [sample("kafka", 5), sample("chronik", 4)] }));
  assert.match(
    row(text, "|idle-consumers|idle CPU, % of a core|kafka|") ?? "",
    /\|≤ 1\|\|0\.80\|4\.0 : 5\.0\|goal reached\|/,
  );
});

test("a missed target, a failure and a small scale are shown", () => {
  const failure = { side: "kafka", round: 1, caseName: "kill", message: "it broke\nin two\nplaces\nat once" };
  const text = page(run(0.75, { scale: 0.01, failures: [failure] }));
  assert.match(row(text, "|start|first acknowledgement, s||") ?? "", /\*\*missed\*\*/);
  assert.ok(text.includes("- run 1, round 1, `kafka`, kill: it broke · in two · places\n"));
  assert.ok(text.includes("another scale than 1"));
});

test("several runs are put together, each with rounds of its own", () => {
  const text = page(run(0.2), run(0.4));
  assert.match(row(text, "|start|first acknowledgement, s||") ?? "", /0\.30 \(0\.20–0\.40\)/);
});

test("what the host disturbed is left out, and said", () => {
  const disturbed = run(9, { samples: run(9).samples.map((each) => stolen(each, 40)) });
  const text = page(disturbed, run(0.4));
  assert.match(row(text, "|start|first acknowledgement, s||") ?? "", /\|0\.40\|/);
  assert.ok(text.includes("The 2 of 4 measurements from rounds in which its host took more than 20 %"));
  assert.ok(page(disturbed).includes("These cases have no other rounds and kept theirs: start."));
});

function stolen(sample: Sample, stolenPercent: number): Sample {
  return { ...sample, measurements: { ...sample.measurements, stolenPercent } };
}

test("runs of several machines are refused, and so is nothing", () => {
  assert.throws(() => page(run(1), run(1, { machine: { ...MACHINE, cores: 64 } })), /several machines/);
  assert.throws(() => page(), /no run/);
});

test("a soak is drawn over its minutes", () => {
  const series = {
    intervalSeconds: 60,
    latencyP50Ms: [1, 1],
    latencyP99Ms: [2, 3],
    endToEndP99Ms: [2, 2],
    memoryMegabytes: [90, 95],
  };
  const soak: Sample = { side: "chronik", round: 1, caseName: "soak", measurements: { memoryDrift: 1.05 }, series };
  const names = plotsOf([soak], ["chronik"]).map(({ name }) => name);
  assert.deepEqual(names, ["soak-latency", "soak-end-to-end", "soak-memory"]);
});
