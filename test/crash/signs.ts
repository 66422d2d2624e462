/** By what a mistake comes to light: how canaries tell that they were caught, and not that something else went wrong. */
import { type Rule, Violation } from "../../sim/log-model.ts";
import { StateLostError } from "../../src/state/open.ts";
import { Leftover } from "./leftovers.ts";
import { FalseAlarm, StateDiffers } from "./world.ts";

/** How a mistake may come to light. */
export type Sign = Rule | "state lost" | "state differs" | "false alarm" | "leftover";

/** What came to light. Anything that is no sign of a mistake is thrown on. */
export function signOf(error: unknown): Sign {
  if (error instanceof Violation) return error.rule;
  if (error instanceof StateLostError) return "state lost";
  if (error instanceof FalseAlarm) return "false alarm";
  if (error instanceof StateDiffers) return "state differs";
  if (error instanceof Leftover) return "leftover";
  throw error;
}
