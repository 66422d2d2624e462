/** What is measured all the time is measured whole: each collection, each delay that lasts. */
import assert from "node:assert/strict";
import { PerformanceObserver } from "node:perf_hooks";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Histogram } from "../base/histogram.ts";
import type { Clock } from "../ports/clock.ts";
import { createProcessStats } from "./process-stats.ts";

/** A clock whose timers run when they are told to. */
class HandClock implements Clock {
  nowMs = 1000;
  task: () => void = () => assert.fail("nothing was scheduled");

  wallMs(): number {
    return this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  schedule(_delayMs: number, task: () => void): { cancel(): void } {
    this.task = task;
    return { cancel: () => undefined };
  }

  defer(): void {
    assert.fail("nothing is to be deferred");
  }
}

function count({ counts }: Histogram): number {
  return counts.reduce((sum, each) => sum + each, 0);
}

test("every collection of one turn is counted", async () => {
  const { gcMs } = createProcessStats(new HandClock());
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  let seen = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const observer = new PerformanceObserver((list) => {
    seen += list.getEntries().length;
    if (seen >= 10) resolve();
  });
  observer.observe({ entryTypes: ["gc"] });
  for (let turn = 0; turn < 10; turn += 1) collect();
  await promise;
  observer.disconnect();
  const counted = [...gcMs.values()].reduce((sum, histogram) => sum + count(histogram), 0);
  assert.ok(counted >= 10, `${counted} of ${seen}`);
  assert.ok(count(gcMs.get("major")!) >= 10);
  assert.ok(gcMs.get("major")!.sum > 0);
});

test("a late timer is a delay of the event loop, and one in time is none", () => {
  const clock = new HandClock();
  const { loopDelayMs } = createProcessStats(clock);
  clock.nowMs += 100;
  clock.task();
  assert.deepEqual([count(loopDelayMs), loopDelayMs.sum], [1, 0]);
  clock.nowMs += 350;
  clock.task();
  assert.deepEqual([count(loopDelayMs), loopDelayMs.sum], [2, 250]);
});

test("the process is described as the system does", () => {
  const reading = createProcessStats(new HandClock()).read();
  assert.equal(reading.nodeVersion, process.version);
  assert.ok(Math.abs(reading.startSeconds - (Date.now() / 1000 - process.uptime())) < 1);
  assert.ok(reading.cpuUserSeconds > 0 && reading.cpuUserSeconds < process.uptime() * 100);
  assert.ok(reading.residentBytes > reading.heapUsedBytes && reading.heapBytes >= reading.heapUsedBytes);
});
