/**
 * What is measured. 1 MB = 10^6 bytes and 1 GB = 10^9 bytes, of record values (produce) or of answers (fetch). A `latency` is
 * that of an acknowledgement or of an answer, `endToEnd` goes from the sending of a record to its arrival at a consumer.
 */
export const METRICS = {
  firstAckSeconds: { title: "first acknowledgement, s", digits: 2, better: "lower" },
  dataGigabytes: { title: "data, GB", digits: 2, better: "neither" },
  idleMemoryMegabytes: { title: "idle memory, MB", digits: 0, better: "lower" },
  idleCpuPercent: { title: "idle CPU, % of a core", digits: 1, better: "lower" },
  recordsPerSecond: { title: "records/s", digits: 0, better: "higher" },
  megabytesPerSecond: { title: "MB/s", digits: 1, better: "higher" },
  latencyMeanMs: { title: "latency mean, ms", digits: 2, better: "lower" },
  latencyP50Ms: { title: "latency p50, ms", digits: 2, better: "lower" },
  latencyP99Ms: { title: "latency p99, ms", digits: 2, better: "lower" },
  endToEndMeanMs: { title: "end to end mean, ms", digits: 2, better: "lower" },
  endToEndP50Ms: { title: "end to end p50, ms", digits: 2, better: "lower" },
  endToEndP99Ms: { title: "end to end p99, ms", digits: 2, better: "lower" },
  brokerCpuSecondsPerGigabyte: { title: "broker CPU, s/GB", digits: 2, better: "lower" },
  driverCpuSecondsPerGigabyte: { title: "driver CPU, s/GB", digits: 2, better: "neither" },
  peakMemoryMegabytes: { title: "memory peak, MB", digits: 0, better: "lower" },
  latencyP50Drift: { title: "latency p50, end : begin", digits: 2, better: "lower" },
  latencyP99Drift: { title: "latency p99, end : begin", digits: 2, better: "lower" },
  memoryDrift: { title: "memory, end : begin", digits: 2, better: "lower" },
  stolenPercent: { title: "stolen by the host, %", digits: 1, better: "neither" },
} as const;

export type Metric = keyof typeof METRICS;
export type Measurements = Readonly<Partial<Record<Metric, number>>>;

/** What a long case measured again and again, one value for each interval. */
export interface Series {
  readonly intervalSeconds: number;
  readonly latencyP50Ms: readonly number[];
  readonly latencyP99Ms: readonly number[];
  readonly endToEndP99Ms: readonly number[];
  readonly memoryMegabytes: readonly number[];
}

/** What one case gives of one broker. */
export interface CaseResult {
  readonly measurements: Measurements;
  readonly series?: Series;
}
