/** State records for people: the name of the type, and fields that JSON can hold with nothing lost. */
import { Buffer } from "node:buffer";
import type { Uuid } from "../base/uuid.ts";
import { formatUuid } from "../base/uuid.ts";
import { MalformedMessage } from "../protocol/codec/reader.ts";
import type { Field, Fields } from "../protocol/codec/schema.ts";
import { decodeStateRecord, STATE_RECORDS, type StateRecordType, UnknownStateError } from "../state/state-record.ts";

export interface StateJson {
  /** Undefined: this version of the program has no such type. */
  readonly name: string | undefined;
  readonly fields: { readonly [name: string]: unknown };
  /** What is wrong with fields that cannot be read; they stand as they are then, in base64. */
  readonly problem?: string;
  /** A newer version of the program has written it. */
  readonly isNewer?: true;
}

/** Bytes are in base64, in a field that says so: `metadataBase64`. */
export function stateJson(type: number, bytes: Buffer): StateJson {
  const schema = (STATE_RECORDS as { readonly [type: number]: (typeof STATE_RECORDS)[StateRecordType] })[type];
  const name = schema?.name;
  try {
    const { value } = decodeStateRecord(type, bytes);
    return { name, fields: structJson(schema!.fields, value as unknown as Values) };
  } catch (error) {
    const fields = { bytesBase64: bytes.toString("base64") };
    if (error instanceof UnknownStateError) return { name, fields, isNewer: true };
    if (error instanceof MalformedMessage) return { name, fields, problem: error.message };
    throw error;
  }
}

type Values = { readonly [name: string]: unknown };

function structJson(fields: Fields, values: Values): Values {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => {
      const value = values[name];
      return [Buffer.isBuffer(value) ? `${name}Base64` : name, fieldJson(field, value)];
    }),
  );
}

function fieldJson(field: Field, value: unknown): unknown {
  if (value === null) return null;
  if (field.type === "struct") return structJson(field.fields, value as Values);
  if (field.type === "array") return (value as readonly unknown[]).map((element) => fieldJson(field.element, element));
  if (field.type === "uuid") return formatUuid(value as Uuid);
  return Buffer.isBuffer(value) ? value.toString("base64") : value;
}
