/**
 * What groups cost a broker, measured from outside: how long 100 members over 1,000 partitions take to come together again in
 * either protocol, and how many offsets are committed in a second, each by a request of its own.
 *
 *     node bench/groups.ts HOST:PORT
 *
 * The broker needs group.initial.rebalance.delay.ms=0. It prints a line for each figure.
 */
import { KafkaClient } from "../sim/kafka-client.ts";
import { APIS } from "../src/protocol/apis.ts";
import { subscription } from "../test/coordinator/classic-calls.ts";
import { tcpConnection } from "../test/system/broker-process.ts";

const MEMBERS = 100;
const PARTITIONS = 1_000;
const ROUNDS = 15;
const COMMITTERS = 8;
const COMMIT_MS = 5_000;
const TIMEOUTS = { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 60_000 };
const TOPIC = "wide";

const [, portText] = (process.argv[2] ?? "").split(":");
const port = Number(portText);
if (!Number.isInteger(port)) throw new Error("usage: bench/groups.ts HOST:PORT");

function connect(): KafkaClient {
  return new KafkaClient(tcpConnection(port));
}

function summary(name: string, timesMs: readonly number[]): void {
  const sorted = timesMs.toSorted((one, other) => one - other);
  const at = (share: number): string => sorted[Math.floor(sorted.length * share)]!.toFixed(1);
  console.log(`${name}: median ${at(0.5)} ms, worst ${at(0.999)} ms of ${sorted.length}`);
}

/** All members join, and are given their work: from the first request to the last answer. */
async function classicRebalances(): Promise<void> {
  const members = Array.from({ length: MEMBERS }, () => ({ client: connect(), memberId: "" }));
  const timesMs: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const startMs = performance.now();
    const metadata = subscription(TOPIC, ...Array<string>(round).fill("again"));
    const joined = await Promise.all(
      members.map(async (member) => {
        const join = (): Promise<Joined> =>
          member.client.request(APIS.joinGroup, 9, {
            groupId: "classic",
            memberId: member.memberId,
            ...TIMEOUTS,
            protocolType: "consumer",
            protocols: [{ name: "range", metadata }],
          });
        const first = await join();
        if (member.memberId !== "") return first;
        member.memberId = first.memberId;
        return join();
      }),
    );
    // Ten partitions each, as a leader would write it down.
    const assignment = Buffer.alloc(60);
    await Promise.all(
      members.map(({ client, memberId }, index) => {
        const { generationId, leader } = joined[index]!;
        const assignments = leader === memberId ? members.map((each) => ({ memberId: each.memberId, assignment })) : [];
        const named = { protocolType: "consumer", protocolName: "range" };
        return client.request(APIS.syncGroup, 5, { groupId: "classic", memberId, generationId, ...named, assignments });
      }),
    );
    if (round > 0) timesMs.push(performance.now() - startMs);
  }
  summary(`rebalance of ${MEMBERS} members, classic`, timesMs);
  for (const { client } of members) client.close();
}

interface Joined {
  readonly memberId: string;
  readonly generationId: number;
  readonly leader: string;
}

/** One more member comes or goes, and all send heartbeats until all are where they should be. */
async function consumerRebalances(): Promise<void> {
  const members = Array.from({ length: MEMBERS + 1 }, (_, index) => new ConsumerMember(`member-${index}`));
  const newcomer = members.pop()!;
  for (const member of members) await member.beat(true);
  await settle(members);
  const timesMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    await newcomer.beat(true);
    await settle([...members, newcomer]);
    timesMs.push(performance.now() - startMs);
    await newcomer.leave();
    await settle(members);
  }
  summary(`rebalance of ${MEMBERS} members, consumer protocol`, timesMs);
  for (const { client } of [...members, newcomer]) client.close();
}

class ConsumerMember {
  readonly client = connect();
  readonly #memberId: string;
  epoch = 0;
  owned: readonly { readonly topicId: never; readonly partitions: readonly number[] }[] = [];
  count = 0;

  constructor(memberId: string) {
    this.#memberId = memberId;
  }

  async beat(joins = false): Promise<void> {
    const profile = joins ? { rebalanceTimeoutMs: 60_000, subscribedTopicNames: [TOPIC] } : {};
    const reply = await this.client.request(APIS.consumerGroupHeartbeat, 1, {
      groupId: "consumer",
      memberId: this.#memberId,
      memberEpoch: this.epoch,
      ...profile,
      topicPartitions: this.owned,
    });
    if (reply.errorCode !== 0) throw new Error(reply.errorMessage ?? `error ${reply.errorCode}`);
    this.epoch = reply.memberEpoch;
    if (reply.assignment !== null) this.owned = reply.assignment.topicPartitions as never;
    this.count = this.owned.reduce((sum, { partitions }) => sum + partitions.length, 0);
  }

  async leave(): Promise<void> {
    await this.client.request(APIS.consumerGroupHeartbeat, 1, {
      groupId: "consumer",
      memberId: this.#memberId,
      memberEpoch: -1,
    });
    this.epoch = 0;
    this.owned = [];
    this.count = 0;
  }
}

async function settle(members: readonly ConsumerMember[]): Promise<void> {
  const isDone = (): boolean =>
    new Set(members.map(({ epoch }) => epoch)).size === 1 &&
    members.reduce((sum, { count }) => sum + count, 0) === PARTITIONS;
  do await Promise.all(members.map((member) => member.beat()));
  while (!isDone());
}

async function commits(): Promise<void> {
  let count = 0;
  const endMs = performance.now() + COMMIT_MS;
  await Promise.all(
    Array.from({ length: COMMITTERS }, async (_, index) => {
      const client = connect();
      for (let offset = 0; performance.now() < endMs; offset++) {
        const partitions = [{ partitionIndex: index, committedOffset: offset, committedMetadata: "" }];
        await client.request(APIS.offsetCommit, 8, {
          groupId: `commits-${index}`,
          topics: [{ name: TOPIC, partitions }],
        });
        count++;
      }
      client.close();
    }),
  );
  console.log(`commits over ${COMMITTERS} connections: ${Math.round(count / (COMMIT_MS / 1000))} a second`);
}

const admin = connect();
await admin.request(APIS.findCoordinator, 4, { keyType: 0, coordinatorKeys: ["classic"] });
const topics = [{ name: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1 }];
await admin.request(APIS.createTopics, 7, { topics, timeoutMs: 30_000 });
const warm = {
  groupId: "warm",
  topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }] }],
};
for (let code = -1; code !== 0; ) {
  const answer = await admin.request(APIS.offsetCommit, 8, warm);
  code = answer.topics[0]!.partitions[0]!.errorCode;
}
admin.close();
await commits();
await classicRebalances();
await consumerRebalances();
process.exit(0);
