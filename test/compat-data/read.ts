/**
 * The bytes of every format that was ever released, as text: hexadecimal, a line for each field, `#` begins a comment.
 *
 * A file here is never changed and never removed: what it holds may stand on somebody's disk. A new version of a format
 * adds a file, made by other means than the code under test.
 */
import { readFileSync } from "node:fs";

/** The bytes of `name`, a file in this folder. */
export function compatBytes(name: string): Buffer {
  const text = readFileSync(new URL(name, import.meta.url), "utf8");
  return Buffer.from(text.replaceAll(/#.*|\s/g, ""), "hex");
}
