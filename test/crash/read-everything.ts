/** Reads all there is, as a client sees it: topics with their settings, and every partition from log start to high watermark. */
import type { KafkaClient } from "../../sim/kafka-client.ts";
import type { ReadPartition, ReadTopic } from "../../sim/log-model.ts";
import type { Uuid } from "../../src/base/uuid.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { batchBaseOffset, batchOffsetCount, batchSizeBytes } from "../../src/protocol/record-batch.ts";
import { RESOURCE_TOPIC } from "../../src/state/state.ts";

const DYNAMIC_TOPIC_CONFIG = 1;
export const EARLIEST = -2;
const LATEST = -1;
/** A disk may refuse a read once or twice. */
const MOST_FAILURES = 3;
const FETCH_BYTES = 1024 * 1024;

export interface Everything {
  readonly clusterId: string | null;
  readonly topics: readonly ReadTopic[];
}

/** What one partition answered to a fetch. */
export interface FetchedBatches extends ReadPartition {
  readonly errorCode: number;
}

/** A place to read from. */
export interface FetchPlace {
  readonly topicId: Uuid;
  readonly partition: number;
  readonly offset: number;
}

export async function readEverything(client: KafkaClient): Promise<Everything> {
  const metadata = await client.request(APIS.metadata, 12, { topics: null, allowAutoTopicCreation: false });
  const topics = metadata.topics.map(async ({ name, topicId: id, partitions }): Promise<ReadTopic> => {
    const asked = { name: name!, partitions: partitions.length };
    const [settings, ends] = await Promise.all([
      topicSettings(client, name!),
      listOffsets(client, { ...asked, timestamp: LATEST }),
    ]);
    const read = ends.map((highWatermark, index) => readPartition(client, { id, name: name!, index, highWatermark }));
    const { leaderEpoch } = partitions[0]!;
    return { id, name: name!, leaderEpoch, settings, partitions: await Promise.all(read) };
  });
  return { clusterId: metadata.clusterId, topics: await Promise.all(topics) };
}

/** One fetch, by topic id; answers in the order of `places`. With `waitMs` for as long when there is nothing. */
export async function fetchBatches(
  client: KafkaClient,
  places: readonly FetchPlace[],
  options: { readonly version?: number; readonly waitMs?: number; readonly maxBytes?: number } = {},
): Promise<FetchedBatches[]> {
  const { version = 13, waitMs = 0, maxBytes = FETCH_BYTES } = options;
  const topics = [...Map.groupBy(places, ({ topicId }) => topicId)].map(([topicId, of]) => ({
    topicId,
    partitions: of.map(({ partition, offset }) => ({ partition, fetchOffset: offset, partitionMaxBytes: maxBytes })),
  }));
  const answer = await client.request(APIS.fetch, version, { maxWaitMs: waitMs, minBytes: 1, maxBytes, topics });
  const found = new Map<string, FetchedBatches>();
  for (const { topicId, partitions } of answer.responses) {
    for (const { partitionIndex, errorCode, highWatermark, logStartOffset: logStart, records } of partitions) {
      const batches = splitBatches(records ?? []);
      found.set(`${topicId}/${partitionIndex}`, { errorCode, highWatermark, logStart, batches });
    }
  }
  return places.map(({ topicId, partition }) => found.get(`${topicId}/${partition}`)!);
}

/** The batches that stand one behind the other in the record bytes of an answer. */
export function splitBatches(parts: readonly Buffer[]): Buffer[] {
  const bytes = Buffer.concat(parts);
  const batches: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + batchSizeBytes(bytes, at);
    batches.push(bytes.subarray(at, end));
    at = end;
  }
  return batches;
}

/** The offset at a timestamp, or a special one, of each of a topic's first `partitions` partitions. */
export async function listOffsets(
  client: KafkaClient,
  asked: { readonly name: string; readonly partitions: number; readonly timestamp: number },
): Promise<number[]> {
  const { name, timestamp } = asked;
  const partitions = Array.from({ length: asked.partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp }));
  const answer = await client.request(APIS.listOffsets, 7, { replicaId: -1, topics: [{ name, partitions }] });
  return answer.topics[0]!.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex).map(
    ({ offset }) => offset,
  );
}

async function readPartition(
  client: KafkaClient,
  options: { readonly id: Uuid; readonly name: string; readonly index: number; readonly highWatermark: number },
): Promise<ReadPartition> {
  const { id: topicId, name, index: partition, highWatermark } = options;
  const earliest = { name, partitions: partition + 1, timestamp: EARLIEST };
  let logStart = (await listOffsets(client, earliest))[partition]!;
  let batches: Buffer[] = [];
  let offset = logStart;
  let failures = 0;
  while (offset < highWatermark) {
    const [fetched] = await fetchBatches(client, [{ topicId, partition, offset }]);
    if (fetched!.errorCode === ErrorCode.KAFKA_STORAGE_ERROR && failures++ < MOST_FAILURES) continue;
    if (fetched!.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      const movedTo = (await listOffsets(client, earliest))[partition]!;
      if (movedTo <= logStart) break; // which leaves a hole for the model to see
      [logStart, offset, batches] = [movedTo, movedTo, []];
      continue;
    }
    const last = fetched!.batches.at(-1);
    if (fetched!.errorCode !== ErrorCode.NONE || last === undefined) break;
    const next = batchBaseOffset(last, 0) + batchOffsetCount(last, 0);
    if (next <= offset) break;
    batches.push(...fetched!.batches);
    offset = next;
  }
  return { logStart, highWatermark, batches };
}

/** What was set on the topic itself. */
async function topicSettings(client: KafkaClient, resourceName: string): Promise<Map<string, string>> {
  const resources = [{ resourceType: RESOURCE_TOPIC, resourceName, configurationKeys: null }];
  const answer = await client.request(APIS.describeConfigs, 4, { resources });
  const set = answer.results[0]!.configs.filter(({ configSource }) => configSource === DYNAMIC_TOPIC_CONFIG);
  return new Map(set.map(({ name, value }) => [name, value!]));
}
