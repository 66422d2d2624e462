/**
 * What the generated decoder and encoder of a schema version have in common: which fields that version has, and how the
 * names of the primitive types of `Reader` and `Writer` come about.
 */
import { assert } from "../../base/assert.ts";
import { UUID_BYTES } from "../../base/uuid.ts";
import type { Field, Fields, ScalarField, ScalarType } from "./schema.ts";
import { hasVersion } from "./versions.ts";

/** One version of a schema. */
export interface SchemaVersion {
  readonly version: number;
  readonly flexible: boolean;
}

export interface NamedField {
  readonly name: string;
  readonly field: Field;
}

export interface TaggedField extends NamedField {
  readonly tag: number;
}

/** The fields of one version by how they are written. `tagged` is in the order of the tags. */
export interface FieldsOfVersion {
  readonly inline: readonly NamedField[];
  readonly tagged: readonly TaggedField[];
  readonly absent: readonly NamedField[];
}

export function fieldsOfVersion(fields: Fields, { version, flexible }: SchemaVersion): FieldsOfVersion {
  const inline: NamedField[] = [];
  const tagged: TaggedField[] = [];
  const absent: NamedField[] = [];
  for (const [name, field] of Object.entries(fields)) {
    if (!hasVersion(field.versions, version)) absent.push({ name, field });
    else if (field.tag !== undefined) tagged.push({ name, field, tag: field.tag });
    else inline.push({ name, field });
  }
  tagged.sort((a, b) => a.tag - b.tag);
  assert(flexible || tagged.length === 0, "only flexible versions have tagged fields");
  assert(new Set(tagged.map(({ tag }) => tag)).size === tagged.length, "two fields have the same tag");
  return { inline, tagged, absent };
}

/**
 * The method of `Reader` and `Writer` for a type with a length before it: "string" → "compactNullableString". "count"
 * is the length of an array.
 */
export function sizedMethod(
  type: SizedType | "count",
  { compact, nullable }: { readonly compact: boolean; readonly nullable: boolean },
): string {
  const words = [...(compact ? ["compact"] : []), ...(nullable ? ["nullable"] : []), type];
  return words.map((word, i) => (i === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join("");
}

/** The method of `Reader` and `Writer` for a scalar field. */
export function scalarMethod(field: ScalarField, of: SchemaVersion): string {
  if (!isSized(field.type)) return field.type;
  return sizedMethod(field.type, {
    compact: of.flexible && !field.neverCompact,
    nullable: hasVersion(field.nullable, of.version),
  });
}

/** The default of a field as a JavaScript expression. Arrays and structs are new ones each time. */
export function defaultExpression(field: Field): string {
  if (field.default === null) return "null";
  if (field.type === "array") return "[]";
  if (field.type === "bytes") return "NO_BYTES";
  if (field.type !== "struct") return literal(field.default);
  const properties = Object.entries(field.fields).map(([name, inner]) => `${name}: ${defaultExpression(inner)}`);
  return `{ ${properties.join(", ")} }`;
}

function literal(value: number | bigint | boolean | string): string {
  return typeof value === "bigint" ? `${value}n` : JSON.stringify(value);
}

/**
 * The least number of bytes that one element of an array can take: what a count of elements is checked with. Elements
 * of no bytes are refused, for a peer could announce any number of them.
 */
export function minElementBytes(element: Field, of: SchemaVersion): number {
  const bytes = minBytes(element, of);
  assert(bytes > 0, "the elements of an array take at least one byte");
  return bytes;
}

function minBytes(field: Field, of: SchemaVersion): number {
  if (field.type === "array") return of.flexible ? 1 : 4;
  if (field.type === "struct") return hasVersion(field.nullable, of.version) ? 1 : minStructBytes(field.fields, of);
  if (!isSized(field.type)) return FIXED_BYTES[field.type];
  if (of.flexible && !field.neverCompact) return 1;
  return field.type === "string" ? 2 : 4;
}

function minStructBytes(fields: Fields, of: SchemaVersion): number {
  let bytes = of.flexible ? 1 : 0;
  for (const { field } of fieldsOfVersion(fields, of).inline) bytes += minBytes(field, of);
  return bytes;
}

/** Types with a length before them, which is what versions write differently. */
type SizedType = "string" | "bytes" | "records";

const FIXED_BYTES: { readonly [Type in Exclude<ScalarType, SizedType>]: number } = {
  bool: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  offset64: 8,
  float64: 8,
  uuid: UUID_BYTES,
};

function isSized(type: ScalarType): type is SizedType {
  return !(type in FIXED_BYTES);
}
