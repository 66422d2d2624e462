/** A disk that takes everything and keeps nothing but names and sizes: what is left is the cost of the code above it. */
import { type Disk, type DiskFile, IoError, type SyncedFile } from "../../src/ports/disk.ts";

/** As the operating system wants it for writes past its cache. */
const ALIGNMENT_BYTES = 512;
const PLENTY_BYTES = 2 ** 40;

/** For writing only: reads find zeroes. */
export function nullDisk(): Disk {
  const sizes = new Map<string, number>();
  const written = (name: string, parts: readonly Uint8Array[], position: number): void => {
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    sizes.set(name, Math.max(sizes.get(name) ?? 0, position + bytes));
  };
  const file = (name: string): DiskFile => ({
    read: async (into) => into.fill(0).length,
    write: async (parts, position) => written(name, parts, position),
    sync: async () => {},
    truncate: async (sizeBytes) => void sizes.set(name, sizeBytes),
    sizeBytes: async () => sizes.get(name) ?? 0,
    close: async () => {},
  });
  const existing = (name: string): void => {
    if (!sizes.has(name)) throw new IoError("notFound", "ENOENT", `there is no ${name}`);
  };
  return {
    location: "/nowhere",
    open: async (name) => {
      existing(name);
      return file(name);
    },
    create: async (name) => {
      sizes.set(name, 0);
      return file(name);
    },
    syncedWrites: async () => ({
      alignmentBytes: ALIGNMENT_BYTES,
      allocate: (sizeBytes) => Buffer.allocUnsafeSlow(sizeBytes),
      create: async (name): Promise<SyncedFile> => {
        sizes.set(name, 0);
        return { write: async (parts, position) => written(name, parts, position), close: async () => {} };
      },
      reuse: async () => {
        throw new Error("nothing is kept to be written over");
      },
      open: async (name) => {
        existing(name);
        return file(name);
      },
    }),
    list: async (folder) => {
      const prefix = folder === "" ? "" : `${folder}/`;
      const names = [...sizes.keys()]
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length));
      return names.filter((name) => !name.includes("/")).toSorted();
    },
    makeFolder: async () => {},
    rename: async (from, to) => {
      existing(from);
      sizes.set(to, sizes.get(from) ?? 0);
      sizes.delete(from);
    },
    remove: async (name) => {
      existing(name);
      sizes.delete(name);
    },
    syncFolder: async () => {},
    freeBytes: async () => PLENTY_BYTES,
    totalBytes: async () => PLENTY_BYTES,
  };
}
