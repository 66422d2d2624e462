/**
 * A classic group of several members on both brokers: they enter, leave, rejoin, fall silent, come too late, and are
 * replaced, and strangers and members of other generations ask for what they may not have. A JoinGroup waits for the
 * others, so requests are sent together and their answers compared when all are there.
 */
import { SimRandom } from "../../sim/random.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { subscription } from "../coordinator/classic-calls.ts";
import { type Exchange, type Harness, type Sides, until } from "./harness.ts";
import { isStruct, type Side } from "./side.ts";

const STEPS = 14;
const LONG_MS = 1_000_000;
/** Sessions and rebalances that are meant to end. */
const SHORT_MS = 1_500;
const NAMES = ["one", "two", "three", "four"] as const;
type Name = (typeof NAMES)[number];
/** Two of them are static. */
const INSTANCES: Readonly<Partial<Record<Name, string>>> = { three: "static-3", four: "static-4" };

export class GroupScenario {
  readonly #harness: Harness;
  readonly #sides: Sides;
  readonly #random: SimRandom;
  readonly #group: string;
  readonly #topic: string;
  /** Those in the group, in the order in which they came. */
  readonly #present: Name[] = [];
  /** What a member says of itself changes with this, so that the others have to come together again. */
  readonly #edition = new Map<Name, number>();
  readonly #sessionMs = new Map<Name, number>();
  #rebalanceMs = LONG_MS;

  constructor(harness: Harness, sides: Sides, seed: number) {
    this.#harness = harness;
    this.#sides = sides;
    this.#random = new SimRandom(seed, "group scenario");
    this.#group = `scenario${seed}`;
    this.#topic = `s${seed}.kept`;
  }

  async *play(): AsyncGenerator<Exchange> {
    for (let step = 0; step < STEPS; step++) {
      yield* await this.#step();
      yield await this.#describe();
    }
    while (this.#present.length > 0) yield* await this.#leave(this.#dispensable());
    yield await this.#describe();
  }

  #step(): Promise<Exchange[]> {
    const absent = NAMES.filter((name) => !this.#present.includes(name));
    const draw = this.#random.fraction();
    if (this.#present.length === 0 || (draw < 0.25 && absent.length > 0)) return this.#enter(this.#random.pick(absent));
    const name = this.#random.pick(this.#present);
    if (draw < 0.35) return this.#leave(this.#dispensable());
    if (draw < 0.45) return this.#change(name);
    if (draw < 0.55 && this.#present.length > 1) return this.#fallSilent(this.#dispensable());
    if (draw < 0.65 && this.#present.length > 1) return this.#comeTooLate(this.#dispensable());
    if (draw < 0.75 && INSTANCES[name] !== undefined) return this.#replace(name);
    return this.#trespass(name);
  }

  /** One that can go. Not the leader, unless it is alone: who leads then is up to Kafka's hash table. */
  #dispensable(): Name {
    const followers = this.#present.filter((name) => name !== this.#leader());
    return this.#random.pick(followers.length > 0 ? followers : this.#present);
  }

  /** The same on both sides, as the answers to JoinGroup have been compared. */
  #leader(): Name | undefined {
    const leader = this.#sides.kafka.kept(this.#key("leader"), "");
    return this.#present.find((name) => this.#id(this.#sides.kafka, name) === leader);
  }

  async #enter(name: Name): Promise<Exchange[]> {
    const exchanges: Exchange[] = [];
    this.#sessionMs.set(name, LONG_MS);
    if (INSTANCES[name] === undefined) exchanges.push(await this.#join(name, { isNew: true }));
    this.#present.push(name);
    return [...exchanges, ...(await this.#meet(name, INSTANCES[name] !== undefined))];
  }

  async #leave(name: Name): Promise<Exchange[]> {
    const instance = INSTANCES[name];
    const byAdministrator = instance !== undefined && this.#random.chance(0.5);
    const version = this.#random.between(3, 5);
    const left = await this.#harness.exchange(APIS.leaveGroup, version, (side) => {
      const memberId = byAdministrator ? "" : this.#id(side, name);
      return { groupId: this.#group, members: [{ memberId, groupInstanceId: byAdministrator ? instance : null }] };
    });
    this.#present.splice(this.#present.indexOf(name), 1);
    return [left, ...(this.#present.length > 0 ? await this.#meet() : [])];
  }

  /** A member says something else of itself, so that all have to join again. */
  #change(name: Name): Promise<Exchange[]> {
    this.#edition.set(name, (this.#edition.get(name) ?? 0) + 1);
    return this.#meet(name);
  }

  async #fallSilent(name: Name): Promise<Exchange[]> {
    this.#sessionMs.set(name, SHORT_MS);
    const before = await this.#change(name);
    this.#present.splice(this.#present.indexOf(name), 1);
    return [...before, ...(await this.#meet()), await this.#heartbeat(name)];
  }

  /** All are told to join again, and one does not. A static member keeps its place until its session is over. */
  async #comeTooLate(late: Name): Promise<Exchange[]> {
    const [other] = this.#present.filter((name) => name !== late);
    this.#rebalanceMs = SHORT_MS;
    const before = await this.#change(other!);
    this.#edition.set(other!, (this.#edition.get(other!) ?? 0) + 1);
    if (INSTANCES[late] === undefined) this.#present.splice(this.#present.indexOf(late), 1);
    const after = await this.#meet(other, false, [late]);
    this.#rebalanceMs = LONG_MS;
    return [...before, ...after, await this.#heartbeat(late)];
  }

  /** A static member starts again: it takes its place, and whoever has its old id is fenced. */
  async #replace(name: Name): Promise<Exchange[]> {
    await this.#settled();
    const formerly = new Map([this.#sides.kafka, this.#sides.chronik].map((side) => [side, this.#id(side, name)]));
    const joined = await this.#join(name, { isNew: true });
    const stale = await this.#harness.exchange(APIS.heartbeat, 4, (side) => ({
      groupId: this.#group,
      memberId: formerly.get(side)!,
      generationId: this.#generation(side),
      groupInstanceId: INSTANCES[name],
    }));
    return [joined, stale, await this.#sync(name), await this.#heartbeat(name)];
  }

  /** Requests of strangers, and of members that are not where they say. */
  async #trespass(name: Name): Promise<Exchange[]> {
    const [stranger, off] = [this.#random.chance(0.4), this.#random.pick([-1, 1, 0])];
    const groupId = this.#group;
    const claim = (side: Side): { memberId: string; generationId: number } => ({
      memberId: stranger ? "stranger" : this.#id(side, name),
      generationId: this.#generation(side) + off,
    });
    const partitions = [{ partitionIndex: 0, committedOffset: this.#random.between(0, 9), committedMetadata: "" }];
    return [
      await this.#harness.exchange(APIS.heartbeat, this.#random.between(0, 4), (side) => ({ groupId, ...claim(side) })),
      await this.#harness.exchange(APIS.syncGroup, this.#random.between(0, 4), (side) => {
        const { memberId, generationId } = claim(side);
        return { groupId, memberId, generationId: generationId + (off === 0 ? 1 : 0), assignments: [] };
      }),
      await this.#harness.exchange(APIS.offsetCommit, this.#random.between(2, 9), (side) => {
        const { memberId, generationId } = claim(side);
        const topics = [{ name: this.#topic, partitions }];
        return { groupId, memberId, generationIdOrMemberEpoch: generationId, topics };
      }),
      await this.#harness.exchange(APIS.joinGroup, this.#random.between(5, 9), (side) => {
        const { memberId } = claim(side);
        const protocols = [{ name: "unheard-of", metadata: Buffer.alloc(0) }];
        const timeouts = { sessionTimeoutMs: LONG_MS, rebalanceTimeoutMs: LONG_MS };
        return { groupId, memberId, ...timeouts, protocolType: "consumer", protocols };
      }),
      await this.#harness.exchange(APIS.offsetFetch, 7, () => ({ groupId, topics: null })),
      await this.#harness.exchange(APIS.deleteGroups, 2, () => ({ groupsNames: [groupId] })),
    ];
  }

  /**
   * All that are there join and are given their work: `first` on its own account, the others as soon as they are told to.
   * Those in `without` do not come.
   */
  async #meet(first?: Name, isNew = false, without: readonly Name[] = []): Promise<Exchange[]> {
    const coming = this.#present.filter((name) => !without.includes(name));
    const others = coming.filter((name) => name !== first);
    const joins: Promise<Exchange>[] = first === undefined ? [] : [this.#join(first, { isNew })];
    for (const name of others) {
      await this.#told(name);
      joins.push(this.#join(name, { isNew: false }));
    }
    const joined = await Promise.all(joins);
    const leader = this.#leader();
    const followers = coming.filter((name) => name !== leader);
    const synced = await Promise.all(
      [...followers, ...(leader === undefined ? [] : [leader])].map((name) => this.#sync(name)),
    );
    return [...joined, ...synced];
  }

  /** Waits until both brokers tell a member to join again. Others that are there live on meanwhile. */
  async #told(name: Name): Promise<void> {
    for (const side of [this.#sides.kafka, this.#sides.chronik]) {
      await until(async () => (await this.#beat(side, name)) === ErrorCode.REBALANCE_IN_PROGRESS);
    }
  }

  async #settled(): Promise<void> {
    for (const side of [this.#sides.kafka, this.#sides.chronik]) {
      for (const name of this.#present) await until(async () => (await this.#beat(side, name)) === ErrorCode.NONE);
    }
  }

  async #beat(side: Side, name: Name): Promise<unknown> {
    const answer = await side.ask(
      APIS.heartbeat,
      4,
      {
        groupId: this.#group,
        memberId: this.#id(side, name),
        generationId: this.#generation(side),
        groupInstanceId: INSTANCES[name] ?? null,
      },
      `${name} lives`,
    );
    return isStruct(answer) ? answer["errorCode"] : undefined;
  }

  #join(name: Name, { isNew }: { readonly isNew: boolean }): Promise<Exchange> {
    const version = this.#random.between(5, 9);
    const edition = this.#edition.get(name) ?? 0;
    const protocols = [
      { name: "range", metadata: subscription(this.#topic, ...Array<string>(edition).fill("more")) },
      { name: "roundrobin", metadata: subscription(this.#topic) },
    ];
    const sessionTimeoutMs = this.#sessionMs.get(name) ?? LONG_MS;
    const rebalanceTimeoutMs = this.#rebalanceMs;
    return this.#harness.exchange(
      APIS.joinGroup,
      version,
      (side) => ({
        groupId: this.#group,
        memberId: isNew ? "" : this.#id(side, name),
        groupInstanceId: INSTANCES[name] ?? null,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        protocolType: "consumer",
        protocols,
      }),
      (answer, side) => {
        const { memberId, errorCode, generationId, leader } = answer as unknown as JoinAnswer;
        if (memberId !== "") side.keep(this.#key(`id ${name}`), memberId);
        if (errorCode !== ErrorCode.NONE) return;
        side.keep(this.#key("generation"), generationId);
        side.keep(this.#key("leader"), leader);
      },
      name,
    );
  }

  #sync(name: Name): Promise<Exchange> {
    return this.#harness.exchange(
      APIS.syncGroup,
      this.#random.between(3, 4),
      (side) => {
        const memberId = this.#id(side, name);
        const leads = side.kept(this.#key("leader"), "") === memberId;
        const assignments = this.#present.map((each) => ({
          memberId: this.#id(side, each),
          assignment: Buffer.from(`work of ${each}`),
        }));
        return {
          groupId: this.#group,
          memberId,
          generationId: this.#generation(side),
          groupInstanceId: INSTANCES[name] ?? null,
          assignments: leads ? assignments : [],
        };
      },
      undefined,
      name,
    );
  }

  #heartbeat(name: Name): Promise<Exchange> {
    return this.#harness.exchange(APIS.heartbeat, this.#random.between(0, 4), (side) => ({
      groupId: this.#group,
      memberId: this.#id(side, name),
      generationId: this.#generation(side),
    }));
  }

  #describe(): Promise<Exchange> {
    return this.#harness.exchange(APIS.describeGroups, 6, () => ({ groups: [this.#group] }));
  }

  #id(side: Side, name: Name): string {
    return side.kept(this.#key(`id ${name}`), "");
  }

  #generation(side: Side): number {
    return side.kept(this.#key("generation"), -1);
  }

  #key(what: string): string {
    return `${this.#group} ${what}`;
  }
}

interface JoinAnswer {
  readonly memberId: string;
  readonly errorCode: number;
  readonly generationId: number;
  readonly leader: string;
}
