/** Examples of the APIs of groups. */
import assert from "node:assert/strict";
import type { KafkaClient } from "../../sim/kafka-client.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { subscription } from "../coordinator/classic-calls.ts";
import { NODE_ID, PORT } from "./broker-simulation.ts";
import { type Example, example, type Given } from "./example.ts";

const GENERATION = 1;
const WORK = Buffer.from("work");

/** A stable group with one member; its id. */
export async function givenGroup(client: KafkaClient, { topic, group }: Omit<Given, "memberId">): Promise<string> {
  const { memberId } = await client.request(APIS.joinGroup, 3, joining(group, topic));
  const member = { groupId: group, memberId, generationId: GENERATION };
  await client.request(APIS.syncGroup, 3, { ...member, assignments: [{ memberId, assignment: WORK }] });
  await client.request(APIS.offsetCommit, 8, {
    groupId: group,
    memberId,
    generationIdOrMemberEpoch: GENERATION,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "note" }] }],
  });
  return memberId;
}

function joining(groupId: string, topic: string, memberId = "") {
  const protocols = [{ name: "range", metadata: subscription(topic) }];
  return {
    groupId,
    memberId,
    sessionTimeoutMs: 60_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: "consumer",
    protocols,
  };
}

export const GROUP_EXAMPLES: readonly Example[] = [
  example({
    api: APIS.offsetCommit,
    request: (version, { topic, topicId, group, memberId }) => ({
      groupId: group,
      memberId,
      generationIdOrMemberEpoch: GENERATION,
      topics: [
        {
          ...(version >= 10 ? { topicId } : { name: topic }),
          partitions: [{ partitionIndex: 0, committedOffset: 2, committedMetadata: null }],
        },
      ],
    }),
    check: ({ topics: [topic] }, version, given) => {
      assert.deepEqual(topic!.partitions, [{ partitionIndex: 0, errorCode: ErrorCode.NONE }]);
      if (version >= 10) assert.equal(topic!.topicId, given.topicId);
      else assert.equal(topic!.name, given.topic);
    },
  }),
  example({
    api: APIS.offsetFetch,
    request: (version, { topic, topicId, group }) => {
      const topics = [{ ...(version >= 10 ? { topicId } : { name: topic }), partitionIndexes: [0] }];
      return version >= 8 ? { groups: [{ groupId: group, topics }] } : { groupId: group, topics };
    },
    check: ({ topics, groups: [group] }, version) => {
      const [partition] = (group?.topics ?? topics)[0]!.partitions;
      assert.equal(group === undefined, version < 8);
      assert.equal(partition!.errorCode, ErrorCode.NONE);
      assert.equal(partition!.committedOffset, 1);
      assert.equal(partition!.metadata, "note");
    },
  }),
  example({
    api: APIS.findCoordinator,
    request: (version, { group }) => (version >= 4 ? { coordinatorKeys: [group] } : { key: group }),
    check: (answer, version) => {
      const { errorCode, nodeId, host, port } = version >= 4 ? answer.coordinators[0]! : answer;
      assert.deepEqual(
        { errorCode, nodeId, host, port },
        { errorCode: 0, nodeId: NODE_ID, host: "127.0.0.1", port: PORT },
      );
    },
  }),
  example({
    api: APIS.joinGroup,
    request: (_, { group, topic, memberId }) => joining(group, topic, memberId),
    check: ({ errorCode, generationId, protocolType, protocolName, leader, memberId, members }, version, given) => {
      assert.equal(errorCode, ErrorCode.NONE);
      assert.equal(generationId, GENERATION + 1);
      assert.equal(protocolType, version >= 7 ? "consumer" : null);
      assert.equal(protocolName, "range");
      assert.deepEqual([leader, memberId, members[0]!.memberId], [given.memberId, given.memberId, given.memberId]);
    },
  }),
  example({
    api: APIS.heartbeat,
    request: (_, { group, memberId }) => ({ groupId: group, memberId, generationId: GENERATION }),
    check: ({ errorCode }) => assert.equal(errorCode, ErrorCode.NONE),
  }),
  example({
    api: APIS.leaveGroup,
    request: (version, { group, memberId }) =>
      version >= 3 ? { groupId: group, members: [{ memberId }] } : { groupId: group, memberId },
    check: ({ errorCode, members }, version) => {
      assert.equal(errorCode, ErrorCode.NONE);
      assert.deepEqual(
        members.map((member) => member.errorCode),
        version >= 3 ? [ErrorCode.NONE] : [],
      );
    },
  }),
  example({
    api: APIS.syncGroup,
    request: (version, { group, memberId }) => ({
      groupId: group,
      memberId,
      generationId: GENERATION,
      ...(version >= 5 ? { protocolType: "consumer", protocolName: "range" } : {}),
    }),
    check: ({ errorCode, protocolName, assignment }, version) => {
      assert.equal(errorCode, ErrorCode.NONE);
      assert.equal(protocolName, version >= 5 ? "range" : null);
      assert.deepEqual(assignment, WORK);
    },
  }),
  example({
    api: APIS.describeGroups,
    request: (version, { group }) => ({ groups: [group], ...(version >= 3 && { includeAuthorizedOperations: true }) }),
    check: ({ groups: [group] }, version, given) => {
      const { errorCode, groupState, protocolType, protocolData, members, authorizedOperations } = group!;
      assert.deepEqual([errorCode, groupState, protocolType, protocolData], [0, "Stable", "consumer", "range"]);
      assert.equal(authorizedOperations, version >= 3 ? 3400 : -2147483648);
      const { memberId, clientId, clientHost, memberMetadata, memberAssignment } = members[0]!;
      assert.deepEqual([memberId, clientId, clientHost], [given.memberId, "simulated", "/127.0.0.1"]);
      assert.deepEqual([memberMetadata, memberAssignment], [subscription(given.topic), WORK]);
    },
  }),
  example({
    api: APIS.listGroups,
    request: (version) => ({
      ...(version >= 4 && { statesFilter: ["stable"] }),
      ...(version >= 5 && { typesFilter: ["Classic"] }),
    }),
    check: ({ errorCode, groups }, version, { group }) => {
      const groupState = version >= 4 ? "Stable" : "";
      const groupType = version >= 5 ? "classic" : "";
      assert.equal(errorCode, ErrorCode.NONE);
      assert.deepEqual(groups, [{ groupId: group, protocolType: "consumer", groupState, groupType }]);
    },
  }),
];

/** In the order of their keys these come behind those of topics. */
export const GROUP_ADMIN_EXAMPLES: readonly Example[] = [
  example({
    api: APIS.deleteGroups,
    request: (_, { group }) => ({ groupsNames: [group] }),
    check: ({ results }, _, { group }) => {
      assert.deepEqual(results, [{ groupId: group, errorCode: ErrorCode.NON_EMPTY_GROUP }]);
    },
  }),
  example({
    api: APIS.offsetDelete,
    request: (_, { group, topic }) => ({
      groupId: group,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }],
    }),
    check: ({ errorCode, topics: [topic] }) => {
      assert.equal(errorCode, ErrorCode.NONE);
      assert.equal(topic!.partitions[0]!.errorCode, ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC);
    },
  }),
];

/** And these behind those of the cluster. */
export const CONSUMER_GROUP_EXAMPLES: readonly Example[] = [
  example({
    api: APIS.consumerGroupHeartbeat,
    request: (_, { topic }) => ({
      groupId: "newcomers",
      memberId: "newcomer",
      memberEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: [topic],
      topicPartitions: [],
    }),
    check: ({ errorCode, memberId, memberEpoch, heartbeatIntervalMs, assignment }, _, { topicId }) => {
      assert.deepEqual([errorCode, memberId, memberEpoch], [ErrorCode.NONE, "newcomer", 1]);
      assert.equal(heartbeatIntervalMs, 5000);
      assert.deepEqual(assignment, { topicPartitions: [{ topicId, partitions: [0] }] });
    },
  }),
  example({
    api: APIS.consumerGroupDescribe,
    request: (_, { group }) => ({ groupIds: [group], includeAuthorizedOperations: true }),
    check: ({ groups: [group] }) => {
      assert.equal(group!.errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
      assert.equal(group!.errorMessage, "Group readers is not a consumer group.");
    },
  }),
];
