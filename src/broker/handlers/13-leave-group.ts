/**
 * LeaveGroup 0-5: takes members out of a classic group, from version 3 on several at once. With no member id but the name
 * of a static member an administrator takes that one out.
 */
import type { APIS } from "../../protocol/apis.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Exchange } from "../exchange.ts";

const SEVERAL_MEMBERS_SINCE = 3;

export function handleLeaveGroup(exchange: Exchange<(typeof APIS)["leaveGroup"]>): void {
  const { broker, request, version } = exchange;
  const members =
    version >= SEVERAL_MEMBERS_SINCE ? request.members : [{ memberId: request.memberId, groupInstanceId: null }];
  const claims = members.map(({ memberId, groupInstanceId: instanceId }) => ({ memberId, instanceId }));
  const result = broker.groups.decide((coordinator, now, effects) =>
    coordinator.leave(request.groupId, claims, now, effects),
  );
  if (typeof result === "number") return exchange.answer({ errorCode: result });
  if (version < SEVERAL_MEMBERS_SINCE) return exchange.answer({ errorCode: result[0] ?? ErrorCode.NONE });
  exchange.answer({
    members: members.map(({ memberId, groupInstanceId }, index) => ({
      memberId,
      groupInstanceId,
      errorCode: result[index]!,
    })),
  });
}
