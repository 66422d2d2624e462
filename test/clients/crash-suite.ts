/**
 * The scenario that every client library runs: producing with the broker killed while requests are in flight and started
 * again on the same folder and port, everything read back by assignment, killed once more and read again; then every codec
 * with every acks.
 *
 *     crash-suite [--at-least-once] [--no-offsets] NAME CLIENT [ARG…]
 *
 * CLIENT is a small program in the library's language. It gets the broker's address as its last argument, takes commands on
 * stdin and answers on stdout (README.md has the language, and the content that each record has by its index).
 */
import { join } from "node:path";
import { type Acks, CrashClient } from "./crash-client.ts";
import { isLed, storedCodecs } from "./stored-batches.ts";
import { runSuite, SOAK_MINUTES, type Suite } from "./suite.ts";
import { complaints } from "./verdict.ts";

const PARTITIONS = 4;

interface Plan {
  readonly records: number;
  readonly codec: string;
  /** The broker is killed when this many records were given to the producer. */
  readonly kills: readonly number[];
}

const FEW: Plan = { records: 100, codec: "none", kills: [50] };
/** With the last of the library's codecs. */
const SOME: Omit<Plan, "codec"> = { records: 5_000, kills: [2_500] };
const MANY: Plan = { records: 500_000, codec: "none", kills: [150_000, 350_000] };

const ACKS: readonly Acks[] = ["all", "1", "0"];
const MATRIX_RECORDS = 700;

/** What the library cannot do. */
interface Limits {
  /** It has no idempotent producer: what it sends again after a kill may be there twice. */
  readonly atLeastOnce: boolean;
  /** It does not tell where an acknowledged record is. */
  readonly noOffsets: boolean;
}

class Scenario {
  readonly #suite: Suite;
  readonly #client: CrashClient;
  readonly #limits: Limits;
  readonly #topics: string[] = [];

  constructor(suite: Suite, client: CrashClient, limits: Limits) {
    this.#suite = suite;
    this.#client = client;
    this.#limits = limits;
  }

  async run(plan: Plan): Promise<void> {
    const acknowledged = await this.#produce(plan);
    const kills = plan.kills.length === 1 ? "1 kill" : `${plan.kills.length} kills`;
    this.#suite.check(
      `${plan.records} records, ${PARTITIONS} partitions, ${kills} with requests in flight: all acknowledged`,
      acknowledged === plan.records ? [] : [`${acknowledged} acknowledged`],
    );

    const times = this.#limits.atLeastOnce ? "at least once" : "once";
    const same = await this.#problemsOf(plan);
    this.#suite.check(`${plan.records} records: each there ${times}, in order, as sent, where acknowledged`, same);
    await this.#killAndStart();
    const stillSame = await this.#problemsOf(plan);
    this.#suite.check(`${plan.records} records: all the same after one more kill`, stillSame);
  }

  /** Every codec with every acks, each in a topic of its own; none of these producers sees a kill. */
  async runMatrix(): Promise<void> {
    const cells = (await this.#client.codecs()).flatMap((codec) =>
      ACKS.map((acks) => ({ topic: `matrix-${codec}-${acks}`, codec, acks })),
    );
    const problems = new Map<string, string[]>();
    for (const { topic, codec, acks } of cells) {
      await this.#create(topic);
      const production = { topic, records: MATRIX_RECORDS, codec, acks, checkpoints: [] };
      const acknowledged = await this.#client.produce(production, async () => {});
      const found = acknowledged === MATRIX_RECORDS ? [] : [`${acknowledged} acknowledged`];
      found.push(...(await this.#problemsOfCell(topic, acks)));
      // A producer leaves a batch as it is when compressing makes it no smaller, but not all of them.
      const stored = await storedCodecs(this.#suite.broker.home.port, { topic, partitions: PARTITIONS });
      if (!stored.has(codec)) found.push(`written with ${[...stored].join(" and ")}`);
      problems.set(topic, found);
    }
    await this.#killAndStart();
    for (const { topic, codec, acks } of cells) {
      const after = await this.#problemsOfCell(topic, acks);
      this.#suite.check(`${MATRIX_RECORDS} records, ${codec}, acks=${acks}: as sent, before and after a kill`, [
        ...(problems.get(topic) ?? []),
        ...after.map((problem) => `after the kill: ${problem}`),
      ]);
    }
  }

  /** The canaries: a client that finds nothing to complain about here could not find a loss or a stray record above. */
  async checkTheCheckers(few: Plan, many: Plan): Promise<void> {
    const [difference, again] = [many.records - few.records, 100];
    const lost = await this.#client.read(topicOf(few), topicOf(many));
    this.#suite.check(`canary: ${difference} lost records are noticed`, unless(lost.problems, "lost"));
    const stray = await this.#client.read(topicOf(many), topicOf(few));
    this.#suite.check(`canary: ${difference} stray records are noticed`, unless(stray.problems, "unknown"));

    const stored = await storedCodecs(this.#suite.broker.home.port, { topic: topicOf(few), partitions: PARTITIONS });
    this.#suite.check(
      "canary: what was not compressed does not pass as compressed",
      [...stored].join() === few.codec ? [] : [`written with ${[...stored].join(" and ")}`],
    );

    const production = { topic: "twice", records: again, codec: "none", acks: "all", checkpoints: [] } as const;
    await this.#create(production.topic);
    for (const _ of [1, 2]) await this.#client.produce(production, async () => {});
    const { duplicates } = await this.#client.read(production.topic, production.topic);
    this.#suite.check(
      `canary: ${again} records that were sent twice are noticed`,
      duplicates === again ? [] : [`${duplicates} duplicates were reported`],
    );
  }

  /**
   * The same again and again, each time with a topic of its own and four kills, until the time is over; then every topic is
   * read once more.
   */
  async soak(minutes: number): Promise<void> {
    const until = performance.now() + minutes * 60_000;
    const plans: Plan[] = [];
    let [acknowledged, kills] = [0, 0];
    const problems: string[] = [];
    while (performance.now() < until) {
      // Each with another number of records, which names its topic.
      const records = MANY.records + 1 + plans.length;
      const plan: Plan = { records, codec: "none", kills: [1, 2, 3, 4].map((part) => part * 100_000) };
      plans.push(plan);
      acknowledged += await this.#produce(plan);
      kills += plan.kills.length;
      problems.push(...(await this.#problemsOf(plan)));
      console.log(`${topicOf(plan)}: ${kills} kills, ${acknowledged} acknowledged, ${problems.length} problems so far`);
    }
    await this.#killAndStart();
    let found = 0;
    for (const plan of plans) {
      const again = await this.#client.read(topicOf(plan), topicOf(plan));
      problems.push(...again.problems);
      found += again.records;
    }
    console.log(`${plans.length} topics, ${kills + 1} kills, ${acknowledged} acknowledged, ${found} read in the end`);
    this.#suite.check(`${minutes} minutes: nothing lost, nothing twice`, problems);
  }

  async #create(topic: string): Promise<void> {
    await this.#client.create(topic, PARTITIONS);
    this.#topics.push(topic);
    await this.#untilLed(topic);
  }

  async #killAndStart(): Promise<void> {
    await this.#suite.killAndStart();
    for (const topic of this.#topics) await this.#untilLed(topic);
  }

  /**
   * Apache Kafka leads the partitions of a new topic, and all of them after a start, only a moment after it said so. What
   * comes with acks=0 until then is gone, and not every library asks again for an end offset. Chronik must not need this.
   */
  async #untilLed(topic: string): Promise<void> {
    if (this.#suite.broker.kind.name !== "kafka") return;
    while (!(await isLed(this.#suite.broker.home.port, { topic, partitions: PARTITIONS })));
  }

  /** Creates the plan's topic, fills it while the broker is killed, and returns the number of acknowledged records. */
  async #produce(plan: Plan): Promise<number> {
    const topic = topicOf(plan);
    await this.#create(topic);
    return this.#client.produce({ ...plan, topic, acks: "all", checkpoints: plan.kills }, (go) =>
      this.#suite.killInFlight(go),
    );
  }

  /** What is wrong with a topic, by what its plan sent and had acknowledged. */
  async #problemsOf(plan: Plan): Promise<readonly string[]> {
    const comparison = await this.#client.read(topicOf(plan), topicOf(plan));
    return complaints(comparison, plan.records, {
      duplicates: this.#limits.atLeastOnce,
      withoutOffset: this.#limits.noOffsets || this.#suite.offsetsMayBeMissing,
    });
  }

  async #problemsOfCell(topic: string, acks: Acks): Promise<readonly string[]> {
    const comparison = await this.#client.read(topic, topic);
    const withoutOffset = this.#limits.noOffsets || acks === "0";
    return complaints(comparison, MATRIX_RECORDS, { duplicates: false, withoutOffset });
  }
}

function unless(problems: readonly string[], word: string): readonly string[] {
  return problems.some((problem) => problem.includes(word)) ? [] : [`no problem with "${word}" was reported`];
}

function topicOf(plan: Plan): string {
  return `records-${plan.records}`;
}

const args = process.argv.slice(2);
const options = args.splice(
  0,
  args.findIndex((arg) => !arg.startsWith("--")),
);
const unknown = options.find((option) => option !== "--at-least-once" && option !== "--no-offsets");
if (unknown !== undefined) throw new RangeError(`there is no option ${unknown}`);
const limits = { atLeastOnce: options.includes("--at-least-once"), noOffsets: options.includes("--no-offsets") };
const [name = "", ...command] = args;

// A library that reads only in groups gets each new group at once.
await runSuite(name, { "group.initial.rebalance.delay.ms": "0" }, async (suite) => {
  const client = new CrashClient([...command, suite.broker.address], join(suite.folder, "client.log"));
  const scenario = new Scenario(suite, client, limits);
  if (SOAK_MINUTES > 0) await scenario.soak(SOAK_MINUTES);
  const some = { ...SOME, codec: (await client.codecs()).at(-1)! };
  for (const plan of [FEW, some, MANY]) await scenario.run(plan);
  await scenario.runMatrix();
  await scenario.checkTheCheckers(FEW, some);
  await client.end();
});
