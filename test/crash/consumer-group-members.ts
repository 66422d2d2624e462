/** Members of one group of the consumer protocol (KIP-848) on simulated connections, through crashes and resets. */
import assert from "node:assert/strict";
import { ConnectionLost, type KafkaClient } from "../../sim/kafka-client.ts";
import type { SimRandom } from "../../sim/random.ts";
import { type Uuid, ZERO_UUID } from "../../src/base/uuid.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import type { Ledger } from "../coordinator/group-simulation.ts";
import { GROUP, TOPIC } from "./group-members.ts";
import type { World } from "./world.ts";

const HEARTBEAT_MS = 1_000;
const RETRY_MS = 100;
const REBALANCE_MS = 10_000;

export class ConsumerGroupMember {
  readonly memberId: string;
  owned: readonly number[] = [];
  epoch = 0;
  /** How often it has joined. */
  joins = 0;
  readonly #world: World;
  readonly #random: SimRandom;
  readonly #ledger: Ledger;
  readonly #nextPosition: () => number;
  #client: KafkaClient | undefined;
  /** It has been told something that it has not told back, or does not know whether its last request has arrived. */
  #hasNews = true;
  #topicId: Uuid = ZERO_UUID;
  #stopped = false;

  constructor(options: {
    readonly memberId: string;
    readonly world: World;
    readonly random: SimRandom;
    readonly ledger: Ledger;
    readonly nextPosition: () => number;
  }) {
    this.memberId = options.memberId;
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
        await this.#beat(this.#client);
        if (this.epoch > 0) await this.#commit(this.#client);
        await this.#pause(this.#hasNews ? 0 : HEARTBEAT_MS * this.#random.fraction());
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        this.#hasNews = true;
        await this.#pause(RETRY_MS);
      }
    }
  }

  async #beat(client: KafkaClient): Promise<void> {
    const isFull = this.#hasNews || this.epoch === 0;
    const topicPartitions = this.owned.length === 0 ? [] : [{ topicId: this.#topicId, partitions: this.owned }];
    const reply = await client.request(APIS.consumerGroupHeartbeat, 1, {
      groupId: GROUP,
      memberId: this.memberId,
      memberEpoch: this.epoch,
      ...(isFull
        ? { rebalanceTimeoutMs: REBALANCE_MS, subscribedTopicNames: [TOPIC], topicPartitions }
        : { topicPartitions: null }),
    });
    if (reply.errorCode !== ErrorCode.NONE) return this.#refused(reply.errorCode);
    if (this.epoch === 0) this.joins += 1;
    this.epoch = reply.memberEpoch;
    const told = reply.assignment?.topicPartitions.flatMap(({ topicId, partitions }) => {
      this.#topicId = topicId;
      return [...partitions];
    });
    this.#hasNews = told !== undefined && !isSame(told, this.owned);
    if (told !== undefined) this.owned = told;
  }

  async #commit(client: KafkaClient): Promise<void> {
    for (const partitionIndex of this.owned.slice(0, this.#random.between(0, 2))) {
      const committedOffset = this.#nextPosition();
      const answer = await client.request(APIS.offsetCommit, 9, {
        groupId: GROUP,
        memberId: this.memberId,
        generationIdOrMemberEpoch: this.epoch,
        topics: [{ name: TOPIC, partitions: [{ partitionIndex, committedOffset, committedMetadata: "" }] }],
      });
      const problem = answer.topics[0]!.partitions[0]!.errorCode;
      if (problem === ErrorCode.STALE_MEMBER_EPOCH) return; // it is told its new one with the next heartbeat
      if (problem !== ErrorCode.NONE) return this.#refused(problem);
      this.#ledger.acknowledged(partitionIndex, committedOffset);
    }
  }

  #refused(errorCode: number): void {
    assert.ok(EXPECTED.has(errorCode), `a member was told ${errorCode}`);
    this.owned = [];
    this.epoch = 0;
    this.#hasNews = true;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#world.clock.schedule(delayMs, resolve));
  }
}

function isSame(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((partition) => other.includes(partition));
}

const EXPECTED: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.GROUP_ID_NOT_FOUND,
]);
