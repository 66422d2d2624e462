/** Reads a region, and goes over its records, with calls that wait: in a thread that has nothing else to do. */
import fs from "node:fs";
import path from "node:path";
import type { RegionRead, RegionReadResult } from "../ports/region-reads.ts";

/** Read and gone over before the next piece: it is in the processor's cache then. */
const PIECE_BYTES = 256 * 1024;

/**
 * `folder`: what names are relative to. `recordsEnd`: where the intact records end that stand one behind the other from `at` on;
 * not asked where nobody knows where one begins.
 * @throws an error of the system
 */
export function readRegion(
  folder: string,
  request: Omit<RegionRead, "recordAt"> & { readonly recordAt: number | undefined },
  recordsEnd: (memory: Buffer, at: number, end: number) => number,
): RegionReadResult {
  const { name, memory, from, to, position, recordAt } = request;
  const fd = fs.openSync(path.join(folder, name), "r");
  try {
    let verifiedTo = recordAt ?? from;
    let at = from;
    while (at < to) {
      const got = fs.readSync(fd, memory, at, Math.min(PIECE_BYTES, to - at), position + at - from);
      if (got === 0) break;
      at += got;
      if (recordAt !== undefined) verifiedTo = recordsEnd(memory, verifiedTo, at);
    }
    return { readBytes: at - from, recordAt, verifiedTo };
  } finally {
    fs.closeSync(fd);
  }
}
