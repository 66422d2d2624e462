/**
 * What the generated decoder and encoder of a schema version have in common: which fields that version has, and how the
 * names of the primitive types of `Reader` and `Writer` come about.
 */
import { assert, unreachable } from "../../base/assert.ts";
import { UUID_BYTES } from "../../base/uuid.ts";
import type { Field, Fields } from "./schema.ts";
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
 * The method of `Reader` and `Writer` for a type with a length before it: "string" → "compactNullableString". "count" is
 * the length of an array.
 */
export function sizedMethod(
  type: "string" | "bytes" | "records" | "count",
  compact: boolean,
  nullable: boolean,
): string {
  const words = [...(compact ? ["compact"] : []), ...(nullable ? ["nullable"] : []), type];
  return words.map((word, i) => (i === 0 ? word : word[0]!.toUpperCase() + word.slice(1))).join("");
}

/** The method of `Reader` and `Writer` for a scalar field. */
export function scalarMethod(field: Field, of: SchemaVersion): string {
  switch (field.type) {
    case "string":
    case "bytes":
    case "records":
      return sizedMethod(field.type, of.flexible && !field.neverCompact, hasVersion(field.nullable, of.version));
    case "array":
    case "struct":
      throw new TypeError(`${field.type} is no scalar`);
    default:
      return field.type;
  }
}

/** The default of a field as a JavaScript expression. Arrays and structs are new ones each time. */
export function defaultExpression(field: Field): string {
  if (field.default === null) return "null";
  switch (field.type) {
    case "array":
      return "[]";
    case "struct":
      return `{ ${Object.entries(field.fields)
        .map(([name, inner]) => `${name}: ${defaultExpression(inner)}`)
        .join(", ")} }`;
    case "bytes":
      return "NO_BYTES";
    default:
      return literal(field.default);
  }
}

function literal(value: number | bigint | boolean | string): string {
  return typeof value === "bigint" ? `${value}n` : JSON.stringify(value);
}

/** The least number of bytes one value can take: what a count of elements is checked with. */
export function minBytes(field: Field, of: SchemaVersion): number {
  const nullable = hasVersion(field.nullable, of.version);
  switch (field.type) {
    case "int8":
    case "bool":
      return 1;
    case "int16":
    case "uint16":
      return 2;
    case "int32":
    case "uint32":
      return 4;
    case "int64":
    case "offset64":
    case "float64":
      return 8;
    case "uuid":
      return UUID_BYTES;
    case "string":
      return of.flexible && !field.neverCompact ? 1 : 2;
    case "bytes":
    case "records":
    case "array":
      return of.flexible ? 1 : 4;
    case "struct":
      return nullable ? 1 : minStructBytes(field.fields, of);
    default:
      return unreachable(field);
  }
}

function minStructBytes(fields: Fields, of: SchemaVersion): number {
  let bytes = of.flexible ? 1 : 0;
  for (const { field } of fieldsOfVersion(fields, of).inline) bytes += minBytes(field, of);
  return bytes;
}

/** An array whose elements take no bytes could announce any number of them. */
export function minElementBytes(element: Field, of: SchemaVersion): number {
  const bytes = minBytes(element, of);
  assert(bytes > 0, "the elements of an array take at least one byte");
  return bytes;
}
