/**
 * Records, topics and groups.
 *
 * Kafka has its numbers of records twice under one name: without a label of all topics, and with one of each. Topics can be
 * any number, so those that come with a label are bounded, and it is always the oldest that do: a series does not go away
 * because others come.
 */
import type { Broker } from "../../broker/broker.ts";
import type { RecordMetrics } from "../../broker/metrics.ts";
import { counter, counters, gauge, gauges, type Metric, type Section, type Series } from "./metric.ts";

export const RECORDS: Section = {
  title: "Records",
  metrics: [
    byTopic("messagesin", "Records that were produced.", ({ messagesIn }) => messagesIn),
    byTopic("bytesin", "Bytes of record batches that were produced.", ({ bytesIn }) => bytesIn),
    byTopic("bytesout", "Bytes of record batches that were fetched.", ({ bytesOut }) => bytesOut),
    counter(
      "chronik_produced_batches_total",
      "Record batches that were produced.",
      ({ broker }) => broker.metrics.batchesIn,
    ),
  ],
};

export const TOPICS_AND_GROUPS: Section = {
  title: "Topics and groups",
  metrics: [
    gauge(
      "kafka_controller_kafkacontroller_globaltopiccount",
      "Topics.",
      ({ broker }) => broker.store.state.topicCount,
    ),
    gauge("kafka_controller_kafkacontroller_globalpartitioncount", "Partitions of all topics.", partitions),
    gauge("kafka_server_replicamanager_partitioncount", "Partitions on this broker.", partitions),
    gauge("kafka_server_replicamanager_leadercount", "Partitions that this broker leads: all that it has.", partitions),
    gauge(
      "kafka_coordinator_group_groupmetadatamanager_numgroups",
      "Groups, those that only have offsets included.",
      ({ broker }) => broker.groups.coordinator.groupCount,
    ),
    gauges("chronik_groups", ["protocol", "state"], "Groups by protocol and state.", ({ broker }) => {
      const counts = new Map<string, { readonly labels: readonly string[]; count: number }>();
      for (const { type, state } of broker.groups.coordinator.groups()) {
        const counted = counts.get(`${type} ${state}`);
        if (counted === undefined) counts.set(`${type} ${state}`, { labels: [type, state], count: 1 });
        else counted.count += 1;
      }
      return [...counts.values()].map(({ labels, count }): Series => [labels, count]);
    }),
    gauges(
      "kafka_consumergroup_lag_sum",
      ["consumergroup", "topic"],
      "Records behind what a group has committed, of all partitions with an offset. See `metrics.max.group.lags`.",
      ({ broker }) => groupLags(broker, broker.store.state.broker["metrics.max.group.lags"]),
    ),
  ],
};

function partitions({ broker }: { readonly broker: Broker }): number {
  return broker.store.state.partitionCount;
}

function byTopic(name: string, help: string, value: (records: RecordMetrics) => number): Metric {
  return counters(
    `kafka_server_brokertopicmetrics_${name}_total`,
    ["topic"],
    `${help} Without a topic: of all of them. See \`metrics.max.topics\`.`,
    ({ broker }) => [[[], value(broker.metrics.allTopics)], ...topicSeries(broker, value)],
  );
}

function topicSeries(broker: Broker, value: (records: RecordMetrics) => number): Series[] {
  const { state } = broker.store;
  const series: Series[] = [];
  let left = state.broker["metrics.max.topics"];
  for (const topic of state.topics()) {
    if (left === 0) break;
    left -= 1;
    const records = broker.metrics.topic(topic);
    if (records !== undefined) series.push([[topic.name], value(records)]);
  }
  return series;
}

/** Of so many pairs of group and topic at most. */
function groupLags(broker: Broker, limit: number): Series[] {
  const { coordinator } = broker.groups;
  const series: Series[] = [];
  if (limit === 0) return series;
  for (const { groupId } of coordinator.groups()) {
    for (const [topicId, committed] of coordinator.offsets(groupId)) {
      const topic = broker.store.state.topicById(topicId);
      if (topic === undefined) continue;
      let lag = 0;
      for (const [partition, { offset }] of committed) {
        const highWatermark = topic.partitions[partition]?.highWatermark ?? 0;
        lag += Math.max(0, highWatermark - Number(offset));
      }
      series.push([[groupId, topic.name], lag]);
      if (series.length === limit) return series;
    }
  }
  return series;
}
