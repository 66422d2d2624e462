/**
 * The differences between answers that the harness accepts: this table and no other place. Each has to come up in a
 * full run. Why Chronik differs is said here; docs/decisions/0010 tells users of what these have to do with them.
 */
import { OFFERED } from "../../src/broker/handlers.ts";
import type { Mismatch } from "./compare.ts";
import { isStruct } from "./side.ts";

export interface Difference {
  readonly apis: readonly string[];
  readonly reason: string;
  /** Elements of arrays that are taken out of both answers. */
  readonly leftOut?: (element: unknown) => boolean;
  /** It depends on Kafka's choice whether it comes up. */
  readonly byChance?: true;
  /** Values that may differ. */
  readonly covers?: (mismatch: Mismatch) => boolean;
}

const OFFERED_KEYS: ReadonlySet<unknown> = new Set(OFFERED.map(({ apiKey }) => apiKey));

const OTHER_FEATURES: ReadonlySet<unknown> = new Set([
  "kraft.version",
  "share.version",
  "streams.version",
  "transaction.version",
  "eligible.leader.replicas.version",
]);

export const DIFFERENCES: readonly Difference[] = [
  {
    apis: ["Metadata", "DescribeLogDirs", "ListConfigResources"],
    reason: "Kafka keeps groups and transactions in topics of its own; here they are records of the one log.",
    leftOut: (element) =>
      isStruct(element) &&
      [element["name"], element["resourceName"]].some((name) => typeof name === "string" && name.startsWith("__")),
  },
  {
    apis: ["ApiVersions"],
    reason: "APIs of transactions, shares, security and between brokers are not offered.",
    leftOut: (element) => isStruct(element) && "apiKey" in element && !OFFERED_KEYS.has(element["apiKey"]),
  },
  {
    apis: ["ApiVersions"],
    reason: "Features of transactions, shares, streams and of Kafka's metadata log are not offered.",
    leftOut: (element) => isStruct(element) && OTHER_FEATURES.has(element["name"]),
  },
  {
    apis: ["ApiVersions"],
    reason: "Features lie in Kafka's metadata log, whose length is their epoch.",
    covers: ({ path }) => path === "finalizedFeaturesEpoch",
  },
  {
    apis: ["ConsumerGroupHeartbeat", "ConsumerGroupDescribe"],
    reason:
      "Which partitions a member gives up or gets, and who has one more, is for the assignor to choose. Kafka's does by chance.",
    byChance: true,
    covers: ({ path, kafka, chronik }) =>
      path.endsWith("ssignment.topicPartitions[].partitions[]") ||
      (/ssignment\.topicPartitions(\[\]\.partitions)?$/.test(path) && isOneApart(kafka, chronik)),
  },
  {
    apis: ["DescribeLogDirs"],
    reason:
      "Records that were deleted count in Kafka until their segment goes; here a partition is what can be read of it.",
    covers: ({ path, kafka, chronik }) => path.endsWith(".partitionSize") && Number(kafka) > Number(chronik),
  },
  {
    apis: ["Produce", "CreatePartitions"],
    reason: "Chronik says what is wrong where Kafka leaves it at the error code.",
    covers: ({ path, kafka, chronik }) => path.endsWith(".errorMessage") && kafka === null && chronik !== null,
  },
  {
    apis: ["CreateTopics", "DescribeConfigs"],
    reason: "Kafka's cluster sets min.insync.replicas for itself (KIP-966); here it has its default.",
    covers: ({ path, kafka, chronik }) =>
      (path.endsWith("[].configs[].configSource") && kafka === 3 && chronik === 5) ||
      (path === "results[].configs[].synonyms" && JSON.stringify(kafka).includes('"name":"min.insync.replicas"')),
  },
];

function isOneApart(one: unknown, other: unknown): boolean {
  return Array.isArray(one) && Array.isArray(other) && Math.abs(one.length - other.length) <= 1;
}
