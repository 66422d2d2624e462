/** Format strings of `consume`, with the letters of kcat. */
import { Buffer } from "node:buffer";
import type { StoredRecord } from "./record.ts";

/** What follows a percent sign, and what it stands for. Help and completion come from this too. */
export const FORMAT_LETTERS = {
  t: "topic",
  p: "partition",
  o: "offset",
  k: "key",
  K: "length of the key in bytes, -1 for null",
  v: "value (also %s)",
  s: "value",
  S: "length of the value in bytes, -1 for null",
  h: "headers, key=value, with commas between them",
  T: "timestamp in milliseconds",
  "%": "a percent sign",
} as const;

type Letter = keyof typeof FORMAT_LETTERS;

const ESCAPES: { readonly [letter: string]: number } = { n: 10, r: 13, t: 9, "0": 0, "\\": 92 };

/** Bytes that stand for themselves, or a letter. */
type Part = Buffer | Letter;

export type Format = readonly Part[];

/** The parts of a format string, or what is wrong with it. */
export function parseFormat(text: string): Format | { readonly error: string } {
  const parts: Part[] = [];
  for (const [piece] of text.matchAll(/%.?|\\x[0-9a-fA-F]{2}|\\.?|[^%\\]+/gsu)) {
    if (piece.startsWith("%")) {
      const letter = piece.slice(1);
      if (!isLetter(letter)) return { error: `there is no ${piece}, only %${Object.keys(FORMAT_LETTERS).join(" %")}` };
      parts.push(letter);
    } else if (piece.startsWith("\\")) {
      const byte =
        piece.startsWith("\\x") && piece.length === 4 ? Number.parseInt(piece.slice(2), 16) : ESCAPES[piece[1]!];
      if (byte === undefined) return { error: `there is no ${piece}, only \\n \\r \\t \\0 \\xHH \\\\` };
      parts.push(Buffer.from([byte]));
    } else {
      parts.push(Buffer.from(piece));
    }
  }
  return parts;
}

function isLetter(letter: string): letter is Letter {
  return Object.hasOwn(FORMAT_LETTERS, letter);
}

/** The bytes of a record. `nullMarker` stands for a key or value that is null. */
export function formatRecord(format: Format, record: StoredRecord, nullMarker: Buffer): Buffer {
  return Buffer.concat(format.map((part) => (typeof part === "string" ? bytesFor(part, record, nullMarker) : part)));
}

function bytesFor(letter: Letter, record: StoredRecord, nullMarker: Buffer): Buffer {
  switch (letter) {
    case "t":
      return Buffer.from(record.topic);
    case "p":
      return Buffer.from(String(record.partition));
    case "o":
      return Buffer.from(String(record.offset));
    case "T":
      return Buffer.from(String(record.timestamp));
    case "k":
      return record.key ?? nullMarker;
    case "K":
      return Buffer.from(String(record.key?.length ?? -1));
    case "v":
    case "s":
      return record.value ?? nullMarker;
    case "S":
      return Buffer.from(String(record.value?.length ?? -1));
    case "h":
      return headerBytes(record, nullMarker);
    case "%":
      return Buffer.from("%");
  }
}

function headerBytes({ headers }: StoredRecord, nullMarker: Buffer): Buffer {
  return Buffer.concat(
    headers.flatMap(([key, value], index) => [
      Buffer.from(index === 0 ? "" : ","),
      key,
      Buffer.from("="),
      value ?? nullMarker,
    ]),
  );
}
