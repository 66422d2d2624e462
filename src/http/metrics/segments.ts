/** Segments, and the storage worker that makes them. */
import type { Segment } from "../../log/segment.ts";
import { JOB_KINDS, JOB_OUTCOMES, type JobMetrics } from "../../storage/metrics.ts";
import {
  counter,
  counters,
  gauge,
  gauges,
  histograms,
  type Metric,
  type Scrape,
  type Section,
  type Series,
  seconds,
} from "./metric.ts";

const MS_PER_SECOND = 1000;

export const SEGMENTS: Section = {
  title: "Segments and the storage worker",
  metrics: [
    gauges(
      "chronik_ranges",
      ["tier"],
      "Ranges of offsets that partitions have in files of the log and in segments.",
      (scrape) => [
        [["wal"], users([...scrape.broker.store.files.closed, scrape.broker.store.wal.file])],
        [["segment"], users(scrape.broker.store.state.segments.values())],
      ],
    ),
    byLevel("chronik_segments", "Segments, by level: 0 is made of a file of the log, others of lower ones.", () => 1),
    byLevel("chronik_segment_bytes", "Bytes of the segments' files.", ({ sizeBytes }) => sizeBytes),
    byLevel("chronik_segment_batch_bytes", "Bytes of record batches in segments.", ({ batchBytes }) => batchBytes),
    byLevel(
      "chronik_segment_live_bytes",
      "Bytes of record batches in segments that can still be read; the rest is dead, and goes when a segment is written anew.",
      ({ liveBytes }) => liveBytes,
    ),
    gauge(
      "chronik_segments_unused",
      "Segments that nothing refers to any more, waiting to be removed.",
      (scrape) => unused(scrape).length,
    ),
    gauge("chronik_segments_unused_bytes", "Their bytes.", (scrape) =>
      unused(scrape).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    ),
    gauge(
      "chronik_storage_backlog_bytes",
      "Bytes of closed files of the log that wait for becoming segments.",
      ({ broker }) => broker.storage.backlog.bytes,
    ),
    gauge(
      "chronik_storage_backlog_limit_bytes",
      "What they may come to (wal.backlog.max.bytes): producers are slowed from three quarters of it on.",
      ({ broker }) => broker.store.state.broker["wal.backlog.max.bytes"],
    ),
    gauge(
      "chronik_storage_backlog_age_seconds",
      "How long the oldest of them has waited, since the broker started at most; 0 when none waits.",
      ({ broker }) => broker.storage.backlogAgeMs / MS_PER_SECOND,
    ),
    counter(
      "chronik_storage_producers_delayed_total",
      "How often the connection of a producer was held back because of them.",
      ({ broker }) => broker.storage.metrics.producersHeldBack,
    ),
    gauges("chronik_storage_jobs_running", ["kind"], "Jobs of the storage worker under way.", (scrape) =>
      byKind(scrape, ({ running }) => running),
    ),
    counters(
      "chronik_storage_jobs_total",
      ["kind", "outcome"],
      "Jobs of the storage worker that have ended: failed ones are tried again, damaged ones had something to read that is not what was written.",
      ({ broker }) =>
        JOB_KINDS.flatMap((kind) =>
          JOB_OUTCOMES.map((outcome): Series => [[kind, outcome], broker.storage.metrics.jobs[kind].ended[outcome]]),
        ),
    ),
    histograms(
      "chronik_storage_job_duration_seconds",
      ["kind"],
      "How long jobs took, however they ended.",
      ({ broker }) => JOB_KINDS.map((kind): Series => [[kind], seconds(broker.storage.metrics.jobs[kind].durationMs)]),
    ),
    counters("chronik_storage_read_bytes_total", ["kind"], "Bytes of the files that jobs were done on.", (scrape) =>
      byKind(scrape, ({ readBytes }) => readBytes),
    ),
    counters(
      "chronik_storage_written_bytes_total",
      ["kind"],
      "Bytes of the segments that jobs have written.",
      (scrape) => byKind(scrape, ({ writtenBytes }) => writtenBytes),
    ),
    counter(
      "chronik_segments_removed_total",
      "Segments that were removed.",
      ({ broker }) => broker.storage.metrics.segmentsRemoved,
    ),
    counter(
      "chronik_segments_removed_bytes_total",
      "Their bytes.",
      ({ broker }) => broker.storage.metrics.removedBytes,
    ),
    counter(
      "chronik_storage_worker_launches_total",
      "How often a storage worker was started.",
      ({ broker }) => broker.storage.metrics.workersLaunched,
    ),
    counter(
      "chronik_storage_worker_crashes_total",
      "Storage workers that ended by themselves.",
      ({ broker }) => broker.storage.metrics.workersCrashed,
    ),
    counter(
      "chronik_storage_worker_stalls_total",
      "Storage workers that were ended because they showed no progress.",
      ({ broker }) => broker.storage.metrics.workersStalled,
    ),
  ],
};

/** A gauge of the segments in use. */
function byLevel(name: string, help: string, value: (segment: Segment) => number): Metric {
  return gauges(name, ["level"], help, ({ broker }) => {
    const sums = new Map<number, number>();
    for (const segment of broker.store.state.segments.values()) {
      if (segment.users > 0) sums.set(segment.level, (sums.get(segment.level) ?? 0) + value(segment));
    }
    return [...sums].toSorted(([a], [b]) => a - b).map(([level, sum]): Series => [[String(level)], sum]);
  });
}

function byKind({ broker }: Scrape, value: (metrics: JobMetrics) => number): Series[] {
  return JOB_KINDS.map((kind): Series => [[kind], value(broker.storage.metrics.jobs[kind])]);
}

function unused({ broker }: Scrape): Segment[] {
  return [...broker.store.state.segments.values()].filter((segment) => segment.users === 0);
}

/** Each range uses its file. */
function users(files: Iterable<{ readonly users: number }>): number {
  let sum = 0;
  for (const file of files) sum += file.users;
  return sum;
}
