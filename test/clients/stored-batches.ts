/** Looks at the record batches of a topic as the broker holds them, without any of the libraries. */
import { ask } from "../../bench/load/connection.ts";
import { LENGTH_PREFIX_BYTES } from "../../bench/load/record-batch.ts";
import { BrokerError, encodeFetch, NO_SESSION, visitFetch } from "../../bench/load/wire.ts";

/** By the number in the attributes of a batch. */
const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"];
const CODEC_MASK = 0x07;
const ATTRIBUTES_AT = 21;
const LIMITS = { maxWaitMs: 0, maxBytes: 16 << 20, partitionMaxBytes: 16 << 20 };

interface Topic {
  readonly topic: string;
  readonly partitions: number;
}

/** The codecs in the first 16 MiB of a topic. @throws BrokerError */
export async function storedCodecs(port: number, topic: Topic): Promise<ReadonlySet<string>> {
  const frame = await fetchTopic(port, topic);
  const codecs = new Set<string>();
  visitFetch(frame, 0, frame.length, ({ from, to }) => {
    for (let at = from; at + ATTRIBUTES_AT < to; at += LENGTH_PREFIX_BYTES + frame.readInt32BE(at + 8)) {
      const number = (frame[at + ATTRIBUTES_AT + 1] ?? 0) & CODEC_MASK;
      codecs.add(CODECS[number] ?? `codec ${number}`);
    }
  });
  return codecs;
}

/** Whether the broker answers a fetch from every partition without an error. */
export async function canBeFetched(port: number, topic: Topic): Promise<boolean> {
  const frame = await fetchTopic(port, topic);
  try {
    visitFetch(frame, 0, frame.length, () => {});
    return true;
  } catch (failure) {
    if (failure instanceof BrokerError) return false;
    throw failure;
  }
}

function fetchTopic(port: number, { topic, partitions }: Topic): Promise<Buffer> {
  const positions = Array.from({ length: partitions }, (_, partition) => ({ partition, offset: 0 }));
  return ask({ host: "127.0.0.1", port }, encodeFetch(topic, positions, NO_SESSION, LIMITS));
}
