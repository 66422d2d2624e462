/** IncrementalAlterConfigs 0-1: sets, deletes, appends to and subtracts from single settings (KIP-339). */
import type { APIS } from "../../protocol/apis.ts";
import { alterConfigs } from "../config-changes.ts";
import type { Exchange } from "../exchange.ts";

export function handleIncrementalAlterConfigs(exchange: Exchange<(typeof APIS)["incrementalAlterConfigs"]>): void {
  const { broker, request } = exchange;
  const { resources, validateOnly } = request;
  exchange.answer({ responses: alterConfigs(broker, resources, { mode: "change", validateOnly }) });
}
