/**
 * SyncGroup 0-5: the leader brings the assignment of a classic group, the others wait for it. From version 5 on with the
 * protocol, which has to be that of the group.
 */
import type { APIS } from "../../protocol/apis.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Exchange } from "../exchange.ts";

type SyncGroup = (typeof APIS)["syncGroup"];

const PROTOCOL_SINCE = 5;

export function handleSyncGroup(exchange: Exchange<SyncGroup>): void {
  const { broker, request, version } = exchange;
  const { groupId, memberId, groupInstanceId: instanceId, generationId: generation } = request;
  const { protocolType, protocolName } = request;
  if (version >= PROTOCOL_SINCE && (protocolType === null || protocolName === null)) {
    return exchange.answer({ errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL });
  }
  const assignments = request.assignments.map((each) => ({
    memberId: each.memberId,
    assignment: Buffer.from(each.assignment),
  }));
  const sync = { groupId, memberId, instanceId, generation, protocolType, protocolName, assignments };
  broker.groups.decide((coordinator, now, effects) => coordinator.sync(sync, exchange, now, effects));
}
