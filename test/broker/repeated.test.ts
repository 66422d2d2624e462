/** What is asked about twice: errors and answers as in Kafka, but nothing large is told twice; and answers are bounded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Uuid } from "../../src/base/uuid.ts";
import { MAX_ANSWER_BYTES } from "../../src/broker/broker.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { errorName } from "../../src/protocol/errors.ts";
import { createTopic, produce, withBroker } from "./broker-simulation.ts";
import { RawClient, requestBytes } from "./raw-client.ts";

const T = { topic: "t" };

test("hazard: DescribeProducers tells of each partition once", () =>
  withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t", { partitions: 2 });
    await produce(client, T, [{ value: "v" }], { producerId: 7, producerEpoch: 0, baseSequence: 0 });
    const topics = [
      { name: "t", partitionIndexes: [0, 0, 1] },
      { name: "none", partitionIndexes: [3, 3] },
      { name: "t", partitionIndexes: [1, 0, 9, 9] },
    ];
    const answer = await client.request(APIS.describeProducers, 0, { topics });
    assert.deepEqual(
      answer.topics.map(({ name, partitions }) => [
        name,
        ...partitions.map(({ partitionIndex, activeProducers }) => [partitionIndex, activeProducers.length]),
      ]),
      [
        ["t", [0, 1], [1, 0], [9, 0]],
        ["none", [3, 0]],
      ],
    );
  }));

test("hazard: Metadata tells of each topic id once, whatever names come with it; names beside ids do not count", () =>
  withBroker(async ({ connect }) => {
    const client = connect();
    const topicId = await createTopic(client, "t");
    const unknownId = "0123456789abcdef" as Uuid;
    const topics = [
      { name: "u" },
      { topicId, name: null },
      { topicId, name: "a" },
      { topicId: unknownId, name: null },
      { topicId: unknownId, name: "t" },
      { topicId, name: "b" },
    ];
    const answer = await client.request(APIS.metadata, 12, { topics, allowAutoTopicCreation: true });
    assert.deepEqual(
      answer.topics.map(({ name, errorCode }) => [name, errorName(errorCode)]),
      [
        ["t", "NONE"],
        [null, "UNKNOWN_TOPIC_ID"],
      ],
    );
  }));

test("hazard: groups are described once", () =>
  withBroker(async ({ connect }) => {
    const client = connect();
    const described = await client.request(APIS.describeGroups, 6, { groups: ["g", "h", "g", "h", "i"] });
    assert.deepEqual(
      described.groups.map(({ groupId }) => groupId),
      ["g", "h", "i"],
    );
    const consumers = await client.request(APIS.consumerGroupDescribe, 1, { groupIds: ["g", "h", "g", "h", "i"] });
    assert.deepEqual(
      consumers.groups.map(({ groupId }) => groupId),
      ["g", "h", "i"],
    );
  }));

test("hazard: OffsetFetch tells of each partition once, and of a group that comes twice nothing the second time", () =>
  withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t", { partitions: 2 });
    const partitions = [{ partitionIndex: 0, committedOffset: 5, committedMetadata: "m" }];
    await client.request(APIS.offsetCommit, 8, { groupId: "g", memberId: "", topics: [{ name: "t", partitions }] });
    const topics = [
      { name: "t", partitionIndexes: [0, 0] },
      { name: "u", partitionIndexes: [0] },
      { name: "t", partitionIndexes: [1, 0, 1] },
    ];
    const offsetsOf = (
      answered: readonly { name: string; partitions: readonly { committedOffset: number | bigint }[] }[],
    ) => answered.map(({ name, partitions: found }) => [name, ...found.map(({ committedOffset }) => committedOffset)]);
    const expected = [
      ["t", 5, -1],
      ["u", -1],
    ];
    const old = await client.request(APIS.offsetFetch, 7, { groupId: "g", topics });
    assert.deepEqual(offsetsOf(old.topics), expected);
    const asked = [
      { groupId: "g", topics },
      { groupId: "g", topics: null },
      { groupId: "h", topics: null },
    ];
    const { groups } = await client.request(APIS.offsetFetch, 8, { groups: asked });
    assert.deepEqual(
      groups.map((group) => [group.groupId, errorName(group.errorCode), offsetsOf(group.topics)]),
      [
        ["g", "NONE", expected],
        ["g", "INVALID_REQUEST", []],
        ["h", "NONE", []],
      ],
    );
  }));

test("a group that is to be deleted twice is deleted once, and answered once", () =>
  withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    const partitions = [{ partitionIndex: 0, committedOffset: 5 }];
    await client.request(APIS.offsetCommit, 8, { groupId: "g", memberId: "", topics: [{ name: "t", partitions }] });
    const { results } = await client.request(APIS.deleteGroups, 2, { groupsNames: ["g", "x", "g", "x"] });
    assert.deepEqual(
      results.map(({ groupId, errorCode }) => [groupId, errorName(errorCode)]),
      [
        ["g", "NONE"],
        ["x", "GROUP_ID_NOT_FOUND"],
      ],
    );
  }));

test("what takes as few bytes in the answer as in the request is answered as often as it is asked, as in Kafka", () =>
  withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    const epochs = await client.request(APIS.offsetForLeaderEpoch, 4, {
      topics: [{ ...T, partitions: [0, 0].map((partition) => ({ partition, leaderEpoch: 0 })) }],
    });
    assert.equal(epochs.topics[0]!.partitions.length, 2);
    const keys = ["g", "g"];
    const coordinators = await client.request(APIS.findCoordinator, 4, { keyType: 0, coordinatorKeys: keys });
    assert.equal(coordinators.coordinators.length, 2);
    const body = { electionType: 0, timeoutMs: 0, topicPartitions: [{ topic: "t", partitions: [0, 0] }] };
    const elections = await client.request(APIS.electLeaders, 2, body);
    assert.equal(elections.replicaElectionResults[0]!.partitionResult.length, 2);
  }));

test("hazard: a request whose answer would be too large ends its connection, and nothing else", () =>
  withBroker(async ({ connect, connectRaw, lines, until }) => {
    const raw = new RawClient(connectRaw());
    const name = "n".repeat(1000);
    const partitions = Array.from({ length: MAX_ANSWER_BYTES / 1000 }, (_, partition) => partition);
    const topicPartitions = [{ topic: name, partitions }];
    raw.send(requestBytes(APIS.electLeaders, 2, { electionType: 0, timeoutMs: 0, topicPartitions }));
    await until(() => raw.closed);
    assert.match(lines.join("\n"), /its ElectLeaders request cannot be answered: it has more than 134217728 bytes/);
    const { topics } = await connect().request(APIS.metadata, 12, { topics: null });
    assert.equal(topics.length, 0);
  }));
