/** Who the broker is, what topics it makes, and how it is watched. */
import { boolean, className, int, list, long, string, withoutMeaning } from "../setting.ts";

export const BROKER = {
  "node.id": int(1, "The broker's id in every answer; `broker.id` is the same setting.", {
    min: 0,
    importance: "high",
  }),
  "broker.id": int(1, "The broker's id under its older name; `node.id` is the same setting.", { importance: "high" }),
  "broker.rack": string(null, "The rack the broker says it is in."),
  "auto.create.topics.enable": boolean(
    true,
    "Whether a topic is made when a client asks about one that is not there.",
    { importance: "high" },
  ),
  "delete.topic.enable": boolean(true, "Whether topics can be deleted.", { importance: "high" }),
  "num.partitions": int(1, "Partitions of a topic made without a number of them.", { min: 1 }),
  ...withoutMeaning("there are no classes to plug in", {
    "alter.config.policy.class.name": className(null, "Class that may refuse a change of settings.", {
      importance: "low",
    }),
    "client.quota.callback.class": className(null, "Class that decides quotas.", { importance: "low" }),
    "config.providers": list([], "Where values of the form ${provider:path:key} come from.", {
      importance: "low",
      scope: "cluster-wide",
    }),
    "create.topic.policy.class.name": className(null, "Class that may refuse a topic.", { importance: "low" }),
    "kafka.metrics.polling.interval.secs": int(10, "How often metrics are given to `kafka.metrics.reporters`.", {
      min: 1,
      importance: "low",
    }),
    "kafka.metrics.reporters": list([], "Classes that report Kafka's older metrics.", { importance: "low" }),
    "metric.reporters": list(["org.apache.kafka.common.metrics.JmxReporter"], "Classes that report metrics.", {
      importance: "low",
      scope: "cluster-wide",
    }),
  }),
  ...withoutMeaning("metrics are counters served over HTTP", {
    "metrics.num.samples": int(2, "Samples a metric is computed from.", { min: 1, importance: "low" }),
    "metrics.recording.level": string("INFO", "How detailed metrics are.", { importance: "low" }),
    "metrics.sample.window.ms": long(30000, "The time one sample covers.", { min: 1, importance: "low" }),
    "telemetry.max.bytes": int(1048576, "The largest set of metrics a client may push.", { min: 1, importance: "low" }),
  }),
  ...withoutMeaning("quotas are not part of this version yet", {
    "alter.log.dirs.replication.quota.window.num": int(11, "Samples kept for the quota on moves between folders.", {
      min: 1,
      importance: "low",
    }),
    "alter.log.dirs.replication.quota.window.size.seconds": int(1, "The time one such sample covers.", {
      min: 1,
      importance: "low",
    }),
    "controller.quota.window.num": int(11, "Samples kept for the quota on changes of topics.", {
      min: 1,
      importance: "low",
    }),
    "controller.quota.window.size.seconds": int(1, "The time one such sample covers.", { min: 1, importance: "low" }),
    "quota.window.num": int(11, "Samples kept for the quotas of clients.", { min: 1, importance: "low" }),
    "quota.window.size.seconds": int(1, "The time one such sample covers.", { min: 1, importance: "low" }),
    "replication.quota.window.num": int(11, "Samples kept for the quota on replication.", {
      min: 1,
      importance: "low",
    }),
    "replication.quota.window.size.seconds": int(1, "The time one such sample covers.", { min: 1, importance: "low" }),
  }),
  ...withoutMeaning("a broker that stops has no other to hand its partitions to", {
    "controlled.shutdown.enable": boolean(true, "Whether partitions are handed over before the broker stops."),
  }),
};
