/**
 * Removes a large file from its end on, a piece at a time and with pauses. A file system that frees what a file took up holds up
 * everybody's synced writes meanwhile: ext4 for 10 to 20 ms for 64 MiB, and producers wait as long.
 *
 * For files that nobody in this process needs any more, not even through a handle; another one that looks at them finds them cut. A crash leaves the rest of it under its name.
 */
import type { Clock } from "../ports/clock.ts";
import { type Disk, IoError } from "../ports/disk.ts";
import { Pauses } from "./pauses.ts";

/** Freed in 0.8 ms. */
const STEP_BYTES = 4 * 1024 * 1024;
/** How much longer than a step the pause is behind it. */
const PAUSE_FACTOR = 4;
const MAX_PAUSE_MS_PER_MEBIBYTE = 8;

/** Without effect when there is no such file. Its folder is to be synced afterwards. @throws IoError */
export async function removeInSteps(disk: Pick<Disk, "open" | "remove">, clock: Clock, name: string): Promise<void> {
  try {
    await shrink(disk, clock, name);
    await disk.remove(name);
  } catch (error) {
    if (!(error instanceof IoError && error.kind === "notFound")) throw error;
  }
}

/** Leaves no more of it than one step. */
async function shrink(disk: Pick<Disk, "open">, clock: Clock, name: string): Promise<void> {
  const file = await disk.open(name, "readWrite");
  try {
    const pauses = new Pauses(clock, MAX_PAUSE_MS_PER_MEBIBYTE);
    for (let left = (await file.sizeBytes()) - STEP_BYTES; left > 0; left -= STEP_BYTES) {
      await pauses.wait();
      await pauses.after(STEP_BYTES, PAUSE_FACTOR, () => file.truncate(left));
    }
  } finally {
    await file.close();
  }
}
