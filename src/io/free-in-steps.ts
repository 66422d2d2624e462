/**
 * Frees what a removed file took up from its end on, a piece at a time and with pauses. A file system that frees it in one go holds
 * up everybody's synced writes meanwhile: ext4 for 10 to 20 ms for 64 MiB, and producers wait as long.
 */
import fs from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { call } from "./call.ts";

/** Freed in 0.8 ms. A multiple of every file system's blocks, so that no part of one is written anew. */
const STEP_BYTES = 4 * 1024 * 1024;
/** How much longer than a step the pause behind it is ... */
const PAUSE_FACTOR = 4;
/** ... and no longer than this. */
const MAX_PAUSE_MS = 32;

/**
 * Takes over an open file. One that has another name still (a backup of hard links) stays as it is. Never rejects: the system frees
 * what is left when the file is closed, or the process ends.
 */
export async function freeInSteps(fd: number): Promise<void> {
  try {
    const { nlink, size } = await call<fs.Stats>((done) => fs.fstat(fd, done));
    if (nlink > 0) return;
    for (let left = Math.ceil(size / STEP_BYTES) - 1; left > 0; left -= 1) {
      const beganMs = performance.now();
      await call((done) => fs.ftruncate(fd, left * STEP_BYTES, done));
      await delay(Math.min((performance.now() - beganMs) * PAUSE_FACTOR, MAX_PAUSE_MS));
    }
  } catch {
    // Whatever it is: see above.
  } finally {
    await call((done) => fs.close(fd, done)).catch(() => undefined);
  }
}
