/** Files that are kept open for the next read: the ones that were used last. Each is closed when it is not kept any more and no read is under way. */
import type { DiskFile } from "../ports/disk.ts";
import { LruCache } from "./lru-cache.ts";

export class OpenFiles {
  readonly #open: (name: string) => Promise<DiskFile>;
  readonly #files: LruCache<OpenFile>;

  constructor(count: number, open: (name: string) => Promise<DiskFile>) {
    this.#open = open;
    this.#files = new LruCache(count, (file) => file.retire());
  }

  /** @throws IoError when it cannot be opened, which the next read tries again, or read. */
  async read(name: string, bytes: Buffer, at: number): Promise<number> {
    let file = this.#files.get(name);
    if (file === undefined) {
      file = new OpenFile(this.#open(name), () => this.close(name));
      this.#files.set(name, file, 1);
    }
    return file.read(bytes, at);
  }

  close(name: string): void {
    this.#files.delete(name);
  }

  closeAll(): void {
    this.#files.clear();
  }
}

class OpenFile {
  readonly #file: Promise<DiskFile>;
  #reads = 0;
  #retired = false;

  /** `failed`: it could not be opened. */
  constructor(file: Promise<DiskFile>, failed: () => void) {
    this.#file = file;
    file.catch(failed);
  }

  async read(bytes: Buffer, at: number): Promise<number> {
    this.#reads += 1;
    try {
      return await (await this.#file).read(bytes, at);
    } finally {
      this.#reads -= 1;
      this.#closeIfDone();
    }
  }

  retire(): void {
    this.#retired = true;
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#retired && this.#reads === 0) void this.#file.then((file) => file.close()).catch(() => undefined);
  }
}
