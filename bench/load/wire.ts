/**
 * The few Kafka requests that a load driver sends, and what it needs of the answers. One version each: Produce 11 and
 * Fetch 12 name their topics (later ones differ in little else than ids), CreateTopics 4 is the last without compact fields.
 */
const CLIENT_ID = "chronik-load-driver";
const TIMEOUT_MS = 30_000;

const ApiKey = { produce: 0, fetch: 1, createTopics: 19 } as const;

/** An answer carried this Kafka error code. */
export class BrokerError extends Error {
  readonly code: number;

  constructor(what: string, code: number) {
    super(`${what}: Kafka error code ${code}`);
    this.code = code;
  }
}

export interface PartitionBatch {
  readonly partition: number;
  readonly batch: Buffer;
}

/** Batches for one topic. */
export interface TopicBatches {
  readonly topic: string;
  readonly batches: readonly PartitionBatch[];
}

export interface FetchPosition {
  readonly partition: number;
  readonly offset: number;
}

export interface FetchLimits {
  /** How long the broker may wait for a first byte to send. */
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  readonly partitionMaxBytes: number;
}

export function encodeCreateTopic(topic: string, partitions: number): Buffer {
  const writer = new Writer(ApiKey.createTopics, 4, 0);
  writer.int32(1).string(topic).int32(partitions).int16(1).int32(0).int32(0);
  return writer.int32(TIMEOUT_MS).int8(0).frame();
}

/** @throws BrokerError unless the topic was created. */
export function checkCreateTopic(answer: Buffer): void {
  const reader = new Reader(answer, 0, answer.length);
  reader.skip(4 + 4 + 4); // correlation id, throttle time, topic count
  const topic = reader.string();
  const code = reader.int16();
  if (code !== 0) throw new BrokerError(`cannot create topic ${topic}`, code);
}

/** A produce request with acks=all for one topic. */
export function encodeProduce(correlationId: number, topic: string, batches: readonly PartitionBatch[]): Buffer {
  return encodeProduceTopics(correlationId, [{ topic, batches }]);
}

/**
 * A produce request with acks=all. Any request can be sent again and several times at once, unchanged: a
 * broker only echoes `correlationId` and does not ask that it is unique.
 */
export function encodeProduceTopics(correlationId: number, topics: readonly TopicBatches[]): Buffer {
  const writer = new Writer(ApiKey.produce, 11, correlationId).tags();
  writer.uvarint(0).int16(-1).int32(TIMEOUT_MS); // no transaction, acks=all
  writer.count(topics.length);
  for (const { topic, batches } of topics) {
    writer.compactString(topic).count(batches.length);
    for (const { partition, batch } of batches) writer.int32(partition).compactBytes(batch).tags();
    writer.tags();
  }
  return writer.tags().frame();
}

/** The correlation id of the answer to `encodeProduce`. @throws BrokerError when one of its partitions failed. */
export function checkProduce(frame: Buffer, start: number, end: number): number {
  const reader = new Reader(frame, start, end);
  const correlationId = reader.int32();
  reader.skipTags();
  for (let topics = reader.count(); topics > 0; topics--) {
    reader.skipCompact(); // name
    for (let partitions = reader.count(); partitions > 0; partitions--) {
      const partition = reader.int32();
      const code = reader.int16();
      if (code !== 0) throw new BrokerError(`produce to partition ${partition} failed`, code);
      reader.skip(8 + 8 + 8); // base offset, append time, log start offset
      for (let errors = reader.count(); errors > 0; errors--) throw new BrokerError("a record was rejected", code);
      reader.skipCompact(); // message
      reader.skipTags();
    }
    reader.skipTags();
  }
  return correlationId;
}

/** The place of a request in an incremental fetch session (KIP-227). */
export interface FetchSession {
  readonly id: number;
  readonly epoch: number;
}

/** Opens a session: its id and the epochs 1, 2, … follow. */
export const NEW_SESSION: FetchSession = { id: 0, epoch: 0 };
export const NO_SESSION: FetchSession = { id: 0, epoch: -1 };

export function encodeFetch(
  topic: string,
  positions: readonly FetchPosition[],
  session: FetchSession,
  limits: FetchLimits,
): Buffer {
  const writer = new Writer(ApiKey.fetch, 12, session.epoch).tags();
  writer.int32(-1).int32(limits.maxWaitMs).int32(1).int32(limits.maxBytes).int8(0); // replica -1, min bytes 1, isolation 0
  writer.int32(session.id).int32(session.epoch);
  writer.count(positions.length === 0 ? 0 : 1);
  if (positions.length > 0) {
    writer.compactString(topic).count(positions.length);
    for (const { partition, offset } of positions) {
      writer.int32(partition).int32(-1).int64(offset).int32(-1).int64(-1).int32(limits.partitionMaxBytes).tags();
    }
    writer.tags();
  }
  return writer.count(0).compactString("").tags().frame(); // no forgotten topics, no rack
}

export interface FetchedPartition {
  readonly partition: number;
  readonly highWatermark: number;
  /** Where its record batches lie in the frame. */
  readonly from: number;
  readonly to: number;
}

/** Calls `visit` for every partition of the answer, and returns the session's id. @throws BrokerError */
export function visitFetch(
  frame: Buffer,
  start: number,
  end: number,
  visit: (partition: FetchedPartition) => void,
): number {
  const reader = new Reader(frame, start, end);
  reader.skip(4); // correlation id
  reader.skipTags();
  reader.skip(4); // throttle time
  const failure = reader.int16();
  if (failure !== 0) throw new BrokerError("fetch failed", failure);
  const sessionId = reader.int32();
  for (let topics = reader.count(); topics > 0; topics--) {
    reader.skipCompact(); // name
    for (let partitions = reader.count(); partitions > 0; partitions--) {
      const partition = reader.int32();
      const code = reader.int16();
      if (code !== 0) throw new BrokerError(`fetch from partition ${partition} failed`, code);
      const highWatermark = reader.int64();
      reader.skip(8 + 8); // last stable offset, log start offset
      for (let aborted = reader.count(); aborted > 0; aborted--) {
        reader.skip(8 + 8);
        reader.skipTags();
      }
      reader.skip(4); // preferred replica
      const size = reader.count();
      const from = reader.at;
      reader.skip(size);
      reader.skipTags();
      visit({ partition, highWatermark, from, to: from + size });
    }
    reader.skipTags();
  }
  return sessionId;
}

/** Builds one request frame: length, header, and what the caller adds. */
class Writer {
  readonly #parts: Buffer[] = [];

  constructor(apiKey: number, version: number, correlationId: number) {
    this.int16(apiKey).int16(version).int32(correlationId).string(CLIENT_ID);
  }

  int8(value: number): this {
    return this.#number(1, (buffer) => buffer.writeInt8(value));
  }

  int16(value: number): this {
    return this.#number(2, (buffer) => buffer.writeInt16BE(value));
  }

  int32(value: number): this {
    return this.#number(4, (buffer) => buffer.writeInt32BE(value));
  }

  int64(value: number): this {
    return this.#number(8, (buffer) => buffer.writeBigInt64BE(BigInt(value)));
  }

  string(value: string): this {
    const bytes = Buffer.from(value);
    return this.int16(bytes.length).#bytes(bytes);
  }

  uvarint(value: number): this {
    const bytes: number[] = [];
    let left = value;
    for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
    return this.#bytes(Buffer.from([...bytes, left]));
  }

  /** The length of a compact array, string or byte field: 0 would mean null. */
  count(value: number): this {
    return this.uvarint(value + 1);
  }

  compactString(value: string): this {
    return this.compactBytes(Buffer.from(value));
  }

  compactBytes(bytes: Buffer): this {
    return this.count(bytes.length).#bytes(bytes);
  }

  /** No tagged fields. */
  tags(): this {
    return this.uvarint(0);
  }

  frame(): Buffer {
    const body = Buffer.concat(this.#parts);
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length);
    return Buffer.concat([length, body]);
  }

  #number(size: number, write: (buffer: Buffer) => void): this {
    const buffer = Buffer.alloc(size);
    write(buffer);
    return this.#bytes(buffer);
  }

  #bytes(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }
}

/** Reads an answer in place. Leaving the frame is an error of the broker and throws. */
class Reader {
  at: number;
  readonly #frame: Buffer;
  readonly #end: number;

  constructor(frame: Buffer, start: number, end: number) {
    this.#frame = frame;
    this.at = start;
    this.#end = end;
  }

  int16(): number {
    return this.#frame.readInt16BE(this.skip(2));
  }

  int32(): number {
    return this.#frame.readInt32BE(this.skip(4));
  }

  int64(): number {
    const at = this.skip(8);
    return this.#frame.readInt32BE(at) * 2 ** 32 + this.#frame.readUInt32BE(at + 4);
  }

  uvarint(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 0x80) {
      const byte = this.#frame.readUInt8(this.skip(1));
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
    }
  }

  /** The length of a compact array, string or byte field; 0 for null too. */
  count(): number {
    return Math.max(this.uvarint() - 1, 0);
  }

  /** Null becomes empty. */
  string(): string {
    const length = Math.max(this.int16(), 0);
    const at = this.skip(length);
    return this.#frame.toString("utf8", at, at + length);
  }

  skipCompact(): void {
    this.skip(this.count());
  }

  skipTags(): void {
    for (let tags = this.uvarint(); tags > 0; tags--) {
      this.uvarint();
      this.skip(this.uvarint());
    }
  }

  /** Moves on; returns where it was. */
  skip(size: number): number {
    const at = this.at;
    this.at += size;
    if (this.at > this.#end) throw new Error(`an answer of the broker ends ${this.at - this.#end} bytes too early`);
    return at;
  }
}
