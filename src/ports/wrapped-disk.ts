/** Something between a disk and who uses it. */
import type { Disk, DiskFile } from "./disk.ts";

/** `disk` with some of its operations replaced. */
export function wrapped(disk: Disk, replaced: Partial<Disk>): Disk {
  return {
    location: disk.location,
    open: (name, access) => disk.open(name, access),
    create: (name) => disk.create(name),
    syncedWrites: (folder) => disk.syncedWrites(folder),
    list: (folder) => disk.list(folder),
    makeFolder: (folder) => disk.makeFolder(folder),
    rename: (from, to) => disk.rename(from, to),
    remove: (name) => disk.remove(name),
    discard: (name) => disk.discard(name),
    syncFolder: (folder) => disk.syncFolder(folder),
    freeBytes: () => disk.freeBytes(),
    totalBytes: () => disk.totalBytes(),
    ...replaced,
  };
}

/** `file` with some of its operations replaced. */
export function wrappedFile(file: DiskFile, replaced: Partial<DiskFile>): DiskFile {
  return {
    read: (into, position) => file.read(into, position),
    write: (parts, position) => file.write(parts, position),
    sync: () => file.sync(),
    truncate: (sizeBytes) => file.truncate(sizeBytes),
    sizeBytes: () => file.sizeBytes(),
    close: () => file.close(),
    ...replaced,
  };
}
