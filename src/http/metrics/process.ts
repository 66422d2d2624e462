/** The process. Names are those that clients of Prometheus for Node.js use. */
import { counter, gauge, gauges, histogram, histograms, type Section, type Series, seconds } from "./metric.ts";

export const PROCESS: Section = {
  title: "Process",
  metrics: [
    gauges(
      "chronik_info",
      ["version", "node_version", "node_id", "cluster_id"],
      "1; what it is that runs is in the labels.",
      ({ version, process, broker }) => [
        [[version, process.nodeVersion, String(broker.nodeId), broker.store.state.clusterId], 1],
      ],
    ),
    gauge(
      "process_start_time_seconds",
      "When the process started, seconds since 1970-01-01 UTC.",
      ({ process }) => process.startSeconds,
    ),
    counter("process_cpu_user_seconds_total", "CPU time in the program.", ({ process }) => process.cpuUserSeconds),
    counter(
      "process_cpu_system_seconds_total",
      "CPU time in the system for the program.",
      ({ process }) => process.cpuSystemSeconds,
    ),
    counter(
      "process_cpu_seconds_total",
      "CPU time of the process.",
      ({ process }) => process.cpuUserSeconds + process.cpuSystemSeconds,
    ),
    gauge("process_resident_memory_bytes", "Resident memory.", ({ process }) => process.residentBytes),
    gauge("nodejs_heap_size_total_bytes", "Size of the JavaScript heap.", ({ process }) => process.heapBytes),
    gauge(
      "nodejs_heap_size_used_bytes",
      "Bytes in use of the JavaScript heap.",
      ({ process }) => process.heapUsedBytes,
    ),
    gauge(
      "nodejs_external_memory_bytes",
      "Memory of buffers, beyond the heap.",
      ({ process }) => process.externalBytes,
    ),
    counter(
      "chronik_event_loop_active_seconds_total",
      "Time in which the one thread that decides had something to do.",
      ({ process }) => process.loopActiveSeconds,
    ),
    histogram(
      "chronik_event_loop_delay_seconds",
      "How late the one thread that decides gets to what is due, looked at ten times a second; a millisecond is usual.",
      ({ stats }) => seconds(stats.loopDelayMs),
    ),
    histograms("nodejs_gc_duration_seconds", ["kind"], "Durations of garbage collections.", ({ stats }) =>
      [...stats.gcMs].map(([kind, ms]): Series => [[kind], seconds(ms)]),
    ),
  ],
};
