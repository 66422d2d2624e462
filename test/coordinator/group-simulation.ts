/**
 * A group under a random history: members that come, go, fall silent and lose their connections, and a broker that crashes.
 *
 * Records become durable one after the other at moments the seed decides; answers leave only when all records before them
 * are, as at the broker's barrier; a crash takes back what is not durable, and the answers that have not left. Members do
 * what clients do: join, sync, send heartbeats, commit, rejoin when they are told to. `Ledger` writes down what members
 * were told, and finds what must never be:
 *
 * - two leaders, or two memberships, of one generation; a generation that is begun again, or begun below an earlier one;
 * - a partition that is assigned to two members of one generation;
 * - a committed position that goes back, or is lost after it was acknowledged.
 */
import assert from "node:assert/strict";
import { SimRandom } from "../../sim/random.ts";
import type { JoinReply } from "../../src/coordinator/classic-member.ts";
import type { Effects } from "../../src/coordinator/effects.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import type { StateRecord } from "../../src/state/state-record.ts";
import {
  commit,
  committed,
  GROUP,
  type Hold,
  heartbeat,
  join,
  leave,
  offered,
  SESSION_MS,
  sync,
} from "./classic-calls.ts";
import { GroupWorld } from "./group-world.ts";

export const PARTITIONS = 6;
const MEMBERS = 4;
const STEPS = 250;
const SETTLING_STEPS = 400;

export interface SimulationFaults {
  /** For canaries: which records reach the log. */
  readonly logged?: (record: StateRecord) => boolean;
  /** For canaries: answers leave although what they tell of is not durable. */
  readonly withoutBarrier?: boolean;
}

/** What has left the broker, and what may never be seen in it. */
export class Ledger {
  readonly #leaders = new Map<number, string>();
  readonly #members = new Map<number, string>();
  readonly #owners = new Map<string, string>();
  readonly #acknowledged = new Map<number, number>();
  #newest = 0;

  joined({ generationId, leader: leaderId, members }: JoinReply): void {
    const generation = generationId!;
    const leader = identity(leaderId!);
    const known = this.#leaders.get(generation);
    if (known === undefined) {
      assert.ok(generation > this.#newest, `generation ${generation} begins after ${this.#newest}`);
      this.#newest = generation;
      this.#leaders.set(generation, leader);
    }
    assert.equal(leader, this.#leaders.get(generation), `generation ${generation} has one leader`);
    if (members!.length === 0) return;
    const ids = members!
      .map(({ memberId }) => identity(memberId!))
      .toSorted()
      .join();
    assert.equal(ids, this.#members.get(generation) ?? ids, `generation ${generation} has one membership`);
    this.#members.set(generation, ids);
  }

  assigned(generation: number, memberId: string, partitions: readonly number[]): void {
    for (const partition of partitions) {
      const key = `${generation}/${partition}`;
      const owner = this.#owners.get(key) ?? identity(memberId);
      assert.equal(owner, identity(memberId), `partition ${partition} has one owner in generation ${generation}`);
      this.#owners.set(key, owner);
    }
  }

  acknowledged(partition: number, position: number): void {
    this.#acknowledged.set(partition, position);
  }

  /** `positionOf` tells what is committed now, -1 for nothing. */
  check(positionOf: (partition: number) => number): void {
    this.checkLater()(positionOf);
  }

  /** As `check`, of what is acknowledged by now, for positions that take their time to be told. */
  checkLater(): (positionOf: (partition: number) => number) => void {
    const acknowledged = [...this.#acknowledged];
    return (positionOf) => {
      for (const [partition, position] of acknowledged) {
        const found = positionOf(partition);
        assert.ok(found >= position, `partition ${partition} was committed at ${position}, and is at ${found}`);
      }
    };
  }
}

/** A static member that starts again has another id, and is the same member still. */
function identity(memberId: string): string {
  return memberId.replace(/^(static\d)-id\d+$/, "$1");
}

/** A client. `epoch` counts its connections: answers to earlier ones never arrive. */
interface Member {
  readonly instanceId: string | null;
  memberId: string;
  generation: number;
  owned: readonly number[];
  state: "out" | "joining" | "joined" | "syncing" | "in";
  epoch: number;
}

export class GroupSimulation {
  readonly world: GroupWorld;
  readonly #random: SimRandom;
  readonly #faults: SimulationFaults;
  readonly #ledger = new Ledger();
  readonly #members: Member[];
  /** Answers that wait for the log, first in, first out. */
  #held: { readonly position: number; readonly release: () => void }[] = [];
  #durable = 0;
  #positions = 0;
  #quiet = false;

  constructor(seed: number, faults: SimulationFaults = {}) {
    this.#random = new SimRandom(seed, "group simulation");
    this.#faults = faults;
    const delay = String(this.#random.pick([0, 500, 3000]));
    const settings = { "group.initial.rebalance.delay.ms": delay };
    this.world = new GroupWorld(faults.logged === undefined ? { settings } : { settings, logged: faults.logged });
    this.#members = Array.from({ length: MEMBERS }, (_, index) => ({
      instanceId: this.#random.chance(0.3) ? `static${index}` : null,
      memberId: "",
      generation: -1,
      owned: [],
      state: "out" as const,
      epoch: 0,
    }));
  }

  /** A random history, then a quiet time, after which all must be well. */
  run(): void {
    for (let step = 0; step < STEPS; step++) {
      this.#step();
      this.#ledger.check(this.#positionOf);
    }
    this.#quiet = true;
    for (let step = 0; step < SETTLING_STEPS; step++) {
      this.#sync(this.world.log.length);
      this.#act(this.#members[step % MEMBERS]!);
      this.world.advance(250, this.#hold);
    }
    this.#sync(this.world.log.length);
    this.#ledger.check(this.#positionOf);
    assert.equal(this.world.coordinator.group(GROUP)?.state, "Stable", "the group settles");
    const owned = this.#members.flatMap((member) => member.owned).toSorted((one, other) => one - other);
    assert.deepEqual(
      owned,
      Array.from({ length: PARTITIONS }, (_, index) => index),
      "every partition has its owner",
    );
    const before = this.world.image();
    this.world.restart();
    assert.deepEqual(this.world.image(), before, "a restart finds the group as it was");
  }

  #step(): void {
    const draw = this.#random.fraction();
    if (draw < 0.6) this.#act(this.#random.pick(this.#members));
    else if (draw < 0.8) this.#sync(this.#random.between(this.#durable, this.world.log.length));
    else if (draw < 0.93) this.world.advance(this.#random.between(0, 2000), this.#hold);
    else if (draw < 0.96) this.#lose(this.#random.pick(this.#members));
    else if (draw < 0.98) this.world.advance(this.#random.between(0, 2 * SESSION_MS), this.#hold);
    else this.#crash();
  }

  readonly #positionOf = (partition: number): number =>
    Number(committed(this.world, GROUP, undefined, partition) ?? -1);

  /** Everything up to `position` is durable now: answers that waited for it leave. */
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

  /** The connection is gone. The client knows; it goes on with what it was told before. */
  #lose(member: Member): void {
    member.epoch += 1;
    if (member.state !== "in") member.state = member.generation < 0 ? "out" : "joined";
    if (member.state === "joined") this.#rejoin(member);
  }

  readonly #hold: Hold = (effects: Effects) => {
    for (const { to, body } of effects.answers) this.#later(() => to.answer(body));
  };

  #later(release: () => void): void {
    if (this.#faults.withoutBarrier) return release();
    this.#held.push({ position: this.world.log.length, release });
  }

  #act(member: Member): void {
    switch (member.state) {
      case "out":
        if (this.#quiet || this.#random.chance(0.5)) this.#join(member);
        return;
      case "joining":
      case "syncing":
        return; // it waits
      case "joined":
        return this.#rejoin(member);
      case "in":
        if (this.#quiet || this.#random.chance(0.5)) return this.#heartbeat(member);
        if (this.#random.chance(0.85)) return this.#commit(member);
        return this.#random.chance(0.5) ? this.#leave(member) : this.#startAnew(member);
    }
  }

  #join(member: Member): void {
    const { epoch, memberId, instanceId } = member;
    member.state = "joining";
    member.owned = [];
    const protocols = offered("range", this.#random.pick(["sticky", "uniform"]));
    const call = join(this.world, { memberId, instanceId, rebalanceTimeoutMs: 5_000, protocols }, this.#hold);
    call.whenAnswered((reply) => {
      if (member.epoch !== epoch) return;
      if (reply.errorCode === ErrorCode.MEMBER_ID_REQUIRED) member.memberId = reply.memberId!;
      else if (reply.errorCode === ErrorCode.UNKNOWN_MEMBER_ID || reply.errorCode === ErrorCode.FENCED_INSTANCE_ID) {
        member.memberId = "";
      }
      if (reply.errorCode) return this.#rejoin(member);
      this.#ledger.joined(reply);
      member.memberId = reply.memberId!;
      member.generation = reply.generationId!;
      this.#syncGroup(member, reply);
    });
  }

  #syncGroup(member: Member, { members, skipAssignment }: JoinReply): void {
    const { epoch, memberId, instanceId, generation } = member;
    member.state = "syncing";
    const ids = skipAssignment ? [] : members!.map((each) => each.memberId!);
    const assignments = ids.map((id, index) => ({
      memberId: id,
      assignment: Buffer.from(
        Array.from({ length: PARTITIONS }, (_, at) => at).filter((at) => at % ids.length === index),
      ),
    }));
    const call = sync(this.world, { memberId, instanceId, generation, assignments }, this.#hold);
    call.whenAnswered((reply) => {
      if (member.epoch !== epoch) return;
      if (reply.errorCode) return this.#refused(member, reply.errorCode);
      member.owned = [...reply.assignment!];
      member.state = "in";
      this.#ledger.assigned(generation, memberId, member.owned);
    });
  }

  #heartbeat(member: Member): void {
    const { epoch } = member;
    const errorCode = heartbeat(this.world, member.memberId, member.generation, member.instanceId);
    this.#later(() => {
      if (member.epoch === epoch && member.state === "in" && errorCode) this.#refused(member, errorCode);
    });
  }

  #commit(member: Member): void {
    if (member.owned.length === 0) return;
    const { epoch, memberId, instanceId, generation } = member;
    const partition = this.#random.pick(member.owned);
    const offset = ++this.#positions;
    const errorCode = commit(this.world, { memberId, instanceId, generation, partition, offset }, this.#hold);
    if (errorCode === ErrorCode.NONE) {
      assert.equal(
        generation,
        this.world.coordinator.classicGroup(GROUP)?.generation,
        "only the last generation commits",
      );
    }
    this.#later(() => {
      if (errorCode === ErrorCode.NONE) this.#ledger.acknowledged(partition, offset);
      else if (member.epoch === epoch && member.state === "in") this.#refused(member, errorCode);
    });
  }

  #leave(member: Member): void {
    leave(this.world, member.memberId, member.instanceId, this.#hold);
    this.#startAnew(member);
  }

  /** The process of the client ends, without a word. A static one has its name still. */
  #startAnew(member: Member): void {
    member.epoch += 1;
    member.memberId = "";
    member.generation = -1;
    member.owned = [];
    member.state = "out";
  }

  #refused(member: Member, errorCode: number): void {
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID || errorCode === ErrorCode.FENCED_INSTANCE_ID) member.memberId = "";
    this.#rejoin(member);
  }

  #rejoin(member: Member): void {
    member.owned = [];
    member.state = "out";
    if (this.#random.chance(0.7)) this.#join(member);
  }
}
