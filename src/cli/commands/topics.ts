/** `chronik topics`: topics, their partitions and their settings. */
import { ConfigResourceTypes, ConfigSources, IncrementalAlterConfigOperationTypes } from "@platformatic/kafka";
import { toJson } from "../exact-json.ts";
import { Misuse } from "../failure.ts";
import { BEGINNING, type Broker, END, type Kafka, withKafka } from "../kafka.ts";
import { writeLines } from "../output.ts";
import { type Cell, table } from "../table.ts";

interface Connection {
  readonly brokers: readonly Broker[];
  readonly json?: true;
}

export type KeyValue = readonly [key: string, value: string];

export async function listTopics(
  options: Connection & { readonly names?: true; readonly internal?: true },
): Promise<void> {
  await withKafka(options.brokers, async (kafka) => {
    const names = await kafka.topicNames(options.internal);
    if (options.names) return writeLines(names);
    const topics = [...(await kafka.topics(names))].map(([name, { partitions }]) => ({
      name,
      partitions: partitions.length,
      replicas: partitions[0]?.replicas.length ?? 0,
    }));
    if (options.json) return writeLines(topics.map(toJson));
    await writeLines(
      table(
        ["NAME", "PARTITIONS", "REPLICAS"],
        topics.map(({ name, partitions, replicas }) => [name, partitions, replicas]),
      ),
    );
  });
}

export async function createTopics(
  names: readonly string[],
  options: Connection & {
    readonly partitions?: number;
    readonly replicas?: number;
    readonly config?: readonly KeyValue[];
  },
): Promise<void> {
  const { partitions, replicas, config = [] } = options;
  await withKafka(options.brokers, async (kafka) => {
    const created = await kafka.admin.createTopics({
      topics: [...names],
      ...(partitions === undefined ? {} : { partitions }),
      ...(replicas === undefined ? {} : { replicas }),
      configs: config.map(([name, value]) => ({ name, value })),
    });
    const lines = created.map(({ name, partitions, replicas }) =>
      options.json ? toJson({ name, partitions, replicas }) : `created ${name} with ${count(partitions, "partition")}`,
    );
    await writeLines(lines);
  });
}

export async function deleteTopics(names: readonly string[], options: Connection): Promise<void> {
  await withKafka(options.brokers, async (kafka) => {
    await kafka.topics(names);
    await kafka.admin.deleteTopics({ topics: [...names] });
    await writeLines(names.map((name) => (options.json ? toJson({ name }) : `deleted ${name}`)));
  });
}

export async function describeTopics(names: readonly string[], options: Connection): Promise<void> {
  await withKafka(options.brokers, async (kafka) => {
    const topics = await kafka.topics(names);
    const configs = await configsOf(kafka, names);
    for (const [index, [name, topic]] of [...topics].entries()) {
      const all = topic.partitions.map((_, partition) => partition);
      const [beginnings, ends] = [await kafka.offsets(name, all, BEGINNING), await kafka.offsets(name, all, END)];
      const partitions = topic.partitions.map(({ leader, leaderEpoch, replicas, isr }, partition) => ({
        ...{ partition, leader, leaderEpoch, replicas, inSync: isr },
        start: beginnings.get(partition)!,
        end: ends.get(partition)!,
      }));
      const set = configs.get(name)!.filter(({ source }) => source === "topic");
      if (options.json) {
        const own = Object.fromEntries(set.map((config) => [config.name, config.value]));
        await writeLines([toJson({ name, id: topic.id, partitions, configs: own })]);
        continue;
      }
      const rows = partitions.map(({ partition, leader, replicas, inSync, start, end }): Cell[] => [
        ...[partition, leader, replicas.join(","), inSync.join(",")],
        ...[start, end, end - start],
      ]);
      await writeLines([
        ...(index > 0 ? [""] : []),
        `topic   ${name}`,
        `id      ${topic.id}`,
        `configs ${set.map((config) => `${config.name}=${config.value ?? ""}`).join(" ") || "all as the broker has them"}`,
        "",
        ...table(["PARTITION", "LEADER", "REPLICAS", "IN-SYNC", "START", "END", "RECORDS"], rows),
      ]);
    }
  });
}

export async function showConfigs(names: readonly string[], options: Connection): Promise<void> {
  await withKafka(options.brokers, async (kafka) => {
    await kafka.topics(names);
    const configs = await configsOf(kafka, names);
    for (const name of names) {
      const rows = configs.get(name)!;
      if (options.json) {
        await writeLines(rows.map((config) => toJson({ topic: name, ...config })));
      } else {
        const cells = rows.map((config) => [config.name, config.value, config.source]);
        await writeLines([...(names.length > 1 ? [`topic ${name}`] : []), ...table(["KEY", "VALUE", "SOURCE"], cells)]);
      }
    }
  });
}

export interface Alterations {
  readonly partitions?: number;
  readonly set?: readonly KeyValue[];
  readonly delete?: readonly string[];
  readonly append?: readonly KeyValue[];
  readonly subtract?: readonly KeyValue[];
}

export async function alterTopics(names: readonly string[], options: Connection & Alterations): Promise<void> {
  const { SET, DELETE, APPEND, SUBTRACT } = IncrementalAlterConfigOperationTypes;
  const changes = [
    ...(options.set ?? []).map(([name, value]) => ({ name, value, configOperation: SET })),
    ...(options.delete ?? []).map((name) => ({ name, value: null, configOperation: DELETE })),
    ...(options.append ?? []).map(([name, value]) => ({ name, value, configOperation: APPEND })),
    ...(options.subtract ?? []).map(([name, value]) => ({ name, value, configOperation: SUBTRACT })),
  ];
  const { partitions } = options;
  if (changes.length === 0 && partitions === undefined) {
    throw new Misuse("nothing to change: give --set, --delete, --append, --subtract or --partitions");
  }
  await withKafka(options.brokers, async (kafka) => {
    await kafka.topics(names);
    if (changes.length > 0) {
      await kafka.admin.incrementalAlterConfigs({
        resources: names.map((resourceName) => ({
          resourceType: ConfigResourceTypes.TOPIC,
          resourceName,
          configs: changes,
        })),
      });
    }
    if (partitions !== undefined) {
      const topics = names.map((name) => ({ name, count: partitions }));
      await kafka.admin.createPartitions({ topics });
    }
    await writeLines(names.map((name) => (options.json ? toJson({ name }) : `altered ${name}`)));
  });
}

interface Config {
  readonly name: string;
  readonly value: string | null;
  readonly source: string;
}

/** The settings of topics, sorted by name. */
async function configsOf(kafka: Kafka, names: readonly string[]): Promise<ReadonlyMap<string, readonly Config[]>> {
  if (names.length === 0) return new Map();
  const described = await kafka.admin.describeConfigs({
    resources: names.map((resourceName) => ({
      resourceType: ConfigResourceTypes.TOPIC,
      resourceName,
      configurationKeys: null,
    })),
  });
  const sorted = described.map(({ resourceName, configs }): [string, readonly Config[]] => [
    resourceName,
    configs
      .map(({ name, value, configSource }) => ({ name, value: value ?? null, source: sourceName(configSource) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  ]);
  return new Map(sorted);
}

function sourceName(source: number): string {
  switch (source) {
    case ConfigSources.DYNAMIC_TOPIC_CONFIG:
      return "topic";
    case ConfigSources.DYNAMIC_BROKER_CONFIG:
      return "broker";
    case ConfigSources.DYNAMIC_DEFAULT_BROKER_CONFIG:
      return "all brokers";
    case ConfigSources.STATIC_BROKER_CONFIG:
      return "broker's file";
    case ConfigSources.DEFAULT_CONFIG:
      return "default";
    default:
      return "other";
  }
}

function count(number: number, thing: string): string {
  return number === 1 ? `1 ${thing}` : `${number} ${thing}s`;
}
