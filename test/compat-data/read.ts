/**
 * The bytes of every format that was ever released, as text: hexadecimal, a line for each field, `#` begins a comment.
 *
 * A file here is never changed and never removed: what it holds may stand on somebody's disk. A new version of a format
 * adds a file, made by other means than the code under test.
 */
import { readFileSync } from "node:fs";

/** The bytes of `name`, a file in this folder. */
export function compatBytes(name: string): Buffer {
  return Buffer.concat(compatParagraphs(name));
}

/** The bytes of each paragraph of `name`: an empty line begins the next one. */
export function compatParagraphs(name: string): Buffer[] {
  const text = readFileSync(new URL(name, import.meta.url), "utf8").replaceAll(/#.*/g, "");
  const paragraphs = text.split(/\n\n+/).map((each) => Buffer.from(each.replaceAll(/\s/g, ""), "hex"));
  return paragraphs.filter(({ length }) => length > 0);
}
