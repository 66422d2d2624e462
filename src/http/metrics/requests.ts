/** Requests, and the connections they come over. Names are Kafka's where Kafka counts the same. */
import type { RequestMetrics } from "../../broker/metrics.ts";
import { APIS, type Api } from "../../protocol/apis.ts";
import { errorName } from "../../protocol/errors.ts";
import {
  counter,
  counters,
  gauge,
  gauges,
  histograms,
  type Scrape,
  type Section,
  type Series,
  seconds,
} from "./metric.ts";

export const REQUESTS: Section = {
  title: "Requests",
  metrics: [
    counters(
      "kafka_network_requestmetrics_requests_total",
      ["request", "version"],
      "Requests, by API and its version.",
      ({ broker }) =>
        broker.metrics.requests.flatMap(({ name, byVersion }) =>
          Object.entries(byVersion).map(([version, count]): Series => [[name, version], count]),
        ),
    ),
    counters(
      "kafka_network_requestmetrics_errors_total",
      ["request", "error"],
      "Error codes in answers, NONE included: of each partition, topic or group that an answer tells of.",
      ({ broker }) =>
        broker.metrics.requests.flatMap(({ name, errors }) =>
          errors.entries().map(([code, count]): Series => [[name, errorName(code)], count]),
        ),
    ),
    histograms(
      "chronik_request_duration_seconds",
      ["request"],
      "From when a request was read to when its answer may leave; a fetch may wait for records as long as it asks for.",
      ({ broker }) => broker.metrics.requests.map(({ name, totalMs }): Series => [[name], seconds(totalMs)]),
    ),
    histograms(
      "chronik_request_durability_wait_seconds",
      ["request"],
      "How long an answer was there and waited until the log was durable (with wal.sync=interval: written).",
      ({ broker }) => broker.metrics.requests.map(({ name, durabilityMs }): Series => [[name], seconds(durabilityMs)]),
    ),
    counter(
      "kafka_server_brokertopicmetrics_totalproducerequests_total",
      "Partitions that produce requests were answered for.",
      (scrape) => requestsOf(scrape, APIS.produce)?.answers ?? 0,
    ),
    counter(
      "kafka_server_brokertopicmetrics_failedproducerequests_total",
      "Partitions that produce requests were answered for with an error.",
      (scrape) => requestsOf(scrape, APIS.produce)?.failures ?? 0,
    ),
    counter(
      "kafka_server_brokertopicmetrics_totalfetchrequests_total",
      "Partitions that fetch requests have read, again for each time that one was looked at.",
      ({ broker }) => broker.metrics.partitionsRead,
    ),
    counter(
      "kafka_server_brokertopicmetrics_failedfetchrequests_total",
      "Partitions, and fetch requests as a whole, that were answered with an error.",
      (scrape) => requestsOf(scrape, APIS.fetch)?.failures ?? 0,
    ),
    gauges(
      "kafka_server_delayedoperationpurgatory_purgatorysize",
      ["delayedOperation"],
      "Requests that wait: fetches for records.",
      ({ broker }) => [[["Fetch"], broker.parkedFetches.size]],
    ),
    gauge(
      "chronik_waiting_fetch_partitions",
      "Partitions of the fetches that wait for records.",
      ({ broker }) => broker.parkedFetches.partitions,
    ),
    gauge(
      "kafka_server_fetchsessioncache_numincrementalfetchsessions",
      "Incremental fetch sessions (KIP-227).",
      ({ broker }) => broker.fetchSessions.count,
    ),
    gauge(
      "kafka_server_fetchsessioncache_numincrementalfetchpartitionscached",
      "Partitions that incremental fetch sessions follow.",
      ({ broker }) => broker.fetchSessions.partitionCount,
    ),
  ],
};

/** Nothing when there was none. */
function requestsOf({ broker }: Scrape, api: Api): RequestMetrics | undefined {
  return broker.metrics.requests.find(({ name }) => name === api.name);
}

export const CONNECTIONS: Section = {
  title: "Connections",
  metrics: [
    gauge(
      "kafka_server_socket_server_metrics_connection_count",
      "Connections that are open.",
      ({ broker }) => broker.connectionCount,
    ),
    counter(
      "kafka_server_socket_server_metrics_connection_creation_total",
      "Connections that were accepted.",
      ({ broker }) => broker.metrics.connectionsOpened,
    ),
    counter(
      "kafka_server_socket_server_metrics_connection_close_total",
      "Connections that have ended.",
      ({ broker }) => broker.metrics.connectionsOpened - broker.connectionCount,
    ),
    counter(
      "chronik_connections_refused_total",
      "Connections that were closed because of what the peer did, or because there were too many.",
      ({ broker }) => broker.metrics.connectionsRefused,
    ),
    gauge(
      "chronik_connections_throttled",
      "Connections that are not read because too much waits for the log (wal.max.pending.bytes).",
      ({ broker }) => broker.throttledCount,
    ),
    counter(
      "kafka_server_socket_server_metrics_incoming_byte_total",
      "Bytes read off all connections.",
      ({ broker }) => broker.metrics.receivedBytes,
    ),
    counter(
      "kafka_server_socket_server_metrics_outgoing_byte_total",
      "Bytes sent over all connections.",
      ({ broker }) => broker.metrics.sentBytes,
    ),
  ],
};
