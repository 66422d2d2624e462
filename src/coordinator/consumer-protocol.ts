/**
 * What members of classic consumer groups tell each other through the broker, as far as the broker takes part: it reads
 * subscriptions to know what a group reads, and where a group has members of both protocols (KIP-848) it divides the work
 * in place of a leader. Both messages are `version int16, …`, newer versions only add fields at the end.
 */
import { MalformedMessage, Reader } from "../protocol/codec/reader.ts";
import { Writer } from "../protocol/codec/writer.ts";

/** Members of this protocol type speak the consumers' protocol. */
export const CONSUMER_PROTOCOL_TYPE = "consumer";

/** Partitions of a topic, which is named as clients do it. */
export interface NamedPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface Subscription {
  readonly version: number;
  readonly topics: readonly string[];
  /** What the member has from before: told from version 1 on. */
  readonly owned: readonly NamedPartitions[];
  readonly rackId: string | null;
}

const OWNED_SINCE = 1;
const GENERATION_SINCE = 2;
const RACK_SINCE = 3;
/** The newest version of an assignment (Kafka's ConsumerProtocolAssignment). */
const NEWEST_ASSIGNMENT = 3;

/** The subscribed topics, or undefined when the bytes are no subscription. */
export function subscribedTopics(metadata: Buffer): readonly string[] | undefined {
  return attempt(metadata, (reader, version) => (version < 0 ? undefined : strings(reader)));
}

/** The whole subscription, or undefined when the bytes are none. */
export function readSubscription(metadata: Buffer): Subscription | undefined {
  return attempt(metadata, (reader, version) => {
    if (version < 0) return undefined;
    const topics = strings(reader);
    reader.nullableBytes(); // of the assignor
    const owned = version >= OWNED_SINCE ? namedPartitions(reader) : [];
    if (version >= GENERATION_SINCE) reader.int32();
    const rackId = version >= RACK_SINCE ? reader.nullableString() : null;
    return { version, topics, owned, rackId };
  });
}

/** What a leader has assigned to a member, or undefined when the bytes are no assignment. */
export function readAssignment(assignment: Buffer): readonly NamedPartitions[] | undefined {
  if (assignment.length === 0) return [];
  return attempt(assignment, (reader, version) => (version < 0 ? undefined : namedPartitions(reader)));
}

/** An assignment as a leader would have made it for a member with a subscription of this version. */
export function writeAssignment(subscriptionVersion: number, topics: readonly NamedPartitions[]): Buffer {
  const writer = new Writer();
  writer.int16(Math.min(subscriptionVersion, NEWEST_ASSIGNMENT));
  writer.int32(topics.length);
  for (const { topic, partitions } of topics) {
    writer.string(topic);
    writer.int32(partitions.length);
    for (const partition of partitions) writer.int32(partition);
  }
  writer.nullableBytes(null);
  return Buffer.concat(writer.finish().parts);
}

function attempt<T>(bytes: Buffer, read: (reader: Reader, version: number) => T | undefined): T | undefined {
  const reader = new Reader(bytes);
  try {
    return read(reader, reader.int16());
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined;
    throw error;
  }
}

function strings(reader: Reader): string[] {
  const texts: string[] = [];
  for (let left = reader.int32(); left > 0; left -= 1) texts.push(reader.string());
  return texts;
}

function namedPartitions(reader: Reader): NamedPartitions[] {
  const topics: NamedPartitions[] = [];
  for (let left = reader.int32(); left > 0; left -= 1) {
    const topic = reader.string();
    const partitions: number[] = [];
    for (let more = reader.int32(); more > 0; more -= 1) partitions.push(reader.int32());
    topics.push({ topic, partitions });
  }
  return topics;
}
