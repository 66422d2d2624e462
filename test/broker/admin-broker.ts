/** A broker in the simulation and one client: ask, restart, ask again. Each start compares the fold with the one before. */
import type { KafkaClient } from "../../sim/kafka-client.ts";
import type { Api } from "../../src/protocol/apis.ts";
import { APIS } from "../../src/protocol/apis.ts";
import type { Message, MessageInput } from "../../src/protocol/codec/message.ts";
import { type BatchOptions, encodeBatch, type RecordInput, readRecords } from "../../src/protocol/record.ts";
import { batchSizeBytes } from "../../src/protocol/record-batch.ts";
import type { State } from "../../src/state/state.ts";
import { World, type WorldOptions } from "../crash/world.ts";

const SEED = 1;
const PRODUCE_VERSION = 9;
const FETCH_VERSION = 12;

export class AdminBroker {
  readonly world: World;
  #client: KafkaClient;

  private constructor(world: World) {
    this.world = world;
    this.#client = world.connect();
  }

  static async start(
    settings: Readonly<Record<string, string>> = {},
    options: Pick<WorldOptions, "withoutJournal"> = {},
  ): Promise<AdminBroker> {
    const world = new World({ seed: SEED, settings, ...options });
    await world.start();
    return new AdminBroker(world);
  }

  get state(): State {
    return this.world.running.broker.store.state;
  }

  ask<A extends Api>(api: A, version: number, body: MessageInput<A["request"]>): Promise<Message<A["response"]>> {
    return this.world.simulation.settle(this.#client.request(api, version, body));
  }

  /** Loses power, or stops in good order; everything answered must be there afterwards. */
  async restart(how: "power" | "stop"): Promise<void> {
    if (how === "stop") await this.world.stop();
    else this.world.crash("power");
    await this.world.start();
    this.#client = this.world.connect();
  }

  async createTopic(name: string, configs: Readonly<Record<string, string>> = {}, partitions = 1): Promise<void> {
    const { topics } = await this.ask(APIS.createTopics, 7, {
      topics: [
        {
          name,
          numPartitions: partitions,
          replicationFactor: 1,
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
      timeoutMs: 1000,
    });
    if (topics[0]!.errorCode !== 0) throw new Error(`${name}: ${topics[0]!.errorMessage}`);
  }

  produce(topic: string, records: readonly RecordInput[], options: BatchOptions = {}, index = 0) {
    return this.produceBytes(topic, encodeBatch(records, options), index);
  }

  async produceBytes(name: string, bytes: Buffer, index = 0) {
    const topicData = [{ name, partitionData: [{ index, records: [bytes] }] }];
    const { responses } = await this.ask(APIS.produce, PRODUCE_VERSION, { acks: -1, timeoutMs: 1000, topicData });
    return responses[0]!.partitionResponses[0]!;
  }

  /** The batches of partition 0 from `offset` on, and the error code. */
  async fetch(topic: string, fetchOffset = 0) {
    const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }];
    const body = { maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, topics: [{ topic, partitions }] };
    const { responses } = await this.ask(APIS.fetch, FETCH_VERSION, { replicaId: -1, ...body });
    const { errorCode, logStartOffset, records } = responses[0]!.partitions[0]!;
    return { errorCode, logStartOffset, batches: batchesIn(Buffer.concat(records ?? [])) };
  }
}

function batchesIn(bytes: Buffer): Buffer[] {
  const batches: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const sizeBytes = batchSizeBytes(bytes, at);
    batches.push(Buffer.from(bytes.subarray(at, at + sizeBytes)));
    at += sizeBytes;
  }
  return batches;
}

/** The records of batches, as consumers see them. */
export function recordsIn(batches: readonly Buffer[]) {
  return batches.flatMap((batch) => [...readRecords(batch)]);
}

/** Every version of an API that is defined. */
export function versionsOf({ request }: Api): number[] {
  const { min, max } = request.valid;
  return Array.from({ length: max - min + 1 }, (_, index) => min + index);
}
