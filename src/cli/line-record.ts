/** Records from plain lines: the whole line is the value, or key and value with something between them. */
import { Buffer } from "node:buffer";
import type { Headers, NewRecord } from "./record.ts";

export interface LineOptions {
  /** The same key for every record. */
  readonly key?: Buffer | undefined;
  /** Not empty. What stands before the first one is the key; a line without it has none. */
  readonly keySeparator?: Buffer | undefined;
  /** A key or value that is exactly this is null. */
  readonly nullMarker?: Buffer | undefined;
  readonly headers: Headers;
  readonly partition?: number | undefined;
}

export function lineRecord(
  line: Buffer,
  { key, keySeparator, nullMarker, headers, partition }: LineOptions,
): NewRecord {
  const orNull = (bytes: Buffer): Buffer | null => (nullMarker?.equals(bytes) ? null : bytes);
  const at = keySeparator === undefined ? -1 : line.indexOf(keySeparator);
  if (at === -1) return { key: key ?? null, value: orNull(line), headers, partition };
  const value = line.subarray(at + keySeparator!.length);
  return { key: orNull(line.subarray(0, at)), value: orNull(value), headers, partition };
}
