/** Details of answers as Apache Kafka gives them, found by test/differential/. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { createTopic, withBroker } from "./broker-simulation.ts";

test("a partition that is not there has no aborted transactions; one that cannot be read has null", () =>
  withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "there");
    const partitions = [{ partition: 0, fetchOffset: 99, partitionMaxBytes: 100 }];
    const topics = ["there", "missing"].map((topic) => ({ topic, partitions }));
    const { responses } = await client.request(APIS.fetch, 5, { maxWaitMs: 0, minBytes: 0, maxBytes: 100, topics });
    assert.deepEqual(
      responses.map(({ partitions: [answer] }) => answer!.abortedTransactions),
      [null, []],
    );
  }));

test("a fetch answers last what is not there", () =>
  withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "a", { partitions: 2 });
    await createTopic(client, "b");
    const asked = (topic: string, ...partitions: readonly number[]) => ({
      topic,
      partitions: partitions.map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 100 })),
    });
    const topics = [asked("a", 9, 0), asked("missing", 0), asked("b", 0), asked("a", 1)];
    const { responses } = await client.request(APIS.fetch, 12, { maxWaitMs: 0, minBytes: 0, maxBytes: 100, topics });
    assert.deepEqual(
      responses.map(({ topic, partitions }) => [topic, ...partitions.map(({ partitionIndex }) => partitionIndex)]),
      [
        ["a", 0],
        ["b", 0],
        ["a", 1, 9],
        ["missing", 0],
      ],
    );
  }));

test("a timestamp without a meaning is refused before it is known whether the topic is there", () =>
  withBroker(async ({ connect }) => {
    const topics = [{ name: "missing", partitions: [{ partitionIndex: 0, timestamp: -9 }] }];
    const answer = await connect().request(APIS.listOffsets, 5, { replicaId: -1, topics });
    assert.equal(answer.topics[0]!.partitions[0]!.errorCode, ErrorCode.UNSUPPORTED_VERSION);
  }));

test("the operations on a topic are told when it is not there, too", () =>
  withBroker(async ({ connect }) => {
    const request = { topics: [{ name: "bad name" }], includeTopicAuthorizedOperations: true };
    const answer = await connect().request(APIS.metadata, 11, request);
    assert.equal(answer.topics[0]!.topicAuthorizedOperations, 3576);
  }));

test("a produce request with acks that do not exist learns first which topics do not exist", () =>
  withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "there");
    const partitionData = [{ index: 0, records: [encodeBatch([{ value: "a" }])] }];
    const topicData = ["there", "missing"].map((name) => ({ name, partitionData }));
    const { responses } = await client.request(APIS.produce, 9, { acks: 5, timeoutMs: 0, topicData });
    const codes = responses.map(({ partitionResponses: [answer] }) => answer!.errorCode);
    assert.deepEqual(codes, [ErrorCode.INVALID_REQUIRED_ACKS, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
  }));

test("each record without a key is named when a compacted topic refuses its batch (KIP-467)", () =>
  withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "compacted", { configs: { "cleanup.policy": "compact" } });
    const records = [encodeBatch([{ key: "k", value: "a" }, { value: "b" }, { key: "k" }, { value: "c" }])];
    const topicData = [{ name: "compacted", partitionData: [{ index: 0, records }] }];
    const { responses } = await client.request(APIS.produce, 9, { acks: -1, timeoutMs: 0, topicData });
    const [answer] = responses[0]!.partitionResponses;
    assert.equal(answer!.errorCode, ErrorCode.INVALID_RECORD);
    assert.equal(answer!.logStartOffset, 0);
    assert.deepEqual(
      answer!.recordErrors.map(({ batchIndex }) => batchIndex),
      [1, 3],
    );
  }));

test("a magic of no version that ever was is a corrupt batch, one of the past an unwelcome record", () =>
  withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    for (const [magic, errorCode] of [
      [1, ErrorCode.INVALID_RECORD],
      [3, ErrorCode.CORRUPT_MESSAGE],
    ] as const) {
      const batch = encodeBatch([{ value: "a" }]);
      batch[16] = magic;
      const topicData = [{ name: "t", partitionData: [{ index: 0, records: [batch] }] }];
      const { responses } = await client.request(APIS.produce, 9, { acks: -1, timeoutMs: 0, topicData });
      assert.equal(responses[0]!.partitionResponses[0]!.errorCode, errorCode);
    }
  }));

test("of a new topic its settings are looked at first, then its number of partitions, then where they go", () =>
  withBroker(async ({ connect }) => {
    const assignments = [{ partitionIndex: 1, brokerIds: [1] }];
    const badConfig = { configs: [{ name: "retention.ms", value: "-2" }] };
    const topics = [
      { name: "a", numPartitions: -1, replicationFactor: -1, assignments, ...badConfig },
      { name: "b", numPartitions: 0, replicationFactor: 2, assignments: [], configs: [] },
    ];
    const answer = await connect().request(APIS.createTopics, 5, { topics });
    assert.deepEqual(
      answer.topics.map(({ errorCode }) => errorCode),
      [ErrorCode.INVALID_CONFIG, ErrorCode.INVALID_PARTITIONS],
    );
  }));

test("an endpoint type that does not exist is told from that of controllers", () =>
  withBroker(async ({ connect }) => {
    for (const [endpointType, errorCode] of [
      [2, ErrorCode.MISMATCHED_ENDPOINT_TYPE],
      [3, ErrorCode.UNSUPPORTED_ENDPOINT_TYPE],
    ] as const) {
      assert.equal((await connect().request(APIS.describeCluster, 1, { endpointType })).errorCode, errorCode);
    }
  }));

test("whoever has last read an epoch that never was cannot be told where it ended", () =>
  withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    for (const [lastFetchedEpoch, errorCode] of [
      [-1, ErrorCode.NONE],
      [0, ErrorCode.NONE],
      [7, ErrorCode.OFFSET_OUT_OF_RANGE],
    ] as const) {
      const partitions = [{ partition: 0, fetchOffset: 0, lastFetchedEpoch, partitionMaxBytes: 100 }];
      const topics = [{ topic: "t", partitions }];
      const { responses } = await client.request(APIS.fetch, 12, { maxWaitMs: 0, minBytes: 0, maxBytes: 100, topics });
      assert.equal(responses[0]!.partitions[0]!.errorCode, errorCode);
    }
  }));
