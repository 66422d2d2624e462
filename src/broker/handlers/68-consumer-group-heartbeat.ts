/**
 * ConsumerGroupHeartbeat 0-1: all that a member of a consumer group does (KIP-848). Version 1 adds subscriptions by regular
 * expression, and members that choose their own id; before, the broker chooses one for those that have none.
 */
import type { APIS } from "../../protocol/apis.ts";
import { boundedMessage } from "../error-message.ts";
import type { Exchange } from "../exchange.ts";
import { clientHost } from "./11-join-group.ts";

const OWN_MEMBER_ID_SINCE = 1;

export function handleConsumerGroupHeartbeat(exchange: Exchange<(typeof APIS)["consumerGroupHeartbeat"]>): void {
  const { broker, connection, request, version, clientId } = exchange;
  const reply = broker.groups.decide((coordinator, now, effects) => {
    const isUnnamed = version < OWN_MEMBER_ID_SINCE && request.memberId === "" && request.memberEpoch === 0;
    const memberId = isUnnamed ? coordinator.newMemberId() : request.memberId;
    const heartbeat = { ...request, memberId, clientId: clientId ?? "", clientHost: clientHost(connection.peer) };
    return coordinator.consumerHeartbeat(heartbeat, now, effects);
  });
  const { errorMessage } = reply;
  exchange.answer(typeof errorMessage === "string" ? { ...reply, errorMessage: boundedMessage(errorMessage) } : reply);
}
