/** The part of @platformatic/kafka in ../crash-suite.ts. */
import { Buffer } from "node:buffer";
import { Admin, type CompressionAlgorithmValue, Consumer, ProduceAcks, Producer } from "@platformatic/kafka";
import { type Acks, type Header, type Library, type SentRecord, type StoredRecord, serve } from "../scenario.ts";

/** More of them than a restart of the broker needs. */
const RETRIES = 400;
const RETRY_DELAY_MS = 250;
const FETCH_BYTES = 8 * 1024 * 1024;
const FETCH_PARTITION_BYTES = 1024 * 1024;
const FETCH_WAIT_MS = 500;
/** As many empty answers: nothing more is coming. */
const FETCHES_EMPTY_MAX = 60;
const END = -1n;

const ACKS = { all: ProduceAcks.ALL, "1": ProduceAcks.LEADER, "0": ProduceAcks.NO_RESPONSE } as const;

const options = {
  clientId: "crash-client",
  bootstrapBrokers: [process.argv.at(-1)!],
  retries: RETRIES,
  retryDelay: RETRY_DELAY_MS,
};

const library: Library = {
  codecs: ["none", "gzip", "snappy", "lz4", "zstd"],
  refusesNullHeaders: false,

  async create(topic, partitions) {
    const admin = new Admin(options);
    await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
    await admin.close();
  },

  async producer({ codec, acks }) {
    const producer = new Producer({
      ...options,
      idempotent: acks === "all",
      compression: codec as CompressionAlgorithmValue,
    });
    return {
      send: async (topic, records) => send(producer, topic, records, acks),
      close: async () => producer.close(),
    };
  },

  async endOffsets(topic, partitions) {
    const admin = new Admin(options);
    const request = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: END }));
    const listed = await admin.listOffsets({ topics: [{ name: topic, partitions: request }] });
    await admin.close();
    const ends = new Map(listed[0]!.partitions.map(({ partitionIndex, offset }) => [partitionIndex, Number(offset)]));
    return request.map(({ partitionIndex }) => ends.get(partitionIndex) ?? 0);
  },

  async read(topic, ends, take) {
    // The library wants a group's name, and uses it only in calls that are not made here.
    const consumer = new Consumer({ ...options, groupId: "unused" });
    consumer.topics.track(topic);
    const { topics } = await consumer.metadata({ topics: [topic] });
    const { id: topicId, partitions } = topics.get(topic)!;
    const positions = new Map<number, bigint>();
    for (const [partition, end] of ends.entries()) if (end > 0) positions.set(partition, 0n);
    for (let empty = 0; positions.size > 0; empty += 1) {
      if (empty > FETCHES_EMPTY_MAX) throw new Error(`no more records after ${[...positions].join(" ")}`);
      const { responses } = await consumer.fetch({
        node: partitions[0]!.leader,
        topics: [{ topicId, partitions: [...positions].map(([partition, offset]) => positionOf(partition, offset)) }],
        minBytes: 1,
        maxBytes: FETCH_BYTES,
        maxWaitTime: FETCH_WAIT_MS,
        isolationLevel: 0,
      });
      for (const { partitionIndex, records: batches } of responses.flatMap((response) => response.partitions)) {
        for (const batch of batches ?? []) {
          empty = 0;
          for (const record of recordsOf(partitionIndex, batch)) take(record);
          const next = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
          if (next >= ends[partitionIndex]!) positions.delete(partitionIndex);
          else positions.set(partitionIndex, next);
        }
      }
    }
    await consumer.close(true);
  },
};

async function send(
  producer: Producer,
  topic: string,
  records: readonly SentRecord[],
  acks: Acks,
): Promise<ReadonlyMap<number, number>> {
  const { offsets } = await producer.send({
    acks: ACKS[acks],
    messages: records.map(({ partition, timestamp, key, value, headers }) => ({
      topic,
      partition,
      timestamp: BigInt(timestamp),
      // The library's types do not know null; it writes it as Kafka does.
      key: key as Buffer,
      value: value as Buffer,
      // Names are buffers, and no two of them the same: so the map holds a name twice.
      headers: new Map(headers.map(([name, content]) => [Buffer.from(name), content as Buffer])),
    })),
  });
  return new Map((offsets ?? []).map(({ partition, offset }) => [partition, Number(offset)]));
}

function positionOf(partition: number, fetchOffset: bigint) {
  return {
    partition,
    fetchOffset,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    partitionMaxBytes: FETCH_PARTITION_BYTES,
  };
}

type Fetched = Awaited<ReturnType<Consumer["fetch"]>>["responses"][number]["partitions"][number];
type Batch = NonNullable<Fetched["records"]>[number];

function recordsOf(partition: number, batch: Batch): readonly StoredRecord[] {
  return batch.records.map(({ offsetDelta, timestampDelta, key, value, headers }) => ({
    partition,
    offset: Number(batch.firstOffset) + offsetDelta,
    timestamp: Number(batch.firstTimestamp + timestampDelta),
    key,
    value,
    headers: headers.map(([name, content]): Header => [name!.toString(), content]),
  }));
}

await serve(library);
