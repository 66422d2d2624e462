/** AlterConfigs 0-2: gives resources exactly the settings of the request; what it leaves out is taken back (KIP-133). */
import type { APIS } from "../../protocol/apis.ts";
import { alterConfigs } from "../config-changes.ts";
import type { Exchange } from "../exchange.ts";

export function handleAlterConfigs(exchange: Exchange<(typeof APIS)["alterConfigs"]>): void {
  const { broker, request } = exchange;
  const { resources, validateOnly } = request;
  exchange.answer({ responses: alterConfigs(broker, resources, { mode: "replace", validateOnly }) });
}
