/**
 * What clients know of the log, and what has to follow from it: the other side of a simulated broker's promises.
 *
 * Clients tell the model what they send, what they are answered and what they read. The model knows nothing of the
 * broker's insides; whatever contradicts what it was told before throws a `Violation`, which names the broken rule.
 *
 * The rules, for the whole life of the data, however often the broker dies:
 * - A batch, once acknowledged or shown to a consumer, stands at that offset for ever, byte for byte but for base offset
 *   and leader epoch; no offset is ever given out twice, no batch stands twice.
 * - Between log start and high watermark there is no hole. Neither ever goes back.
 * - What was never acknowledged is there whole (all partitions of its request) or not at all, and in the order sent.
 * - Topics, their ids, partitions and settings stay, deleted topics stay away, leader epochs rise with each start,
 *   producer ids are given out once.
 *
 * `wal.sync=interval` allows one exception, see `forgiveLoss`.
 */
import type { Uuid } from "../src/base/uuid.ts";
import {
  batchBaseOffset,
  batchCrcMatches,
  batchLeaderEpoch,
  batchOffsetCount,
  batchSizeBytes,
} from "../src/protocol/record-batch.ts";

export type Rule =
  | "acknowledged batches stay"
  | "shown batches stay"
  | "a batch has one offset"
  | "an offset has one batch"
  | "only what was sent is there"
  | "bytes stay"
  | "no holes"
  | "high watermark never goes back"
  | "log start never goes back"
  | "retention keeps what it should"
  | "requests are whole"
  | "order stays"
  | "topics stay"
  | "deleted topics stay away"
  | "leader epochs rise"
  | "leader epochs tell of losses"
  | "only the unsynced is lost"
  | "producer ids are given out once"
  | "identity stays"
  | "good requests are accepted"
  | "fetches get on";

export class Violation extends Error {
  override readonly name = "Violation";
  readonly rule: Rule;

  constructor(rule: Rule, what: string) {
    super(`${rule}: ${what}`);
    this.rule = rule;
  }
}

/** One batch that a producer sent, however often. */
export interface SentBatch {
  readonly bytes: Buffer;
  readonly records: number;
  readonly place: PartitionModel;
  /** Whose batch it is: batches of one producer to one partition have an order. */
  readonly producer: number;
  /** An idempotent producer's sequence: none may be left out. */
  readonly idempotent: boolean;
  readonly request: SentRequest;
  readonly sentMs: number;
  fate: "open" | "acknowledged" | "refused" | "lost";
  /** Where it stands, once that is known. */
  offset: number | undefined;
  /** The leader epoch it was written in, as far as that is known. */
  epoch: number;
  acknowledgedMs: number;
}

/** The batches of one request, to any number of partitions. */
export interface SentRequest {
  readonly batches: SentBatch[];
}

/** What was lost with `wal.sync=interval`, and in which epoch it had been written. */
export interface Loss {
  readonly offset: number;
  readonly epoch: number;
}

/** What is known of a partition at some moment: answers to what is asked then cannot be older. */
export interface Watermarks {
  readonly highWatermark: number;
  readonly logStart: number;
}

export interface PartitionModel {
  readonly topic: TopicModel;
  readonly index: number;
  readonly sent: Map<string, SentBatch>;
  /** Every offset known to be taken. */
  readonly taken: Map<number, SentBatch>;
  readonly losses: Loss[];
  highWatermark: number;
  logStart: number;
}

export interface TopicModel {
  readonly id: Uuid;
  readonly name: string;
  readonly settings: ReadonlyMap<string, string>;
  readonly partitions: PartitionModel[];
  /** Partitions that were asked for, acknowledged or not. */
  askedPartitions: number;
  fate: "there" | "deleting" | "deleted";
  leaderEpoch: number;
  /** In which life of the broker `leaderEpoch` was told. */
  epochLife: number;
}

/** A topic somebody asked for; whether it exists is not known yet. */
export interface AskedTopic {
  readonly name: string;
  readonly partitions: number;
  readonly settings: ReadonlyMap<string, string>;
}

/** What a client reads of one topic, and of its partitions from the log start to the high watermark. */
export interface ReadTopic {
  readonly id: Uuid;
  readonly name: string;
  readonly leaderEpoch: number;
  readonly settings: ReadonlyMap<string, string>;
  readonly partitions: readonly ReadPartition[];
}

export interface ReadPartition {
  readonly logStart: number;
  readonly highWatermark: number;
  readonly batches: readonly Buffer[];
}

export class LogModel {
  readonly topics = new Map<Uuid, TopicModel>();
  readonly asked: AskedTopic[] = [];
  /** How often the broker has started. */
  life = 0;
  readonly #producerIds = new Set<number | bigint>();
  #clusterId: string | undefined;

  /** Every batch that was acknowledged or shown, and has not been let go of since. */
  knownBatches(): SentBatch[] {
    const places = this.livingTopics().flatMap(({ partitions }) => partitions);
    const batches = places.flatMap((place) => [...place.sent.values()]);
    return batches.filter(({ place, offset, records }) => offset !== undefined && offset + records > place.logStart);
  }

  /** The topics that have not been asked to go. */
  livingTopics(): TopicModel[] {
    return [...this.topics.values()].filter(({ fate }) => fate === "there");
  }

  topicCreated(asked: AskedTopic, id: Uuid): TopicModel {
    const known = this.topics.get(id);
    if (known !== undefined) return known;
    const topic: TopicModel = {
      ...asked,
      id,
      partitions: [],
      askedPartitions: asked.partitions,
      fate: "there",
      leaderEpoch: -1,
      epochLife: 0,
    };
    addPartitions(topic, asked.partitions);
    this.topics.set(id, topic);
    return topic;
  }

  partitionsAdded(topic: TopicModel, total: number): void {
    addPartitions(topic, total);
  }

  producerIdGiven(id: number | bigint): void {
    if (this.#producerIds.has(id)) throw new Violation("producer ids are given out once", `producer id ${id} again`);
    this.#producerIds.add(id);
  }

  clusterIs(id: string | null): void {
    this.#clusterId ??= id ?? undefined;
    if (id !== this.#clusterId) throw new Violation("identity stays", `cluster ${id} was ${this.#clusterId}`);
  }

  sent(batch: Omit<SentBatch, "fate" | "offset" | "epoch" | "acknowledgedMs">): SentBatch {
    const known: SentBatch = { ...batch, fate: "open", offset: undefined, epoch: -1, acknowledgedMs: Infinity };
    batch.place.sent.set(contentOf(batch.bytes), known);
    batch.request.batches.push(known);
    return known;
  }

  acknowledged(batch: SentBatch, offset: number, nowMs: number): void {
    this.#place(batch, offset, batch.place.topic.leaderEpoch);
    batch.fate = "acknowledged";
    batch.acknowledgedMs = Math.min(batch.acknowledgedMs, nowMs);
  }

  /** The broker said no. Right only when the topic is going, or after a loss. */
  refused(batch: SentBatch, why: string): void {
    batch.fate = "refused";
    if (batch.place.topic.fate !== "there" || batch.place.losses.length > 0) return;
    throw new Violation("good requests are accepted", `${nameOf(batch.place)} refused ${describe(batch)}: ${why}`);
  }

  /** A consumer asked from `from` on, and was shown these. `asked` is what was known when it asked. */
  shown(
    place: PartitionModel,
    asked: Watermarks & { readonly from: number },
    read: ReadPartition,
    nowMs = Infinity,
  ): void {
    const { from } = asked;
    const { logStart, highWatermark, batches } = read;
    this.#highWatermarkShown(place, asked, highWatermark);
    this.logStartShown(place, asked, logStart);
    if (logStart > highWatermark) throw new Violation("no holes", `${nameOf(place)}: log start ${logStart}`);
    let next: number | undefined;
    for (const bytes of batches) {
      const offset = batchBaseOffset(bytes, 0);
      const end = offset + batchOffsetCount(bytes, 0);
      if (next === undefined && (offset > Math.max(from, logStart) || end <= from)) {
        throw new Violation("fetches get on", `${nameOf(place)} from ${from}: first batch is ${offset}..${end}`);
      }
      if (next !== undefined && next !== offset) {
        throw new Violation("no holes", `${nameOf(place)}: offset ${offset} follows ${next}`);
      }
      if (end > highWatermark) {
        throw new Violation("no holes", `${nameOf(place)}: ${end} is beyond the high watermark ${highWatermark}`);
      }
      const batch = this.#known(place, bytes);
      this.#place(batch, offset, batchLeaderEpoch(bytes, 0));
      batch.acknowledgedMs = Math.min(batch.acknowledgedMs, nowMs);
      next = end;
    }
  }

  logStartShown(place: PartitionModel, asked: Pick<Watermarks, "logStart">, logStart: number): void {
    if (logStart < asked.logStart) {
      const what = `${nameOf(place)}: ${logStart} after ${asked.logStart}`;
      throw new Violation("log start never goes back", what);
    }
    if (logStart > 0 && !place.topic.settings.has("retention.bytes")) {
      throw new Violation("retention keeps what it should", `${nameOf(place)} begins at ${logStart}`);
    }
    place.logStart = Math.max(place.logStart, logStart);
  }

  /** The epochs of a topic, whenever a client is told one. */
  leaderEpochShown(topic: TopicModel, epoch: number): void {
    const same = topic.epochLife === this.life;
    if (same ? epoch !== topic.leaderEpoch : epoch <= topic.leaderEpoch) {
      throw new Violation("leader epochs rise", `${topic.name}: ${epoch} after ${topic.leaderEpoch}`);
    }
    topic.leaderEpoch = epoch;
    topic.epochLife = this.life;
  }

  /**
   * Everything that is there, read by a client while nobody else sends. Throws when anything is missing, or too much.
   */
  check(topics: readonly ReadTopic[]): void {
    this.#adopt(topics);
    const found = new Map(topics.map((topic) => [topic.id, topic]));
    for (const topic of this.topics.values()) {
      const read = found.get(topic.id);
      if (read === undefined) {
        if (topic.fate === "there") throw new Violation("topics stay", `${topic.name} is gone`);
        topic.fate = "deleted";
        continue;
      }
      this.#checkTopic(topic, read);
      for (const place of topic.partitions) this.#checkPartition(place, read.partitions[place.index]!);
    }
    this.#checkRequests();
  }

  /**
   * `wal.sync=interval`: what was acknowledged after `sinceMs` may be gone, but only all of the log from some point on, and
   * what is written in its place must carry a higher leader epoch. To be called before `check`.
   */
  forgiveLoss(topics: readonly ReadTopic[], sinceMs: number): void {
    const found = new Map(topics.map((topic) => [topic.id, topic]));
    let newestSentMs = -Infinity;
    const missing: SentBatch[] = [];
    for (const topic of this.topics.values()) {
      const read = found.get(topic.id);
      if (read === undefined) continue;
      for (const place of topic.partitions) {
        const end = read.partitions[place.index]?.highWatermark ?? 0;
        const there = new Set(read.partitions[place.index]?.batches.map(contentOf));
        for (const batch of new Set(place.taken.values())) {
          if (there.has(contentOf(batch.bytes))) newestSentMs = Math.max(newestSentMs, batch.sentMs);
          else if (batch.offset! >= end) missing.push(batch);
        }
        place.highWatermark = Math.min(place.highWatermark, end);
      }
    }
    for (const batch of missing) this.#forgive(batch, sinceMs, newestSentMs);
  }

  #forgive(batch: SentBatch, sinceMs: number, newestSentMs: number): void {
    const { place, offset, epoch, acknowledgedMs } = batch;
    if (offset! < place.logStart) return;
    const what = `${nameOf(place)} lost ${describe(batch)} at ${offset}, acknowledged at ${acknowledgedMs} ms`;
    if (acknowledgedMs < sinceMs) throw new Violation("only the unsynced is lost", `${what}, before ${sinceMs} ms`);
    if (acknowledgedMs < newestSentMs)
      throw new Violation("only the unsynced is lost", `${what}; newer ones are there`);
    for (let at = 0; at < batch.records; at++) place.taken.delete(offset! + at);
    place.losses.push({ offset: offset!, epoch });
    batch.offset = undefined;
    batch.acknowledgedMs = Infinity;
    batch.fate = batch.fate === "open" ? "open" : "lost";
  }

  /** Topics that were asked for, and whose creation nobody was told of. */
  #adopt(topics: readonly ReadTopic[]): void {
    for (const { id, name } of topics) {
      if (this.topics.has(id)) continue;
      const asked = this.asked.findLast((each) => each.name === name);
      if (asked === undefined) throw new Violation("topics stay", `${name} was never asked for`);
      this.topicCreated(asked, id);
    }
  }

  #checkTopic(topic: TopicModel, read: ReadTopic): void {
    if (topic.fate === "deleted") throw new Violation("deleted topics stay away", `${topic.name} is back`);
    if (read.name !== topic.name) throw new Violation("topics stay", `${topic.name} is called ${read.name}`);
    const [told, counted] = [topic.partitions.length, read.partitions.length];
    if (counted < told || counted > topic.askedPartitions) {
      throw new Violation("topics stay", `${topic.name} has ${counted} partitions, told ${told}`);
    }
    addPartitions(topic, counted);
    for (const [key, value] of topic.settings) {
      if (read.settings.get(key) !== value) {
        throw new Violation("topics stay", `${topic.name} has ${key}=${read.settings.get(key)}, was ${value}`);
      }
    }
    this.leaderEpochShown(topic, read.leaderEpoch);
  }

  #checkPartition(place: PartitionModel, read: ReadPartition): void {
    const { highWatermark, logStart } = place;
    this.shown(place, { from: read.logStart, highWatermark, logStart }, read);
    const first = read.batches[0];
    const last = read.batches.at(-1);
    const from = first === undefined ? read.highWatermark : batchBaseOffset(first, 0);
    const to = last === undefined ? read.highWatermark : batchBaseOffset(last, 0) + batchOffsetCount(last, 0);
    if (from > read.logStart || to !== read.highWatermark) {
      const what = `${nameOf(place)} has ${from}..${to} of ${read.logStart}..${read.highWatermark}`;
      throw new Violation("no holes", what);
    }
    const there = new Set(read.batches.map(contentOf));
    for (const batch of new Set(place.taken.values())) {
      if (batch.offset! + batch.records <= read.logStart || there.has(contentOf(batch.bytes))) continue;
      const rule = batch.fate === "acknowledged" ? "acknowledged batches stay" : "shown batches stay";
      throw new Violation(rule, `${nameOf(place)} lost ${describe(batch)} at ${batch.offset}`);
    }
    let epoch = -1;
    for (const bytes of read.batches) {
      const next = batchLeaderEpoch(bytes, 0);
      if (next < epoch || next > place.topic.leaderEpoch) {
        throw new Violation("leader epochs rise", `${nameOf(place)}: a batch of epoch ${next} after ${epoch}`);
      }
      epoch = next;
    }
    this.#checkRetention(place, read);
    this.#checkOrder(place);
  }

  /** Retention lets go of whole files only while more than `retention.bytes` stays. */
  #checkRetention(place: PartitionModel, { logStart, batches }: ReadPartition): void {
    if (logStart === 0 || place.losses.length > 0) return;
    const keptBytes = batches.reduce((sum, bytes) => sum + bytes.length, 0);
    const wanted = Number(place.topic.settings.get("retention.bytes"));
    if (keptBytes < wanted) {
      throw new Violation("retention keeps what it should", `${nameOf(place)} has ${keptBytes} of ${wanted} bytes`);
    }
  }

  #checkOrder(place: PartitionModel): void {
    const newest = new Map<number, SentBatch>();
    const skipped = new Map<number, SentBatch>();
    for (const batch of place.sent.values()) {
      if (batch.fate === "refused" || batch.fate === "lost") continue;
      const { producer, offset } = batch;
      if (offset === undefined) {
        skipped.set(producer, skipped.get(producer) ?? batch);
        continue;
      }
      const before = newest.get(producer);
      if (before !== undefined && before.offset! > offset) {
        const what = `${nameOf(place)}: ${describe(batch)} at ${offset} was sent after that at ${before.offset}`;
        throw new Violation("order stays", what);
      }
      newest.set(producer, batch);
      const hole = skipped.get(producer);
      // What retention has let go of unseen is not missing.
      if (hole === undefined || !batch.idempotent || place.logStart > 0 || place.losses.length > 0) continue;
      throw new Violation(
        "order stays",
        `${nameOf(place)}: ${describe(batch)} is there, ${describe(hole)} before it is not`,
      );
    }
  }

  #checkRequests(): void {
    for (const topic of this.topics.values()) {
      for (const place of topic.partitions) {
        for (const { request } of place.sent.values()) {
          const judged = request.batches.filter(isJudged);
          const there = judged.filter(({ offset }) => offset !== undefined);
          if (there.length === 0 || there.length === judged.length) continue;
          const missing = judged.find(({ offset }) => offset === undefined)!;
          const what = `${describe(there[0]!)} is in ${nameOf(there[0]!.place)}, ${describe(missing)} not in ${nameOf(missing.place)}`;
          throw new Violation("requests are whole", what);
        }
      }
    }
  }

  #highWatermarkShown(place: PartitionModel, asked: Watermarks, highWatermark: number): void {
    if (highWatermark < asked.highWatermark) {
      const what = `${nameOf(place)}: ${highWatermark} after ${asked.highWatermark}`;
      throw new Violation("high watermark never goes back", what);
    }
    place.highWatermark = Math.max(place.highWatermark, highWatermark);
  }

  #known(place: PartitionModel, bytes: Buffer): SentBatch {
    const batch = place.sent.get(contentOf(bytes));
    if (batch !== undefined) return batch;
    const where = `${nameOf(place)} at ${batchBaseOffset(bytes, 0)}`;
    if (!batchCrcMatches(bytes, 0, batchSizeBytes(bytes, 0))) {
      throw new Violation("bytes stay", `${where}: a batch does not match its CRC`);
    }
    throw new Violation("only what was sent is there", `${where}: ${bytes.length} bytes that nobody sent there`);
  }

  #place(batch: SentBatch, offset: number, epoch: number): void {
    const { place } = batch;
    if (batch.offset !== undefined && batch.offset !== offset) {
      const what = `${nameOf(place)}: ${describe(batch)} at ${offset} was at ${batch.offset}`;
      throw new Violation("a batch has one offset", what);
    }
    if (batch.offset === offset) {
      batch.epoch = epoch;
      return;
    }
    for (let at = offset; at < offset + batch.records; at++) {
      const other = place.taken.get(at);
      if (other === undefined) {
        place.taken.set(at, batch);
        continue;
      }
      const what = `${nameOf(place)}: offset ${at} of ${describe(batch)} was given to ${describe(other)}`;
      throw new Violation("an offset has one batch", what);
    }
    for (const loss of place.losses) {
      if (offset + batch.records <= loss.offset || epoch > loss.epoch) continue;
      const what = `${nameOf(place)}: offset ${offset} has epoch ${epoch} again, after a loss at ${loss.offset}`;
      throw new Violation("leader epochs tell of losses", what);
    }
    batch.offset = offset;
    batch.epoch = epoch;
  }
}

/** Whether a batch must be there if, and only if, the others of its request are: nobody may have refused it or let it go. */
function isJudged({ place, fate }: SentBatch): boolean {
  return place.topic.fate === "there" && place.logStart === 0 && place.losses.length === 0 && fate !== "refused";
}

function addPartitions(topic: TopicModel, total: number): void {
  for (let index = topic.partitions.length; index < total; index++) {
    topic.partitions.push({
      topic,
      index,
      sent: new Map(),
      taken: new Map(),
      losses: [],
      highWatermark: 0,
      logStart: 0,
    });
  }
  topic.askedPartitions = Math.max(topic.askedPartitions, total);
}

/** What must stay of a batch: all but base offset and leader epoch. */
export function contentOf(bytes: Buffer): string {
  return bytes.toString("latin1", 8, 12) + bytes.toString("latin1", 16);
}

export function nameOf({ topic, index }: PartitionModel): string {
  return `${topic.name}-${index}`;
}

function describe({ producer, place, bytes, records, fate }: SentBatch): string {
  const number = [...place.sent.keys()].indexOf(contentOf(bytes));
  return `batch ${number} (${fate}, ${records} records, producer ${producer})`;
}
