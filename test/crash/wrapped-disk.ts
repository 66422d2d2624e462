/** Something between the broker and its disk: how tests see what it does, and let mistakes in. */
import type { Disk, DiskFile } from "../../src/ports/disk.ts";
import { wrapped } from "../../src/ports/wrapped-disk.ts";

/** `disk`, whose files are opened, in either way, through `through`. */
export function wrappedOpens(
  disk: Disk,
  through: (name: string, open: () => Promise<DiskFile>) => Promise<DiskFile>,
): Disk {
  return wrapped(disk, {
    open: (name, access) => through(name, () => disk.open(name, access)),
    syncedWrites: async (folder) => {
      const writes = await disk.syncedWrites(folder);
      return { ...writes, open: (name) => through(name, () => writes.open(name)) };
    },
  });
}
