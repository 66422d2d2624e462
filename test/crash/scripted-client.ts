/** A client for tests that do one thing after the other. Tells the model what it does, like any other client. */
import { KafkaClient } from "../../sim/kafka-client.ts";
import type { PartitionModel, SentBatch, TopicModel } from "../../sim/log-model.ts";
import { CRASHED } from "../../sim/simulation.ts";
import type { Api } from "../../src/protocol/apis.ts";
import { APIS } from "../../src/protocol/apis.ts";
import type { Message, MessageInput } from "../../src/protocol/codec/message.ts";
import type { BatchOptions } from "../../src/protocol/record.ts";
import { encodeBatch, type RecordInput } from "../../src/protocol/record.ts";
import { batchRecordCount } from "../../src/protocol/record-batch.ts";
import { type FetchedBatches, fetchBatches } from "./read-everything.ts";
import type { World } from "./world.ts";

/** The process died while the client waited for its answer. */
export class Died extends Error {
  override readonly name = "Died";
}

/** For `catch`, where the process may die meanwhile. */
export function toleratesDeath(error: unknown): void {
  if (!(error instanceof Died)) throw error;
}

export class ScriptedClient {
  readonly #world: World;
  #client: KafkaClient | undefined;
  #life = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Asks, and waits for the answer. @throws Died when the process dies first. */
  async ask<A extends Api>(api: A, version: number, body: MessageInput<A["request"]>): Promise<Message<A["response"]>> {
    const answer = await this.#world.simulation.run(() => this.#connected().request(api, version, body));
    if (answer === CRASHED) throw new Died(`while ${api.name} was under way`);
    return answer;
  }

  async createTopic(
    name: string,
    options: { readonly partitions?: number; readonly settings?: Readonly<Record<string, string>> } = {},
  ): Promise<TopicModel> {
    const { partitions = 1, settings = {} } = options;
    const asked = { name, partitions, settings: new Map(Object.entries(settings)) };
    this.#world.model.asked.push(asked);
    const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
    const topics = [{ name, numPartitions: partitions, replicationFactor: -1, configs }];
    const [answer] = (await this.ask(APIS.createTopics, 7, { topics })).topics;
    return this.#world.model.topicCreated(asked, answer!.topicId);
  }

  async deleteTopic(topic: TopicModel): Promise<void> {
    topic.fate = "deleting";
    await this.ask(APIS.deleteTopics, 6, { topics: [{ name: null, topicId: topic.id }] });
    topic.fate = "deleted";
  }

  async producerId(): Promise<number | bigint> {
    const { producerId } = await this.ask(APIS.initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 1000,
    });
    this.#world.model.producerIdGiven(producerId);
    return producerId;
  }

  /** A batch that is sent to nobody yet. */
  batch(place: PartitionModel, records: readonly RecordInput[], options: BatchOptions = {}): SentBatch {
    const bytes = encodeBatch(records, options);
    return this.#world.model.sent({
      bytes,
      records: batchRecordCount(bytes, 0),
      place,
      producer: -1,
      idempotent: options.producerId !== undefined,
      request: { batches: [] },
      sentMs: this.#world.simulation.nowMs,
    });
  }

  /** Sends a batch and waits for the answer: its error code. */
  async send(batch: SentBatch): Promise<number> {
    const { place, bytes } = batch;
    const { model, simulation } = this.#world;
    const topicData = [{ topicId: place.topic.id, partitionData: [{ index: place.index, records: [bytes] }] }];
    const { responses } = await this.ask(APIS.produce, 13, { acks: -1, timeoutMs: 1000, topicData });
    const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!;
    if (errorCode === 0) model.acknowledged(batch, baseOffset, simulation.nowMs);
    return errorCode;
  }

  /** Sends one new batch with these values. @throws when it is refused. */
  async produce(place: PartitionModel, ...values: (string | Buffer)[]): Promise<SentBatch> {
    const batch = this.batch(
      place,
      values.map((value) => ({ value, timestamp: this.#world.clock.wallMs() })),
    );
    const errorCode = await this.send(batch);
    if (errorCode !== 0) throw new Error(`a batch was refused: error ${errorCode}`);
    return batch;
  }

  async fetch(place: PartitionModel, offset: number, maxBytes?: number): Promise<FetchedBatches> {
    const places = [{ topicId: place.topic.id, partition: place.index, offset }];
    const options = maxBytes === undefined ? {} : { maxBytes };
    const fetched = await this.#world.simulation.run(() => fetchBatches(this.#connected(), places, options));
    if (fetched === CRASHED) throw new Died("while a fetch was under way");
    return fetched[0]!;
  }

  #connected(): KafkaClient {
    if (this.#client?.isOpen !== true || this.#life !== this.#world.model.life) {
      this.#client = this.#world.connect();
      this.#life = this.#world.model.life;
    }
    return this.#client;
  }
}
