/** Details of answers as Apache Kafka gives them, found by test/differential/. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
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
