/** DeleteGroups 0-2: deletes groups without members, with their offsets. Each succeeds or fails for itself. */
import type { APIS } from "../../protocol/apis.ts";
import type { Exchange } from "../exchange.ts";

export function handleDeleteGroups(exchange: Exchange<(typeof APIS)["deleteGroups"]>): void {
  const { broker, request } = exchange;
  const groupIds = [...new Set(request.groupsNames)];
  const results = broker.groups.decide((coordinator, _now, effects) =>
    groupIds.map((groupId) => ({ groupId, errorCode: coordinator.deleteGroup(groupId, effects) })),
  );
  exchange.answer({ results });
}
