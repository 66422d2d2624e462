/**
 * ConsumerGroupDescribe 0-1: state, members and assignments of consumer groups (KIP-848). Version 1 tells which protocol a
 * member speaks (KIP-1099).
 */
import type { Assignment } from "../../coordinator/assignment.ts";
import type { ConsumerGroup } from "../../coordinator/consumer-group.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { State } from "../../state/state.ts";
import { boundedMessage } from "../error-message.ts";
import type { Exchange } from "../exchange.ts";
import { ALL_GROUP_OPERATIONS } from "./15-describe-groups.ts";

type ConsumerGroupDescribe = (typeof APIS)["consumerGroupDescribe"];
type GroupAnswer = NonNullable<MessageInput<ConsumerGroupDescribe["response"]>["groups"]>[number];
type AssignmentAnswer = NonNullable<NonNullable<GroupAnswer["members"]>[number]["assignment"]>;

const CLASSIC_MEMBER = 0;
const CONSUMER_MEMBER = 1;

export function handleConsumerGroupDescribe(exchange: Exchange<ConsumerGroupDescribe>): void {
  const { broker, request } = exchange;
  const { coordinator } = broker.groups;
  // Each once: a group takes far more bytes in the answer than its name in the request.
  const groups = [...new Set(request.groupIds)].map((groupId): GroupAnswer => {
    if (groupId === "") return { groupId, errorCode: ErrorCode.INVALID_GROUP_ID };
    const group = coordinator.consumerGroup(groupId);
    if (group === undefined) return notFound(groupId, coordinator.group(groupId) !== undefined);
    const found = describe(group, broker.store.state);
    return request.includeAuthorizedOperations ? { ...found, authorizedOperations: ALL_GROUP_OPERATIONS } : found;
  });
  exchange.answer({ groups });
}

function notFound(groupId: string, isOther: boolean): GroupAnswer {
  const problem = isOther ? `Group ${groupId} is not a consumer group.` : `Group ${groupId} not found.`;
  return { groupId, errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage: boundedMessage(problem) };
}

function describe(group: ConsumerGroup, state: State): GroupAnswer {
  const { groupId, epoch: groupEpoch, assignmentEpoch, assignorName } = group;
  const members = [...group.members()].map((member) => ({
    memberId: member.memberId,
    instanceId: member.instanceId,
    rackId: member.rackId,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.subscribedTopicNames,
    subscribedTopicRegex: member.subscribedTopicRegex ?? "",
    assignment: named(member.assigned, state),
    targetAssignment: named(group.target(member.memberId), state),
    memberType: member.classic === null ? CONSUMER_MEMBER : CLASSIC_MEMBER,
  }));
  return { groupId, groupState: group.state, groupEpoch, assignmentEpoch, assignorName, members };
}

/** A topic that there is not any more is left out. */
function named(assignment: Assignment, state: State): AssignmentAnswer {
  const topicPartitions = [...assignment].flatMap(([topicId, partitions]) => {
    const topicName = state.topicById(topicId)?.name;
    return topicName === undefined ? [] : [{ topicId, topicName, partitions }];
  });
  return { topicPartitions };
}
