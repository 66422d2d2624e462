/**
 * A folder on a local disk.
 *
 * The callback form of `node:fs` is used, wrapped in promises here: `fs.promises` costs several times the CPU for
 * each call. Nothing is buffered: every operation goes to the system as it is asked for.
 */
import fs from "node:fs";
import path from "node:path";
import { type Disk, type DiskFile, IoError, type SyncedFile, type SyncedWrites } from "../ports/disk.ts";
import { call } from "./call.ts";
import { directWrites } from "./direct-writes.ts";
import { checkFileName, checkFolderName } from "./disk-name.ts";
import { freeInSteps } from "./free-in-steps.ts";
import { ioError } from "./io-error.ts";

/** Removed files that are open until they are freed. Whoever discards another one then waits. */
const MAX_UNFREED = 16;
/** The most buffers one `writev` takes (IOV_MAX of Linux and macOS). */
const MAX_PARTS_PER_WRITE = 1024;

/** @param folder the root; it need not exist until the first operation (`makeFolder("")` makes it). */
export function createNodeDisk(folder: string, options: NodeDiskOptions = {}): Disk {
  return new NodeDisk(path.resolve(folder), options);
}

export interface NodeDiskOptions {
  /** false: synced writes in two steps. For tests of the other way. */
  readonly directWrites?: boolean;
}

class NodeDisk implements Disk {
  readonly #root: string;
  readonly #mayWriteDirectly: boolean;
  /** Of the files that were discarded last: when each is freed, one after the other. */
  #freed: readonly Promise<void>[] = Array.from({ length: MAX_UNFREED }, () => Promise.resolve());

  constructor(root: string, options: NodeDiskOptions) {
    this.#root = root;
    this.#mayWriteDirectly = options.directWrites !== false;
  }

  async open(name: string, access: "read" | "readWrite"): Promise<DiskFile> {
    return this.#openFile("open", name, access === "read" ? "r" : "r+");
  }

  async create(name: string): Promise<DiskFile> {
    return this.#openFile("create", name, "wx+");
  }

  async syncedWrites(folder: string): Promise<SyncedWrites> {
    const direct = this.#mayWriteDirectly ? directWrites(this.#folderPath(folder)) : undefined;
    if (direct === undefined) {
      return {
        alignmentBytes: 1,
        allocate: (sizeBytes) => Buffer.allocUnsafeSlow(sizeBytes),
        create: async (name) => new WriteAndSync(await this.create(name), this.#filePath(name)),
        reuse: async (from, name) => {
          await this.rename(from, name);
          return new WriteAndSync(await synced(await this.open(name, "readWrite")), this.#filePath(name));
        },
        open: (name) => this.open(name, "read"),
      };
    }
    const { alignmentBytes, createFlags, reuseFlags, openFlags } = direct;
    return {
      ...direct,
      create: (name) => this.#openFile("create", name, createFlags),
      reuse: async (from, name) => {
        await this.rename(from, name);
        return synced(await this.#openFile("open", name, reuseFlags));
      },
      // Of a folder that lies on another device, which cannot do this.
      open: (name) =>
        this.#openFile("open", name, openFlags, alignmentBytes).catch((error: unknown) => {
          if (error instanceof IoError && error.code === "EINVAL") return this.open(name, "read");
          throw error;
        }),
    };
  }

  async list(folder: string): Promise<string[]> {
    const full = this.#folderPath(folder);
    const entries = await attempt("list", full, () =>
      call<fs.Dirent[]>((done) => fs.readdir(full, { withFileTypes: true }, done)),
    );
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  }

  async makeFolder(folder: string): Promise<void> {
    const full = this.#folderPath(folder);
    await attempt("create folder", full, () =>
      call<string | undefined>((done) => fs.mkdir(full, { recursive: true }, done)),
    );
  }

  async rename(from: string, to: string): Promise<void> {
    const [fullFrom, fullTo] = [this.#filePath(from), this.#filePath(to)];
    await attempt("rename", `${fullFrom} to ${to}`, () => call((done) => fs.rename(fullFrom, fullTo, done)));
  }

  async remove(name: string): Promise<void> {
    const full = this.#filePath(name);
    await attempt("remove", full, () => call((done) => fs.unlink(full, done)));
  }

  async discard(name: string): Promise<void> {
    const [oldest, ...others] = this.#freed;
    const before = others.at(-1);
    const removed = Promise.resolve(oldest).then(() => this.#removeAndHold(name));
    const freed = removed.then(async (fd) => {
      await before;
      if (fd !== undefined) await freeInSteps(fd);
    });
    this.#freed = [...others, freed.catch(() => before)];
    await removed;
  }

  /** Answers the removed file, open. Nothing where it must not be written to, or too many are open: the system frees it in one go. */
  async #removeAndHold(name: string): Promise<number | undefined> {
    const full = this.#filePath(name);
    const fd = await call<number>((done) => fs.open(full, "r+", done)).catch(() => undefined);
    try {
      await this.remove(name);
    } catch (error) {
      if (fd !== undefined) await call((done) => fs.close(fd, done)).catch(() => undefined);
      throw error;
    }
    return fd;
  }

  async syncFolder(folder: string): Promise<void> {
    const full = this.#folderPath(folder);
    await attempt("sync folder", full, async () => {
      const fd = await call<number>((done) => fs.open(full, "r", done));
      try {
        await call((done) => fs.fsync(fd, done));
      } finally {
        await call((done) => fs.close(fd, done));
      }
    });
  }

  get location(): string {
    return this.#root;
  }

  async freeBytes(): Promise<number> {
    const stats = await this.#volume();
    // What this user may still take; the system keeps some of `bfree` for root.
    return stats.bavail * stats.bsize;
  }

  async totalBytes(): Promise<number> {
    const stats = await this.#volume();
    return stats.blocks * stats.bsize;
  }

  #volume(): Promise<fs.StatsFs> {
    return attempt("read the free space of", this.#root, () => call((done) => fs.statfs(this.#root, done)));
  }

  async #openFile(operation: string, name: string, flags: string | number, alignmentBytes?: number): Promise<DiskFile> {
    const full = this.#filePath(name);
    const fd = await attempt(operation, full, () => call<number>((done) => fs.open(full, flags, done)));
    return new NodeFile(fd, full, alignmentBytes);
  }

  #filePath(name: string): string {
    checkFileName(name);
    return path.join(this.#root, name);
  }

  #folderPath(folder: string): string {
    checkFolderName(folder);
    return path.join(this.#root, folder);
  }
}

/**
 * An open descriptor. The system hands a closed descriptor's number to the next file opened, so an operation that
 * came late would read or write another file: `close` waits for those in flight, and later ones are refused.
 */
class NodeFile implements DiskFile {
  readonly #fd: number;
  readonly #path: string;
  readonly #alignmentBytes: number;
  #inFlight = 0;
  #closed: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  /** `alignmentBytes`: of reads, when it was opened for such. */
  constructor(fd: number, fullPath: string, alignmentBytes = 1) {
    this.#fd = fd;
    this.#path = fullPath;
    this.#alignmentBytes = alignmentBytes;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#perform("read", () => readFully(this.#fd, into, position, this.#alignmentBytes));
  }

  write(parts: readonly Uint8Array[], position: number): Promise<void> {
    return this.#perform("write", () => writeFully(this.#fd, parts, position));
  }

  writeNow(parts: readonly Uint8Array[], position: number): void {
    if (this.#closed !== undefined) throw closedFile("write", this.#path);
    try {
      writeFullyNow(this.#fd, parts, position);
    } catch (error) {
      throw ioError(error, "write", this.#path);
    }
  }

  sync(): Promise<void> {
    return this.#perform("sync", () => call((done) => fs.fdatasync(this.#fd, done)));
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#perform("truncate", () => call((done) => fs.ftruncate(this.#fd, sizeBytes, done)));
  }

  async sizeBytes(): Promise<number> {
    const stats = await this.#perform("read the size of", () => call<fs.Stats>((done) => fs.fstat(this.#fd, done)));
    return stats.size;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    await attempt("close", this.#path, () => call((done) => fs.close(this.#fd, done)));
  }

  async #perform<T>(operation: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw closedFile(operation, this.#path);
    this.#inFlight++;
    try {
      return await attempt(operation, this.#path, work);
    } finally {
      this.#inFlight--;
      if (this.#inFlight === 0) this.#idle?.();
    }
  }
}

/** Synced writes in two steps, where the system has nothing better. */
class WriteAndSync implements SyncedFile {
  readonly #file: DiskFile;
  readonly #path: string;
  readonly #inFlight = new Set<Promise<void>>();
  #lastSync = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(file: DiskFile, fullPath: string) {
    this.#file = file;
    this.#path = fullPath;
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    if (this.#closed !== undefined) throw closedFile("write", this.#path);
    const done = this.#file.write(parts, position).then(() => this.#syncInTurn());
    this.#inFlight.add(done);
    try {
      await done;
    } finally {
      this.#inFlight.delete(done);
    }
  }

  /**
   * One sync at a time, and none after one that failed: the system tells of bytes that it could not write once only, and of
   * two syncs at once the wrong one may be told.
   */
  #syncInTurn(): Promise<void> {
    this.#lastSync = this.#lastSync.then(() => this.#file.sync());
    return this.#lastSync;
  }

  close(): Promise<void> {
    this.#closed ??= Promise.allSettled(this.#inFlight).then(() => this.#file.close());
    return this.#closed;
  }
}

async function synced(file: DiskFile): Promise<DiskFile> {
  await file.sync();
  return file;
}

async function attempt<T>(operation: string, subject: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw ioError(error, operation, subject);
  }
}

function closedFile(operation: string, fullPath: string): IoError {
  return ioError(Object.assign(new Error("closed"), { code: "EBADF" }), operation, fullPath);
}

/** A read may give less than asked for before the end of the file; only 0 is the end, or what is not aligned. */
async function readFully(fd: number, into: Uint8Array, position: number, alignmentBytes: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const size = await call<number>((done) => fs.read(fd, into, filled, into.length - filled, position + filled, done));
    filled += size;
    if (size === 0 || size % alignmentBytes !== 0) break;
  }
  return filled;
}

async function writeFully(fd: number, parts: readonly Uint8Array[], position: number): Promise<void> {
  const writing = new Writing(parts, position);
  while (!writing.isDone) {
    const { batch, at } = writing;
    writing.took(await call<number>((done) => fs.writev(fd, batch, at, done)));
  }
}

function writeFullyNow(fd: number, parts: readonly Uint8Array[], position: number): void {
  const writing = new Writing(parts, position);
  while (!writing.isDone) writing.took(fs.writevSync(fd, writing.batch, writing.at));
}

/** A write may take less than it was given (2 GiB, a full disk, a signal): what is left goes out with the next. */
class Writing {
  /** Where the next write begins. */
  at: number;
  #rest: readonly Uint8Array[];

  constructor(parts: readonly Uint8Array[], position: number) {
    this.at = position;
    this.#rest = parts.filter((part) => part.length > 0);
  }

  get isDone(): boolean {
    return this.#rest.length === 0;
  }

  /** For the next write. */
  get batch(): readonly Uint8Array[] {
    return this.#rest.length > MAX_PARTS_PER_WRITE ? this.#rest.slice(0, MAX_PARTS_PER_WRITE) : this.#rest;
  }

  took(sizeBytes: number): void {
    if (sizeBytes === 0) throw Object.assign(new Error("the system took no bytes"), { code: "EIO" });
    this.#rest = dropBytes(this.#rest, sizeBytes);
    this.at += sizeBytes;
  }
}

/** `parts` without their first `size` bytes. */
export function dropBytes(parts: readonly Uint8Array[], size: number): Uint8Array[] {
  let index = 0;
  let left = size;
  for (; index < parts.length; index++) {
    const length = parts[index]!.length;
    if (length > left) break;
    left -= length;
  }
  const rest = parts.slice(index);
  if (left > 0) rest[0] = rest[0]!.subarray(left);
  return rest;
}
