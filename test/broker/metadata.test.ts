/** Metadata and DescribeCluster: who is there, what is asked for and how, and the creation of topics by asking. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KafkaClient } from "../../sim/kafka-client.ts";
import { type Uuid, ZERO_UUID } from "../../src/base/uuid.ts";
import { APIS } from "../../src/protocol/apis.ts";
import type { MessageInput } from "../../src/protocol/codec/message.ts";
import { ErrorCode, errorName } from "../../src/protocol/errors.ts";
import { BrokerLives, createTopic, PORT, withBroker } from "./broker-simulation.ts";

type MetadataRequest = MessageInput<(typeof APIS)["metadata"]["request"]>;

const UNKNOWN_ID = "0123456789abcdef" as Uuid;
const FIRST_WITH_IDS = 12;

/** Name and error of each topic in the answer. */
async function topicsOf(client: KafkaClient, version: number, request: MetadataRequest): Promise<unknown[]> {
  const { topics } = await client.request(APIS.metadata, version, request);
  return topics.map(({ name, errorCode }) => [name, errorName(errorCode)]);
}

test("hazard: null and empty are told apart: all topics, or none; in version 0 empty is all", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    for (const name of ["a", "b"]) await createTopic(client, name);
    const all = [
      ["a", "NONE"],
      ["b", "NONE"],
    ];
    for (let version = 0; version <= 13; version += 1) {
      assert.deepEqual(await topicsOf(client, version, { topics: [] }), version === 0 ? all : [], `version ${version}`);
      if (version > 0) assert.deepEqual(await topicsOf(client, version, { topics: null }), all, `version ${version}`);
    }
  });
});

test("a topic that is asked for is created, if the client and the broker both allow it", async () => {
  for (const brokerAllows of [true, false]) {
    await withBroker(
      async ({ connect, broker }) => {
        const client = connect();
        for (const version of [0, 3, 4, 9, 13]) {
          for (const clientAllows of [true, false]) {
            if (version < 4 && !clientAllows) continue;
            const name = `v${version}-${clientAllows}`;
            const topics = await topicsOf(client, version, {
              topics: [{ name }],
              allowAutoTopicCreation: clientAllows,
            });
            const created = brokerAllows && clientAllows;
            assert.deepEqual(topics, [[name, created ? "NONE" : "UNKNOWN_TOPIC_OR_PARTITION"]]);
            assert.equal(broker.store.state.topic(name)?.partitions.length, created ? 2 : undefined);
          }
        }
      },
      { settings: { "auto.create.topics.enable": String(brokerAllows), "num.partitions": "2" } },
    );
  }
});

test("a topic created by asking is durable before it is told of", async () => {
  const lives = new BrokerLives();
  await lives.live(async ({ connect }) => {
    assert.deepEqual(await topicsOf(connect(), 9, { topics: [{ name: "t" }] }), [["t", "NONE"]]);
  }, "power");
  await lives.live(async ({ connect }) => {
    assert.deepEqual(await topicsOf(connect(), 9, { topics: null }), [["t", "NONE"]]);
  });
});

test("names that cannot be are not created, nor is one that collides", async () => {
  await withBroker(async ({ connect, broker }) => {
    const client = connect();
    await createTopic(client, "a.b");
    const names = ["", "..", "a b", "a/b", "x".repeat(250), "a_b"];
    const topics = await topicsOf(client, 9, { topics: names.map((name) => ({ name })) });
    assert.deepEqual(
      topics,
      names.map((name) => [name, "INVALID_TOPIC_EXCEPTION"]),
    );
    assert.equal(broker.store.state.topicCount, 1);
  });
});

test("topics are asked for by id from version 12 on; 10 and 11 refuse it", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    const topicId = await createTopic(client, "t");
    for (const version of [10, 11, 12, 13]) {
      const { topics } = await client.request(APIS.metadata, version, {
        topics: [
          { topicId, name: null },
          { topicId: UNKNOWN_ID, name: null },
          { topicId: ZERO_UUID, name: null },
          { topicId, name: "t" },
        ],
      });
      const answers = topics.map(({ name, topicId: id, errorCode }) => [name, id, errorName(errorCode)]);
      const invalid = (name: string | null, id: Uuid) => [name, id, "INVALID_REQUEST"];
      assert.deepEqual(
        answers,
        version < FIRST_WITH_IDS
          ? [invalid("", topicId), invalid("", UNKNOWN_ID), invalid("", ZERO_UUID), invalid("t", topicId)]
          : [
              ["t", topicId, "NONE"],
              [null, UNKNOWN_ID, "UNKNOWN_TOPIC_ID"],
            ],
        `version ${version}`,
      );
    }
  });
});

test("a topic that is asked for twice is answered once", async () => {
  await withBroker(async ({ connect }) => {
    const topics = ["b", "a", "b"].map((name) => ({ name }));
    assert.deepEqual(await topicsOf(connect(), 9, { topics }), [
      ["b", "NONE"],
      ["a", "NONE"],
    ]);
  });
});

test("every partition is led by this broker, at the address of the client's listener", async () => {
  const settings = { "advertised.addr": "broker.example.org:4711", "broker.rack": "r1", "node.id": "7" };
  await withBroker(
    async ({ connect }) => {
      const client = connect();
      await createTopic(client, "t", { partitions: 2 });
      const { brokers, controllerId, topics } = await client.request(APIS.metadata, 13, { topics: null });
      const address = { host: "broker.example.org", port: 4711, rack: "r1" };
      assert.deepEqual(brokers, [{ nodeId: 7, ...address }]);
      assert.equal(controllerId, 7);
      for (const [index, partition] of topics[0]!.partitions.entries()) {
        assert.deepEqual(partition, {
          errorCode: ErrorCode.NONE,
          partitionIndex: index,
          leaderId: 7,
          leaderEpoch: 0,
          replicaNodes: [7],
          isrNodes: [7],
          offlineReplicas: [],
        });
      }
      const cluster = await client.request(APIS.describeCluster, 2, {});
      assert.deepEqual(cluster.brokers, [{ brokerId: 7, ...address, isFenced: false }]);
    },
    { settings },
  );
});

test("hazard: without an advertised address it is the one listened on, never 0.0.0.0", async () => {
  await withBroker(async ({ connect }) => {
    const { brokers } = await connect().request(APIS.metadata, 13, { topics: [] });
    assert.deepEqual(brokers, [{ nodeId: 1, host: "127.0.0.1", port: PORT, rack: null }]);
  });
});

test("permitted operations are told when asked for: all of them, as there is no authorizer", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    const asked = { includeTopicAuthorizedOperations: true };
    const not = -(2 ** 31);
    for (const version of [8, 10]) {
      const answer = await client.request(APIS.metadata, version, {
        topics: null,
        ...asked,
        includeClusterAuthorizedOperations: true,
      });
      // Kafka's numbers of the operations: read 3, write 4, create 5, delete 6, alter 7, describe 8, cluster action 9,
      // describe configs 10, alter configs 11, idempotent write 12.
      assert.equal(answer.topics[0]!.topicAuthorizedOperations, bits(3, 4, 5, 6, 7, 8, 10, 11));
      assert.equal(answer.clusterAuthorizedOperations, bits(5, 7, 8, 9, 10, 11, 12));
    }
    const plain = await client.request(APIS.metadata, 10, { topics: null });
    assert.equal(plain.topics[0]!.topicAuthorizedOperations, not);
    assert.equal(plain.clusterAuthorizedOperations, not);
    assert.equal((await client.request(APIS.describeCluster, 0, {})).clusterAuthorizedOperations, not);
  });
});

function bits(...numbers: readonly number[]): number {
  return numbers.reduce((field, number) => field | (1 << number), 0);
}

test("DescribeCluster answers for brokers only, and with the id that Metadata tells", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    const { clusterId } = await client.request(APIS.metadata, 13, { topics: [] });
    assert.equal((await client.request(APIS.describeCluster, 2, { endpointType: 1 })).clusterId, clusterId);
    const controllers = await client.request(APIS.describeCluster, 2, { endpointType: 2 });
    assert.equal(errorName(controllers.errorCode), "MISMATCHED_ENDPOINT_TYPE");
  });
});

test("the cluster keeps its id over restarts", async () => {
  const lives = new BrokerLives();
  const ids = new Set<string | null>();
  for (let life = 0; life < 3; life += 1) {
    await lives.live(async ({ connect }) => {
      ids.add((await connect().request(APIS.metadata, 13, { topics: [] })).clusterId);
    }, "power");
  }
  assert.equal(ids.size, 1);
});
