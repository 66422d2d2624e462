/**
 * Clients that use everything the log offers, and tell the model what they do and see: idempotent and plain producers,
 * consumers at the tail and from the start, an administrator. Each acts on its own, as its seed has it, goes through the
 * gate whenever its connection is gone, and does not give up before its work is done.
 */
import { ConnectionLost, type KafkaClient } from "../../sim/kafka-client.ts";
import type { AskedTopic, PartitionModel, SentBatch, SentRequest, TopicModel } from "../../sim/log-model.ts";
import { nameOf, Violation } from "../../sim/log-model.ts";
import type { SimRandom } from "../../sim/random.ts";
import { ZERO_UUID } from "../../src/base/uuid.ts";
import { APIS } from "../../src/protocol/apis.ts";
import type { Message, MessageInput } from "../../src/protocol/codec/message.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { batchBaseOffset, batchOffsetCount } from "../../src/protocol/record-batch.ts";
import { EARLIEST, fetchBatches, listOffsets } from "./read-everything.ts";
import type { World } from "./world.ts";

export interface Amounts {
  readonly idempotentProducers: number;
  readonly plainProducers: number;
  /** Of each producer. */
  readonly requests: number;
  /** Of the administrator, besides the topics at the beginning. */
  readonly adminSteps: number;
  readonly largestValueBytes: number;
}

export const AMOUNTS: Amounts = {
  idempotentProducers: 2,
  plainProducers: 1,
  requests: 8,
  adminSteps: 4,
  largestValueBytes: 300,
};

/** The broker remembers five batches of a producer in a partition: more in flight could not be told from new ones. */
const MAX_OPEN_BATCHES = 5;
const PRODUCE_BY_ID = 13;
const ZSTD_SINCE = 7;
const CODECS = ["none", "none", "none", "gzip", "snappy", "lz4", "zstd"] as const;

type ProduceResponse = Message<(typeof APIS)["produce"]["response"]>;

export class Workload {
  readonly #world: World;
  readonly #amounts: Amounts;
  #running = 0;
  #producing = 0;
  #failure: { readonly error: unknown } | undefined;
  #actors = 0;
  #values = 0;

  constructor(world: World, amounts: Partial<Amounts> = {}) {
    this.#world = world;
    this.#amounts = { ...AMOUNTS, ...amounts };
  }

  /** Starts everybody. */
  start(): void {
    const { idempotentProducers, plainProducers } = this.#amounts;
    this.#act("admin", (random) => this.#administrate(random));
    for (let index = 0; index < idempotentProducers; index++) {
      this.#act("idempotent", (random, actor) => this.#produceIdempotently(random, actor));
    }
    for (let index = 0; index < plainProducers; index++) {
      this.#act("plain", (random, actor) => this.#producePlainly(random, actor));
    }
    this.#act("tail", (random) => this.#consume(random, "tail"));
    this.#act("start", (random) => this.#consume(random, "start"));
  }

  /** Whether everybody has done what there was to do. @throws what any of them threw. */
  get isDone(): boolean {
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#running === 0;
  }

  #act(name: string, work: (random: SimRandom, actor: number) => Promise<void>): void {
    const actor = this.#actors++;
    const producing = name !== "tail" && name !== "start";
    this.#running += 1;
    if (producing) this.#producing += 1;
    work(this.#world.simulation.random.fork(`${name} ${actor}`), actor).then(
      () => {
        this.#running -= 1;
        if (producing) this.#producing -= 1;
      },
      (error: unknown) => {
        this.#failure ??= { error };
      },
    );
  }

  /** Works on one connection after the other until `work` has come to its end. */
  async #connected(work: (client: KafkaClient) => Promise<void>): Promise<void> {
    for (;;) {
      await this.#world.gate.passed();
      const client = this.#world.connect();
      try {
        await work(client);
        client.close();
        return;
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        await this.#pause(1);
      }
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#world.clock.schedule(delayMs, resolve));
  }

  async #administrate(random: SimRandom): Promise<void> {
    const first: AskedTopic[] = [
      { name: "orders", partitions: 3, settings: new Map() },
      { name: "metrics", partitions: 2, settings: new Map([["retention.bytes", "1500"]]) },
      { name: "sessions", partitions: 1, settings: new Map([["cleanup.policy", "delete"]]) },
    ];
    for (const topic of first) await this.#createTopic(topic);
    for (let step = 0; step < this.#amounts.adminSteps; step++) {
      await this.#pause(random.between(5, 60));
      await this.#adminStep(random);
    }
  }

  async #adminStep(random: SimRandom): Promise<void> {
    const sessions = this.#world.model.livingTopics().find(({ name }) => name === "sessions");
    switch (random.pick(["partitions", "recreate", "recreate", "delete"] as const)) {
      case "partitions": {
        const topic = random.pick(this.#world.model.livingTopics());
        return this.#createPartitions(topic, topic.partitions.length + random.between(1, 2));
      }
      case "recreate":
        if (sessions !== undefined) await this.#deleteTopic(sessions);
        return this.#createTopic({ name: "sessions", partitions: random.between(1, 2), settings: new Map() });
      case "delete":
        return sessions === undefined ? undefined : this.#deleteTopic(sessions);
    }
  }

  async #createTopic(asked: AskedTopic): Promise<void> {
    const { model } = this.#world;
    model.asked.push(asked);
    const { name, partitions: numPartitions } = asked;
    const configs = [...asked.settings].map(([key, value]) => ({ name: key, value }));
    await this.#connected(async (client) => {
      const topics = [{ name, numPartitions, replicationFactor: -1, configs }];
      const [answer] = (await client.request(APIS.createTopics, 7, { topics })).topics;
      const { errorCode } = answer!;
      if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.TOPIC_ALREADY_EXISTS) {
        throw new Violation("good requests are accepted", `creating ${name}: ${answer!.errorMessage}`);
      }
      const metadata = await client.request(APIS.metadata, 12, { topics: [{ name, topicId: ZERO_UUID }] });
      const [{ topicId, partitions }] = metadata.topics as [(typeof metadata.topics)[number]];
      if (errorCode === ErrorCode.NONE && topicId !== answer!.topicId) {
        throw new Violation("topics stay", `${name} was created with another id than it has`);
      }
      const topic = model.topicCreated(asked, topicId);
      model.leaderEpochShown(topic, partitions[0]!.leaderEpoch);
    });
  }

  async #deleteTopic(topic: TopicModel): Promise<void> {
    topic.fate = "deleting";
    await this.#connected(async (client) => {
      const topics = [{ name: null, topicId: topic.id }];
      const [answer] = (await client.request(APIS.deleteTopics, 6, { topics })).responses;
      const { errorCode } = answer!;
      if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.UNKNOWN_TOPIC_ID) {
        throw new Violation("good requests are accepted", `deleting ${topic.name}: ${answer!.errorMessage}`);
      }
      topic.fate = "deleted";
    });
  }

  async #createPartitions(topic: TopicModel, count: number): Promise<void> {
    const { name } = topic;
    topic.askedPartitions = Math.max(topic.askedPartitions, count);
    await this.#connected(async (client) => {
      const topics = [{ name, count, assignments: null }];
      const [answer] = (await client.request(APIS.createPartitions, 3, { topics })).results;
      // The count is there already when an answer was lost.
      if (answer!.errorCode !== ErrorCode.NONE && answer!.errorCode !== ErrorCode.INVALID_PARTITIONS) {
        throw new Violation("good requests are accepted", `partitions of ${name}: ${answer!.errorMessage}`);
      }
      this.#world.model.partitionsAdded(topic, count);
    });
  }

  /**
   * With a producer id and sequences; whatever had no answer is sent again, in order, on the next connection. When a loss
   * (`wal.sync=interval`) has broken the sequence it goes on with a new producer id, as clients do.
   */
  async #produceIdempotently(random: SimRandom, actor: number): Promise<void> {
    const open: OpenRequest[] = [];
    let producer: IdempotentProducer | undefined;
    let left = this.#amounts.requests;
    await this.#connected(async (client) => {
      for (const request of open) request.answer = this.#send(client, request, -1);
      while (left > 0 || open.length > 0) {
        if (open.length === 0 && producer?.isBroken !== false) producer = await this.#newProducer(client, random);
        const canOpen = left > 0 && producer?.isBroken === false && open.length < producer.maxOpen;
        if (producer !== undefined && canOpen && (open.length === 0 || random.chance(0.6))) {
          await this.#pause(random.between(0, 6));
          const request = this.#newRequest(random, actor, { producer, openBatches: openBatchesOf(open) });
          if (request === undefined) continue;
          left -= 1;
          open.push(request);
          request.answer = this.#send(client, request, -1);
        } else {
          const [oldest] = open;
          const answer = await oldest!.answer!;
          if (!this.#settle(oldest!, answer)) producer!.isBroken = true;
          open.shift();
        }
        // Sometimes the answer is lost although both ends live on.
        if (random.chance(0.04)) {
          client.reset();
          throw new ConnectionLost();
        }
      }
    });
  }

  async #newProducer(client: KafkaClient, random: SimRandom): Promise<IdempotentProducer> {
    const answer = await client.request(APIS.initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 });
    this.#world.model.producerIdGiven(answer.producerId);
    const { producerId: id, producerEpoch: epoch } = answer;
    return { id, epoch, sequences: new Map(), maxOpen: random.between(1, 4), isBroken: false };
  }

  /** Without sequences; what had no answer may be there or not, and is never sent again. */
  async #producePlainly(random: SimRandom, actor: number): Promise<void> {
    let left = this.#amounts.requests;
    await this.#connected(async (client) => {
      while (left > 0) {
        await this.#pause(random.between(0, 8));
        const request = this.#newRequest(random, actor);
        if (request === undefined) continue;
        left -= 1;
        const acks = random.pick([-1, 1, 0]);
        if (acks === 0) client.post(APIS.produce, request.version, produceBody(request, acks));
        else this.#settle(request, await this.#send(client, request, acks));
      }
    });
  }

  /** A request with batches for some partitions that are known to exist; undefined while there are none. */
  #newRequest(
    random: SimRandom,
    actor: number,
    idempotent?: { readonly producer: IdempotentProducer; readonly openBatches: ReadonlyMap<PartitionModel, number> },
  ): OpenRequest | undefined {
    const version = random.pick([3, 7, 9, 12, PRODUCE_BY_ID, PRODUCE_BY_ID]);
    const places = this.#world.model
      .livingTopics()
      .filter(({ name }) => version === PRODUCE_BY_ID || name !== "sessions") // a name may mean the next topic of that name
      .flatMap(({ partitions }) => partitions);
    const sent: SentRequest = { batches: [] };
    const chosen = new Set(
      Array.from({ length: random.pick([1, 1, 2, 3]) }, () => places.length && random.pick(places)),
    );
    for (const place of chosen) {
      if (typeof place === "number") return undefined;
      const batches = random.pick([1, 1, 2]);
      if ((idempotent?.openBatches.get(place) ?? 0) + batches > MAX_OPEN_BATCHES) continue;
      for (let count = 0; count < batches; count++) {
        // Kafka's rule: more than one batch of a partition only from an idempotent producer, or without ids at all.
        this.#newBatch(random, { place, request: sent, actor, version, producer: idempotent?.producer });
      }
    }
    return sent.batches.length === 0 ? undefined : { version, sent, asked: new Map(), answer: undefined };
  }

  #newBatch(
    random: SimRandom,
    options: {
      readonly place: PartitionModel;
      readonly request: SentRequest;
      readonly actor: number;
      readonly version: number;
      readonly producer: IdempotentProducer | undefined;
    },
  ): void {
    const { place, request, actor, version, producer } = options;
    const records = random.between(1, 4);
    const nowMs = this.#world.clock.wallMs();
    const codec = random.pick(CODECS);
    const sequence = producer?.sequences.get(place) ?? 0;
    const bytes = encodeBatch(
      Array.from({ length: records }, () => ({
        timestamp: nowMs - random.between(0, 1000),
        key: random.chance(0.2) ? null : `key ${random.between(0, 9)}`,
        // Unique, so that no two batches are alike.
        value: random.chance(0.05)
          ? null
          : Buffer.concat([
              Buffer.from(`${this.#values++} `),
              random.bytes(random.between(0, this.#amounts.largestValueBytes)),
            ]),
        headers: random.chance(0.2) ? [{ key: "trace", value: random.chance(0.5) ? null : `${this.#values++}` }] : [],
      })).concat([{ timestamp: nowMs, key: null, value: Buffer.from(`last ${this.#values++}`), headers: [] }]),
      {
        compression: codec === "zstd" && version < ZSTD_SINCE ? "gzip" : codec,
        ...(producer === undefined
          ? {}
          : { producerId: producer.id, producerEpoch: producer.epoch, baseSequence: sequence }),
      },
    );
    producer?.sequences.set(place, sequence + records + 1);
    this.#world.model.sent({
      bytes,
      records: records + 1,
      place,
      producer: actor,
      idempotent: producer !== undefined,
      request,
      sentMs: this.#world.simulation.nowMs,
    });
  }

  #send(client: KafkaClient, request: OpenRequest, acks: number): Promise<ProduceResponse> {
    request.asked = new Map(request.sent.batches.map(({ place }) => [place, { logStart: place.logStart }]));
    return client.request(APIS.produce, request.version, produceBody(request, acks));
  }

  /** Tells the model what the broker answered. False when a sequence was found broken. */
  #settle({ sent, asked }: OpenRequest, { responses }: ProduceResponse): boolean {
    const { model, simulation } = this.#world;
    let inOrder = true;
    for (const [place, batches] of Map.groupBy(sent.batches, (batch) => batch.place)) {
      const topic = responses.find(({ topicId, name }) => topicId === place.topic.id || name === place.topic.name);
      const answer = topic?.partitionResponses.find(({ index }) => index === place.index);
      if (answer === undefined) throw new Violation("good requests are accepted", "a partition has no answer");
      if (answer.errorCode === ErrorCode.NONE) {
        acknowledge(batches, answer.baseOffset, (batch, offset) => model.acknowledged(batch, offset, simulation.nowMs));
        if (answer.logStartOffset >= 0) model.logStartShown(place, asked.get(place)!, answer.logStartOffset);
        continue;
      }
      if (answer.errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) inOrder = false;
      for (const batch of batches) model.refused(batch, `error ${answer.errorCode} ${answer.errorMessage ?? ""}`);
    }
    return inOrder;
  }

  /** Reads for as long as anybody produces: new records as they come, or all there is over and over again. */
  async #consume(random: SimRandom, from: "tail" | "start"): Promise<void> {
    const offsets = new Map<PartitionModel, number>();
    await this.#connected(async (client) => {
      while (this.#producing > 0) {
        const places = this.#world.model.livingTopics().flatMap(({ partitions }) => partitions);
        if (places.length === 0) {
          await this.#pause(2);
        } else if (from === "tail") {
          await this.#fetch(client, random, { places, offsets, waitMs: random.between(1, 20) });
        } else {
          await this.#pause(random.between(5, 25));
          offsets.clear();
          while (await this.#fetch(client, random, { places, offsets, waitMs: 0 })) continue;
        }
      }
    });
  }

  /** One fetch of all `places`, from where they were read to. Answers whether it got on. */
  async #fetch(
    client: KafkaClient,
    random: SimRandom,
    options: {
      readonly places: readonly PartitionModel[];
      readonly offsets: Map<PartitionModel, number>;
      readonly waitMs: number;
    },
  ): Promise<boolean> {
    const { places, offsets, waitMs } = options;
    const asked = places.map((place) => {
      const { topic, index: partition, logStart, highWatermark } = place;
      const offset = offsets.get(place) ?? logStart;
      return { topicId: topic.id, partition, offset, from: offset, logStart, highWatermark };
    });
    const maxBytes = random.pick([1, 1000, 1_000_000]);
    const answers = await fetchBatches(client, asked, { version: random.between(13, 18), waitMs, maxBytes });
    let gotOn = false;
    for (const [index, place] of places.entries()) {
      const answer = answers[index]!;
      if (answer.errorCode !== ErrorCode.NONE) {
        await this.#beginAnew(client, { place, offsets, errorCode: answer.errorCode });
        continue;
      }
      this.#world.model.shown(place, asked[index]!, answer, this.#world.simulation.nowMs);
      const last = answer.batches.at(-1);
      if (last === undefined) continue;
      offsets.set(place, batchBaseOffset(last, 0) + batchOffsetCount(last, 0));
      gotOn = true;
    }
    return gotOn;
  }

  /** A fetch failed: goes on at the log start, where that is a thing that can happen. */
  async #beginAnew(
    client: KafkaClient,
    failed: {
      readonly place: PartitionModel;
      readonly offsets: Map<PartitionModel, number>;
      readonly errorCode: number;
    },
  ): Promise<void> {
    const { place, offsets, errorCode } = failed;
    const { topic, index, logStart } = place;
    if (topic.fate !== "there") return;
    if (errorCode === ErrorCode.KAFKA_STORAGE_ERROR && this.#world.diskFails) return; // and asks again
    const mayHappen = topic.settings.has("retention.bytes") || place.losses.length > 0;
    if (errorCode !== ErrorCode.OFFSET_OUT_OF_RANGE || !mayHappen) {
      throw new Violation("fetches get on", `${nameOf(place)} at ${offsets.get(place)}: error ${errorCode}`);
    }
    const asked = { name: topic.name, partitions: topic.partitions.length, timestamp: EARLIEST };
    const starts = await listOffsets(client, asked);
    this.#world.model.logStartShown(place, { logStart }, starts[index]!);
    offsets.set(place, starts[index]!);
  }
}

interface OpenRequest {
  readonly version: number;
  readonly sent: SentRequest;
  /** What was known when it was sent last. */
  asked: ReadonlyMap<PartitionModel, { readonly logStart: number }>;
  answer: Promise<ProduceResponse> | undefined;
}

interface IdempotentProducer {
  readonly id: number | bigint;
  readonly epoch: number;
  readonly sequences: Map<PartitionModel, number>;
  readonly maxOpen: number;
  isBroken: boolean;
}

function openBatchesOf(open: readonly OpenRequest[]): Map<PartitionModel, number> {
  const counts = new Map<PartitionModel, number>();
  for (const { sent } of open) {
    for (const { place } of sent.batches) counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  return counts;
}

function produceBody({ sent }: OpenRequest, acks: number): MessageInput<(typeof APIS)["produce"]["request"]> {
  const topicData = [...Map.groupBy(sent.batches, ({ place }) => place.topic)].map(([{ id, name }, ofTopic]) => ({
    name,
    topicId: id,
    partitionData: [...Map.groupBy(ofTopic, ({ place }) => place.index)].map(([index, batches]) => ({
      index,
      records: batches.map(({ bytes }) => bytes),
    })),
  }));
  return { acks, timeoutMs: 1000, topicData };
}

/** The answer names the first batch's offset; the others of the partition follow it. */
function acknowledge(
  batches: readonly SentBatch[],
  baseOffset: number,
  told: (batch: SentBatch, offset: number) => void,
): void {
  let offset = baseOffset;
  for (const batch of batches) {
    told(batch, offset);
    offset += batch.records;
  }
}
