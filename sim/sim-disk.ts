/**
 * The `Disk` port over a simulated file system: delays, errors, and the moment of a crash.
 *
 * The faults; `sim-disk.test.ts` shows that each occurs, `canary.test.ts` that what falls for it is caught:
 * - **Order.** Every operation takes a drawn time, and takes effect at its end. Operations in flight overtake each
 *   other. `sync` covers the writes that had completed when it was called; those in flight may be covered or not.
 * - **Power loss.** What was not covered is lost, torn or whole, in any combination; see `sim-file-system.ts`.
 *   A synced write is covered when it is done; one in flight is lost, torn or whole like any other.
 * - **Kill** (`kill -9`): all that completed survives, names included, and is still uncovered for a later power loss.
 *   Operations in flight are done, or not, or half (writes).
 * - **A failed write** has written a part of its bytes. On a full disk (`capacityBytes`) that is the part that fits.
 * - **A failed sync** leaves each write it was to cover on the medium, torn or missing. Reads go on to see all of them
 *   until a power loss, the next process too, and a later sync succeeds without them.
 * - **A failed read, or name operation**, has done nothing; a failed `syncFolder` covers nothing, and can be repeated.
 * - **A flipped bit** in what one read gives; `flipBit` and `zero` damage a file for good.
 * - A caller that changes bytes while they are written is found out: the run ends with an `InvariantError`.
 */
import { crc32 } from "node:zlib";
import { assert } from "../src/base/assert.ts";
import { checkFileName, checkFolderName } from "../src/io/disk-name.ts";
import { ioError } from "../src/io/io-error.ts";
import type { Disk, DiskFile, SyncedFile, SyncedWrites } from "../src/ports/disk.ts";
import { wrappedFile } from "../src/ports/wrapped-disk.ts";
import type { SimRandom } from "./random.ts";
import type { Lifetime, Scheduler } from "./scheduler.ts";
import type { SimFileSystem, SimInode } from "./sim-file-system.ts";

/** Rates are shares of the operations, 0 to 1. */
export interface DiskFaults {
  readonly readErrorRate: number;
  readonly readFlipRate: number;
  readonly writeErrorRate: number;
  readonly syncErrorRate: number;
  readonly capacityBytes: number;
}

export const NO_DISK_FAULTS: DiskFaults = {
  readErrorRate: 0,
  readFlipRate: 0,
  writeErrorRate: 0,
  syncErrorRate: 0,
  capacityBytes: 2 ** 30,
};

type OperationKind = "read" | "write" | "sync" | "syncedWrite" | "names";

/** How long each takes, in ms: from, to. */
const DURATIONS: Readonly<Record<OperationKind, readonly [number, number]>> = {
  read: [0.02, 0.3],
  write: [0.02, 0.5],
  sync: [0.1, 3],
  syncedWrite: [0.1, 3],
  names: [0.05, 0.5],
};
/** Of synced writes, where a process may wait for them standing still. */
const QUICK_MS: readonly [number, number] = [0.1, 1.5];

interface Operation<T> {
  readonly kind: OperationKind;
  /** In the words of the error messages: "sync folder". */
  readonly verb: string;
  readonly subject: string;
  /** What the trace shows besides. */
  readonly detail?: string;
  /** Takes effect. May throw an error with a system's `code`. */
  readonly apply: () => T;
  /** What a failure leaves behind. */
  readonly applyFailed?: () => void;
  /** What is found after a kill in the middle, if it is more than all or nothing. */
  readonly applyPart?: () => void;
}

export interface SimDiskOptions {
  readonly scheduler: Scheduler;
  readonly random: SimRandom;
  readonly lifetime: Lifetime;
  readonly fileSystem: SimFileSystem;
  readonly faults: DiskFaults;
  /** Of synced writes. */
  readonly alignmentBytes: number;
  readonly quickWrites: boolean;
  /** Called when an operation begins, with its number (1, 2, …). May end the lifetime: the operation is in flight. */
  readonly onOperation: (operation: number) => void;
}

export class SimDisk implements Disk {
  readonly location = "/simulated";
  /** May be changed at any time. */
  faults: DiskFaults;
  readonly random: SimRandom;
  readonly fileSystem: SimFileSystem;
  readonly #scheduler: Scheduler;
  readonly #lifetime: Lifetime;
  readonly #onOperation: (operation: number) => void;
  readonly #alignmentBytes: number;
  readonly #quickWrites: boolean;
  readonly #inFlight = new Set<Operation<unknown>>();
  readonly #failures = new Map<number, string>();
  #operations = 0;

  constructor(options: SimDiskOptions) {
    this.faults = options.faults;
    this.random = options.random;
    this.fileSystem = options.fileSystem;
    this.#alignmentBytes = options.alignmentBytes;
    this.#quickWrites = options.quickWrites;
    this.#scheduler = options.scheduler;
    this.#lifetime = options.lifetime;
    this.#onOperation = options.onOperation;
  }

  /** Operations begun so far. */
  get operations(): number {
    return this.#operations;
  }

  /** Makes one operation, by its number, fail with a system's code. */
  failAt(operation: number, code: string): void {
    this.#failures.set(operation, code);
  }

  /** Flips one bit of a file for good. */
  flipBit(name: string, position: number, bit = this.random.between(0, 7)): void {
    const inode = this.fileSystem.file(name);
    const byte = new Uint8Array(1);
    assert(inode.cache.read(byte, position) === 1, `${name} has no byte at ${position}`);
    inode.damage(position, Uint8Array.of(byte[0]! ^ (1 << bit)));
  }

  /** Turns a part of a file to zeroes for good. */
  zero(name: string, position: number, length: number): void {
    this.fileSystem.file(name).damage(position, new Uint8Array(length));
  }

  async open(name: string, access: "read" | "readWrite"): Promise<DiskFile> {
    checkFileName(name);
    return this.#names("open", name, () => new SimFile(this, this.fileSystem.file(name), { name, access }));
  }

  async create(name: string): Promise<DiskFile> {
    checkFileName(name);
    return this.#names("create", name, () => {
      return new SimFile(this, this.fileSystem.create(name), { name, access: "readWrite" });
    });
  }

  async syncedWrites(folder: string): Promise<SyncedWrites> {
    checkFolderName(folder);
    const alignmentBytes = this.#alignmentBytes;
    const writesNow = this.#quickWrites;
    const allocated = new WeakSet<ArrayBufferLike>();
    const checkAligned = (parts: readonly Uint8Array[], position: number): void => {
      if (alignmentBytes === 1) return;
      const numbers = parts.flatMap((part) => [part.length, part.byteOffset]);
      const aligned = [position, ...numbers].every((number) => number % alignmentBytes === 0);
      const own = parts.every((part) => allocated.has(part.buffer));
      assert(aligned && own, "bytes that are not aligned, or lie in other memory");
    };
    return {
      alignmentBytes,
      allocate: (sizeBytes) => {
        const buffer = Buffer.allocUnsafeSlow(sizeBytes);
        allocated.add(buffer.buffer);
        return buffer;
      },
      create: (name) =>
        this.#names(
          "create",
          name,
          () => new SimSyncedFile(this, this.fileSystem.create(name), { name, checkAligned, writesNow }),
        ),
      reuse: async (from, name) => {
        await this.rename(from, name);
        const file = await this.open(name, "readWrite");
        await file.sync();
        await file.close();
        return new SimSyncedFile(this, this.fileSystem.file(name), { name, checkAligned, writesNow });
      },
      open: async (name) => {
        const file = await this.open(name, "read");
        return wrappedFile(file, {
          read: (into, position) => {
            checkAligned([into], position);
            return file.read(into, position);
          },
        });
      },
    };
  }

  async list(folder: string): Promise<string[]> {
    checkFolderName(folder);
    return this.#names("list", folder, () => this.fileSystem.list(folder));
  }

  async makeFolder(folder: string): Promise<void> {
    checkFolderName(folder);
    return this.#names("create folder", folder, () => this.fileSystem.makeFolder(folder));
  }

  async rename(from: string, to: string): Promise<void> {
    checkFileName(from);
    checkFileName(to);
    return this.#names("rename", `${from} to ${to}`, () => this.fileSystem.rename(from, to));
  }

  async remove(name: string): Promise<void> {
    checkFileName(name);
    return this.#names("remove", name, () => this.fileSystem.remove(name));
  }

  discard(name: string): Promise<void> {
    return this.remove(name);
  }

  async syncFolder(path: string): Promise<void> {
    checkFolderName(path);
    const changes = this.#folderChanges(path);
    return this.perform({
      kind: "sync",
      verb: "sync folder",
      subject: path,
      apply: () => this.fileSystem.coverNames(this.fileSystem.folder(path), changes),
    });
  }

  async freeBytes(): Promise<number> {
    return this.#names("read the free space of", "the disk", () => this.spareBytes());
  }

  async totalBytes(): Promise<number> {
    return this.#names("read the size of", "the disk", () => this.faults.capacityBytes);
  }

  spareBytes(): number {
    return Math.max(0, this.faults.capacityBytes - this.fileSystem.usedBytes());
  }

  /** Leaves the operations in flight as a kill finds them: done, not done, or half done. */
  interrupt(): void {
    for (const operation of this.#inFlight) {
      if (operation.applyPart !== undefined && this.random.chance(0.5)) operation.applyPart();
      else if (this.random.chance(0.5)) attempt(operation.apply);
    }
    this.#inFlight.clear();
  }

  /** Runs one operation in virtual time. Of a dead process none ever settles. */
  perform<T>(operation: Operation<T>): Promise<T> {
    if (!this.#lifetime.alive) return never();
    const number = ++this.#operations;
    const title = `disk ${number} ${operation.verb} ${operation.subject}`;
    this.#scheduler.note(`${title} ${operation.detail ?? ""}`);
    this.#inFlight.add(operation);
    this.#onOperation(number);
    if (!this.#lifetime.alive) return never();
    const [from, to] = operation.kind === "syncedWrite" && this.#quickWrites ? QUICK_MS : DURATIONS[operation.kind];
    const delayMs = from + this.random.fraction() * (to - from);
    const errorCode = this.#drawError(number, operation.kind);
    return new Promise((resolve, reject) => {
      this.#scheduler.at({ delayMs, lifetime: this.#lifetime }, () => {
        this.#inFlight.delete(operation);
        try {
          if (errorCode !== undefined) {
            operation.applyFailed?.();
            throw systemError(errorCode);
          }
          const result = operation.apply();
          this.#scheduler.note(`${title} done`);
          resolve(result);
        } catch (error) {
          if (!isSystemError(error)) throw error;
          this.#scheduler.note(`${title} ${error.code}`);
          reject(ioError(error, operation.verb, operation.subject));
        }
      });
    });
  }

  /** As `perform`, but the process stands still, and no time passes. A process that dies in it goes on to the end of its turn. */
  performNow(operation: Operation<void>): void {
    if (!this.#lifetime.alive) return;
    const number = ++this.#operations;
    this.#scheduler.note(`disk ${number} ${operation.verb} ${operation.subject} ${operation.detail ?? ""} at once`);
    this.#inFlight.add(operation);
    this.#onOperation(number);
    if (!this.#lifetime.alive) return;
    this.#inFlight.delete(operation);
    const errorCode = this.#drawError(number, operation.kind);
    try {
      if (errorCode === undefined) return operation.apply();
      operation.applyFailed?.();
      throw systemError(errorCode);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      throw ioError(error, operation.verb, operation.subject);
    }
  }

  #names<T>(verb: string, subject: string, apply: () => T): Promise<T> {
    return this.perform({ kind: "names", verb, subject, apply });
  }

  #folderChanges(path: string): ReadonlySet<object> {
    return attempt(() => this.fileSystem.nameChanges(this.fileSystem.folder(path))) ?? new Set();
  }

  #drawError(number: number, kind: OperationKind): string | undefined {
    const { readErrorRate, writeErrorRate, syncErrorRate } = this.faults;
    const syncedWrite = writeErrorRate + syncErrorRate;
    const rates = { read: readErrorRate, write: writeErrorRate, sync: syncErrorRate, syncedWrite, names: 0 };
    const drawn = this.random.chance(rates[kind]);
    return this.#failures.get(number) ?? (drawn ? "EIO" : undefined);
  }
}

class SimFile implements DiskFile {
  readonly #disk: SimDisk;
  readonly #inode: SimInode;
  readonly #name: string;
  readonly #writable: boolean;
  readonly #inFlight = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(disk: SimDisk, inode: SimInode, options: { name: string; access: "read" | "readWrite" }) {
    this.#disk = disk;
    this.#inode = inode;
    this.#name = options.name;
    this.#writable = options.access === "readWrite";
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    const { random, faults } = this.#disk;
    return this.#perform({
      kind: "read",
      verb: "read",
      detail: `@${position}+${into.length}`,
      apply: () => {
        const size = this.#inode.cache.read(into, position);
        if (size > 0 && random.chance(faults.readFlipRate)) {
          const index = random.between(0, size - 1);
          into[index] = into[index]! ^ (1 << random.between(0, 7));
        }
        return size;
      },
    });
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    const write = writeOperation(this.#disk, this.#inode, { name: this.#name, parts, position });
    return this.#perform({
      ...write,
      kind: "write",
      apply: () => {
        if (!this.#writable) throw systemError("EBADF");
        write.apply();
      },
    });
  }

  async sync(): Promise<void> {
    const changes = this.#inode.changes();
    return this.#perform({
      kind: "sync",
      verb: "sync",
      apply: () => this.#inode.cover(changes),
      applyFailed: () => this.#inode.failToCover(changes, this.#disk.random),
    });
  }

  async truncate(sizeBytes: number): Promise<void> {
    return this.#perform({
      kind: "write",
      verb: "truncate",
      detail: `to ${sizeBytes}`,
      apply: () => {
        if (!this.#writable) throw systemError("EBADF");
        this.#inode.resize(sizeBytes);
      },
    });
  }

  async sizeBytes(): Promise<number> {
    return this.#perform({ kind: "names", verb: "read the size of", apply: () => this.#inode.cache.length });
  }

  close(): Promise<void> {
    this.#closed ??= Promise.allSettled(this.#inFlight).then(() =>
      this.#disk.perform({ kind: "names", verb: "close", subject: this.#name, apply: () => undefined }),
    );
    return this.#closed;
  }

  async #perform<T>(operation: Omit<Operation<T>, "subject">): Promise<T> {
    if (this.#closed !== undefined) throw ioError(systemError("EBADF"), operation.verb, this.#name);
    const done = this.#disk.perform({ ...operation, subject: this.#name });
    this.#inFlight.add(done);
    try {
      return await done;
    } finally {
      this.#inFlight.delete(done);
    }
  }
}

class SimSyncedFile implements SyncedFile {
  readonly #disk: SimDisk;
  readonly #inode: SimInode;
  readonly #name: string;
  readonly #checkAligned: (parts: readonly Uint8Array[], position: number) => void;
  readonly #inFlight = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;
  readonly writeNow?: (parts: readonly Uint8Array[], position: number) => void;

  constructor(
    disk: SimDisk,
    inode: SimInode,
    options: {
      name: string;
      checkAligned: (parts: readonly Uint8Array[], position: number) => void;
      writesNow: boolean;
    },
  ) {
    this.#disk = disk;
    this.#inode = inode;
    this.#name = options.name;
    this.#checkAligned = options.checkAligned;
    if (options.writesNow) {
      this.writeNow = (parts, position) => disk.performNow(this.#operation(parts, position));
    }
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    const done = this.#disk.perform(this.#operation(parts, position));
    this.#inFlight.add(done);
    try {
      await done;
    } finally {
      this.#inFlight.delete(done);
    }
  }

  #operation(parts: readonly Uint8Array[], position: number): Operation<void> {
    if (this.#closed !== undefined) throw ioError(systemError("EBADF"), "write", this.#name);
    this.#checkAligned(parts, position);
    const inode = this.#inode;
    const write = writeOperation(this.#disk, inode, { name: this.#name, parts, position });
    return {
      ...write,
      kind: "syncedWrite",
      subject: this.#name,
      apply: () => inode.cover(changesOf(inode, write.apply)),
      applyFailed: () => inode.failToCover(changesOf(inode, write.applyFailed), this.#disk.random),
    };
  }

  close(): Promise<void> {
    this.#closed ??= Promise.allSettled(this.#inFlight).then(() =>
      this.#disk.perform({ kind: "names", verb: "close", subject: this.#name, apply: () => undefined }),
    );
    return this.#closed;
  }
}

/** What `work` changes. */
function changesOf(inode: SimInode, work: () => void): ReadonlySet<object> {
  const before = inode.changes();
  work();
  return new Set([...inode.changes()].filter((change) => !before.has(change)));
}

/** What writing does, by whichever call. */
function writeOperation(
  disk: SimDisk,
  inode: SimInode,
  { name, parts, position }: { name: string; parts: readonly Uint8Array[]; position: number },
) {
  const bytes = Buffer.concat(parts);
  const writePart = (size: number): void => inode.write(position, bytes.subarray(0, size));
  const writeSome = (): void => writePart(disk.random.between(0, bytes.length));
  return {
    verb: "write",
    detail: `@${position}+${bytes.length} ${crc32(bytes).toString(16)}`,
    apply: (): void => {
      assert(bytes.equals(Buffer.concat(parts)), `the bytes for ${name} changed while they were written`);
      const growth = Math.max(0, position + bytes.length - inode.cache.length);
      const missing = Math.max(0, growth - disk.spareBytes());
      writePart(Math.max(0, bytes.length - missing));
      if (missing > 0) throw systemError("ENOSPC");
    },
    applyFailed: writeSome,
    applyPart: writeSome,
  };
}

interface SystemError extends Error {
  readonly code: string;
}

function systemError(code: string): SystemError {
  return Object.assign(new Error(code), { code });
}

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}

/** The result, or undefined when the system would refuse. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return undefined;
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}
