/** ListPartitionReassignments 0: nothing is ever on its way to another broker (KIP-455). */
import type { APIS } from "../../protocol/apis.ts";
import type { Exchange } from "../exchange.ts";

export function handleListPartitionReassignments(
  exchange: Exchange<(typeof APIS)["listPartitionReassignments"]>,
): void {
  exchange.answer({ errorMessage: null });
}
