/**
 * A group of members of both protocols under a random history: members come, go, fall silent, lose their connections and
 * change their subscriptions, topics grow, and the broker crashes. As in `group-simulation.ts` records become durable at
 * moments that the seed decides, and answers wait for them. What must hold after every step:
 *
 * - no two members of the group use the same partition;
 * - a commit that was acknowledged is there;
 *
 * and when it has become quiet: every partition has its owner, the group is stable, and a restart finds it as it was.
 */
import assert from "node:assert/strict";
import { SimRandom } from "../../sim/random.ts";
import type { JoinReply } from "../../src/coordinator/classic-member.ts";
import type { ConsumerReply } from "../../src/coordinator/consumer-heartbeat.ts";
import { readAssignment, readSubscription, writeAssignment } from "../../src/coordinator/consumer-protocol.ts";
import type { Effects } from "../../src/coordinator/effects.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import type { StateRecord } from "../../src/state/state-record.ts";
import { commit, committed, GROUP, type Hold, heartbeat, join, sync } from "./classic-calls.ts";
import { addPartitions, beat, createTopic, idOf, owning, subscriptionWith } from "./consumer-calls.ts";
import { GroupWorld, type JoinCall, type SyncCall } from "./group-world.ts";

const TOPIC = "orders";
const MEMBERS = 4;
const STEPS = 300;
const SETTLING_STEPS = 600;
const SESSION_MS = 10_000;
const REBALANCE_MS = 5_000;
const SETTINGS = {
  "group.consumer.min.session.timeout.ms": "5000",
  "group.consumer.session.timeout.ms": String(SESSION_MS),
};

export interface ConsumerFaults {
  /** For canaries: which records reach the log. */
  readonly logged?: (record: StateRecord) => boolean;
  /** For canaries: answers leave although what they tell of is not durable. */
  readonly withoutBarrier?: boolean;
  /** For canaries: members say that they have given up what they use still. */
  readonly lying?: boolean;
}

/** A client. `connection` counts: answers to earlier ones never arrive. */
interface Member {
  readonly name: string;
  classic: boolean;
  memberId: string;
  epoch: number;
  owned: readonly number[];
  /** What it has been told and has not told back. */
  told: readonly number[] | undefined;
  phase: "out" | "waiting" | "in";
  /** Classic protocol: it has begun to join, and has not been told its share. */
  joining: boolean;
  /** Of the leader of a classic group: how many partitions it has divided. */
  divided: number | undefined;
  connection: number;
  lives: number;
}

export class ConsumerSimulation {
  readonly world: GroupWorld;
  readonly #random: SimRandom;
  readonly #faults: ConsumerFaults;
  readonly #members: Member[];
  readonly #acknowledged = new Map<number, number>();
  #held: { readonly position: number; readonly release: () => void }[] = [];
  #durable = 0;
  #partitions = 4;
  #positions = 0;
  #quiet = false;

  constructor(seed: number, faults: ConsumerFaults = {}) {
    this.#random = new SimRandom(seed, "consumer simulation");
    this.#faults = faults;
    const { logged } = faults;
    this.world = new GroupWorld(logged === undefined ? { settings: SETTINGS } : { settings: SETTINGS, logged });
    createTopic(this.world, TOPIC, this.#partitions);
    this.#durable = this.world.log.length;
    const classicRate = this.#random.pick([0, 0.5, 0.8]);
    this.#members = Array.from({ length: MEMBERS }, (_, index) => ({
      name: `m${index}`,
      classic: this.#random.chance(classicRate),
      memberId: "",
      epoch: 0,
      owned: [],
      told: undefined,
      phase: "out" as const,
      joining: false,
      divided: undefined,
      connection: 0,
      lives: 0,
    }));
  }

  run(): void {
    for (let step = 0; step < STEPS; step++) {
      this.#step();
      this.#check();
    }
    this.#quiet = true;
    for (let step = 0; step < SETTLING_STEPS; step++) {
      this.#sync(this.world.log.length);
      this.#act(this.#members[step % MEMBERS]!);
      this.world.advance(250, this.#hold);
      this.#check();
    }
    this.#sync(this.world.log.length);
    assert.equal(this.world.coordinator.group(GROUP)?.state, "Stable", "the group settles");
    const owned = this.#members.flatMap((member) => member.owned).toSorted((one, other) => one - other);
    const all = Array.from({ length: this.#partitions }, (_, index) => index);
    assert.deepEqual(owned, all, "every partition has its owner");
    const before = this.world.image();
    this.world.restart();
    assert.deepEqual(this.world.image(), before, "a restart finds the group as it was");
  }

  #step(): void {
    const draw = this.#random.fraction();
    if (draw < 0.65) this.#act(this.#random.pick(this.#members));
    else if (draw < 0.8) this.#sync(this.#random.between(this.#durable, this.world.log.length));
    else if (draw < 0.92) this.world.advance(this.#random.between(0, 2000), this.#hold);
    else if (draw < 0.95) this.#lose(this.#random.pick(this.#members));
    else if (draw < 0.97) this.world.advance(this.#random.between(0, 2 * SESSION_MS), this.#hold);
    else if (draw < 0.98) this.#grow();
    else this.#crash();
  }

  #check(): void {
    const { coordinator } = this.world;
    const present = new Set([
      ...(coordinator.classicGroup(GROUP)?.members.keys() ?? []),
      ...[...(coordinator.consumerGroup(GROUP)?.members() ?? [])].map(({ memberId }) => memberId),
    ]);
    const users = new Map<number, string>();
    for (const { name, memberId, owned } of this.#members) {
      if (!present.has(memberId)) continue;
      for (const partition of owned) {
        assert.equal(users.get(partition), undefined, `partition ${partition} is used by ${name} and another`);
        users.set(partition, name);
      }
    }
    for (const [partition, position] of this.#acknowledged) {
      const found = Number(committed(this.world, GROUP, idOf(TOPIC), partition) ?? -1);
      assert.ok(found >= position, `partition ${partition} was committed at ${position}, and is at ${found}`);
    }
  }

  #grow(): void {
    this.#partitions += 1;
    addPartitions(this.world, TOPIC, this.#partitions);
    this.#sync(this.world.log.length);
  }

  #sync(position: number): void {
    this.#durable = Math.max(this.#durable, position);
    while (this.#held.length > 0 && this.#held[0]!.position <= this.#durable) this.#held.shift()!.release();
  }

  #crash(): void {
    this.#held = [];
    this.world.restart(this.#random.between(this.#durable, this.world.log.length));
    this.#durable = this.world.log.length;
    for (const member of this.#members) this.#lose(member);
  }

  /** The connection is gone, and with it all answers that have not arrived. */
  #lose(member: Member): void {
    member.connection += 1;
    if (member.phase === "waiting") member.phase = member.epoch > 0 && !member.joining ? "in" : "out";
  }

  readonly #hold: Hold = (effects: Effects) => {
    for (const { to, body } of effects.answers) this.#later(() => to.answer(body));
  };

  #later(release: () => void): void {
    if (this.#faults.withoutBarrier) return release();
    this.#held.push({ position: this.world.log.length, release });
  }

  #act(member: Member): void {
    if (member.phase === "waiting") return;
    if (!this.#quiet && this.#random.chance(0.05)) return this.#startAnew(member);
    if (member.phase === "in" && !this.#quiet && this.#random.chance(0.3)) return this.#commit(member);
    if (member.classic) this.#actClassic(member);
    else this.#beat(member);
  }

  /** The process of the client ends, with a word or without, and comes back as one of either protocol. */
  #startAnew(member: Member): void {
    if (!member.classic && member.phase === "in" && this.#random.chance(0.5)) {
      beat(this.world, member.memberId, -1, {}, this.#hold);
    }
    member.connection += 1;
    if (this.#random.chance(0.3)) member.classic = !member.classic;
    this.#forget(member);
    member.memberId = "";
  }

  #forget(member: Member): void {
    member.owned = [];
    member.told = undefined;
    member.divided = undefined;
    member.epoch = 0;
    member.phase = "out";
    member.joining = false;
  }

  #beat(member: Member): void {
    if (member.memberId === "") member.memberId = `${member.name}-${++member.lives}`;
    const { connection, memberId, epoch } = member;
    const full = epoch === 0 || member.told !== undefined || this.#random.chance(0.3);
    const left = this.#faults.lying ? (member.told ?? member.owned) : member.owned;
    const topicPartitions = full ? (epoch === 0 ? [] : owning({ [TOPIC]: left })) : null;
    const said = full ? { rebalanceTimeoutMs: REBALANCE_MS, subscribedTopicNames: [TOPIC] } : {};
    const reply = beat(this.world, memberId, epoch, { ...said, topicPartitions }, this.#hold);
    member.phase = "waiting";
    this.#later(() => {
      if (member.connection === connection) this.#heard(member, reply);
    });
  }

  #heard(member: Member, reply: ConsumerReply): void {
    if (reply.errorCode) return this.#refused(member);
    member.phase = "in";
    member.epoch = reply.memberEpoch!;
    const assigned = reply.assignment?.topicPartitions;
    if (assigned === undefined) {
      if (member.told !== undefined) member.owned = member.told;
      member.told = undefined;
      return;
    }
    const told = assigned.flatMap(({ partitions }) => [...partitions!]);
    // What it may not use any more it stops to use at once. Whether it says so is another matter.
    member.owned = this.#faults.lying ? [...new Set([...member.owned, ...told])] : told;
    member.told = told;
  }

  /** The client lets go of everything, and joins again. */
  #refused(member: Member): void {
    const { memberId } = member;
    this.#forget(member);
    // The id may be kept, or a new one chosen.
    member.memberId = member.classic || this.#random.chance(0.3) ? "" : memberId;
  }

  #actClassic(member: Member): void {
    const hasGrown = member.divided !== undefined && member.divided !== this.#partitions;
    if (member.phase === "out" || hasGrown) return this.#join(member);
    const { connection, memberId, epoch: generation } = member;
    const errorCode = heartbeat(this.world, memberId, generation);
    member.phase = "waiting";
    this.#later(() => {
      if (member.connection !== connection) return;
      member.phase = "in";
      if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) this.#join(member);
      else if (errorCode) this.#refused(member);
    });
  }

  #join(member: Member): void {
    const { connection, memberId } = member;
    if (this.#random.chance(0.5)) member.owned = []; // as an eager assignor would have it
    const claims = member.owned.length > 0 ? [{ topic: TOPIC, partitions: member.owned }] : [];
    const metadata = subscriptionWith([TOPIC], claims);
    const protocols = [{ name: "cooperative", metadata }];
    member.phase = "waiting";
    member.joining = true;
    const call: JoinCall = join(
      this.world,
      { memberId, sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: REBALANCE_MS, protocols },
      this.#hold,
    );
    call.whenAnswered((reply) => {
      if (member.connection !== connection) return;
      if (reply.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
        member.memberId = reply.memberId!;
        return this.#join(member);
      }
      if (reply.errorCode === ErrorCode.REBALANCE_IN_PROGRESS) return this.#join(member);
      if (reply.errorCode) return this.#refused(member);
      member.memberId = reply.memberId!;
      this.#syncGroup(member, reply);
    });
  }

  #syncGroup(member: Member, reply: JoinReply): void {
    const { connection, memberId } = member;
    const generation = reply.generationId!;
    const leads = reply.members!.length > 0;
    member.divided = leads ? this.#partitions : undefined;
    const assignments = reply.skipAssignment ? [] : this.#divide(reply.members!);
    const call: SyncCall = sync(this.world, { memberId, generation, assignments }, this.#hold);
    call.whenAnswered(({ errorCode, assignment }) => {
      if (member.connection !== connection) return;
      if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) return this.#join(member);
      if (errorCode) return this.#refused(member);
      member.phase = "in";
      member.joining = false;
      member.epoch = generation;
      member.owned = readAssignment(Buffer.from(assignment!))!.flatMap(({ partitions }) => partitions);
    });
  }

  /** As a leader does it: who says to have a partition keeps it, the others go round. */
  #divide(members: NonNullable<JoinReply["members"]>): { memberId: string; assignment: Buffer }[] {
    const shares = members.map(({ memberId, metadata }) => ({
      memberId: memberId!,
      claims: readSubscription(Buffer.from(metadata!))!.owned.flatMap(({ partitions }) => partitions),
      partitions: [] as number[],
    }));
    for (let partition = 0; partition < this.#partitions; partition += 1) {
      const owner = shares.find(({ claims }) => claims.includes(partition)) ?? shares[partition % shares.length];
      owner?.partitions.push(partition);
    }
    return shares.map(({ memberId, partitions }) => ({
      memberId,
      assignment: writeAssignment(1, [{ topic: TOPIC, partitions }]),
    }));
  }

  #commit(member: Member): void {
    if (member.owned.length === 0) return;
    const { connection, memberId, epoch: generation } = member;
    const partition = this.#random.pick(member.owned);
    const offset = ++this.#positions;
    const errorCode = commit(this.world, { memberId, generation, partition, offset, topicId: idOf(TOPIC) }, this.#hold);
    this.#later(() => {
      if (errorCode === ErrorCode.NONE) this.#acknowledged.set(partition, offset);
      else if (member.connection === connection && errorCode === ErrorCode.UNKNOWN_MEMBER_ID) this.#refused(member);
    });
  }
}
