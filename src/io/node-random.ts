/** Randomness from the operating system. */
import { randomBytes } from "node:crypto";
import type { Random } from "../ports/random.ts";

export function createNodeRandom(): Random {
  return { bytes: (size) => randomBytes(size) };
}
