/**
 * Records as lines of JSON, the same for `consume --json` and `produce --json`, so that one's output is the other's input
 * and nothing is lost between them:
 *
 *     {"topic":"t","partition":0,"offset":7,"timestamp":1700000000000,"key":"k","value":"v","headers":[{"key":"h","value":"x"}]}
 *
 * Bytes that are not UTF-8 are in base64, in a field that says so: `keyBase64`, `valueBase64`. `null` is no value, which
 * is not the same as an empty one.
 */
import { Buffer } from "node:buffer";
import { parseJson, toJson } from "./exact-json.ts";
import { CommandFailure } from "./failure.ts";
import type { Headers, NewRecord, StoredRecord } from "./record.ts";

const RECORD_FIELDS = "topic partition offset timestamp key keyBase64 value valueBase64 headers".split(" ");
const HEADER_FIELDS = "key keyBase64 value valueBase64".split(" ");

const PARTITION_MAX = 2 ** 31 - 1;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text, or undefined when the bytes are none. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** A record, possibly of a file that does not tell of which topic it is. */
type PrintedRecord = Omit<StoredRecord, "topic" | "partition"> & Partial<Pick<StoredRecord, "topic" | "partition">>;

/** One line, without its end. */
export function encodeJsonRecord(record: PrintedRecord): string {
  const { topic, partition, offset, timestamp, key, value, headers } = record;
  return toJson({
    ...{ topic, partition, offset, timestamp },
    ...bytesField("key", key),
    ...bytesField("value", value),
    headers: headers.map(([name, content]) => ({ ...bytesField("key", name), ...bytesField("value", content) })),
  });
}

function bytesField(name: string, bytes: Buffer | null): { readonly [field: string]: string | null } {
  if (bytes === null) return { [name]: null };
  const text = textOf(bytes);
  return text === undefined ? { [`${name}Base64`]: bytes.toString("base64") } : { [name]: text };
}

/**
 * The record of one line. Topic and offset are those it was read from, and are passed over; headers may also be an object.
 * @throws CommandFailure
 */
export function decodeJsonRecord(line: Uint8Array): NewRecord {
  const text = textOf(line);
  if (text === undefined) throw new CommandFailure("this is not UTF-8, and so not JSON");
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (error) {
    throw new CommandFailure(`this is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const fields = fieldsOf(json, RECORD_FIELDS, "a record");
  if (!("value" in fields) && !("valueBase64" in fields)) {
    throw new CommandFailure('there is no "value": give a text, or null for a record that deletes its key');
  }
  return {
    key: bytesOf(fields, "key"),
    value: bytesOf(fields, "value"),
    headers: headersOf(fields["headers"]),
    partition: partitionOf(fields["partition"]),
    timestamp: timestampOf(fields["timestamp"]),
  };
}

type Fields = { readonly [name: string]: unknown };

function fieldsOf(json: unknown, known: readonly string[], what: string): Fields {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new CommandFailure(`${what} is an object, {"key":…,"value":…}`);
  }
  const unknown = Object.keys(json).find((name) => !known.includes(name));
  if (unknown === undefined) return json as Fields;
  throw new CommandFailure(`${what} has no field "${unknown}", only ${known.join(", ")}`);
}

function bytesOf(fields: Fields, name: string): Buffer | null {
  const [text, base64] = [fields[name], fields[`${name}Base64`]];
  if (text !== undefined && base64 !== undefined) {
    throw new CommandFailure(`give either "${name}" or "${name}Base64", not both`);
  }
  if (base64 !== undefined) return base64Bytes(base64, `${name}Base64`);
  if (text === undefined || text === null) return null;
  if (typeof text !== "string") {
    throw new CommandFailure(`"${name}" is a text or null; write other JSON as a text of its own`);
  }
  if (!text.isWellFormed()) throw new CommandFailure(`"${name}" has half of a character: give "${name}Base64"`);
  return Buffer.from(text, "utf8");
}

function base64Bytes(base64: unknown, name: string): Buffer {
  const bytes = typeof base64 === "string" ? Buffer.from(base64, "base64") : undefined;
  // Node.js passes over what is not base64; only what comes out the same was.
  if (bytes === undefined || bytes.toString("base64") !== base64) throw new CommandFailure(`"${name}" is not base64`);
  return bytes;
}

function headersOf(json: unknown): Headers {
  if (json === undefined || json === null) return [];
  const list = Array.isArray(json) ? (json as unknown[]) : Object.entries(json).map(([key, value]) => ({ key, value }));
  return list.map((header) => {
    const fields = fieldsOf(header, HEADER_FIELDS, "a header");
    const key = bytesOf(fields, "key");
    if (key === null) throw new CommandFailure('a header needs a "key"');
    return [key, bytesOf(fields, "value")];
  });
}

function partitionOf(json: unknown): number | undefined {
  if (json === undefined || json === null) return undefined;
  if (typeof json === "number" && Number.isInteger(json) && json >= 0 && json <= PARTITION_MAX) return json;
  throw new CommandFailure('"partition" is a whole number, at least 0');
}

function timestampOf(json: unknown): bigint | undefined {
  if (json === undefined || json === null) return undefined;
  if (typeof json === "bigint" || (typeof json === "number" && Number.isInteger(json))) {
    const timestamp = BigInt(json);
    if (BigInt.asIntN(64, timestamp) === timestamp && timestamp >= -1n) return timestamp;
  }
  throw new CommandFailure('"timestamp" is a whole number of milliseconds');
}
