/**
 * Topic ids and the like. In memory a `Uuid` is a string of 16 Latin-1 characters, one per byte: a small, flat string
 * is the fastest key a Map can have, and needs no conversion when it goes back on the wire. People see Kafka's form,
 * which is 22 characters of unpadded base64url.
 */
declare const brand: unique symbol;

/** 16 bytes as 16 Latin-1 characters. Print it with `formatUuid`. */
export type Uuid = string & { readonly [brand]: "Uuid" };

export const UUID_BYTES = 16;

/** Kafka's "no id". */
export const ZERO_UUID = "\0".repeat(UUID_BYTES) as Uuid;

/** Reads 16 bytes at `at`. The caller has checked the bounds. */
export function uuidFromBytes(buffer: Buffer, at: number): Uuid {
  return buffer.toString("latin1", at, at + UUID_BYTES) as Uuid;
}

/** Kafka's text form: 22 characters of base64url. */
export function formatUuid(uuid: Uuid): string {
  return Buffer.from(uuid, "latin1").toString("base64url");
}

/** The id that `formatUuid` prints as `text`, or undefined when there is none. */
export function parseUuid(text: string): Uuid | undefined {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.length !== UUID_BYTES || bytes.toString("base64url") !== text) return undefined;
  return uuidFromBytes(bytes, 0);
}

/**
 * A random (version 4, RFC 9562) id. Never one whose text starts with "-", which Kafka avoids too because command lines
 * would take it for an option: those are the first bytes 0xF8 to 0xFB, and their top bit is cleared. `random` is the
 * port of that name.
 */
export function newUuid(random: { bytes(size: number): Buffer }): Uuid {
  const bytes = random.bytes(UUID_BYTES);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  if ((bytes[0]! & 0xfc) === 0xf8) bytes[0]! &= 0x7f;
  return uuidFromBytes(bytes, 0);
}
