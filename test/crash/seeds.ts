/** How much is tried: a fixed set of seeds by default, `CRASH_SOAK=10` for ten times as many. */
import process from "node:process";

const SOAK = Number(process.env["CRASH_SOAK"] ?? "1");

/** There is time to leave nothing out. */
export const isSoak = SOAK > 1;

/** 1, 2, … `count`, or more when there is time. */
export function seeds(count: number): number[] {
  return Array.from({ length: Math.ceil(count * SOAK) }, (_, index) => index + 1);
}
