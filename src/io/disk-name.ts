/**
 * The rule for names on a `Disk`, checked at every call: whatever a name was made from, it cannot leave the folder.
 */
import { IoError } from "../ports/disk.ts";

/** @throws IoError (EINVAL) unless `name` is a relative path of plain parts, as in `wal/00000001.log`. */
export function checkFileName(name: string): void {
  if (!isPlainPath(name)) throw invalidName(name);
}

/** As `checkFileName`, and "" is the root folder. */
export function checkFolderName(folder: string): void {
  if (folder !== "" && !isPlainPath(folder)) throw invalidName(folder);
}

function isPlainPath(name: string): boolean {
  if (name.includes("\0") || name.includes("\\")) return false;
  return name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

function invalidName(name: string): IoError {
  return new IoError(
    "fatal",
    "EINVAL",
    `${JSON.stringify(name)} is not a name inside the data folder: report this as a bug`,
  );
}
