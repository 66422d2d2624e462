/** ListGroups 0-5: the groups of this broker; from version 4 on only those in given states, from 5 on of given types. */
import type { APIS } from "../../protocol/apis.ts";
import type { Exchange } from "../exchange.ts";

export function handleListGroups(exchange: Exchange<(typeof APIS)["listGroups"]>): void {
  const { broker, request } = exchange;
  const states = filter(request.statesFilter);
  const types = filter(request.typesFilter);
  const groups = [];
  for (const { groupId, type, state, protocolType } of broker.groups.coordinator.groups()) {
    if (!states(state) || !types(type)) continue;
    groups.push({ groupId, protocolType, groupState: state, groupType: type });
  }
  exchange.answer({ groups });
}

/** Lets through what is named, in any case of letters; everything, when nothing is. */
function filter(names: readonly string[]): (name: string) => boolean {
  const wanted = new Set(names.map((name) => name.trim().toLowerCase()));
  return (name) => wanted.size === 0 || wanted.has(name.toLowerCase());
}
