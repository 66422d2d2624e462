/**
 * The fold of the log: everything the broker knows, but for the bytes of the batches themselves.
 *
 * `apply` is the only mutator for state records and `applyBatch` (of a partition) for batches. Both are used live, right
 * after the append, and in recovery, so that a restart gives exactly the state before. Nothing here waits or does I/O.
 *
 * What came from a snapshot is stamped with the position it is the state of; records before the stamp are already in it.
 */
import { assert, unreachable } from "../base/assert.ts";
import type { Uuid } from "../base/uuid.ts";
import { type BrokerLayers, resolveBroker, type Texts } from "../config/broker-config.ts";
import type { BrokerConfig, TopicConfig } from "../config/tables.ts";
import { resolveTopic, topicDefaults } from "../config/topic-config.ts";
import type { FileRange, LogFile } from "../log/log-file.ts";
import { PartitionLog } from "../log/partition-log.ts";
import { Segment } from "../log/segment.ts";
import type { BatchTarget } from "../log/wal.ts";
import { NO_STATE_POSITION } from "../log/wal-record.ts";
import type { Message } from "../protocol/codec/message.ts";
import type { Fold } from "./fold.ts";
import { type batchesMoved, PART_BATCHES, type segmentSlice } from "./segment-records.ts";
import type { StateRecord } from "./state-record.ts";

/** Kafka's types of what can have settings (KIP-133, KIP-226, KIP-714, KIP-848), but for loggers. */
export const RESOURCE_TOPIC = 2;
export const RESOURCE_BROKER = 4;
export const RESOURCE_CLIENT_METRICS = 16;
export const RESOURCE_GROUP = 32;

/** What can have settings without being anything else in the state. Brokers are named by id, "" is all of them. */
const NAMED_RESOURCES = [RESOURCE_BROKER, RESOURCE_CLIENT_METRICS, RESOURCE_GROUP] as const;
export type NamedResource = (typeof NAMED_RESOURCES)[number];

/** Settings that were changed at run time, by key. */
export type Overrides = Texts;

const NO_OVERRIDES: Overrides = new Map();

export class Topic {
  readonly id: Uuid;
  readonly name: string;
  /** How often a broker had started when the topic was created: leader epochs count from there. */
  readonly createdAtStart: number;
  readonly partitions: PartitionLog[] = [];
  readonly target: BatchTarget;
  readonly stampedAt: number;
  overrides: Overrides;
  /** What `overrides` and the broker's settings come to. */
  config: TopicConfig;

  constructor(fields: {
    readonly id: Uuid;
    readonly name: string;
    readonly createdAtStart: number;
    readonly stampedAt: number;
    readonly overrides: Overrides;
    readonly config: TopicConfig;
  }) {
    this.id = fields.id;
    this.name = fields.name;
    this.createdAtStart = fields.createdAtStart;
    this.stampedAt = fields.stampedAt;
    this.overrides = fields.overrides;
    this.config = fields.config;
    this.target = { nameBytes: Buffer.from(fields.name), idBytes: Buffer.from(fields.id, "latin1") };
  }
}

export class State {
  clusterId = "";
  /** How often a broker has started on this log. Leader epochs follow it. */
  starts = 0;
  /** Producer ids below this may have been given out. */
  nextProducerId = 0;
  /** Just behind the start of the newest state record: what answers that depend on no batch have to wait for. */
  position = 0;
  /** Where the log stood when the snapshot was complete: a replay up to here may meet what its slices know the end of. */
  snapshotEnd = 0;
  /** State records of no topic before this are in the snapshot already. */
  stampedAt = 0;
  /** Changes whenever topics or partitions come or go: until then, what was found out about them holds. */
  topicsVersion = 0;
  /** Position of the last group with state records before the snapshot. */
  previousStatePosition = NO_STATE_POSITION;
  #partitionCount = 0;
  /** What leaves the write-ahead log goes here. Those that no range refers to any more are let go of by and by. */
  readonly segments = new Map<Uuid, Segment>();
  readonly #topics = new Map<string, Topic>();
  readonly #topicsById = new Map<Uuid, Topic>();
  /** By `collisionKey`. Only one of a damaged log, whose rules nobody could enforce, can have more than one topic. */
  readonly #topicsByMetricName = new Map<string, Set<Topic>>();
  /** Only what has settings is in it. Those of topics are in the topics. */
  readonly #overrides = new Map(NAMED_RESOURCES.map((type) => [type, new Map<string, Overrides>()]));
  readonly #brokerId: string;
  readonly #atStart: Overrides;
  /** Parts of the state that rooms above look after. */
  readonly folds: readonly Fold[];
  #broker: BrokerConfig;
  #topicDefaults: TopicConfig;

  /** `atStart`: the settings this broker was started with. */
  constructor(brokerId: number, atStart: Overrides, folds: readonly Fold[]) {
    this.#brokerId = String(brokerId);
    this.#atStart = atStart;
    this.folds = folds;
    this.#broker = resolveBroker(this.layers);
    this.#topicDefaults = topicDefaults(this.layers);
  }

  /** The broker's settings as they are now. */
  get broker(): BrokerConfig {
    return this.#broker;
  }

  /** Where the broker's settings come from. */
  get layers(): BrokerLayers {
    return {
      perBroker: this.overrides(RESOURCE_BROKER, this.#brokerId),
      clusterWide: this.overrides(RESOURCE_BROKER, ""),
      atStart: this.#atStart,
    };
  }

  topic(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  topicById(id: Uuid): Topic | undefined {
    return this.#topicsById.get(id);
  }

  /** A topic that metrics could not tell from one of this name. */
  topicColliding(name: string): Topic | undefined {
    return this.#topicsByMetricName.get(collisionKey(name))?.values().next().value;
  }

  /** In order of creation. */
  topics(): IterableIterator<Topic> {
    return this.#topics.values();
  }

  get topicCount(): number {
    return this.#topics.size;
  }

  /** Of all topics. */
  get partitionCount(): number {
    return this.#partitionCount;
  }

  overrides(type: NamedResource, name: string): Overrides {
    return this.overridesOf(type).get(name) ?? NO_OVERRIDES;
  }

  /** By name, all resources of a type that have settings. */
  overridesOf(type: NamedResource): ReadonlyMap<string, Overrides> {
    const resources = this.#overrides.get(type);
    assert(resources !== undefined, `settings of resource type ${type} have no place in the state`);
    return resources;
  }

  allOverrides(): ReadonlyMap<NamedResource, ReadonlyMap<string, Overrides>> {
    return this.#overrides;
  }

  leaderEpoch(topic: Topic): number {
    return this.starts - topic.createdAtStart;
  }

  /** The mutator. `position` is the record's own. */
  apply(record: StateRecord, position: number): void {
    this.position = Math.max(this.position, position + 1);
    this.#applyOwn(record, position);
    for (const fold of this.folds) fold.apply(record, position);
  }

  #applyOwn(record: StateRecord, position: number): void {
    switch (record.type) {
      case 1:
        if (position >= this.stampedAt) this.clusterId = record.value.clusterId;
        return;
      case 2:
        if (position >= this.stampedAt) this.starts += 1;
        return;
      case 3:
        return this.#createTopic(record.value, position);
      case 4:
        return this.#deleteTopic(record.value.topicId);
      case 5: {
        const topic = this.#topicsById.get(record.value.topicId);
        if (topic !== undefined) this.growTopic(topic, record.value.partitions);
        return;
      }
      case 6:
        return this.#changeConfigs(record.value, position);
      case 7:
        if (position >= this.stampedAt) this.nextProducerId = record.value.next;
        return;
      case 8:
        this.#partition(record.value)?.moveLogStart(record.value.offset);
        return;
      case 9: {
        const partition = this.#partition(record.value);
        if (partition === undefined || position < partition.stampedAt) return;
        for (const producerId of record.value.producerIds) partition.producers.forget(producerId);
        return;
      }
      case 10:
        return this.#moveBatches(record.value, position);
      case 20:
      case 21:
      case 22:
      case 23:
      case 24:
      case 25:
      case 26:
      case 27:
        return; // of the folds
      default:
        unreachable(record);
    }
  }

  /** Puts back a segment from a snapshot. */
  restoreSegment(value: Message<typeof segmentSlice>): Segment {
    const segment = segmentOf(value);
    this.segments.set(segment.id, segment);
    return segment;
  }

  /** Takes away a topic whose deletion lies in a damaged part of the log. */
  loseTopic(topic: Topic): void {
    this.#deleteTopic(topic.id);
    for (const fold of this.folds) fold.apply({ type: 4, value: { topicId: topic.id } }, this.position);
  }

  /** Puts back a topic from a snapshot, or one that only batches in a damaged log still tell of. */
  restoreTopic(fields: {
    readonly id: Uuid;
    readonly name: string;
    readonly createdAtStart: number;
    readonly stampedAt: number;
    readonly partitions: number;
    readonly overrides: Overrides;
  }): Topic {
    assert(!this.#topics.has(fields.name) && !this.#topicsById.has(fields.id), `topic ${fields.name} exists already`);
    const topic = new Topic({ ...fields, config: resolveTopic(fields.overrides, this.#topicDefaults) });
    this.growTopic(topic, fields.partitions);
    this.#topics.set(topic.name, topic);
    this.#topicsById.set(topic.id, topic);
    const key = collisionKey(topic.name);
    const alike = this.#topicsByMetricName.get(key);
    if (alike === undefined) this.#topicsByMetricName.set(key, new Set([topic]));
    else alike.add(topic);
    return topic;
  }

  /** Gives a topic so many partitions in all. */
  growTopic(topic: Topic, total: number): void {
    this.topicsVersion += 1;
    for (let index = topic.partitions.length; index < total; index += 1) {
      topic.partitions.push(new PartitionLog(topic.id, index));
      this.#partitionCount += 1;
    }
  }

  /** Sets the settings of a resource as a whole. */
  restoreOverrides(type: number, name: string, overrides: Overrides): void {
    const resources = this.#overrides.get(type as NamedResource);
    assert(resources !== undefined, `settings of resource type ${type} have no place in the state`);
    if (overrides.size === 0) resources.delete(name);
    else resources.set(name, overrides);
    if (type !== RESOURCE_BROKER) return;
    this.#broker = resolveBroker(this.layers);
    this.#topicDefaults = topicDefaults(this.layers);
    for (const topic of this.#topics.values()) topic.config = resolveTopic(topic.overrides, this.#topicDefaults);
  }

  #createTopic(
    value: {
      readonly topicId: Uuid;
      readonly name: string;
      readonly partitions: number;
      readonly configs: readonly { readonly key: string; readonly value: string }[];
    },
    position: number,
  ): void {
    if (this.#topicsById.has(value.topicId)) return; // from the snapshot
    if (position < this.snapshotEnd && this.#topics.has(value.name)) return; // deleted and created anew before its slice
    const overrides = new Map(value.configs.map(({ key, value: text }) => [key, text]));
    this.restoreTopic({
      id: value.topicId,
      name: value.name,
      partitions: value.partitions,
      overrides,
      createdAtStart: this.starts,
      stampedAt: position,
    });
  }

  #deleteTopic(id: Uuid): void {
    const topic = this.#topicsById.get(id);
    if (topic === undefined) return; // deleted before the snapshot's slice of it was due
    this.topicsVersion += 1;
    this.#partitionCount -= topic.partitions.length;
    this.#topicsById.delete(id);
    this.#topics.delete(topic.name);
    const key = collisionKey(topic.name);
    const alike = this.#topicsByMetricName.get(key)!;
    alike.delete(topic);
    if (alike.size === 0) this.#topicsByMetricName.delete(key);
    for (const partition of topic.partitions) partition.delete();
  }

  #changeConfigs(
    value: {
      readonly type: number;
      readonly name: string;
      readonly entries: readonly { readonly key: string; readonly value: string | null }[];
    },
    position: number,
  ): void {
    if (value.type === RESOURCE_TOPIC) {
      const topic = this.#topics.get(value.name);
      if (topic === undefined || position < topic.stampedAt) return;
      topic.overrides = changed(topic.overrides, value.entries);
      topic.config = resolveTopic(topic.overrides, this.#topicDefaults);
      return;
    }
    if (position < this.stampedAt) return;
    const { type, name, entries } = value;
    this.restoreOverrides(type, name, changed(this.overrides(type as NamedResource, name), entries));
  }

  #moveBatches(value: Message<typeof batchesMoved>, position: number): void {
    const segments = value.segments.map((fields) => this.segments.get(fields.id) ?? this.restoreSegment(fields));
    for (const { topicId, partitions } of value.topics) {
      const topic = this.#topicsById.get(topicId);
      if (topic === undefined) continue; // deleted since
      for (const { partition, from, to, cleanedTo, horizonMs, ranges } of partitions) {
        topic.partitions[partition]?.replaceRanges({
          from,
          to,
          ranges: ranges.map((range) => rangeOf(range, { topicId, partition, file: segments[range.segment]! })),
          cleaned: cleanedTo === -1 ? undefined : { to: cleanedTo, horizonMs },
          position,
        });
      }
    }
  }

  #partition(place: { readonly topicId: Uuid; readonly partition: number }): PartitionLog | undefined {
    return this.#topicsById.get(place.topicId)?.partitions[place.partition];
  }
}

function segmentOf({ id, walPosition, level, batchBytes, parts }: Message<typeof segmentSlice>): Segment {
  const batches = parts.find(({ kind }) => kind === PART_BATCHES);
  assert(batches !== undefined, "a segment has a part with its batches");
  return new Segment({ id, walPosition, level, batchBytes, sizeBytes: batches.sizeBytes, crc: Number(batches.crc) });
}

/** A range of a closed file, as a state record or a snapshot tells of it. */
export function rangeOf(
  fields: Omit<SegmentRange, "segment">,
  place: { readonly topicId: Uuid; readonly partition: number; readonly file: LogFile },
): FileRange {
  const { firstOffset, endOffset, sizeBytes, maxTimestamp, at, rows, crc } = fields;
  return {
    ...place,
    firstOffset,
    endOffset,
    sizeBytes,
    maxTimestamp: Number(maxTimestamp),
    index: undefined,
    stored: { at, rows, crc: Number(crc) },
  };
}

type SegmentRange = Message<typeof batchesMoved>["topics"][number]["partitions"][number]["ranges"][number];

/** Two names collide when they differ in `.` and `_` only: metric names cannot tell them apart. */
function collisionKey(name: string): string {
  return name.replaceAll(".", "_");
}

function changed(
  overrides: Overrides,
  entries: readonly { readonly key: string; readonly value: string | null }[],
): Overrides {
  const next = new Map(overrides);
  for (const { key, value } of entries) {
    if (value === null) next.delete(key);
    else next.set(key, value);
  }
  return next;
}
