/**
 * ListConfigResources 0-1: what has settings, or could have (KIP-714, KIP-1142). Version 0 lists subscriptions of client
 * metrics only, version 1 the types asked for, or all. Groups and subscriptions are listed when they have settings.
 */
import type { APIS } from "../../protocol/apis.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import {
  RESOURCE_BROKER,
  RESOURCE_CLIENT_METRICS,
  RESOURCE_GROUP,
  RESOURCE_TOPIC,
  type State,
} from "../../state/state.ts";
import { RESOURCE_BROKER_LOGGER } from "../config-changes.ts";
import type { Exchange } from "../exchange.ts";

type NamesOf = (state: State, nodeId: number) => Iterable<string>;

const NAMES: ReadonlyMap<number, NamesOf> = new Map<number, NamesOf>([
  [RESOURCE_GROUP, (state) => state.overridesOf(RESOURCE_GROUP).keys()],
  [RESOURCE_CLIENT_METRICS, (state) => state.overridesOf(RESOURCE_CLIENT_METRICS).keys()],
  [RESOURCE_BROKER_LOGGER, (_state, nodeId) => [String(nodeId)]],
  [RESOURCE_BROKER, (_state, nodeId) => [String(nodeId)]],
  [RESOURCE_TOPIC, (state) => [...state.topics()].map(({ name }) => name)],
]);

export function handleListConfigResources(exchange: Exchange<(typeof APIS)["listConfigResources"]>): void {
  const { broker, request, version } = exchange;
  const asked = new Set(version === 0 ? [RESOURCE_CLIENT_METRICS] : request.resourceTypes);
  if ([...asked].some((type) => !NAMES.has(type))) {
    return exchange.answer({ errorCode: ErrorCode.UNSUPPORTED_VERSION });
  }
  const configResources = [...NAMES]
    .filter(([type]) => asked.size === 0 || asked.has(type))
    .flatMap(([resourceType, names]) =>
      [...names(broker.store.state, broker.nodeId)].map((resourceName) => ({ resourceType, resourceName })),
    );
  exchange.answer({ configResources });
}
