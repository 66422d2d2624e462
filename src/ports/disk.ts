/**
 * One folder of files, as the log sees it. Names are relative, with `/` between folders, and never leave the folder.
 *
 * Durability, as POSIX gives it: `write` alone promises nothing; `sync` makes what was written before its call durable
 * (bytes and size). A created, renamed or removed name is durable after `syncFolder` of the folder that holds it.
 * All operations may overlap. After `write` or `sync` has failed nothing is known about the file's bytes: callers end
 * the process. Nor is trying again of any use: after a failed `sync` the system may take the bytes for written, so
 * that the next `sync` succeeds without them. They can still be read then, by the next process too, and are gone after
 * a power loss; only writing them once more, and a `sync`, make what was found durable.
 *
 * Every rejection is an `IoError`; of `write`, `sync`, `truncate` and `syncFolder` always of kind `fatal`.
 */
export interface Disk {
  /** Where the folder is, for people: an absolute path where there is one. */
  readonly location: string;
  /** Opens an existing file. `notFound` when there is none. */
  open(name: string, access: "read" | "readWrite"): Promise<DiskFile>;
  /** Creates an empty file for reading and writing. `conflict` when the name exists. */
  create(name: string): Promise<DiskFile>;
  /** How to write files in `folder` whose every write is durable when it resolves. Asked once, before the first. */
  syncedWrites(folder: string): Promise<SyncedWrites>;
  /** Names of the files (not folders) directly in `folder` ("" is the root), sorted; `notFound` when there is none. */
  list(folder: string): Promise<string[]>;
  /** Creates a folder and its parents ("" is the root itself); without effect when it exists. */
  makeFolder(folder: string): Promise<void>;
  /** Renames a file over any existing file, atomically; `notFound` when there is none. Open handles stay with it. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; `notFound` when there is none. Open handles keep reading it. */
  remove(name: string): Promise<void>;
  /**
   * As `remove`, of a file that nobody needs through a handle either: a large one is freed a piece at a time afterwards, so that
   * writes of others do not wait for it. Waits for earlier ones when too many are to be freed. `notFound` when there is none.
   */
  discard(name: string): Promise<void>;
  /** Makes created, renamed and removed names of `folder` durable. */
  syncFolder(folder: string): Promise<void>;
  /** Bytes that can still be written. */
  freeBytes(): Promise<number>;
  /** Size of the volume that the folder lies on. */
  totalBytes(): Promise<number>;
}

/** An open file. Positions and sizes in bytes. */
export interface DiskFile {
  /** Reads `into.length` bytes from `position`, fewer only at the end of the file. Resolves to the number read. */
  read(into: Uint8Array, position: number): Promise<number>;
  /**
   * Writes all of `parts`, one behind the other, at `position`, which may lie beyond the end (the gap reads as zeroes);
   * rejects when any byte could not be written. The parts must not change until it settles.
   */
  write(parts: readonly Uint8Array[], position: number): Promise<void>;
  /** fdatasync: what was written before this call (its `write` had resolved) survives a crash when it resolves. */
  sync(): Promise<void>;
  /** Cuts the file, or lengthens it with zeroes. */
  truncate(sizeBytes: number): Promise<void>;
  sizeBytes(): Promise<number>;
  /** Waits for the operations in flight; any later one is rejected (EBADF). Without effect when called again. */
  close(): Promise<void>;
}

/**
 * Writing and syncing in one, which costs less than each after the other, and reading what nobody will want again so soon.
 * Both go past the system's memory where that is possible, and must be aligned: the position and the length of each part are
 * multiples of `alignmentBytes`, and each part lies in memory of `allocate`, or that begins with a page, at a multiple from its start.
 */
export interface SyncedWrites {
  /** A power of two; 1 where nothing need be aligned. */
  readonly alignmentBytes: number;
  readonly allocate: (sizeBytes: number) => Buffer;
  /** Creates an empty file. `conflict` when the name exists. Its name is durable as that of any other. */
  create(name: string): Promise<SyncedFile>;
  /**
   * Gives an existing file another name, under which there is none, and opens it to be written over: what it holds stays until then.
   * Whatever was done to it before is durable when this resolves, so that a crash cannot take bytes of now for those of then.
   */
  reuse(from: string, name: string): Promise<SyncedFile>;
  /** Opens an existing file for such reads only. `notFound` when there is none. */
  open(name: string): Promise<DiskFile>;
}

export interface SyncedFile {
  /**
   * Writes all of `parts`, one behind the other, at `position`. They survive a crash when it resolves. Writes may overlap
   * in time, and be done in any order.
   */
  write(parts: readonly Uint8Array[], position: number): Promise<void>;
  /**
   * As `write`, but the thread stands still until it is done: for a write that is quick, and that everybody who has anything to do
   * waits for. Left out where a write takes more than one step.
   * @throws IoError
   */
  writeNow?(parts: readonly Uint8Array[], position: number): void;
  /** Waits for the writes in flight; any later one is rejected (EBADF). Without effect when called again. */
  close(): Promise<void>;
}

/** What may be done about a failed operation. */
export type IoErrorKind = "retryable" | "notFound" | "conflict" | "fatal";

/** A disk, network or object-store operation failed. `code` is the system's (ENOSPC, EIO, …) where it has one. */
export class IoError extends Error {
  override readonly name = "IoError";
  readonly kind: IoErrorKind;
  readonly code: string;

  constructor(kind: IoErrorKind, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.code = code;
  }
}

/** Whether it failed because there is no such file or folder. */
export function isMissing(error: unknown): error is IoError {
  return error instanceof IoError && error.kind === "notFound";
}

/** For `catch`, where it is as well that it is gone already. @throws whatever else it is */
export function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}
