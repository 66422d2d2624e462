/** Bytes read back from disk are not what was written there. */
export class CorruptionError extends Error {
  override readonly name = "CorruptionError";
  readonly file: string;
  readonly position: number;

  constructor(file: string, position: number, what: string) {
    super(`${file} is damaged at byte ${position}: ${what}`);
    this.file = file;
    this.position = position;
  }
}
