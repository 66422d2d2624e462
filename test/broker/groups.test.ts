/** Groups over the wire: what single handlers promise beside the rules of the coordinator. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KafkaClient } from "../../sim/kafka-client.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { World } from "../crash/world.ts";

const GROUP = "readers";

/** Runs a scenario with a client of a fresh broker that has the topic `orders` with 3 partitions. */
async function withClient(scenario: (client: KafkaClient) => Promise<void>): Promise<void> {
  const world = new World({ seed: 1 });
  await world.start();
  const client = world.connect();
  const topics = [{ name: "orders", numPartitions: 3, replicationFactor: 1 }];
  await world.simulation.settle(client.request(APIS.createTopics, 7, { topics }));
  await world.simulation.settle(scenario(client));
}

async function commit(client: KafkaClient, partitionIndex: number, metadata: string): Promise<number> {
  const partitions = [{ partitionIndex, committedOffset: 7, committedMetadata: metadata }];
  const answer = await client.request(APIS.offsetCommit, 8, {
    groupId: GROUP,
    topics: [{ name: "orders", partitions }],
  });
  return answer.topics[0]!.partitions[0]!.errorCode;
}

describe("OffsetFetch", () => {
  it("hazard: drops no partition: each that was asked for is answered, known or not, in every version", async () => {
    await withClient(async (client) => {
      assert.equal(await commit(client, 1, "note"), ErrorCode.NONE);
      const topics = [
        { name: "orders", partitionIndexes: [2, 1, 99] },
        { name: "unknown", partitionIndexes: [0, 5] },
      ];
      const expected = [
        { partitionIndex: 2, committedOffset: -1 },
        { partitionIndex: 1, committedOffset: 7 },
        { partitionIndex: 99, committedOffset: -1 },
        { partitionIndex: 0, committedOffset: -1 },
        { partitionIndex: 5, committedOffset: -1 },
      ];
      for (let version = 1; version <= 9; version++) {
        const request = version < 8 ? { groupId: GROUP, topics } : { groups: [{ groupId: GROUP, topics }] };
        const answer = await client.request(APIS.offsetFetch, version, request);
        const answered = (answer.groups[0]?.topics ?? answer.topics).flatMap(({ partitions }) =>
          partitions.map(({ partitionIndex, committedOffset }) => ({ partitionIndex, committedOffset })),
        );
        assert.deepEqual(answered, expected, `version ${version}`);
      }
    });
  });

  it("names topics by id in version 10, and says when it knows none by that id", async () => {
    await withClient(async (client) => {
      await commit(client, 1, "note");
      const all = await client.request(APIS.offsetFetch, 10, { groups: [{ groupId: GROUP, topics: null }] });
      const { topicId } = all.groups[0]!.topics[0]!;
      const asked = [
        { topicId, partitionIndexes: [1] },
        { topicId: topicId.replace(/.$/s, "x") as typeof topicId, partitionIndexes: [1] },
      ];
      const answer = await client.request(APIS.offsetFetch, 10, { groups: [{ groupId: GROUP, topics: asked }] });
      const [known, unknown] = answer.groups[0]!.topics.map(({ partitions }) => partitions[0]!);
      assert.deepEqual([known!.committedOffset, known!.metadata], [7, "note"]);
      assert.equal(unknown!.errorCode, ErrorCode.UNKNOWN_TOPIC_ID);
    });
  });
});

describe("OffsetCommit", () => {
  it("refuses single partitions and stores the others", async () => {
    await withClient(async (client) => {
      assert.equal(await commit(client, 0, "x".repeat(4096)), ErrorCode.NONE);
      assert.equal(await commit(client, 0, "x".repeat(4097)), ErrorCode.OFFSET_METADATA_TOO_LARGE);
      assert.equal(await commit(client, 3, ""), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    });
  });
});

describe("FindCoordinator", () => {
  it("names this broker for groups, and refuses share groups", async () => {
    await withClient(async (client) => {
      const find = (keyType: number): Promise<number> =>
        client
          .request(APIS.findCoordinator, 6, { keyType, coordinatorKeys: ["key"] })
          .then(({ coordinators }) => coordinators[0]!.errorCode);
      assert.deepEqual([await find(0), await find(1), await find(2)], [0, 0, ErrorCode.INVALID_REQUEST]);
    });
  });
});

describe("an answer that comes late", () => {
  it("does not hold up what other connections ask, and reaches a member on the connection that it asked on", async () => {
    await withClient(async (client) => {
      const join = client.request(APIS.joinGroup, 3, {
        groupId: GROUP,
        sessionTimeoutMs: 6_000,
        rebalanceTimeoutMs: 6_000,
        protocolType: "consumer",
        protocols: [{ name: "range", metadata: Buffer.alloc(6) }],
      });
      const heartbeat = client.request(APIS.heartbeat, 4, { groupId: GROUP, memberId: "nobody", generationId: 1 });
      const { errorCode, generationId } = await join; // after group.initial.rebalance.delay.ms
      assert.deepEqual([errorCode, generationId], [ErrorCode.NONE, 1]);
      assert.equal((await heartbeat).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
    });
  });
});
