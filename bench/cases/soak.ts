/** Whether something grows, or gets slower, while the same is done for a long time. */
import { median } from "../figures.ts";
import type { Series } from "../metrics.ts";
import { driverTail } from "../tools/load-driver.ts";
import { type BenchCase, prepare } from "./case.ts";
import { TAIL_LOAD, type TailCase } from "./consume.ts";

/**
 * A tail case that also gives what every interval measured. `leadInSeconds` come before `seconds`: what a broker leaves for later has
 * piled up behind them, and is being done in all that is compared.
 */
export function soakCase(
  options: TailCase & { readonly leadInSeconds: number; readonly intervalSeconds: number },
): BenchCase {
  const { name, suite, megabytesPerSecond, readers, seconds, leadInSeconds, intervalSeconds } = options;
  return {
    name,
    suite,
    method:
      `${(leadInSeconds + seconds) / 60} minutes: load driver produces ${megabytesPerSecond} MB/s with acks=all, ${readers} readers ` +
      `fetch at the end; latency and memory of every ${intervalSeconds} s, and of those behind the first ${leadInSeconds / 60} ` +
      "minutes, when what is left for later has piled up and is done, the median of the last third : that of the first",
    cold: false,
    run: async (broker, scale) => {
      const interval = Math.max(1, Math.round(intervalSeconds * scale));
      const leadIn = Math.round(leadInSeconds / intervalSeconds);
      const intervals = leadIn + Math.round(seconds / intervalSeconds);
      const load = { ...TAIL_LOAD, topic: name, megabytesPerSecond, readers, seconds: interval * intervals };
      await prepare(broker, { ...TAIL_LOAD, name, suite, recordCount: 0 }, scale);
      const rows: { p50: number; p99: number; endToEnd: number; memory: number }[] = [];
      broker.resetPeakMemory();
      const { measurements } = await driverTail(broker, load, {
        seconds: interval,
        onInterval: ({ acknowledged, endToEnd }) => {
          const memory = broker.usage().memoryBytes / 1e6;
          rows.push({ p50: acknowledged.p50Ms, p99: acknowledged.p99Ms, endToEnd: endToEnd.p99Ms, memory });
        },
      });
      const series: Series = {
        intervalSeconds: interval,
        latencyP50Ms: rows.map(({ p50 }) => p50),
        latencyP99Ms: rows.map(({ p99 }) => p99),
        endToEndP99Ms: rows.map(({ endToEnd }) => endToEnd),
        memoryMegabytes: rows.map(({ memory }) => memory),
      };
      return {
        measurements: {
          ...measurements,
          peakMemoryMegabytes: broker.usage().peakMemoryBytes / 1e6,
          latencyP50Drift: drift(series.latencyP50Ms.slice(leadIn)),
          latencyP99Drift: drift(series.latencyP99Ms.slice(leadIn)),
          memoryDrift: drift(series.memoryMegabytes.slice(leadIn)),
        },
        series,
      };
    },
  };
}

/** The median of the last third : that of the first. 1 when nothing has changed. */
export function drift(values: readonly number[]): number {
  const third = Math.max(1, Math.floor(values.length / 3));
  return median(values.slice(-third)) / median(values.slice(0, third));
}
