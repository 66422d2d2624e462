/**
 * State records: every change of the broker's state that is not a record batch, as it stands in the log. The fold
 * (`state.ts`) applies them, live and in recovery alike. Types are numbers in the log and never reused.
 *
 * Types up to 19 are the state's own; 20 and on are those of folds in rooms above (`fold.ts`), defined in files of their own.
 *
 * In the log: type u16 (by the WAL), version u8, then the fields, schema-encoded as API messages are.
 */

import { decode, encode, type Message, type MessageInput } from "../protocol/codec/message.ts";
import { Reader } from "../protocol/codec/reader.ts";
import {
  array,
  arrayOf,
  int8,
  int16,
  int32,
  int64,
  type MessageSchema,
  offset64,
  string,
  uuid,
} from "../protocol/codec/schema.ts";
import { hasVersion } from "../protocol/codec/versions.ts";
import type { Writer } from "../protocol/codec/writer.ts";
import {
  classicGroupStored,
  consumerGroupAssigned,
  consumerMemberStored,
  consumerMembersRemoved,
  generationBegun,
  groupDeleted,
  groupSlice,
  offsetsCommitted,
  offsetsDeleted,
} from "./group-records.ts";
import { record } from "./record-schema.ts";
import { batchesMoved, segmentSlice } from "./segment-records.ts";

/** The data folder got its identity. The first record of every log. */
export const clusterCreated = record("ClusterCreated", { clusterId: string() });

/** A broker began to write: every partition's leader epoch goes up by one. */
export const brokerStarted = record("BrokerStarted", { brokerId: int32(), incarnation: offset64() });

export const topicCreated = record("TopicCreated", {
  topicId: uuid(),
  name: string(),
  partitions: int32(),
  configs: array()({ key: string(), value: string() }),
});

export const topicDeleted = record("TopicDeleted", { topicId: uuid() });

/** The topic has `partitions` partitions from now on. */
export const partitionsAdded = record("PartitionsAdded", { topicId: uuid(), partitions: int32() });

/** Overrides of one resource were set (value) or taken back (null). `type` is Kafka's config resource type. */
export const configsChanged = record("ConfigsChanged", {
  type: int8(),
  name: string(),
  entries: array()({ key: string(), value: string({ nullable: "0+" }) }),
});

/** Producer ids below `next` may have been given out. */
export const producerIdsAllocated = record("ProducerIdsAllocated", { next: offset64() });

/** DeleteRecords or retention: nothing before `offset` is kept. */
export const logStartMoved = record("LogStartMoved", { topicId: uuid(), partition: int32(), offset: offset64() });

export const producersExpired = record("ProducersExpired", {
  topicId: uuid(),
  partition: int32(),
  producerIds: arrayOf(int64()),
});

/**
 * A slice of a snapshot that holds what belongs to no topic. All slices end in `stampedAt`: state records before it are
 * in the slice already.
 */
export const globalSlice = record("GlobalSlice", {
  clusterId: string(),
  starts: offset64(),
  nextProducerId: offset64(),
  previousStatePosition: offset64(),
  configs: array()({
    type: int8(),
    name: string(),
    entries: array()({ key: string(), value: string() }),
  }),
  stampedAt: offset64(),
});

/** A slice with one WAL file before the snapshot's position. */
export const fileSlice = record("FileSlice", { base: offset64(), end: offset64(), incarnation: offset64() });

/** A slice with a topic, followed by the slices of its partitions. */
export const topicSlice = record("TopicSlice", {
  topicId: uuid(),
  name: string(),
  createdAtStart: offset64(),
  partitions: int32(),
  configs: array()({ key: string(), value: string() }),
  stampedAt: offset64(),
});

export const partitionSlice = record(
  "PartitionSlice",
  {
    topicId: uuid(),
    partition: int32(),
    logStartOffset: offset64(),
    endOffset: offset64(),
    epochs: array()({ epoch: int32(), startOffset: offset64() }),
    ranges: array()({
      /** Base of the WAL file that it lies in, when it lies in no segment. */
      file: offset64(),
      /** Id of the segment that it lies in, or none. */
      segment: uuid({ versions: "1+" }),
      firstOffset: offset64(),
      endOffset: offset64(),
      sizeBytes: offset64(),
      maxTimestamp: int64(),
      at: offset64(),
      rows: int32(),
      crc: int64(),
    }),
    producers: array()({
      producerId: int64(),
      epoch: int16(),
      batches: array()({
        firstSequence: int32(),
        lastSequence: int32(),
        baseOffset: offset64(),
        endOffset: offset64(),
        timestamp: int64(),
      }),
    }),
    cleanedTo: offset64({ versions: "1+" }),
    horizonMs: offset64({ versions: "1+", default: -1 }),
    stampedAt: offset64(),
  },
  "0-1",
);

/** What can stand in the log. */
export const STATE_RECORDS = {
  1: clusterCreated,
  2: brokerStarted,
  3: topicCreated,
  4: topicDeleted,
  5: partitionsAdded,
  6: configsChanged,
  7: producerIdsAllocated,
  8: logStartMoved,
  9: producersExpired,
  10: batchesMoved,
  20: offsetsCommitted,
  21: offsetsDeleted,
  22: groupDeleted,
  23: classicGroupStored,
  24: generationBegun,
  25: consumerMemberStored,
  26: consumerMembersRemoved,
  27: consumerGroupAssigned,
} as const;

export type StateRecordType = keyof typeof STATE_RECORDS;

/** A state record of any type, to append or to apply. */
export type StateRecord = {
  [T in StateRecordType]: { readonly type: T; readonly value: Message<(typeof STATE_RECORDS)[T]> };
}[StateRecordType];

/** What can stand in a snapshot. */
export const SLICES = {
  1: globalSlice,
  2: fileSlice,
  3: topicSlice,
  4: partitionSlice,
  5: segmentSlice,
  20: groupSlice,
} as const;

export type SliceType = keyof typeof SLICES;
export type Slice = {
  [T in SliceType]: { readonly type: T; readonly value: Message<(typeof SLICES)[T]> };
}[SliceType];

/** Encodes a record's version and fields for `Wal.appendState`. */
export function encodeStateRecord(record: StateRecord, writer: Writer): readonly Uint8Array[] {
  return encodeVersioned(STATE_RECORDS[record.type], record.value, writer);
}

/**
 * Reads what `encodeStateRecord` wrote.
 * @throws UnknownStateError for a type or version that this program does not know, MalformedMessage for anything else.
 */
export function decodeStateRecord(type: number, bytes: Buffer): StateRecord {
  const schema = STATE_RECORDS[type as StateRecordType] as MessageSchema | undefined;
  if (schema === undefined) throw new UnknownStateError(`state record type ${type}`);
  return { type, value: decodeVersioned(schema, bytes) } as StateRecord;
}

export function encodeSlice(slice: Slice, writer: Writer): Buffer {
  return Buffer.concat([Buffer.of(slice.type), ...encodeVersioned(SLICES[slice.type], slice.value, writer)]);
}

export function decodeSlice(bytes: Buffer): Slice {
  const type = bytes[0] ?? 0;
  const schema = SLICES[type as SliceType] as MessageSchema | undefined;
  if (schema === undefined) throw new UnknownStateError(`snapshot slice type ${type}`);
  return { type, value: decodeVersioned(schema, bytes.subarray(1)) } as Slice;
}

/** The data folder was written by a newer version of this program. */
export class UnknownStateError extends Error {
  override readonly name = "UnknownStateError";

  constructor(what: string) {
    super(`the data folder holds ${what}, which this version does not know: start the newer version that wrote it`);
  }
}

function encodeVersioned<S extends MessageSchema>(
  schema: S,
  value: MessageInput<S>,
  writer: Writer,
): readonly Uint8Array[] {
  const version = schema.valid.max;
  writer.int8(version);
  encode(schema, version, value, writer);
  return writer.finish().parts;
}

function decodeVersioned(schema: MessageSchema, bytes: Buffer): unknown {
  const reader = new Reader(bytes);
  const version = reader.int8();
  if (!hasVersion(schema.valid, version)) throw new UnknownStateError(`${schema.name} version ${version}`);
  const value = decode(schema, version, reader);
  reader.expectEnd();
  return value;
}
