/** The heartbeat of the consumer protocol (KIP-848): what it says, and why it is refused, in Kafka's words. */
import type { MessageInput } from "../protocol/codec/message.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { consumerGroupHeartbeatResponse } from "../protocol/schema/68-consumer-group-heartbeat.ts";
import { type Assignment, isSubset, type TopicPartitions } from "./assignment.ts";
import { AWAY_EPOCH, type ConsumerMember, JOIN_EPOCH, LEAVE_EPOCH } from "./consumer-member.ts";
import { compileTopicRegex } from "./topic-regex.ts";

/** A heartbeat as it came; null where it says that nothing has changed. */
export interface ConsumerHeartbeat {
  readonly groupId: string;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** -1: nothing has changed. */
  readonly rebalanceTimeoutMs: number;
  readonly subscribedTopicNames: readonly string[] | null;
  readonly subscribedTopicRegex: string | null;
  readonly serverAssignor: string | null;
  readonly topicPartitions: readonly TopicPartitions[] | null;
}

export type ConsumerReply = MessageInput<typeof consumerGroupHeartbeatResponse>;

/** Why a request is refused, in Kafka's words. */
export interface Refusal {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string;
}

/** What is wrong with a heartbeat whatever group it is for. */
export function heartbeatProblem(request: ConsumerHeartbeat, assignors: readonly string[]): Refusal | undefined {
  const invalid = (errorMessage: string): Refusal => ({ errorCode: ErrorCode.INVALID_REQUEST, errorMessage });
  if (request.groupId === "") return invalid("GroupId can't be empty.");
  if (request.instanceId === "") return invalid("InstanceId can't be empty.");
  if (request.rackId === "") return invalid("RackId can't be empty.");
  if (request.memberId === "") return invalid("MemberId can't be empty.");
  if (request.memberEpoch < AWAY_EPOCH) return invalid("MemberEpoch is invalid.");
  if (request.memberEpoch === AWAY_EPOCH && request.instanceId === null) return invalid("InstanceId can't be null.");
  if (request.memberEpoch === JOIN_EPOCH) {
    if (request.rebalanceTimeoutMs === -1) return invalid("RebalanceTimeoutMs must be provided in first request.");
    if (request.topicPartitions === null || request.topicPartitions.length > 0) {
      return invalid("TopicPartitions must be empty when (re-)joining.");
    }
    if (request.subscribedTopicNames === null && request.subscribedTopicRegex === null) {
      return invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
    }
  }
  const { serverAssignor, subscribedTopicRegex: regex } = request;
  if (serverAssignor !== null && !assignors.includes(serverAssignor)) {
    return {
      errorCode: ErrorCode.UNSUPPORTED_ASSIGNOR,
      errorMessage: `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${assignors.join(", ")}.`,
    };
  }
  const pattern = regex === null ? undefined : compileTopicRegex(regex);
  if (pattern === undefined || typeof pattern === "function") return undefined;
  return {
    errorCode: ErrorCode.INVALID_REGULAR_EXPRESSION,
    errorMessage: `SubscribedTopicRegex \`${regex}\` is not a valid regular expression: ${pattern.problem}.`,
  };
}

/** Whether a request leaves a group. */
export function isLeaving({ memberEpoch }: ConsumerHeartbeat): boolean {
  return memberEpoch === LEAVE_EPOCH || memberEpoch === AWAY_EPOCH;
}

/**
 * Members are fenced that are not where the group has them: all but one that joins again, and one that has not got the
 * answer with its newest epoch and has nothing that it should not have.
 */
export function fencing(member: ConsumerMember, epoch: number, owned: Assignment | undefined): Refusal | undefined {
  const { memberEpoch, previousMemberEpoch, assigned } = member;
  if (epoch === memberEpoch || epoch === JOIN_EPOCH) return undefined;
  if (epoch === previousMemberEpoch && owned !== undefined && isSubset(owned, assigned)) return undefined;
  const relation = epoch > memberEpoch ? "greater" : "smaller";
  return {
    errorCode: ErrorCode.FENCED_MEMBER_EPOCH,
    errorMessage:
      `The consumer group member has a ${relation} member epoch (${epoch}) than the one known by the group coordinator ` +
      `(${memberEpoch}). The member must abandon all its partitions and rejoin.`,
  };
}

export function epochProblem(member: ConsumerMember, epoch: number): ErrorCode {
  if (epoch === member.memberEpoch) return ErrorCode.NONE;
  return member.classic === null ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.ILLEGAL_GENERATION;
}

export function groupIsFull(maxSize: number): Refusal {
  return {
    errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED,
    errorMessage: `The consumer group has reached its maximum capacity of ${maxSize} members.`,
  };
}

export function noGroup(groupId: string): Refusal {
  return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage: `Group ${groupId} not found.` };
}

export function noConsumerGroup(groupId: string): Refusal {
  return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage: `Consumer group ${groupId} not found.` };
}

export function notOfConsumers(groupId: string): Refusal {
  return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage: `Group ${groupId} is not a consumer group.` };
}
