/**
 * Turns the system's errors into `IoError`s: what may be done about them, and a message that tells the operator what
 * failed, on what, why, and what to do.
 */
import { IoError, type IoErrorKind } from "../ports/disk.ts";

interface Meaning {
  readonly kind: IoErrorKind;
  readonly reason: string;
  readonly advice: string;
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOENT: { kind: "notFound", reason: "it does not exist", advice: "check the path" },
  EEXIST: { kind: "conflict", reason: "it exists already", advice: "move it out of the way" },
  ENOTDIR: { kind: "fatal", reason: "a part of the path is a file", advice: "move that file out of the way" },
  EISDIR: { kind: "fatal", reason: "it is a folder", advice: "move that folder out of the way" },
  EACCES: { kind: "fatal", reason: "access is denied", advice: "give this user access, or start as its owner" },
  EPERM: { kind: "fatal", reason: "access is denied", advice: "give this user access, or start as its owner" },
  EROFS: { kind: "fatal", reason: "the file system is read-only", advice: "remount it for writing" },
  ENOSPC: { kind: "retryable", reason: "no space is left", advice: "free space or use a larger disk" },
  EDQUOT: { kind: "retryable", reason: "the disk quota is used up", advice: "free space or raise the quota" },
  EMFILE: { kind: "retryable", reason: "too many files are open", advice: "raise the limit (ulimit -n)" },
  ENFILE: { kind: "retryable", reason: "the system has too many files open", advice: "raise fs.file-max" },
  EIO: { kind: "fatal", reason: "the disk failed", advice: "check the disk and the system log" },
  EINVAL: { kind: "fatal", reason: "the name or argument is not valid", advice: "report this as a bug" },
  EBADF: { kind: "fatal", reason: "the file is closed", advice: "report this as a bug" },
  EADDRINUSE: {
    kind: "conflict",
    reason: "the address is in use",
    advice: "stop what listens there or use another port",
  },
  EADDRNOTAVAIL: { kind: "fatal", reason: "no such address here", advice: "use an address of this machine" },
  ENOTFOUND: { kind: "fatal", reason: "the name is unknown", advice: "use an address of this machine" },
};

const UNKNOWN: Meaning = { kind: "fatal", reason: "the system refused", advice: "look up the code" };

/** After one of these failed nothing is known about the file any more, so that trying again cannot help. */
const LEAVES_UNKNOWN: ReadonlySet<string> = new Set(["write", "sync", "truncate", "sync folder"]);

/** `operation` in plain words ("write", "listen on"), `subject` as the operator knows it (a path, an address). */
export function ioError(cause: unknown, operation: string, subject: string): IoError {
  if (cause instanceof IoError) return cause;
  const code = errorCode(cause);
  const meaning = MEANINGS[code] ?? UNKNOWN;
  return new IoError(
    LEAVES_UNKNOWN.has(operation) ? "fatal" : meaning.kind,
    code,
    `cannot ${operation} ${subject}: ${meaning.reason} (${code}): ${meaning.advice}`,
    { cause },
  );
}

function errorCode(cause: unknown): string {
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  return "UNKNOWN";
}
