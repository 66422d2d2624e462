/** Plays the same requests to both brokers and compares what they answer. */
import { SimRandom } from "../../sim/random.ts";
import { OFFERED } from "../../src/broker/handlers.ts";
import { APIS, type Api } from "../../src/protocol/apis.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { type Listed, type Mismatch, mismatches } from "./compare.ts";
import type { Draw, Generator } from "./generator.ts";
import { GENERATORS } from "./generators.ts";
import { Normalizer } from "./normalize.ts";
import { CLOSED, isStruct, type Side } from "./side.ts";

export interface Sides {
  readonly kafka: Side;
  readonly chronik: Side;
}

interface Cell {
  readonly generator: Generator;
  readonly version: number;
}

/** One request, and what came of it. */
export interface Exchange {
  readonly api: string;
  readonly version: number;
  readonly request: unknown;
  readonly kafka: unknown;
  readonly chronik: unknown;
  /** What differs and is not listed. */
  readonly problems: readonly Mismatch[];
}

/** After these Kafka answers before its broker has seen what its controller has done. */
const CONTROLLER_APIS: ReadonlySet<string> = new Set([
  "CreateTopics",
  "DeleteTopics",
  "CreatePartitions",
  "AlterConfigs",
  "IncrementalAlterConfigs",
]);

/** Every API in every version of it. */
export const CELLS: readonly Cell[] = OFFERED.flatMap(({ apiKey, maxVersion }) => {
  const generator = GENERATORS.find(({ api }) => api.key === apiKey);
  if (generator === undefined) throw new Error(`API ${apiKey} is offered and has no generator`);
  const { min } = generator.api.request.valid;
  return Array.from({ length: maxVersion - min + 1 }, (_, index) => ({ generator, version: min + index }));
});

export class Harness {
  readonly #sides: Sides;
  readonly #listed: Listed;
  readonly #normalizers = { kafka: new Normalizer(), chronik: new Normalizer() };
  #markers = 0;

  constructor(sides: Sides, listed: Listed) {
    this.#sides = sides;
    this.#listed = listed;
  }

  /** Creates the topic of `settle` and waits until Kafka's coordinators have opened theirs. */
  async prepare(): Promise<void> {
    for (const side of Object.values(this.#sides) as Side[]) {
      await side.ask(APIS.createTopics, 7, { topics: [topicOf("marker")], timeoutMs: 5000 });
      await until(async () => !hasError(await side.ask(APIS.findCoordinator, 2, { key: "warm" })));
      await until(async () => !hasError(await side.ask(APIS.offsetFetch, 7, { groupId: "warm", topics: [] })));
      await until(async () => !hasError(await side.ask(APIS.initProducerId, 4, NO_TRANSACTION)));
    }
    await this.#settle();
  }

  /** A sequence of every cell in random order, `rounds` times, on topics and groups of its own. */
  async *sequence(seed: number, rounds: number): AsyncGenerator<Exchange> {
    const random = new SimRandom(seed, "sequence");
    const prefix = `s${seed}.`;
    for (const exchange of await this.#opening(prefix)) yield exchange;
    for (let round = 0; round < rounds; round++) {
      for (const { generator, version } of shuffled(CELLS, random)) {
        yield await this.#play(generator, { random: random.fork(generator.api.name), version, prefix });
      }
    }
  }

  /** Topics with a few records. */
  async #opening(prefix: string): Promise<Exchange[]> {
    const topics = ["kept", "other", "brief"].map((name) => topicOf(prefix + name));
    const records = [encodeBatch([{ value: "first", timestamp: 1_767_225_600_000 }, { value: "second" }])];
    const name = `${prefix}kept`;
    const topicData = [{ name, partitionData: [{ index: 0, records }] }];
    return [
      await this.exchange(APIS.createTopics, 7, () => ({ topics, timeoutMs: 5000 })),
      await this.exchange(APIS.produce, 9, () => ({ acks: -1, timeoutMs: 5000, topicData })),
    ];
  }

  #play(generator: Generator, draw: Draw): Promise<Exchange> {
    return this.exchange(generator.api, draw.version, generator.request(draw), generator.learn);
  }

  async exchange(
    api: Api,
    version: number,
    request: (side: Side) => object,
    learn?: Generator["learn"],
    connection?: string,
  ): Promise<Exchange> {
    const { kafka: kafkaSide, chronik: chronikSide } = this.#sides;
    const ask = async (side: Side): Promise<unknown> => {
      const body = request(side);
      const answer = await side.ask(api, version, body, connection);
      if (answer !== CLOSED) learn?.(answer as Parameters<NonNullable<Generator["learn"]>>[0], side, body);
      return answer;
    };
    const [kafka, chronik] = await Promise.all([ask(kafkaSide), ask(chronikSide)]);
    const asked = request(kafkaSide);
    if (CONTROLLER_APIS.has(api.name)) await this.#settle();
    if (api.name === APIS.joinGroup.name) await this.#settleGroups();
    return this.#compared({ api: api.name, version }, asked, kafka, chronik);
  }

  #compared(where: { api: string; version: number }, request: unknown, kafka: unknown, chronik: unknown): Exchange {
    const answers = {
      kafka: this.#normalizers.kafka.normalized(this.#listed.without(kafka, where.api)),
      chronik: this.#normalizers.chronik.normalized(this.#listed.without(chronik, where.api)),
    };
    const problems = mismatches(answers.kafka, answers.chronik, where).filter((each) => !this.#listed.isListed(each));
    return { ...where, request, ...answers, problems };
  }

  /**
   * Waits until Kafka's broker has caught up with its controller. A change is seen in the metadata before all that
   * follows from it is done, but no second one is begun before: hence two markers.
   */
  async #settle(): Promise<void> {
    for (let time = 0; time < 2; time++) {
      const value = String(++this.#markers);
      const configs = [{ name: "file.delete.delay.ms", configOperation: 0, value }];
      const resource = { resourceType: 2, resourceName: "marker" };
      for (const side of Object.values(this.#sides) as Side[]) {
        await side.ask(APIS.incrementalAlterConfigs, 1, { resources: [{ ...resource, configs }] }, "marker");
        await until(async () => {
          const keys = { configurationKeys: ["file.delete.delay.ms"] };
          const answer = await side.ask(APIS.describeConfigs, 4, { resources: [{ ...resource, ...keys }] }, "marker");
          return JSON.stringify(answer).includes(`"value":"${value}"`);
        });
      }
    }
  }

  /**
   * Waits until Kafka lists a group that is new: it answers a first JoinGroup before the group is committed. Its groups share one
   * log here, and an OffsetCommit is answered when what is before it is committed.
   */
  async #settleGroups(): Promise<void> {
    const partitions = [{ partitionIndex: 0, committedOffset: 0, committedMetadata: "" }];
    const commit = { groupId: "marker", topics: [{ name: "marker", partitions }] };
    for (const side of Object.values(this.#sides) as Side[]) {
      const answer = JSON.stringify(await side.ask(APIS.offsetCommit, 8, commit, "marker"));
      if (!answer.includes('"errorCode":0')) throw new Error(`${side.name} answered a commit with ${answer}`);
    }
  }
}

function topicOf(name: string): object {
  return { name, numPartitions: 3, replicationFactor: 1 };
}

function hasError(answer: unknown): boolean {
  return !isStruct(answer) || answer["errorCode"] !== 0;
}

const NO_TRANSACTION = { transactionalId: null, transactionTimeoutMs: 1000 };
const DEADLINE_MS = 30_000;

/** Asks again and again, for at most half a minute. */
export async function until(reached: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await reached())) {
    if (performance.now() > deadline) throw new Error(`a broker was not ready after ${DEADLINE_MS} ms`);
  }
}

function shuffled<T>(values: readonly T[], random: SimRandom): T[] {
  const left = [...values];
  return values.map(() => left.splice(random.between(0, left.length - 1), 1)[0] as T);
}
