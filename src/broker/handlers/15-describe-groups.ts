/**
 * DescribeGroups 0-6: state and members of classic groups. Before version 6 a group that there is not is one in state
 * Dead, since then an error (KIP-1043).
 */
import type { ClassicGroup } from "../../coordinator/classic-group.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { boundedMessage } from "../error-message.ts";
import type { Exchange } from "../exchange.ts";

type DescribeGroups = (typeof APIS)["describeGroups"];
type GroupAnswer = NonNullable<MessageInput<DescribeGroups["response"]>["groups"]>[number];

const NOT_FOUND_SINCE = 6;
/** READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS, as bits: all that there is for a group. */
export const ALL_GROUP_OPERATIONS = (1 << 3) | (1 << 6) | (1 << 8) | (1 << 10) | (1 << 11);

export function handleDescribeGroups(exchange: Exchange<DescribeGroups>): void {
  const { broker, request, version } = exchange;
  // Each once: a group takes far more bytes in the answer than its name in the request.
  const groups = [...new Set(request.groups)].map((groupId): GroupAnswer => {
    const { coordinator } = broker.groups;
    const group = coordinator.classicGroup(groupId);
    const isOther = coordinator.group(groupId) !== undefined;
    const found = group === undefined ? notFound(groupId, version, isOther) : describe(group);
    if (!request.includeAuthorizedOperations || found.errorCode !== undefined) return found;
    return { ...found, authorizedOperations: ALL_GROUP_OPERATIONS };
  });
  exchange.answer({ groups });
}

function notFound(groupId: string, version: number, isOther: boolean): GroupAnswer {
  if (version < NOT_FOUND_SINCE) return { groupId, groupState: "Dead" };
  return {
    groupId,
    groupState: "Dead",
    errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
    errorMessage: boundedMessage(isOther ? `Group ${groupId} is not a classic group.` : `Group ${groupId} not found.`),
  };
}

/** What members told of themselves is shown of a stable group only: in a rebalance it is about to change. */
function describe(group: ClassicGroup): GroupAnswer {
  const { groupId, state, protocolType } = group;
  const protocolName = state === "Stable" ? group.protocolName : null;
  const members = [...group.members.values()].map((member) => {
    const { memberId, instanceId, clientId, clientHost, assignment } = member;
    const metadata = member.metadata(protocolName);
    const shown = { memberId, groupInstanceId: instanceId, clientId, clientHost, memberAssignment: assignment };
    return metadata === undefined ? shown : { ...shown, memberMetadata: metadata };
  });
  return { groupId, groupState: state, protocolType, protocolData: protocolName ?? "", members };
}
