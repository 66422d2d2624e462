/**
 * Keeps a second process out of a data folder.
 *
 * Two writers on one log duplicate or destroy it. Node has no file locks of its own; SQLite does: a database file in
 * exclusive mode holds the system's byte-range locks (fcntl), which the kernel drops when the process ends, however
 * it ends. So there is no stale lock after `kill -9`, nothing to clean up, and two containers that share a volume
 * see each other. (A process id in a file has neither property.) Nothing is ever written to the file.
 *
 * POSIX drops a process's locks on a file when the process closes *any* descriptor of that file: nothing else here
 * may open it.
 *
 * Cost: under 1 ms and 2 MB of memory.
 */
import fs from "node:fs";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { IoError } from "../ports/disk.ts";
import { ioError } from "./io-error.ts";

/** The name of the lock's file in the data folder. */
export const LOCK_FILE_NAME = "lock.sqlite";

export interface DataFolderLock {
  /** Lets the next process in. Without effect when called again. */
  release(): void;
}

/**
 * Creates `folder` if there is none and takes its lock, without waiting.
 * @throws IoError `conflict` when another process (or this one) holds it; `fatal` when the folder cannot be used.
 */
export function lockDataFolder(folder: string): DataFolderLock {
  const root = path.resolve(folder);
  const file = path.join(root, LOCK_FILE_NAME);
  try {
    makeFolder(root);
    // SQLite says "unable to open" for whatever is wrong; the system's own error can be explained.
    fs.accessSync(root, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
  } catch (error) {
    throw ioError(error, "use data folder", root);
  }
  const { DatabaseSync } = loadSqlite();
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    // The journal stays in memory and the transaction stays open: no other file appears, nothing is written.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    throw lockError(error, root);
  }
  const held = database;
  return {
    release: () => {
      if (held.isOpen) held.close();
    },
  };
}

/** As `mkdir -p`. Node's own tries for ever where a folder can never be made, as below /proc. */
function makeFolder(folder: string): void {
  try {
    fs.mkdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && fs.statSync(folder).isDirectory()) return;
    if (code === "EEXIST") throw notAFolder(folder);
    if (code !== "ENOENT" || fs.existsSync(path.dirname(folder))) throw error;
    makeFolder(path.dirname(folder));
    fs.mkdirSync(folder);
  }
}

function notAFolder(file: string): IoError {
  const advice = "give a folder, or move that file out of the way";
  return new IoError("fatal", "EEXIST", `cannot use data folder ${file}: it is a file (EEXIST): ${advice}`);
}

function lockError(cause: unknown, root: string): IoError {
  const SQLITE_BUSY = 5;
  if (cause instanceof Error && "errcode" in cause && cause.errcode === SQLITE_BUSY) {
    return new IoError(
      "conflict",
      "EBUSY",
      `data folder ${root} is in use by another process: stop that one, or give this one another --data-dir`,
      { cause },
    );
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new IoError(
    "fatal",
    "ELOCK",
    `cannot lock data folder ${root} (${reason}): make ${LOCK_FILE_NAME} in it writable, on a file system with locks`,
    { cause },
  );
}

/** Loaded when needed, and without the note of older Nodes that the module is experimental. */
function loadSqlite(): typeof import("node:sqlite") {
  // oxlint-disable-next-line typescript/unbound-method -- put back as it was, never called
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}
