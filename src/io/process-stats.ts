/**
 * What Node tells of this process.
 *
 * Collections are reported in the turn after they were, several together, so each report is read to its end. A delay of the
 * event loop is seen by a timer of its own that is late: one of 100 ms misses none that lasts as long, and costs nothing.
 */
import { constants, type PerformanceEntry, PerformanceObserver, performance } from "node:perf_hooks";
import process from "node:process";
import { DURATION_BOUNDS_MS, Histogram } from "../base/histogram.ts";
import type { Clock } from "../ports/clock.ts";
import type { ProcessReading, ProcessStats } from "../ports/process-stats.ts";

const LOOP_CHECK_MS = 100;
const MICROSECONDS = 1e6;
const MILLISECONDS = 1e3;

const GC_KINDS: ReadonlyMap<number, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MINOR, "minor"],
  [constants.NODE_PERFORMANCE_GC_MAJOR, "major"],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, "incremental"],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, "weakcb"],
]);

/** Measures from now on, for as long as the process lives. */
export function createProcessStats(clock: Clock): ProcessStats {
  const gcMs = new Map([...GC_KINDS.values()].map((kind) => [kind, new Histogram(DURATION_BOUNDS_MS)]));
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) gcMs.get(gcKind(entry))?.observe(entry.duration);
  }).observe({ entryTypes: ["gc"] });
  const loopDelayMs = new Histogram(DURATION_BOUNDS_MS);
  const check = (): void => {
    const dueMs = clock.monotonicMs() + LOOP_CHECK_MS;
    clock.schedule(LOOP_CHECK_MS, () => {
      loopDelayMs.observe(Math.max(0, clock.monotonicMs() - dueMs));
      check();
    });
  };
  check();
  return { read, gcMs, loopDelayMs };
}

function gcKind(entry: PerformanceEntry): string {
  const { kind } = (entry as { readonly detail?: { readonly kind?: number } }).detail ?? {};
  return GC_KINDS.get(kind ?? 0) ?? "";
}

function read(): ProcessReading {
  const cpu = process.cpuUsage();
  const memory = process.memoryUsage();
  return {
    startSeconds: performance.timeOrigin / MILLISECONDS,
    cpuUserSeconds: cpu.user / MICROSECONDS,
    cpuSystemSeconds: cpu.system / MICROSECONDS,
    loopActiveSeconds: performance.eventLoopUtilization().active / MILLISECONDS,
    residentBytes: memory.rss,
    heapBytes: memory.heapTotal,
    heapUsedBytes: memory.heapUsed,
    externalBytes: memory.external,
    nodeVersion: process.version,
  };
}
