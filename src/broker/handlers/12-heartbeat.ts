/** Heartbeat 0-4: keeps a member of a classic group alive, and tells it of a rebalance. */
import type { APIS } from "../../protocol/apis.ts";
import type { Exchange } from "../exchange.ts";

export function handleHeartbeat(exchange: Exchange<(typeof APIS)["heartbeat"]>): void {
  const { broker, request } = exchange;
  const { groupId, memberId, groupInstanceId: instanceId, generationId: generation } = request;
  const errorCode = broker.groups.decide((coordinator, now) =>
    coordinator.heartbeat(groupId, { memberId, instanceId, generation }, now),
  );
  exchange.answer({ errorCode });
}
