/** A state without a log, for tests of what only decides. */
import { State } from "../../src/state/state.ts";

export function plainState(): State {
  return new State(1, new Map(), []);
}
