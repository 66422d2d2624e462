/** DescribeTopicPartitions: topics in pages. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ZERO_UUID } from "../../src/base/uuid.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { AdminBroker } from "./admin-broker.ts";

interface Asked {
  readonly names?: readonly string[];
  readonly limit?: number;
  readonly cursor?: readonly [string, number];
}

function ask(broker: AdminBroker, { names = [], limit = 2000, cursor }: Asked) {
  return broker.ask(APIS.describeTopicPartitions, 0, {
    topics: names.map((name) => ({ name })),
    responsePartitionLimit: limit,
    cursor: cursor === undefined ? null : { topicName: cursor[0], partitionIndex: cursor[1] },
  });
}

/** `a:0,1 b:0 next c:0`, with an error code in place of partitions. */
async function page(broker: AdminBroker, asked: Asked): Promise<string> {
  const { topics, nextCursor } = await ask(broker, asked);
  const shown = topics.map(({ name, errorCode, partitions }) => {
    const what = errorCode === 0 ? partitions.map(({ partitionIndex }) => partitionIndex).join() : `error ${errorCode}`;
    return `${name}:${what}`;
  });
  if (nextCursor !== null) shown.push(`next ${nextCursor.topicName}:${nextCursor.partitionIndex}`);
  return shown.join(" ");
}

async function brokerWithTopics(settings: Readonly<Record<string, string>> = {}): Promise<AdminBroker> {
  const broker = await AdminBroker.start(settings);
  await broker.createTopic("c");
  await broker.createTopic("a", {}, 3);
  await broker.createTopic("b", {}, 2);
  return broker;
}

test("topics come by name, whatever the order of the request, each once", async () => {
  const broker = await brokerWithTopics();
  assert.equal(await page(broker, {}), "a:0,1,2 b:0,1 c:0");
  assert.equal(await page(broker, { names: ["c", "a", "c"] }), "a:0,1,2 c:0");
});

test("a partition is described with its leader", async () => {
  const broker = await brokerWithTopics();
  await broker.restart("power");
  const { topics } = await ask(broker, { names: ["c"] });
  const { id } = broker.state.topic("c")!;
  assert.deepEqual(topics, [
    {
      errorCode: 0,
      name: "c",
      topicId: id,
      isInternal: false,
      topicAuthorizedOperations: 3576,
      partitions: [
        {
          errorCode: 0,
          partitionIndex: 0,
          leaderId: 1,
          leaderEpoch: 1,
          replicaNodes: [1],
          isrNodes: [1],
          eligibleLeaderReplicas: [],
          lastKnownElr: [],
          offlineReplicas: [],
        },
      ],
    },
  ]);
});

test("pages follow each other without gap or repetition", async () => {
  const broker = await brokerWithTopics();
  for (const limit of [1, 2, 3, 4, 5, 6]) {
    const seen: string[] = [];
    let cursor: readonly [string, number] | undefined;
    do {
      const answer = await ask(broker, { limit, ...(cursor === undefined ? {} : { cursor }) });
      const partitions = answer.topics.flatMap(({ name, partitions: all }) =>
        all.map(({ partitionIndex }) => `${name}${partitionIndex}`),
      );
      assert.ok(partitions.length <= limit);
      seen.push(...partitions);
      cursor =
        answer.nextCursor === null ? undefined : [answer.nextCursor.topicName!, answer.nextCursor.partitionIndex];
    } while (cursor !== undefined);
    assert.deepEqual(seen, ["a0", "a1", "a2", "b0", "b1", "c0"], `limit ${limit}`);
  }
});

test("the cursor stands where the next page begins", async () => {
  const broker = await brokerWithTopics();
  assert.equal(await page(broker, { limit: 2 }), "a:0,1 next a:2");
  assert.equal(await page(broker, { limit: 3 }), "a:0,1,2 next b:0");
  assert.equal(await page(broker, { limit: 3, names: ["a"] }), "a:0,1,2");
  assert.equal(await page(broker, { limit: 3, names: ["a", "none"] }), "a:0,1,2 next none:0");
  assert.equal(await page(broker, { cursor: ["a", 2] }), "a:2 b:0,1 c:0");
  assert.equal(await page(broker, { cursor: ["a", 9], names: ["a"] }), "a:");
  assert.equal(await page(broker, { cursor: ["bb", 1] }), "c:0");
  assert.equal(await page(broker, { cursor: ["b", 1], names: ["a", "b", "c"], limit: 1 }), "b:1 next c:0");
});

test("the limit is at least 1, and at most what the broker allows", async () => {
  const broker = await brokerWithTopics({ "max.request.partition.size.limit": "2" });
  assert.equal(await page(broker, { limit: 100 }), "a:0,1 next a:2");
  assert.equal(await page(broker, { limit: 0 }), "a:0 next a:1");
  assert.equal(await page(broker, { limit: -5 }), "a:0 next a:1");
});

test("topics that are not there are told of, without an id", async () => {
  const broker = await brokerWithTopics();
  const { UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION } = ErrorCode;
  assert.equal(
    await page(broker, { names: ["x y", "none", "c"] }),
    `c:0 none:error ${UNKNOWN_TOPIC_OR_PARTITION} x y:error ${INVALID_TOPIC_EXCEPTION}`,
  );
  assert.equal((await ask(broker, { names: ["none"] })).topics[0]!.topicId, ZERO_UUID);
});

test("a cursor that cannot be is refused, for every topic asked about", async () => {
  const broker = await brokerWithTopics();
  const { INVALID_REQUEST } = ErrorCode;
  assert.equal(await page(broker, { names: ["a"], cursor: ["b", 0] }), `a:error ${INVALID_REQUEST}`);
  assert.equal(
    await page(broker, { names: ["a", "b"], cursor: ["a", -1] }),
    `a:error ${INVALID_REQUEST} b:error ${INVALID_REQUEST}`,
  );
  assert.equal(await page(broker, { cursor: ["a", -1] }), "");
});
