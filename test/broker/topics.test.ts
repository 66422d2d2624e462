/** CreateTopics, CreatePartitions and DeleteTopics: Kafka's rules and errors, and that nothing is done when one applies. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KafkaClient } from "../../sim/kafka-client.ts";
import { ZERO_UUID } from "../../src/base/uuid.ts";
import { APIS } from "../../src/protocol/apis.ts";
import type { MessageInput } from "../../src/protocol/codec/message.ts";
import { ErrorCode, errorName } from "../../src/protocol/errors.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { BrokerLives, createTopic, fetch, NODE_ID, produce, recordsOf, withBroker } from "./broker-simulation.ts";

type NewTopic = NonNullable<MessageInput<(typeof APIS)["createTopics"]["request"]>["topics"]>[number];
type NewPartitions = NonNullable<MessageInput<(typeof APIS)["createPartitions"]["request"]>["topics"]>[number];

const DEFAULTS = { numPartitions: -1, replicationFactor: -1 };

async function create(client: KafkaClient, topics: readonly NewTopic[], validateOnly = false) {
  const answer = await client.request(APIS.createTopics, 7, { topics, validateOnly });
  return answer.topics;
}

/** The name of the error that creating one topic gives. */
async function outcome(client: KafkaClient, topic: NewTopic): Promise<string> {
  const [answer] = await create(client, [{ ...DEFAULTS, ...topic }]);
  assert.equal(answer!.errorMessage === null, answer!.errorCode === ErrorCode.NONE, "an error comes with a message");
  return errorName(answer!.errorCode);
}

async function namesOf(client: KafkaClient): Promise<string[]> {
  const { topics } = await client.request(APIS.metadata, 13, { topics: null });
  return topics.map(({ name }) => name!).sort();
}

async function partitionsOf(client: KafkaClient, name: string): Promise<number> {
  const { topics } = await client.request(APIS.metadata, 13, { topics: [{ name }], allowAutoTopicCreation: false });
  return topics[0]!.partitions.length;
}

test("a topic is there as soon as it is acknowledged, with what was asked for", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    const configs = [{ name: "retention.ms", value: "9223372036854775807" }];
    const [answer] = await create(client, [{ name: "t", numPartitions: 3, replicationFactor: 1, configs }]);
    assert.equal(answer!.errorCode, ErrorCode.NONE);
    assert.equal(answer!.numPartitions, 3);
    assert.equal(answer!.replicationFactor, 1);
    assert.notEqual(answer!.topicId, ZERO_UUID);
    const described = new Map(answer!.configs!.map(({ name, value, configSource }) => [name, [value, configSource]]));
    assert.deepEqual(described.get("retention.ms"), ["9223372036854775807", 1], "hazard: 64-bit integers stay exact");
    assert.deepEqual(described.get("cleanup.policy"), ["delete", 5]);
    const { topics } = await connect().request(APIS.metadata, 13, {
      topics: [{ topicId: answer!.topicId, name: null }],
    });
    assert.equal(topics[0]!.name, "t");
    assert.equal(topics[0]!.partitions.length, 3);
  });
});

test("without numbers the broker's defaults count (KIP-464)", async () => {
  await withBroker(
    async ({ connect }) => {
      const [answer] = await create(connect(), [{ name: "t", ...DEFAULTS }]);
      assert.equal(answer!.numPartitions, 4);
    },
    { settings: { "num.partitions": "4" } },
  );
});

test("names: what Kafka allows, and what it does not", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    for (const name of ["a", "A.b_c-9", "x".repeat(249), "...", "__consumer_offsets"]) {
      assert.equal(await outcome(client, { name }), "NONE", name);
    }
    const illegal = ["", ".", "..", "a b", "a/b", "../etc", "ä", "a\0", "a:b", "x".repeat(250), "日本"];
    for (const name of illegal) assert.equal(await outcome(client, { name }), "INVALID_TOPIC_EXCEPTION", name);
    assert.equal((await namesOf(client)).length, 5);
  });
});

test("a name that is there, or that only differs in . and _, is refused", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "a.b");
    assert.equal(await outcome(client, { name: "a.b" }), "TOPIC_ALREADY_EXISTS");
    assert.equal(await outcome(client, { name: "a_b" }), "INVALID_TOPIC_EXCEPTION");
    assert.equal(await outcome(client, { name: "a-b" }), "NONE");
  });
});

test("numbers that cannot be are refused", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    const cases: readonly (readonly [string, Partial<NewTopic>])[] = [
      ["INVALID_PARTITIONS", { numPartitions: 0 }],
      ["INVALID_PARTITIONS", { numPartitions: -2 }],
      ["POLICY_VIOLATION", { numPartitions: 2 ** 31 - 1 }],
      ["INVALID_REPLICATION_FACTOR", { replicationFactor: 0 }],
      ["INVALID_REPLICATION_FACTOR", { replicationFactor: -2 }],
      ["INVALID_REPLICATION_FACTOR", { replicationFactor: 2 }],
      ["INVALID_PARTITIONS", { replicationFactor: 3, numPartitions: 0 }],
    ];
    for (const [expected, fields] of cases) {
      assert.equal(await outcome(client, { name: "t", ...fields }), expected, JSON.stringify(fields));
    }
    assert.deepEqual(await namesOf(client), []);
  });
});

test("assignments by hand: all on this broker, each partition once, none left out", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    const assign = (...partitions: readonly number[]) =>
      partitions.map((partitionIndex) => ({ partitionIndex, brokerIds: [NODE_ID] }));
    const cases: readonly (readonly [string, Partial<NewTopic>])[] = [
      ["INVALID_REQUEST", { assignments: assign(0), numPartitions: 1 }],
      ["INVALID_REQUEST", { assignments: assign(0), replicationFactor: 1 }],
      ["INVALID_REPLICA_ASSIGNMENT", { assignments: assign(0, 0) }],
      ["INVALID_REPLICA_ASSIGNMENT", { assignments: assign(1) }],
      ["INVALID_REPLICA_ASSIGNMENT", { assignments: assign(0, 2) }],
      ["INVALID_REPLICA_ASSIGNMENT", { assignments: assign(-1) }],
      ["INVALID_REPLICA_ASSIGNMENT", { assignments: [{ partitionIndex: 0, brokerIds: [] }] }],
      ["INVALID_REPLICA_ASSIGNMENT", { assignments: [{ partitionIndex: 0, brokerIds: [NODE_ID + 1] }] }],
      ["INVALID_REPLICA_ASSIGNMENT", { assignments: [{ partitionIndex: 0, brokerIds: [NODE_ID, NODE_ID] }] }],
    ];
    for (const [expected, fields] of cases) {
      assert.equal(await outcome(client, { name: "t", ...fields }), expected, JSON.stringify(fields));
    }
    assert.equal(await outcome(client, { name: "t", assignments: assign(1, 0, 2) }), "NONE");
    assert.equal(await partitionsOf(client, "t"), 3);
    const tooMany = assign(...Array.from({ length: 100_001 }, (_, index) => index));
    assert.equal(await outcome(client, { name: "u", assignments: tooMany }), "POLICY_VIOLATION");
  });
});

test("settings that are unknown, null, wrong or in conflict are refused", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    const wrongs: readonly Readonly<Record<string, string | null>>[] = [
      { "no.such.thing": "1" },
      { "log.retention.ms": "1" },
      { "retention.ms": null },
      { "retention.ms": "soon" },
      { "retention.ms": "9223372036854775808" },
      { "cleanup.policy": "shred" },
      { "min.compaction.lag.ms": "10", "max.compaction.lag.ms": "5" },
      { "remote.storage.enable": "true" },
    ];
    for (const wrong of wrongs) {
      const configs = Object.entries(wrong).map(([name, value]) => ({ name, value }));
      assert.equal(await outcome(client, { name: "t", configs }), "INVALID_CONFIG", JSON.stringify(wrong));
    }
    assert.deepEqual(await namesOf(client), []);
  });
});

test("each topic of a request succeeds or fails for itself; a name that comes twice is refused, and not created", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    const topics = ["good", "..", "twice", "also.good", "twice"].map((name) => ({ name, ...DEFAULTS }));
    const answers = await create(client, topics);
    assert.deepEqual(
      answers.map(({ name, errorCode }) => [name, errorName(errorCode)]),
      [
        ["good", "NONE"],
        ["..", "INVALID_TOPIC_EXCEPTION"],
        ["twice", "INVALID_REQUEST"],
        ["also.good", "NONE"],
      ],
    );
    assert.deepEqual(await namesOf(client), ["also.good", "good"]);
    assert.deepEqual(await create(client, []), []);
  });
});

test("validateOnly says what would come of it, and changes nothing", async () => {
  await withBroker(async ({ connect, broker }) => {
    const client = connect();
    await createTopic(client, "there");
    const before = broker.store.wal.position;
    const topics = ["new", "there"].map((name) => ({ name, ...DEFAULTS, numPartitions: 7 }));
    const [fresh, there] = await create(client, topics, true);
    assert.equal(fresh!.errorCode, ErrorCode.NONE);
    assert.equal(fresh!.numPartitions, 7);
    assert.equal(there!.errorCode, ErrorCode.TOPIC_ALREADY_EXISTS);
    const added = { topics: [{ name: "there", count: 9, assignments: null }], validateOnly: true };
    assert.equal((await client.request(APIS.createPartitions, 3, added)).results[0]!.errorCode, ErrorCode.NONE);
    assert.deepEqual(await namesOf(client), ["there"]);
    assert.equal(await partitionsOf(client, "there"), 1);
    assert.equal(broker.store.wal.position, before);
  });
});

test("partitions are added: to a number that is more than there are, on this broker", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t", { partitions: 2 });
    const here = { brokerIds: [NODE_ID] };
    const cases: readonly (readonly [string, NewPartitions])[] = [
      ["UNKNOWN_TOPIC_OR_PARTITION", { name: "unknown", count: 3, assignments: null }],
      ["INVALID_PARTITIONS", { name: "t", count: 2, assignments: null }],
      ["INVALID_PARTITIONS", { name: "t", count: 1, assignments: null }],
      ["INVALID_PARTITIONS", { name: "t", count: 0, assignments: null }],
      ["INVALID_PARTITIONS", { name: "t", count: -1, assignments: null }],
      ["POLICY_VIOLATION", { name: "t", count: 2 ** 31 - 1, assignments: null }],
      ["INVALID_REPLICA_ASSIGNMENT", { name: "t", count: 4, assignments: [here] }],
      ["INVALID_REPLICA_ASSIGNMENT", { name: "t", count: 4, assignments: [here, here, here] }],
      ["INVALID_REPLICA_ASSIGNMENT", { name: "t", count: 3, assignments: [] }],
      ["INVALID_REPLICA_ASSIGNMENT", { name: "t", count: 3, assignments: [{ brokerIds: [7] }] }],
      ["NONE", { name: "t", count: 4, assignments: [here, here] }],
      ["NONE", { name: "t", count: 5, assignments: null }],
    ];
    for (const [expected, topic] of cases) {
      const { results } = await client.request(APIS.createPartitions, 3, { topics: [topic] });
      assert.equal(errorName(results[0]!.errorCode), expected, JSON.stringify(topic));
    }
    assert.equal(await partitionsOf(client, "t"), 5);
    const twice = [6, 7].map((count) => ({ name: "t", count, assignments: null }));
    const { results } = await client.request(APIS.createPartitions, 3, { topics: twice });
    assert.deepEqual(
      results.map(({ errorCode }) => errorName(errorCode)),
      ["INVALID_REQUEST"],
    );
    assert.equal(await partitionsOf(client, "t"), 5);
  });
});

test("hazard: one request creates so many partitions, in topics and with settings so many records; or none at all", async () => {
  await withBroker(async ({ connect, broker }) => {
    const client = connect();
    const outcomes = async (topics: readonly NewTopic[], validateOnly = true): Promise<(string | null)[]> => {
      const answers = await create(client, topics, validateOnly);
      return answers.map(({ errorCode, errorMessage }) => errorMessage ?? errorName(errorCode));
    };
    const topic = (name: string, numPartitions: number, more: Partial<NewTopic> = {}): NewTopic => ({
      name,
      ...DEFAULTS,
      numPartitions,
      ...more,
    });
    const assignments = Array.from({ length: 10_001 }, (_, partitionIndex) => ({
      partitionIndex,
      brokerIds: [NODE_ID],
    }));
    const configs = [{ name: "retention.ms", value: "1" }];
    const partitions = "Excessively large number of partitions per request.";
    const batch = "Unable to perform excessively large batch operation.";
    const name =
      "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'";
    const cases: readonly (readonly [expected: readonly string[], topics: readonly NewTopic[]])[] = [
      [["NONE"], [topic("a", 9_999)]],
      [[batch], [topic("a", 10_000)]],
      [[partitions], [topic("a", 10_001)]],
      [[batch], [topic("a", 9_999, { configs })]],
      [[partitions], [topic("a", -1, { assignments })]],
      [
        [partitions, partitions],
        [topic("a", 5_000), topic("b", 5_001)],
      ],
      [
        [partitions, partitions, partitions],
        [topic("a", 10_001), topic("a b", 1), topic("b", 0)],
      ],
      [
        ["NONE", name],
        [topic("a", 5_000), topic("a b", 5_000)],
      ],
      [
        ["Duplicate topic name.", "NONE"],
        [topic("a", 6_000), topic("a", 6_000), topic("b", 1)],
      ],
      [
        [partitions, partitions],
        [topic("a", 2 ** 31 - 1), topic("b", 2 ** 31 - 1)],
      ],
    ];
    for (const [expected, topics] of cases) assert.deepEqual(await outcomes(topics), expected);
    const before = broker.store.wal.position;
    assert.deepEqual(await outcomes([topic("a", 5_000), topic("b", 5_001)], false), [partitions, partitions]);
    assert.equal(broker.store.wal.position, before);
    assert.deepEqual(await outcomes([topic("a", 4_999), topic("b", 4_999)], false), ["NONE", "NONE"]);
    assert.equal(broker.store.state.partitionCount, 9_998);
  });
});

test("hazard: one request adds so many partitions", async () => {
  await withBroker(async ({ connect, broker }) => {
    const client = connect();
    for (const name of ["a", "b", "c"]) await createTopic(client, name);
    const added = [10_002, 6_001, 4_001].map((count, index) => ({ name: "abc"[index]!, count, assignments: null }));
    const { results } = await client.request(APIS.createPartitions, 3, { topics: added });
    assert.deepEqual(
      results.map(({ errorCode }) => errorName(errorCode)),
      ["POLICY_VIOLATION", "NONE", "NONE"],
    );
    const more = { topics: [6_002, 10_001].map((count, index) => ({ name: "ba"[index]!, count, assignments: null })) };
    const { results: others } = await client.request(APIS.createPartitions, 3, more);
    assert.deepEqual(
      others.map(({ errorCode }) => errorName(errorCode)),
      ["NONE", "POLICY_VIOLATION"],
    );
    assert.equal(broker.store.state.partitionCount, 1 + 6_002 + 4_001);
  });
});

test("hazard: one Metadata request creates so many partitions, and the next ones the others", async () => {
  await withBroker(
    async ({ connect, broker }) => {
      const client = connect();
      const asked = { topics: ["a", "b", "c"].map((name) => ({ name })), allowAutoTopicCreation: true };
      const outcomes = async (): Promise<string[]> => {
        const { topics } = await client.request(APIS.metadata, 12, asked);
        return topics.map(({ errorCode }) => errorName(errorCode));
      };
      assert.deepEqual(await outcomes(), ["NONE", "NONE", "UNKNOWN_TOPIC_OR_PARTITION"]);
      assert.equal(broker.store.state.partitionCount, 10_000);
      assert.deepEqual(await outcomes(), ["NONE", "NONE", "NONE"]);
    },
    { settings: { "num.partitions": "5000" } },
  );
});

test("there are at most max.partitions of all topics, whoever asks for more, also after a restart", async () => {
  const lives = new BrokerLives({ settings: { "max.partitions": "10", "num.partitions": "2" } });
  await lives.live(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "a", { partitions: 4 });
    await createTopic(client, "b", { partitions: 4 });
    assert.equal(await outcome(client, { name: "c", numPartitions: 3 }), "POLICY_VIOLATION");
    const grown = { topics: [{ name: "a", count: 6, assignments: null }] };
    assert.equal((await client.request(APIS.createPartitions, 3, grown)).results[0]!.errorCode, ErrorCode.NONE);
  });
  await lives.live(async ({ connect, broker }) => {
    const client = connect();
    assert.equal(broker.store.state.partitionCount, 10);
    const grown = { topics: [{ name: "a", count: 7, assignments: null }] };
    const { results } = await client.request(APIS.createPartitions, 3, grown);
    assert.equal(errorName(results[0]!.errorCode), "POLICY_VIOLATION");
    const created = await client.request(APIS.metadata, 12, { topics: [{ name: "c" }], allowAutoTopicCreation: true });
    assert.equal(errorName(created.topics[0]!.errorCode), "POLICY_VIOLATION");
    await client.request(APIS.deleteTopics, 6, { topics: [{ name: "b" }] });
    assert.equal(await outcome(client, { name: "c", numPartitions: 4 }), "NONE");
    assert.equal(broker.store.state.partitionCount, 10);
  });
});

test("existing records stay where they are when partitions are added", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    await produce(client, { topic: "t" }, [{ value: "before" }]);
    await client.request(APIS.createPartitions, 3, { topics: [{ name: "t", count: 2, assignments: null }] });
    await produce(client, { topic: "t", partition: 1 }, [{ value: "new" }]);
    assert.deepEqual(recordsOf(await fetch(client, { topic: "t" })), [[0, "before"]]);
    assert.deepEqual(recordsOf(await fetch(client, { topic: "t", partition: 1 })), [[0, "new"]]);
  });
});

test("topics are deleted by name and by id", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    for (const name of ["a", "c"]) await createTopic(client, name);
    const topicId = await createTopic(client, "b");
    const { responses } = await client.request(APIS.deleteTopics, 6, { topics: [{ name: "a" }, { topicId }] });
    assert.deepEqual(
      responses.map(({ name, errorCode }) => [name, errorName(errorCode)]),
      [
        ["a", "NONE"],
        ["b", "NONE"],
      ],
    );
    assert.deepEqual(await namesOf(client), ["c"]);
    const again = await client.request(APIS.deleteTopics, 6, { topics: [{ name: "a" }, { topicId }] });
    assert.deepEqual(
      again.responses.map(({ name, topicId: id, errorCode }) => [name, id, errorName(errorCode)]),
      [
        ["a", ZERO_UUID, "UNKNOWN_TOPIC_OR_PARTITION"],
        [null, topicId, "UNKNOWN_TOPIC_ID"],
      ],
    );
  });
});

test("a deletion that is not clear deletes nothing", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    const topicId = await createTopic(client, "t");
    const other = await createTopic(client, "other");
    const unclear = [
      [{ name: null }],
      [{ name: "t", topicId }],
      [{ name: "t", topicId: other }],
      [{ name: "t" }, { name: "t" }],
      [{ topicId }, { topicId }, { topicId }],
      [{ name: "t" }, { topicId }],
    ];
    for (const topics of unclear) {
      const { responses } = await client.request(APIS.deleteTopics, 6, { topics });
      assert.ok(responses.length >= 1);
      for (const { errorCode } of responses)
        assert.equal(errorName(errorCode), "INVALID_REQUEST", JSON.stringify(topics));
    }
    for (const version of [1, 5]) {
      const { responses } = await client.request(APIS.deleteTopics, version, { topicNames: ["t", "t"] });
      assert.deepEqual(
        responses.map(({ errorCode }) => errorName(errorCode)),
        ["INVALID_REQUEST"],
      );
    }
    assert.deepEqual(await namesOf(client), ["other", "t"]);
  });
});

test("where delete.topic.enable is false, topics stay", async () => {
  await withBroker(
    async ({ connect }) => {
      const client = connect();
      await createTopic(client, "t");
      const { responses } = await client.request(APIS.deleteTopics, 6, { topics: [{ name: "t" }] });
      assert.equal(responses[0]!.errorCode, ErrorCode.TOPIC_DELETION_DISABLED);
      assert.deepEqual(await namesOf(client), ["t"]);
    },
    { settings: { "delete.topic.enable": "false" } },
  );
});

test("hazard: recreating a topic shows no old records, and requests for the old id are told so", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    const oldId = await createTopic(client, "t");
    for (let record = 0; record < 3; record += 1) await produce(client, { topic: "t" }, [{ value: "old" }]);
    await client.request(APIS.deleteTopics, 6, { topics: [{ name: "t" }] });
    const newId = await createTopic(client, "t");
    assert.notEqual(newId, oldId);
    assert.deepEqual(recordsOf(await fetch(client, { topic: "t" })), []);

    const partitionData = [{ index: 0, records: [encodeBatch([{ value: "late" }])] }];
    const stale = { acks: -1, timeoutMs: 1000, topicData: [{ topicId: oldId, partitionData }] };
    const produced = await client.request(APIS.produce, 13, stale);
    assert.equal(produced.responses[0]!.partitionResponses[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_ID);
    for (const version of [13, 18]) {
      const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }];
      const fetched = await client.request(APIS.fetch, version, {
        maxWaitMs: 5000,
        topics: [{ topicId: oldId, partitions }],
      });
      assert.equal(fetched.responses[0]!.partitions[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_ID);
    }
    await produce(client, { topic: "t" }, [{ value: "new" }]);
    assert.deepEqual(recordsOf(await fetch(client, { topic: "t" })), [[0, "new"]]);
  });
});

test("topics, their partitions and settings are there after a restart, deleted ones are not", async () => {
  for (const end of ["stop", "kill", "power"] as const) {
    const lives = new BrokerLives();
    let id = "";
    await lives.live(async ({ connect }) => {
      const client = connect();
      id = await createTopic(client, "stays", { partitions: 2, configs: { "retention.ms": "12345" } });
      await createTopic(client, "goes");
      await client.request(APIS.createPartitions, 3, { topics: [{ name: "stays", count: 3, assignments: null }] });
      await client.request(APIS.deleteTopics, 6, { topics: [{ name: "goes" }] });
    }, end);
    await lives.live(async ({ connect }) => {
      const client = connect();
      const { topics } = await client.request(APIS.metadata, 13, { topics: null });
      assert.deepEqual(
        topics.map(({ name, topicId, partitions }) => [name, topicId, partitions.length, partitions[0]!.leaderEpoch]),
        [["stays", id, 3, 1]],
        end,
      );
      const resources = [{ resourceType: 2, resourceName: "stays", configurationKeys: ["retention.ms"] }];
      const { results } = await client.request(APIS.describeConfigs, 4, { resources });
      assert.equal(results[0]!.configs[0]!.value, "12345");
    });
  }
});
