/**
 * FindCoordinator 0-6: always this broker, for groups and for transactional ids.
 *
 * Versions: 1 kinds of keys · 4 several keys · 6 share groups, whose coordinator is not offered.
 */
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Exchange } from "../exchange.ts";

type FindCoordinator = (typeof APIS)["findCoordinator"];
type Answer = NonNullable<MessageInput<FindCoordinator["response"]>["coordinators"]>[number];

const GROUP = 0;
const TRANSACTION = 1;
const SEVERAL_KEYS_SINCE = 4;
const NO_NODE = { nodeId: -1, host: "", port: -1 };

export function handleFindCoordinator(exchange: Exchange<FindCoordinator>): void {
  const { request, version } = exchange;
  if (version < SEVERAL_KEYS_SINCE) return exchange.answer(coordinatorOf(exchange));
  exchange.answer({ coordinators: request.coordinatorKeys.map((key) => ({ key, ...coordinatorOf(exchange) })) });
}

function coordinatorOf({ broker, connection, request, version }: Exchange<FindCoordinator>): Omit<Answer, "key"> {
  if (request.keyType !== GROUP && request.keyType !== TRANSACTION) {
    const errorMessage = `there is no coordinator for keys of type ${request.keyType}`;
    return { ...NO_NODE, errorCode: ErrorCode.INVALID_REQUEST, errorMessage };
  }
  const { host, port } = connection.endpoint;
  return { nodeId: broker.nodeId, host, port, errorMessage: version < SEVERAL_KEYS_SINCE ? "NONE" : "" }; // as Kafka has it
}
