import { IoError } from "../ports/disk.ts";

/** Bytes read back from disk are not what was written there. */
export class CorruptionError extends Error {
  override readonly name = "CorruptionError";
  readonly file: string;
  readonly position: number;
  /** The message without the place. */
  readonly what: string;

  constructor(file: string, position: number, what: string) {
    super(`${file} is damaged at byte ${position}: ${what}`);
    this.file = file;
    this.position = position;
    this.what = what;
  }
}

/** Whether something could not be read: damaged, gone, or refused by the disk. What else there is can still be read. */
export function isReadFailure(error: unknown): error is CorruptionError | IoError {
  return error instanceof CorruptionError || error instanceof IoError;
}
