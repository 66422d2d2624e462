/**
 * Every API that is offered, in every version of it: a valid request is answered, the answer can be decoded in that
 * version, has the right correlation id (`KafkaClient` sees to both), and says that all went well.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KafkaClient } from "../../sim/kafka-client.ts";
import type { Uuid } from "../../src/base/uuid.ts";
import { OFFERED } from "../../src/broker/handlers.ts";
import { APIS, type Api, apiByKey } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { createTopic, PORT, produce, withBroker } from "./broker-simulation.ts";
import { type Example, example, type Given } from "./example.ts";
import { CONSUMER_GROUP_EXAMPLES, GROUP_ADMIN_EXAMPLES, GROUP_EXAMPLES, givenGroup } from "./group-examples.ts";

/** All went well. */
const DONE = { errorCode: ErrorCode.NONE, errorMessage: null };
const TIMESTAMP = 1_767_225_600_000;
const TOPIC_ID_VERSIONS: ReadonlyMap<number, number> = new Map([
  [APIS.produce.key, 13],
  [APIS.fetch.key, 13],
]);

/** How a request names a topic: by name, or by id in the versions that do so. */
function named(api: Api, version: number, { topic, topicId }: Given): { topic: string } | { topicId: Uuid } {
  return version >= TOPIC_ID_VERSIONS.get(api.key)! ? { topicId } : { topic };
}

const EXAMPLES: readonly Example[] = [
  example({
    api: APIS.produce,
    request: (version, given) => {
      const partitionData = [{ index: 0, records: [encodeBatch([{ value: "third", timestamp: TIMESTAMP }])] }];
      const topic = version >= 13 ? { topicId: given.topicId } : { name: given.topic };
      return { acks: -1, timeoutMs: 1000, topicData: [{ ...topic, partitionData }] };
    },
    check: ({ responses: [topic] }, version) => {
      const [partition] = topic!.partitionResponses;
      assert.equal(partition!.errorCode, ErrorCode.NONE);
      assert.equal(partition!.baseOffset, 2);
      assert.equal(partition!.logStartOffset, version >= 5 ? 0 : -1);
    },
  }),
  example({
    api: APIS.fetch,
    request: (version, given) => {
      const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }];
      const topics = [{ ...named(APIS.fetch, version, given), partitions }];
      return { maxWaitMs: 100, minBytes: 1, maxBytes: 1_000_000, isolationLevel: 1, topics };
    },
    check: ({ errorCode, responses: [topic] }) => {
      const [partition] = topic!.partitions;
      assert.equal(errorCode, ErrorCode.NONE);
      assert.equal(partition!.errorCode, ErrorCode.NONE);
      assert.equal(partition!.highWatermark, 2);
      assert.equal(partition!.lastStableOffset, 2);
      assert.ok(partition!.records![0]!.length > 61);
    },
  }),
  example({
    api: APIS.listOffsets,
    request: (_, { topic }) => ({
      replicaId: -1,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: TIMESTAMP }] }],
    }),
    check: ({ topics: [topic] }, version) => {
      const [partition] = topic!.partitions;
      assert.equal(partition!.errorCode, ErrorCode.NONE);
      assert.equal(partition!.offset, 1);
      assert.equal(partition!.timestamp, TIMESTAMP);
      assert.equal(partition!.leaderEpoch, version >= 4 ? 0 : -1);
    },
  }),
  example({
    api: APIS.metadata,
    request: (_, { topic }) => ({ topics: [{ name: topic }] }),
    check: ({ brokers, clusterId, controllerId, topics: [topic] }, version, given) => {
      assert.deepEqual(brokers, [{ nodeId: 1, host: "127.0.0.1", port: PORT, rack: null }]);
      if (version >= 1) assert.equal(controllerId, 1);
      if (version >= 2) assert.match(clusterId!, /^[\w-]{22}$/);
      assert.equal(topic!.errorCode, ErrorCode.NONE);
      assert.equal(topic!.name, given.topic);
      if (version >= 10) assert.equal(topic!.topicId, given.topicId);
      assert.equal(topic!.partitions[0]!.leaderId, 1);
      assert.equal(topic!.partitions[0]!.leaderEpoch, version >= 7 ? 0 : -1);
    },
  }),
  ...GROUP_EXAMPLES,
  example({
    api: APIS.apiVersions,
    request: (version) =>
      version >= 3 ? { clientSoftwareName: "test-client", clientSoftwareVersion: "1.0.0-rc.1" } : {},
    check: ({ errorCode, apiKeys, finalizedFeatures, finalizedFeaturesEpoch }, version) => {
      assert.equal(errorCode, ErrorCode.NONE);
      assert.deepEqual(apiKeys, OFFERED);
      assert.equal(finalizedFeaturesEpoch, version >= 3 ? 1 : -1);
      assert.equal(finalizedFeatures.length, version >= 3 ? 2 : 0);
    },
  }),
  example({
    api: APIS.createTopics,
    request: () => ({ topics: [{ name: "new", numPartitions: 3, replicationFactor: 1 }], timeoutMs: 1000 }),
    check: ({ topics: [topic] }, version) => {
      assert.equal(topic!.errorCode, ErrorCode.NONE);
      assert.equal(topic!.numPartitions, version >= 5 ? 3 : -1);
      assert.equal(topic!.configs!.length > 0, version >= 5);
    },
  }),
  example({
    api: APIS.deleteTopics,
    request: (version, { topic, topicId }) =>
      version >= 6 ? { topics: [{ topicId }], timeoutMs: 1000 } : { topicNames: [topic], timeoutMs: 1000 },
    check: ({ responses: [topic] }, _, given) => {
      assert.equal(topic!.errorCode, ErrorCode.NONE);
      assert.equal(topic!.name, given.topic);
    },
  }),
  example({
    api: APIS.deleteRecords,
    request: (_, { topic }) => ({
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, offset: 1 }] }],
      timeoutMs: 1000,
    }),
    check: ({ topics: [topic] }) => {
      assert.deepEqual(topic!.partitions, [{ partitionIndex: 0, lowWatermark: 1, errorCode: 0 }]);
    },
  }),
  example({
    api: APIS.initProducerId,
    request: () => ({ transactionalId: null, transactionTimeoutMs: 60_000 }),
    check: ({ errorCode, producerId, producerEpoch }) => {
      assert.equal(errorCode, ErrorCode.NONE);
      assert.equal(producerId, 0);
      assert.equal(producerEpoch, 0);
    },
  }),
  example({
    api: APIS.offsetForLeaderEpoch,
    request: (_, { topic }) => ({ topics: [{ topic, partitions: [{ partition: 0, leaderEpoch: 0 }] }] }),
    check: ({ topics: [topic] }) => {
      assert.deepEqual(topic!.partitions, [{ errorCode: 0, partition: 0, leaderEpoch: 0, endOffset: 2 }]);
    },
  }),
  example({
    api: APIS.describeAcls,
    request: () => ({
      resourceTypeFilter: 1,
      resourceNameFilter: null,
      principalFilter: null,
      hostFilter: null,
      operation: 1,
      permissionType: 1,
    }),
    check: ({ errorCode, resources }) => {
      assert.equal(errorCode, ErrorCode.SECURITY_DISABLED);
      assert.deepEqual(resources, []);
    },
  }),
  example({
    api: APIS.describeConfigs,
    request: (_, { topic }) => ({
      resources: [{ resourceType: 2, resourceName: topic, configurationKeys: ["retention.ms"] }],
      includeSynonyms: true,
    }),
    check: ({ results: [result] }) => {
      assert.equal(result!.errorCode, ErrorCode.NONE);
      assert.deepEqual(
        result!.configs.map(({ name, value }) => [name, value]),
        [["retention.ms", "604800000"]],
      );
    },
  }),
  example({
    api: APIS.alterConfigs,
    request: (_, { topic }) => ({
      resources: [{ resourceType: 2, resourceName: topic, configs: [{ name: "retention.ms", value: "1" }] }],
    }),
    check: ({ responses: [result] }) => assert.deepEqual(result, { ...DONE, resourceType: 2, resourceName: "given" }),
  }),
  example({
    api: APIS.describeLogDirs,
    request: () => ({ topics: null }),
    check: ({ errorCode, results: [folder] }) => {
      assert.equal(errorCode, ErrorCode.NONE);
      assert.ok(folder!.topics[0]!.partitions[0]!.partitionSize > 0);
    },
  }),
  example({
    api: APIS.createPartitions,
    request: (_, { topic }) => ({ topics: [{ name: topic, count: 4, assignments: null }], timeoutMs: 1000 }),
    check: ({ results: [result] }) => assert.deepEqual(result, { name: "given", errorCode: 0, errorMessage: null }),
  }),
  ...GROUP_ADMIN_EXAMPLES,
  example({
    api: APIS.electLeaders,
    request: (_, { topic }) => ({ topicPartitions: [{ topic, partitions: [0] }], timeoutMs: 1000 }),
    check: ({ errorCode, replicaElectionResults: [topic] }) => {
      assert.equal(errorCode, ErrorCode.NONE);
      assert.equal(topic!.partitionResult[0]!.errorCode, ErrorCode.ELECTION_NOT_NEEDED);
    },
  }),
  example({
    api: APIS.incrementalAlterConfigs,
    request: (_, { topic }) => {
      const configs = [{ name: "retention.ms", configOperation: 0, value: "1" }];
      return { resources: [{ resourceType: 2, resourceName: topic, configs }] };
    },
    check: ({ responses: [result] }) => assert.deepEqual(result, { ...DONE, resourceType: 2, resourceName: "given" }),
  }),
  example({
    api: APIS.alterPartitionReassignments,
    request: (_, { topic }) => ({
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, replicas: [1] }] }],
      timeoutMs: 1000,
    }),
    check: ({ errorCode, responses: [topic] }) => {
      assert.equal(errorCode, ErrorCode.NONE);
      assert.deepEqual(topic!.partitions, [{ ...DONE, partitionIndex: 0 }]);
    },
  }),
  example({
    api: APIS.listPartitionReassignments,
    request: () => ({ topics: null, timeoutMs: 1000 }),
    check: ({ errorCode, topics }) => assert.deepEqual([errorCode, topics], [ErrorCode.NONE, []]),
  }),
  example({
    api: APIS.describeCluster,
    request: () => ({ includeClusterAuthorizedOperations: true }),
    check: ({ errorCode, brokers, controllerId }) => {
      assert.equal(errorCode, ErrorCode.NONE);
      assert.equal(controllerId, 1);
      assert.deepEqual(brokers, [{ brokerId: 1, host: "127.0.0.1", port: PORT, rack: null, isFenced: false }]);
    },
  }),
  example({
    api: APIS.describeProducers,
    request: (_, { topic }) => ({ topics: [{ name: topic, partitionIndexes: [0] }] }),
    check: ({ topics: [topic] }) => {
      assert.deepEqual(topic!.partitions, [{ ...DONE, partitionIndex: 0, activeProducers: [] }]);
    },
  }),
  ...CONSUMER_GROUP_EXAMPLES,
  example({
    api: APIS.listConfigResources,
    request: (version) => (version === 0 ? {} : { resourceTypes: [2] }),
    check: ({ errorCode, configResources }, version) => {
      assert.equal(errorCode, ErrorCode.NONE);
      assert.deepEqual(configResources, version === 0 ? [] : [{ resourceName: "given", resourceType: 2 }]);
    },
  }),
  example({
    api: APIS.describeTopicPartitions,
    request: (_, { topic }) => ({ topics: [{ name: topic }] }),
    check: ({ topics: [topic], nextCursor }, _, { topicId }) => {
      assert.equal(topic!.errorCode, ErrorCode.NONE);
      assert.equal(topic!.topicId, topicId);
      assert.ok(topic!.partitions.every(({ leaderId }) => leaderId === 1));
      assert.equal(nextCursor, null);
    },
  }),
];

async function given(client: KafkaClient): Promise<Given> {
  const topicId = await createTopic(client, "given");
  const records = [
    { value: "first", timestamp: TIMESTAMP - 1 },
    { value: "second", timestamp: TIMESTAMP },
  ];
  await produce(client, { topic: "given" }, records);
  const there = { topic: "given", topicId, group: "readers" };
  return { ...there, memberId: await givenGroup(client, there) };
}

test("there is an example of every API that is offered", () => {
  assert.deepEqual(
    EXAMPLES.map(({ api }) => api.key).toSorted((a, b) => a - b),
    OFFERED.map(({ apiKey }) => apiKey),
  );
});

for (const { api, request, check } of EXAMPLES) {
  const { minVersion, maxVersion } = OFFERED.find(({ apiKey }) => apiKey === api.key)!;
  const first = Math.max(minVersion, apiByKey(api.key)!.request.valid.min);
  test(`${api.name} in versions ${first} to ${maxVersion}`, async () => {
    for (let version = first; version <= maxVersion; version += 1) {
      await withBroker(
        async ({ connect }) => {
          const client = connect();
          const there = await given(client);
          const answer = await client.request(api, version, request(version, there));
          check(answer, version, there);
        },
        { seed: version },
      );
    }
  });
}
