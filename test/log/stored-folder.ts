/** A data folder in memory, copied from a disk: to be damaged, and read. */
import { SEGMENT_FOLDER } from "../../src/log/segment.ts";
import { SNAPSHOT_FOLDER } from "../../src/log/snapshot.ts";
import { WAL_FOLDER } from "../../src/log/wal-file.ts";
import { type Disk, type DiskFile, IoError } from "../../src/ports/disk.ts";
import type { ReadableDisk } from "../../src/state/read-state.ts";

const FOLDERS = [WAL_FOLDER, SEGMENT_FOLDER, SNAPSHOT_FOLDER];

export class StoredFolder implements ReadableDisk {
  /** By name, with their folders. */
  readonly files = new Map<string, Buffer>();
  /** Called before a file is opened. */
  beforeOpen: (name: string) => void = () => undefined;

  static async copyOf(disk: ReadableDisk): Promise<StoredFolder> {
    const folder = new StoredFolder();
    for (const each of FOLDERS) {
      for (const name of await disk.list(each))
        folder.files.set(`${each}/${name}`, await contents(disk, `${each}/${name}`));
    }
    return folder;
  }

  get names(): string[] {
    return [...this.files.keys()];
  }

  async open(name: string): Promise<DiskFile> {
    this.beforeOpen(name);
    const bytes = this.files.get(name);
    if (bytes === undefined) throw new IoError("notFound", "ENOENT", `cannot open ${name}: it does not exist`);
    const file: Partial<DiskFile> = {
      read: async (into, position) => bytes.copy(into, 0, position),
      sizeBytes: async () => bytes.length,
      close: async () => undefined,
    };
    return file as DiskFile;
  }

  async list(folder: string): Promise<string[]> {
    const inside = this.names.filter((name) => name.startsWith(`${folder}/`));
    return inside.map((name) => name.slice(folder.length + 1)).sort();
  }

  /** Puts other bytes in the place of a file's while `look` runs; undefined: the file is gone. */
  async changed<T>(name: string, bytes: Buffer | undefined, look: () => Promise<T>): Promise<T> {
    const before = this.files.get(name);
    const put = (file: Buffer | undefined): void =>
      void (file === undefined ? this.files.delete(name) : this.files.set(name, file));
    put(bytes);
    try {
      return await look();
    } finally {
      put(before);
    }
  }

  /** With a bit of a byte of a file flipped while `look` runs. */
  async flipped<T>(name: string, at: number, look: () => Promise<T>): Promise<T> {
    const bytes = this.files.get(name)!;
    const flip = (): void => void (bytes[at]! ^= 1 << (at & 7));
    flip();
    try {
      return await look();
    } finally {
      flip();
    }
  }
}

async function contents(disk: Pick<Disk, "open">, name: string): Promise<Buffer> {
  const file = await disk.open(name, "read");
  const bytes = Buffer.alloc(await file.sizeBytes());
  await file.read(bytes, 0);
  await file.close();
  return bytes;
}
