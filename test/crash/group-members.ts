/** Members of one group on simulated connections: they join, sync, send heartbeats and commit, through crashes and resets. */
import assert from "node:assert/strict";
import { ConnectionLost, type KafkaClient } from "../../sim/kafka-client.ts";
import type { SimRandom } from "../../sim/random.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { subscription } from "../coordinator/classic-calls.ts";
import type { Ledger } from "../coordinator/group-simulation.ts";
import type { World } from "./world.ts";

export const GROUP = "readers";
export const TOPIC = "orders";
export const SESSION_MS = 6_000;
const HEARTBEAT_MS = 1_000;
const RETRY_MS = 100;

export class GroupMember {
  owned: readonly number[] = [];
  generation = -1;
  /** Generations it has been in. */
  generations = 0;
  readonly #world: World;
  readonly #random: SimRandom;
  readonly #ledger: Ledger;
  readonly #nextPosition: () => number;
  #client: KafkaClient | undefined;
  #memberId = "";
  #stopped = false;

  constructor(options: {
    readonly world: World;
    readonly random: SimRandom;
    readonly ledger: Ledger;
    readonly nextPosition: () => number;
  }) {
    this.#world = options.world;
    this.#random = options.random;
    this.#ledger = options.ledger;
    this.#nextPosition = options.nextPosition;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Lives until it is stopped. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#world.gate.passed();
      try {
        if (this.#client?.isOpen !== true) this.#client = this.#world.connect();
        if (this.generation < 0) await this.#join(this.#client);
        else await this.#work(this.#client);
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        await this.#pause(RETRY_MS);
      }
    }
  }

  async #join(client: KafkaClient): Promise<void> {
    this.owned = [];
    const joined = await client.request(APIS.joinGroup, 9, {
      groupId: GROUP,
      memberId: this.#memberId,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: 10_000,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: subscription(TOPIC) }],
    });
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) this.#memberId = joined.memberId;
    if (joined.errorCode !== ErrorCode.NONE) return this.#refused(joined.errorCode);
    this.#ledger.joined(joined);
    const ids = joined.members.map(({ memberId }) => memberId);
    const synced = await client.request(APIS.syncGroup, 5, {
      groupId: GROUP,
      memberId: this.#memberId,
      generationId: joined.generationId,
      protocolType: "consumer",
      protocolName: "range",
      assignments: ids.map((memberId, index) => ({
        memberId,
        assignment: Buffer.from(PARTITIONS.filter((at) => at % ids.length === index)),
      })),
    });
    if (synced.errorCode !== ErrorCode.NONE) return this.#refused(synced.errorCode);
    this.owned = [...synced.assignment];
    this.generation = joined.generationId;
    this.generations += 1;
    this.#ledger.assigned(this.generation, this.#memberId, this.owned);
  }

  async #work(client: KafkaClient): Promise<void> {
    const member = { groupId: GROUP, memberId: this.#memberId };
    const { errorCode } = await client.request(APIS.heartbeat, 4, { ...member, generationId: this.generation });
    if (errorCode !== ErrorCode.NONE) return this.#refused(errorCode);
    for (const partitionIndex of this.owned.slice(0, this.#random.between(0, 2))) {
      const committedOffset = this.#nextPosition();
      const partitions = [{ partitionIndex, committedOffset, committedMetadata: "" }];
      const answer = await client.request(APIS.offsetCommit, 9, {
        ...member,
        generationIdOrMemberEpoch: this.generation,
        topics: [{ name: TOPIC, partitions }],
      });
      const problem = answer.topics[0]!.partitions[0]!.errorCode;
      if (problem !== ErrorCode.NONE) return this.#refused(problem);
      this.#ledger.acknowledged(partitionIndex, committedOffset);
    }
    await this.#pause(HEARTBEAT_MS * this.#random.fraction());
  }

  #refused(errorCode: number): void {
    assert.ok(EXPECTED.has(errorCode), `a member was told ${errorCode}`);
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) this.#memberId = "";
    this.generation = -1;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#world.clock.schedule(delayMs, resolve));
  }
}

export const PARTITIONS: readonly number[] = [0, 1, 2, 3, 4];

const EXPECTED: ReadonlySet<number> = new Set([
  ErrorCode.MEMBER_ID_REQUIRED,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.REBALANCE_IN_PROGRESS,
]);

/** What is committed, as a client reads it; -1 for nothing. */
export async function readPositions(client: KafkaClient): Promise<ReadonlyMap<number, number>> {
  const topics = [{ name: TOPIC, partitionIndexes: PARTITIONS }];
  const answer = await client.request(APIS.offsetFetch, 9, { groups: [{ groupId: GROUP, topics }] });
  const partitions = answer.groups[0]!.topics[0]!.partitions;
  return new Map(partitions.map(({ partitionIndex, committedOffset }) => [partitionIndex, Number(committedOffset)]));
}
