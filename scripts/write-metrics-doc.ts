/**
 * Writes docs/metrics.md from the tables of metrics. A test fails while the two differ.
 *
 * Usage: node scripts/write-metrics-doc.ts
 */
import { writeFileSync } from "node:fs";
import type { Metric } from "../src/http/metrics/metric.ts";
import { SECTIONS } from "../src/http/metrics/table.ts";
import { code, markdownTable } from "./markdown.ts";

export const METRICS_DOC = new URL("../docs/metrics.md", import.meta.url);

const INTRODUCTION = `<!-- Written by scripts/write-metrics-doc.ts from src/http/metrics: change the tables there. -->
# Metrics

\`http://127.0.0.1:6092/metrics\` gives all that the broker counts of itself, in the text format of Prometheus:

    scrape_configs:
      - job_name: chronik
        static_configs:
          - targets: ["localhost:6092"]

\`http.host\` and \`http.port\` move it. It has no password and shows the names of topics and groups, so it listens on loopback
unless told otherwise. It is answered from memory: it waits neither for the disk nor for any request, and works while the
log is held up.

What Kafka counts too has the name that it has behind Prometheus's JMX exporter with that project's example for Kafka (and
\`lowercaseOutputName\`), so that existing dashboards and alerts find it. Those names have no unit where Kafka's have none. All else
begins with \`chronik_\`, or has the name that is usual for Node.js, and has its unit in the name. Times are in histograms, not in
percentiles, as they can be added up over brokers and over time:

    histogram_quantile(0.99, sum by (le) (rate(chronik_request_duration_seconds_bucket{request="Produce"}[5m])))

Counters begin at 0 when the broker starts. An API, an error or a topic is there once it has come up.

How many lines there are is bounded. APIs, their versions and error codes are those of the protocol. Nothing has the label of a
partition or of a client. The ${code("metrics.max.topics")} oldest topics have numbers of their own (1,000 if not set; 0: none); the
series without a topic is always that of all of them. Lags of groups are looked up only when ${code("metrics.max.group.lags")} says
how many. Both can be changed while the broker runs:

    kafka-configs.sh --bootstrap-server HOST:PORT --alter --entity-type brokers --entity-default --add-config metrics.max.group.lags=500

## What to watch

| Look at | When |
| --- | --- |
| \`chronik_disk_low\`, \`chronik_disk_free_bytes\` | the first is 1: produce requests are refused |
| \`chronik_wal_write_duration_seconds\` | its 99th percentile rises: the disk is slow, and every acknowledgement with it |
| \`chronik_storage_backlog_bytes\`, \`chronik_storage_backlog_age_seconds\` | they go on rising: the log grows faster than it becomes segments, and from three quarters of \`chronik_storage_backlog_limit_bytes\` on producers are slowed |
| \`chronik_storage_jobs_total\`, \`chronik_wal_files{state="stuck"}\` | jobs end as damaged, or the second is above 0: the broker's output names the file; \`chronik storage verify\` |
| \`chronik_storage_worker_crashes_total\`, \`chronik_storage_worker_stalls_total\` | they go on rising: what the worker says is in the broker's output |
| \`chronik_event_loop_delay_seconds\` | its 99th percentile is above 0.1: the broker has no CPU left, or is swapped out |
| \`chronik_memory_waiting\`, \`chronik_connections_throttled\` | above 0 for long: clients send more than the broker or its disk can take |
| \`kafka_network_requestmetrics_errors_total\` | errors other than NONE rise |
| \`chronik_recovery_damaged_bytes\`, \`chronik_recovery_warnings\` | above 0: read what the broker has said at its start |
`;

/** The whole page. */
export function metricsDoc(): string {
  const tables = SECTIONS.map(({ title, metrics }) =>
    [`## ${title}\n`, markdownTable(["Metric", "Type", "Labels", "What it is"], metrics.map(row))].join("\n"),
  );
  return [INTRODUCTION, ...tables].join("\n");
}

function row({ name, type, labels, help }: Metric): string[] {
  return [code(name), type, labels.map(code).join(", "), help];
}

if (import.meta.main) writeFileSync(METRICS_DOC, metricsDoc());
