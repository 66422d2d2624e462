/** Looks at the record batches of a topic as the broker holds them, without any of the libraries. */
import { KafkaClient } from "../../sim/kafka-client.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { BATCH_HEADER_BYTES, batchCompression, batchSizeBytes } from "../../src/protocol/record-batch.ts";
import { tcpConnection } from "../system/broker-process.ts";

/** The last version that only the leader of a partition answers: a broker that has yet to become that would, too. */
const FETCH_VERSION = 10;
const MAX_BYTES = 16 << 20;

interface Topic {
  readonly topic: string;
  readonly partitions: number;
}

interface FetchedPartition {
  readonly errorCode: number;
  readonly records: readonly Buffer[] | null;
}

/** The codecs in the first 16 MiB of a topic. */
export async function storedCodecs(port: number, topic: Topic): Promise<ReadonlySet<string>> {
  const codecs = new Set<string>();
  for (const { errorCode, records } of await fetchPartitions(port, topic)) {
    if (errorCode !== 0) throw new Error(`cannot fetch from ${topic.topic}: Kafka error code ${errorCode}`);
    const batches = Buffer.concat(records ?? []);
    for (let at = 0; at + BATCH_HEADER_BYTES <= batches.length; at += batchSizeBytes(batches, at)) {
      codecs.add(batchCompression(batches, at));
    }
  }
  return codecs;
}

/** Whether the broker leads every partition of a topic. */
export async function isLed(port: number, topic: Topic): Promise<boolean> {
  return (await fetchPartitions(port, topic)).every(({ errorCode }) => errorCode === 0);
}

async function fetchPartitions(port: number, { topic, partitions }: Topic): Promise<readonly FetchedPartition[]> {
  const client = new KafkaClient(tcpConnection(port));
  const positions = Array.from({ length: partitions }, (_, partition) => ({
    partition,
    fetchOffset: 0,
    partitionMaxBytes: MAX_BYTES,
  }));
  try {
    const { responses } = await client.request(APIS.fetch, FETCH_VERSION, {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: MAX_BYTES,
      topics: [{ topic, partitions: positions }],
    });
    return responses.flatMap((answer) => answer.partitions);
  } finally {
    client.close();
  }
}
