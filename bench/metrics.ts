/** What is measured. 1 MB = 10^6 bytes and 1 GB = 10^9 bytes, of record values (produce) or of answers (fetch). */
export const METRICS = {
  firstAckSeconds: { title: "first acknowledgement, s", digits: 2 },
  idleMemoryMegabytes: { title: "idle memory, MB", digits: 0 },
  idleCpuPercent: { title: "idle CPU, % of a core", digits: 1 },
  recordsPerSecond: { title: "records/s", digits: 0 },
  megabytesPerSecond: { title: "MB/s", digits: 1 },
  latencyMeanMs: { title: "latency mean, ms", digits: 2 },
  latencyP50Ms: { title: "latency p50, ms", digits: 2 },
  latencyP99Ms: { title: "latency p99, ms", digits: 2 },
  brokerCpuSecondsPerGigabyte: { title: "broker CPU, s/GB", digits: 2 },
  driverCpuSecondsPerGigabyte: { title: "driver CPU, s/GB", digits: 2 },
  peakMemoryMegabytes: { title: "memory peak, MB", digits: 0 },
} as const;

export type Metric = keyof typeof METRICS;
export type Measurements = Readonly<Partial<Record<Metric, number>>>;
