/**
 * A disk that takes everything and keeps nothing but names, sizes, and snapshots, which are read back: what is left is the cost of
 * the code above it.
 */
import { SNAPSHOT_FOLDER } from "../../src/log/snapshot.ts";
import { type Disk, type DiskFile, IoError, type SyncedFile } from "../../src/ports/disk.ts";

/** As the operating system wants it for writes past its cache. */
const ALIGNMENT_BYTES = 512;
const PLENTY_BYTES = 2 ** 40;

interface NullFile {
  sizeBytes: number;
  /** Undefined where nothing is kept. */
  bytes: Buffer | undefined;
}

/** Reads find zeroes, but in snapshots. */
export function nullDisk(): Disk {
  const files = new Map<string, NullFile>();
  const existing = (name: string): NullFile => {
    const found = files.get(name);
    if (found === undefined) throw new IoError("notFound", "ENOENT", `there is no ${name}`);
    return found;
  };
  const created = (name: string): NullFile => {
    const isKept = name.startsWith(`${SNAPSHOT_FOLDER}/`);
    const made: NullFile = { sizeBytes: 0, bytes: isKept ? Buffer.alloc(0) : undefined };
    files.set(name, made);
    return made;
  };
  const write = (file: NullFile, parts: readonly Uint8Array[], position: number): void => {
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    file.sizeBytes = Math.max(file.sizeBytes, position + bytes);
    if (file.bytes !== undefined) file.bytes = Buffer.concat([file.bytes.subarray(0, position), ...parts]);
  };
  const opened = (file: NullFile): DiskFile => ({
    read: async (into, position) => file.bytes?.copy(into, 0, position) ?? into.fill(0).length,
    write: async (parts, position) => write(file, parts, position),
    sync: async () => {},
    truncate: async (sizeBytes) => void (file.sizeBytes = sizeBytes),
    sizeBytes: async () => file.sizeBytes,
    close: async () => {},
  });
  const remove = async (name: string): Promise<void> => {
    existing(name);
    files.delete(name);
  };
  return {
    location: "/nowhere",
    open: async (name) => opened(existing(name)),
    create: async (name) => opened(created(name)),
    syncedWrites: async () => ({
      alignmentBytes: ALIGNMENT_BYTES,
      allocate: (sizeBytes) => Buffer.allocUnsafeSlow(sizeBytes),
      create: async (name): Promise<SyncedFile> => opened(created(name)),
      reuse: async () => {
        throw new Error("nothing is kept to be written over");
      },
      open: async (name) => opened(existing(name)),
    }),
    list: async (folder) => {
      const prefix = folder === "" ? "" : `${folder}/`;
      const names = [...files.keys()]
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length));
      return names.filter((name) => !name.includes("/")).toSorted();
    },
    makeFolder: async () => {},
    rename: async (from, to) => {
      files.set(to, existing(from));
      files.delete(from);
    },
    remove,
    discard: remove,
    syncFolder: async () => {},
    freeBytes: async () => PLENTY_BYTES,
    totalBytes: async () => PLENTY_BYTES,
  };
}
