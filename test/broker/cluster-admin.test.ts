/** What admin clients and consoles ask of a cluster, answered as Kafka answers for one broker. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { AdminBroker, versionsOf } from "./admin-broker.ts";

const { NONE, UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST, ELECTION_NOT_NEEDED } = ErrorCode;

async function brokerWithTopics(): Promise<AdminBroker> {
  const broker = await AdminBroker.start();
  await broker.createTopic("t", {}, 2);
  await broker.createTopic("u");
  return broker;
}

test("DescribeLogDirs tells what partitions take, in every version", async () => {
  const broker = await brokerWithTopics();
  const batch = encodeBatch([{ value: "x".repeat(1000) }]);
  await broker.produceBytes("t", batch);
  for (const version of versionsOf(APIS.describeLogDirs)) {
    const { errorCode, results } = await broker.ask(APIS.describeLogDirs, version, { topics: null });
    const [dir, ...others] = results;
    assert.deepEqual([errorCode, others.length, dir!.errorCode, dir!.logDir], [NONE, 0, NONE, "/simulated"]);
    const sizes = dir!.topics.map(({ name, partitions }) => [
      name,
      partitions.map(({ partitionSize }) => partitionSize),
    ]);
    assert.deepEqual(sizes, [
      ["t", [batch.length, 0]],
      ["u", [0]],
    ]);
    const { totalBytes, usableBytes } = dir!;
    if (version < 4) assert.deepEqual([totalBytes, usableBytes], [-1, -1]);
    else assert.ok(totalBytes >= usableBytes && usableBytes > 0);
  }
});

test("DescribeLogDirs tells of the partitions asked about, and of no others", async () => {
  const broker = await brokerWithTopics();
  const asked = async (topics: { topic: string; partitions: number[] }[]) => {
    const { results } = await broker.ask(APIS.describeLogDirs, 4, { topics });
    return results[0]!.topics.map(({ name, partitions }) => [name, partitions.map((each) => each.partitionIndex)]);
  };
  assert.deepEqual(await asked([]), []);
  assert.deepEqual(
    await asked([
      { topic: "t", partitions: [1, 7] },
      { topic: "none", partitions: [0] },
      { topic: "u", partitions: [] },
      { topic: "t", partitions: [1] },
    ]),
    [["t", [1]]],
  );
});

test("DescribeProducers tells of idempotent producers and their last batch", async () => {
  const broker = await brokerWithTopics();
  const producer = { producerId: 7, producerEpoch: 3 };
  await broker.produce("t", [{ timestamp: 1000, value: "a" }]);
  await broker.produce("t", [{ timestamp: 1000, value: "a" }], { ...producer, baseSequence: 0 });
  await broker.produce(
    "t",
    [
      { timestamp: 1005, value: "a" },
      { timestamp: 1002, value: "a" },
    ],
    {
      ...producer,
      baseSequence: 1,
    },
  );
  const { topics } = await broker.ask(APIS.describeProducers, 0, {
    topics: [
      { name: "t", partitionIndexes: [0, 1, 9] },
      { name: "none", partitionIndexes: [0] },
      { name: "a b", partitionIndexes: [0] },
    ],
  });
  const [known, unused, noPartition] = topics[0]!.partitions;
  assert.deepEqual(known!.activeProducers, [
    {
      producerId: 7,
      producerEpoch: 3,
      lastSequence: 2,
      lastTimestamp: 1005,
      coordinatorEpoch: -1,
      currentTxnStartOffset: -1,
    },
  ]);
  assert.deepEqual([unused!.errorCode, unused!.activeProducers], [NONE, []]);
  assert.deepEqual([noPartition!.errorCode, noPartition!.errorMessage], [UNKNOWN_TOPIC_OR_PARTITION, null]);
  const [none] = topics[1]!.partitions;
  assert.deepEqual(
    [none!.errorCode, none!.errorMessage],
    [UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."],
  );
  assert.equal(topics[2]!.partitions[0]!.errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION);
});

test("ElectLeaders: none is needed, in every version", async () => {
  const broker = await brokerWithTopics();
  const topicPartitions = [
    { topic: "t", partitions: [0, 5] },
    { topic: "none", partitions: [0] },
  ];
  for (const version of versionsOf(APIS.electLeaders)) {
    const body = { topicPartitions, timeoutMs: 1000 };
    const { errorCode, replicaElectionResults } = await broker.ask(APIS.electLeaders, version, body);
    assert.equal(errorCode, NONE);
    assert.deepEqual(replicaElectionResults, [
      {
        topic: "t",
        partitionResult: [
          {
            partitionId: 0,
            errorCode: ELECTION_NOT_NEEDED,
            errorMessage: "Leader election not needed for topic partition.",
          },
          { partitionId: 5, errorCode: UNKNOWN_TOPIC_OR_PARTITION, errorMessage: "No such partition as t-5" },
        ],
      },
      {
        topic: "none",
        partitionResult: [
          { partitionId: 0, errorCode: UNKNOWN_TOPIC_OR_PARTITION, errorMessage: "No such topic as none" },
        ],
      },
    ]);
    const all = await broker.ask(APIS.electLeaders, version, { topicPartitions: null, timeoutMs: 1000 });
    assert.deepEqual(all.replicaElectionResults, [
      { topic: "t", partitionResult: [] },
      { topic: "u", partitionResult: [] },
    ]);
  }
});

test("ElectLeaders: unclean elections are not needed either, and other types do not exist", async () => {
  const broker = await brokerWithTopics();
  const topicPartitions = [{ topic: "t", partitions: [0] }];
  const elect = (electionType: number, asked: typeof topicPartitions | null = topicPartitions) =>
    broker.ask(APIS.electLeaders, 2, { electionType, topicPartitions: asked, timeoutMs: 1000 });
  const unclean = await elect(1);
  assert.equal(unclean.replicaElectionResults[0]!.partitionResult[0]!.errorCode, ELECTION_NOT_NEEDED);
  for (const type of [-1, 2]) {
    const { errorCode, replicaElectionResults } = await elect(type);
    assert.equal(errorCode, INVALID_REQUEST);
    const [{ partitionResult }] = replicaElectionResults as [(typeof replicaElectionResults)[number]];
    assert.deepEqual(partitionResult, [
      { partitionId: 0, errorCode: INVALID_REQUEST, errorMessage: `Unknown election type ${type}` },
    ]);
    assert.deepEqual((await elect(type, null)).replicaElectionResults, []);
  }
});

test("AlterPartitionReassignments: partitions stay where they are, in every version", async () => {
  const broker = await brokerWithTopics();
  const wrong = ErrorCode.INVALID_REPLICA_ASSIGNMENT;
  const what = "The manual partition assignment includes";
  const cases: readonly (readonly [number, number[] | null, number, string | null])[] = [
    [0, [1], NONE, null],
    [1, null, ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, null],
    [5, [1], UNKNOWN_TOPIC_OR_PARTITION, "Unable to find partition t:5."],
    [0, [], wrong, `${what} an empty replica list.`],
    [0, [2], wrong, `${what} broker 2, but no such broker is registered.`],
    [0, [1, 1], wrong, `${what} the broker 1 more than once.`],
    [0, [2, 1], wrong, `${what} broker 2, but no such broker is registered.`],
  ];
  const partitions = cases.map(([partitionIndex, replicas]) => ({ partitionIndex, replicas }));
  for (const version of versionsOf(APIS.alterPartitionReassignments)) {
    const { errorCode, responses } = await broker.ask(APIS.alterPartitionReassignments, version, {
      timeoutMs: 1000,
      topics: [
        { name: "t", partitions },
        { name: "none", partitions: [{ partitionIndex: 0, replicas: [1] }] },
      ],
    });
    assert.equal(errorCode, NONE);
    assert.deepEqual(
      responses[0]!.partitions,
      cases.map(([partitionIndex, , code, errorMessage]) => ({ partitionIndex, errorCode: code, errorMessage })),
    );
    const [none] = responses[1]!.partitions;
    assert.deepEqual(
      [none!.errorCode, none!.errorMessage],
      [UNKNOWN_TOPIC_OR_PARTITION, "Unable to find a topic named none."],
    );
  }
});

test("ListPartitionReassignments: nothing is on its way", async () => {
  const broker = await brokerWithTopics();
  for (const topics of [
    null,
    [],
    [
      { name: "t", partitionIndexes: [0, 9] },
      { name: "none", partitionIndexes: [0] },
    ],
  ]) {
    const answer = await broker.ask(APIS.listPartitionReassignments, 0, { timeoutMs: 1000, topics });
    assert.deepEqual([answer.errorCode, answer.errorMessage, answer.topics], [NONE, null, []]);
  }
});

test("DescribeAcls: there is no security, in every version", async () => {
  const broker = await brokerWithTopics();
  const any = { resourceTypeFilter: 1, patternTypeFilter: 3, operation: 1, permissionType: 1 };
  const filter = { ...any, resourceNameFilter: null, principalFilter: null, hostFilter: null };
  for (const version of versionsOf(APIS.describeAcls)) {
    const { errorCode, errorMessage, resources } = await broker.ask(APIS.describeAcls, version, filter);
    assert.deepEqual(
      [errorCode, errorMessage, resources],
      [ErrorCode.SECURITY_DISABLED, "No Authorizer is configured on the broker", []],
    );
  }
  await assert.rejects(broker.ask(APIS.describeAcls, 3, { ...filter, operation: 0 }));
});
