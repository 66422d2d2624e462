/**
 * The partitions that a fetch reads, or that a session follows: each once, in the order of service.
 *
 * A request can name a million, so that what one costs counts: topics are found by name or id, their partitions by number,
 * and the order is a list that runs through the partitions themselves.
 */
import type { Uuid } from "../base/uuid.ts";

export interface FetchTopic {
  readonly name: string;
  readonly id: Uuid;
  readonly partitions: Map<number, FetchPartition>;
}

/** What a request says of a partition. */
export interface AskedPartition {
  readonly partition: number;
  readonly fetchOffset: number;
  readonly maxBytes: number;
  readonly currentLeaderEpoch: number;
  readonly lastFetchedEpoch: number;
}

/** One followed partition, and what was answered last. */
export interface FetchPartition {
  readonly topic: FetchTopic;
  readonly partition: number;
  fetchOffset: number;
  maxBytes: number;
  currentLeaderEpoch: number;
  lastFetchedEpoch: number;
  /** -1: nothing was answered yet. */
  sentHighWatermark: number;
  sentLogStart: number;
  /** In the order of service. */
  previous: FetchPartition | undefined;
  next: FetchPartition | undefined;
}

export class FetchPartitions {
  readonly #usesTopicIds: boolean;
  readonly #topics = new Map<string, FetchTopic>();
  #first: FetchPartition | undefined;
  #last: FetchPartition | undefined;
  #count = 0;
  #longestName = 0;

  constructor(usesTopicIds: boolean) {
    this.#usesTopicIds = usesTopicIds;
  }

  get count(): number {
    return this.#count;
  }

  /** Characters of the longest name that a topic ever had. */
  get longestName(): number {
    return this.#longestName;
  }

  /** The rest is found through `next`. */
  get first(): FetchPartition | undefined {
    return this.#first;
  }

  /** The topic as the request names it, by name or by id. */
  topic(name: string, id: Uuid): FetchTopic {
    const key = this.#usesTopicIds ? id : name;
    let topic = this.#topics.get(key);
    if (topic === undefined) {
      topic = { name, id, partitions: new Map() };
      this.#topics.set(key, topic);
      this.#longestName = Math.max(this.#longestName, name.length);
    }
    return topic;
  }

  /** A known partition keeps its place and what was answered last: what is said of it last counts, as in Kafka. */
  set(topic: FetchTopic, asked: AskedPartition): void {
    const { partition, fetchOffset, maxBytes, currentLeaderEpoch, lastFetchedEpoch } = asked;
    const known = topic.partitions.get(partition);
    if (known !== undefined) {
      known.fetchOffset = fetchOffset;
      known.maxBytes = maxBytes;
      known.currentLeaderEpoch = currentLeaderEpoch;
      known.lastFetchedEpoch = lastFetchedEpoch;
      return;
    }
    const added: FetchPartition = {
      topic,
      partition,
      fetchOffset,
      maxBytes,
      currentLeaderEpoch,
      lastFetchedEpoch,
      sentHighWatermark: -1,
      sentLogStart: -1,
      previous: undefined,
      next: undefined,
    };
    topic.partitions.set(partition, added);
    this.#count += 1;
    this.#append(added);
  }

  forget(name: string, id: Uuid, partition: number): void {
    const key = this.#usesTopicIds ? id : name;
    const topic = this.#topics.get(key);
    const known = topic?.partitions.get(partition);
    if (topic === undefined || known === undefined) return;
    topic.partitions.delete(partition);
    if (topic.partitions.size === 0) this.#topics.delete(key);
    this.#count -= 1;
    this.#unlink(known);
  }

  /** Next time the others come first. */
  moveToEnd(partition: FetchPartition): void {
    if (partition.topic.partitions.get(partition.partition) !== partition || partition === this.#last) return;
    this.#unlink(partition);
    this.#append(partition);
  }

  #append(partition: FetchPartition): void {
    partition.previous = this.#last;
    partition.next = undefined;
    if (this.#last === undefined) this.#first = partition;
    else this.#last.next = partition;
    this.#last = partition;
  }

  #unlink({ previous, next }: FetchPartition): void {
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
  }
}
