/** Something between the broker and its disk: how tests see what it does, and let mistakes in. */
import type { Disk } from "../../src/ports/disk.ts";

/** `disk` with some of its operations replaced. */
export function wrapped(disk: Disk, replaced: Partial<Disk>): Disk {
  return {
    open: (name, access) => disk.open(name, access),
    create: (name) => disk.create(name),
    list: (folder) => disk.list(folder),
    makeFolder: (folder) => disk.makeFolder(folder),
    rename: (from, to) => disk.rename(from, to),
    remove: (name) => disk.remove(name),
    syncFolder: (folder) => disk.syncFolder(folder),
    freeBytes: () => disk.freeBytes(),
    ...replaced,
  };
}
