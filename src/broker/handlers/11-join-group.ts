/**
 * JoinGroup 0-9: a member joins a classic group, or joins it again. Answered when the group is complete.
 *
 * Versions: 0 has no rebalance timeout: the session timeout counts · 4 a new member is first told its id (KIP-394) · 5
 * static members (KIP-345) · 7 says null where no protocol is chosen · 9 a static leader that comes back need not assign (KIP-814).
 */
import type { JoinReply } from "../../coordinator/classic-member.ts";
import type { Caller } from "../../coordinator/effects.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { Exchange } from "../exchange.ts";

type JoinGroup = (typeof APIS)["joinGroup"];

const REBALANCE_TIMEOUT_SINCE = 1;
const NULL_PROTOCOL_SINCE = 7;

export function handleJoinGroup(exchange: Exchange<JoinGroup>): void {
  const { broker, connection, request, version, clientId } = exchange;
  const { groupId, memberId, groupInstanceId: instanceId, sessionTimeoutMs, protocolType } = request;
  const protocols = new Map<string, { readonly name: string; readonly metadata: Buffer }>();
  for (const { name, metadata } of request.protocols) {
    if (!protocols.has(name)) protocols.set(name, { name, metadata: Buffer.from(metadata) });
  }
  const join = {
    version,
    groupId,
    memberId,
    instanceId,
    clientId: clientId ?? "",
    clientHost: clientHost(connection.peer),
    sessionTimeoutMs,
    rebalanceTimeoutMs: version >= REBALANCE_TIMEOUT_SINCE ? request.rebalanceTimeoutMs : sessionTimeoutMs,
    protocolType,
    protocols: [...protocols.values()],
  };
  const noProtocol = version >= NULL_PROTOCOL_SINCE ? null : "";
  const caller: Caller<JoinReply> = {
    answer: (reply) => exchange.answer({ ...reply, protocolName: reply.protocolName ?? noProtocol }),
  };
  broker.groups.decide((coordinator, now, effects) => coordinator.join(join, caller, now, effects));
}

/** As Kafka shows it: `/127.0.0.1`. */
export function clientHost(peer: string): string {
  return `/${peer.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1")}`;
}
