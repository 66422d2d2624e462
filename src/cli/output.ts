/** Standard output, for people and for pipes. */
import type { Buffer } from "node:buffer";
import { once } from "node:events";
import process from "node:process";

/** Ends the program quietly when nobody reads its output any more, as `| head -1` does. */
export function endWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

/** Writes, and waits while the reader is behind. */
export async function write(bytes: Buffer | string): Promise<void> {
  if (bytes.length > 0 && !process.stdout.write(bytes)) await once(process.stdout, "drain");
}

export async function writeLines(lines: readonly string[]): Promise<void> {
  await write(lines.map((line) => `${line}\n`).join(""));
}

/** A remark beside the output, which a pipe does not see. */
export function note(text: string): void {
  process.stderr.write(`chronik: ${text}\n`);
}
