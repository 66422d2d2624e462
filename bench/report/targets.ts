/**
 * What Chronik is to reach, with its defaults: it always syncs to disk before it acknowledges. A goal is what is wanted; below
 * the floor the figure is a defect.
 */
import { METRICS, type Metric } from "../metrics.ts";
import { CHRONIK, KAFKA, KAFKA_SYNCING } from "../sides.ts";
import { ratioOf, type Sample, type Spread, spreadOf } from "./samples.ts";

export interface Target {
  readonly caseName: string;
  readonly metric: Metric;
  /** The side that a ratio is made with; the value itself counts when left out. */
  readonly against?: typeof KAFKA | typeof KAFKA_SYNCING;
  readonly goal: number;
  /** "sync": Kafka's median and the p99 of one synced write of 4 KiB, which Kafka does not wait for. */
  readonly floor?: number | "sync";
}

export type Verdict = "goal reached" | "above the floor" | "missed" | "not measured";

export interface Judgement {
  readonly target: Target;
  /** The ratio, or the value itself. */
  readonly value: Spread | undefined;
  readonly verdict: Verdict;
}

/** "No drift", as a number that noise stays below. */
const NO_DRIFT = 1.1;
const MANY_PARTITIONS = ["producer-1k-1000", "driver-1k-1000"];
const PRODUCE = ["producer-1k", "producer-100b", "rdkafka-1k", "rdkafka-100b"];
const CATCH_UP = ["fetch-1k", "fetch-1k-group", "fetch-1k-10", "consumer-1k", "rdkafka-consume-1k"];
const TAIL = ["tail-1k", "tail-1k-10"];
const FULL_LOAD = ["producer-1k", "driver-1k", "driver-1k-1m", "driver-1k-1000", "fetch-1k-10", "tail-1k-10"];

export const TARGETS: readonly Target[] = [
  ...PRODUCE.flatMap((caseName): Target[] => [
    { caseName, metric: "recordsPerSecond", against: KAFKA, goal: 1.2, floor: 1 },
    { caseName, metric: "recordsPerSecond", against: KAFKA_SYNCING, goal: 5 },
    { caseName, metric: "brokerCpuSecondsPerGigabyte", against: KAFKA, goal: 0.8, floor: 1 },
  ]),
  ...MANY_PARTITIONS.flatMap((caseName): Target[] => [
    { caseName, metric: "recordsPerSecond", against: KAFKA, goal: 2, floor: 1.2 },
    { caseName, metric: "recordsPerSecond", against: KAFKA_SYNCING, goal: 10 },
  ]),
  ...[...CATCH_UP, ...TAIL].flatMap((caseName): Target[] => [
    { caseName, metric: "megabytesPerSecond", against: KAFKA, goal: 1, floor: 0.8 },
    { caseName, metric: "brokerCpuSecondsPerGigabyte", against: KAFKA, goal: 2 },
  ]),
  { caseName: "idle-consumers", metric: "idleCpuPercent", against: KAFKA, goal: 1 },
  ...["latency-1k", "latency-1k-loaded"].flatMap((caseName): Target[] => [
    { caseName, metric: "latencyMeanMs", against: KAFKA, goal: 0.7, floor: "sync" },
    { caseName, metric: "latencyP99Ms", against: KAFKA, goal: 0.5, floor: "sync" },
  ]),
  ...["end-to-end", "end-to-end-loaded"].flatMap((caseName): Target[] => [
    { caseName, metric: "endToEndMeanMs", against: KAFKA, goal: 0.7, floor: "sync" },
    { caseName, metric: "endToEndP99Ms", against: KAFKA, goal: 0.5, floor: "sync" },
  ]),
  { caseName: "start", metric: "firstAckSeconds", goal: 0.5 },
  { caseName: "kill", metric: "firstAckSeconds", goal: 2 },
  { caseName: "idle", metric: "idleMemoryMegabytes", goal: 100 },
  ...FULL_LOAD.map((caseName): Target => ({ caseName, metric: "peakMemoryMegabytes", goal: 400 })),
  { caseName: "soak", metric: "latencyP50Drift", goal: NO_DRIFT },
  { caseName: "soak", metric: "latencyP99Drift", goal: NO_DRIFT },
  { caseName: "soak", metric: "memoryDrift", goal: NO_DRIFT },
];

/** `syncP99Ms`: of one synced write of 4 KiB on the disk that was measured. */
export function judge(target: Target, samples: readonly Sample[], syncP99Ms: number): Judgement {
  const { against: base } = target;
  const value =
    base === undefined ? spreadOf(samples, CHRONIK, target) : ratioOf(samples, { side: CHRONIK, base }, target);
  if (value === undefined) return { target, value, verdict: "not measured" };
  if (reaches(value.median, target.goal, target.metric)) return { target, value, verdict: "goal reached" };
  const isAboveFloor =
    target.floor === "sync"
      ? isWithinSync(target, samples, syncP99Ms)
      : target.floor !== undefined && reaches(value.median, target.floor, target.metric);
  return { target, value, verdict: isAboveFloor ? "above the floor" : "missed" };
}

function isWithinSync(target: Target, samples: readonly Sample[], syncP99Ms: number): boolean {
  const [own, other] = [CHRONIK, KAFKA].map((side) => spreadOf(samples, side, target)?.median ?? Number.NaN);
  return own! <= other! + syncP99Ms;
}

/** As it is printed: a fixed rate that was kept is 1.00, whatever the fourth digit says. */
function reaches(value: number, bound: number, metric: Metric): boolean {
  const printed = Number(value.toFixed(2));
  return METRICS[metric].better === "higher" ? printed >= bound : printed <= bound;
}
