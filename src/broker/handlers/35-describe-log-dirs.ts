/**
 * DescribeLogDirs 1-4: the one folder of all data, with what each partition takes of it (KIP-113). A partition's size is that
 * of its batches in files that are still needed. Version 4 adds the size of the volume, and what is free of it.
 */
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import type { Topic } from "../../state/state.ts";
import type { Exchange } from "../exchange.ts";

type DescribeLogDirs = (typeof APIS)["describeLogDirs"];
type LogDir = NonNullable<MessageInput<DescribeLogDirs["response"]>["results"]>[number];
type TopicAnswer = NonNullable<LogDir["topics"]>[number];

export function handleDescribeLogDirs(exchange: Exchange<DescribeLogDirs>): void {
  const { broker } = exchange;
  answer(exchange).catch((error: unknown) => broker.fail(error));
}

async function answer(exchange: Exchange<DescribeLogDirs>): Promise<void> {
  const { disk } = exchange.broker;
  const [totalBytes, usableBytes] = await Promise.all([disk.totalBytes(), disk.freeBytes()]);
  exchange.answer({ results: [{ logDir: disk.location, topics: askedTopics(exchange), totalBytes, usableBytes }] });
}

function askedTopics({ broker, request }: Exchange<DescribeLogDirs>): TopicAnswer[] {
  const { state } = broker.store;
  if (request.topics === null) return [...state.topics()].map((topic) => describe(topic));
  const asked = Map.groupBy(request.topics, ({ topic }) => topic);
  return [...asked].flatMap(([name, parts]) => {
    const topic = state.topic(name);
    if (topic === undefined) return [];
    const described = describe(topic, new Set(parts.flatMap(({ partitions }) => partitions)));
    return described.partitions.length === 0 ? [] : [described];
  });
}

function describe({ name, partitions }: Topic, only?: ReadonlySet<number>) {
  return {
    name,
    partitions: partitions
      .filter(({ partition }) => only === undefined || only.has(partition))
      .map(({ partition, sizeBytes }) => ({ partitionIndex: partition, partitionSize: sizeBytes })),
  };
}
