/**
 * The declarative form of a message: which fields it has, in the order of the wire, and in which versions.
 *
 * One definition holds every version, as Kafka's own specifications do, so that a version is a matter of data and not
 * of code. `message.ts` turns a definition into a decoder and an encoder; TypeScript infers the types of values from it
 * (`Message`, `MessageInput` there). API messages, headers and the records of the log's state all use this form.
 *
 *     export const exampleRequest = defineMessage({
 *       apiKey: 99, name: "ExampleRequest", valid: "0-3", flexible: "2+",
 *       fields: {
 *         name: string({ nullable: "1+" }),
 *         limits: arrayOf(int32(), { versions: "3+" }),
 *         partitions: array({ nullable: "0+" })({
 *           index: int32(),
 *           offset: offset64({ default: -1 }),
 *         }),
 *       },
 *     });
 *
 * A field left out of a value, or absent from a version, takes its default: the one given, else 0, false, "", no bytes,
 * no elements, a struct of defaults, null for `records`. As in Kafka, `nullable` alone does not make null the default.
 */
import { assert } from "../../base/assert.ts";
import type { Int64 } from "../../base/int64.ts";
import { type Uuid, ZERO_UUID } from "../../base/uuid.ts";
import { ALL_VERSIONS, NO_VERSIONS, parseVersions, type VersionRange, type VersionText } from "./versions.ts";

export type ScalarType =
  | "int8"
  | "int16"
  | "int32"
  | "uint16"
  | "uint32"
  | "int64"
  | "offset64"
  | "float64"
  | "bool"
  | "string"
  | "bytes"
  | "records"
  | "uuid";

interface FieldOptions {
  /** Versions that have the field. All when left out. */
  readonly versions?: VersionText;
  /** Versions in which the field may be null. */
  readonly nullable?: VersionText;
  /** Makes it a tagged field, which comes after the others and only when it is not the default (KIP-482). */
  readonly tag?: number;
  /** May a value other than the default be dropped when a version has no such field? Otherwise encoding throws. */
  readonly ignorable?: boolean;
}

interface ScalarOptions<T> extends FieldOptions {
  readonly default?: T;
  /** "none" keeps the old, non-compact form of a string in flexible versions too (the client id of the header). */
  readonly flexible?: "none";
}

interface CompositeOptions extends FieldOptions {
  /** Without it: no elements, or a struct of defaults. */
  readonly default?: null;
}

/** What is known of every field once defined. */
interface FieldBase {
  readonly versions: VersionRange;
  readonly nullable: VersionRange;
  readonly tag: number | undefined;
  readonly ignorable: boolean;
}

export interface ScalarField extends FieldBase {
  readonly type: ScalarType;
  readonly default: number | bigint | boolean | string | null;
  readonly neverCompact: boolean;
}

export interface ArrayField extends FieldBase {
  readonly type: "array";
  readonly element: Field;
  /** null, or else the empty array. */
  readonly default: null | undefined;
}

export interface StructField extends FieldBase {
  readonly type: "struct";
  readonly fields: Fields;
  /** null, or else a struct of defaults. */
  readonly default: null | undefined;
}

/** A field of any type. */
export type Field = ScalarField | ArrayField | StructField;

/** Named fields in the order of the wire. */
export interface Fields {
  readonly [name: string]: Field;
}

declare const output: unique symbol;
declare const input: unique symbol;

/** Carries, for the compiler only, what a field decodes to and what it accepts. */
interface Typed<Out, In> {
  readonly [output]?: Out;
  readonly [input]?: In;
}

type OrNull<Options, T> = Options extends { readonly nullable: string } ? T | null : T;
type TypedScalar<Options, Out, In = Out> = ScalarField & Typed<OrNull<Options, Out>, OrNull<Options, In>>;

/** What a struct of these fields decodes to: every field is there. */
export type StructValue<F extends Fields> = {
  readonly [Name in keyof F]: F[Name] extends Typed<infer Out, unknown> ? Out : never;
};

/** What the encoder accepts for a struct of these fields: any may be left out. */
export type StructInput<F extends Fields> = {
  readonly [Name in keyof F]?: F[Name] extends Typed<unknown, infer In> ? In : never;
};

/** A defined message. Made by `defineMessage`, encoded and decoded by `message.ts`. */
export interface MessageSchema<F extends Fields = Fields> {
  readonly name: string;
  /** The API it belongs to; undefined for headers and state records. */
  readonly apiKey: number | undefined;
  readonly valid: VersionRange;
  /** Versions in the compact form with tagged fields (KIP-482). */
  readonly flexible: VersionRange;
  readonly fields: F;
  /** Filled by `message.ts`, one entry per version in use. */
  readonly compiled: { readonly decoders: unknown[]; readonly encoders: unknown[] };
}

/** Defines a message; see the head of this file. */
export function defineMessage<const F extends Fields>(definition: {
  readonly name: string;
  readonly apiKey?: number;
  readonly valid: VersionText;
  readonly flexible: VersionText;
  readonly fields: F;
}): MessageSchema<F> {
  const { name, apiKey, fields } = definition;
  const valid = parseVersions(definition.valid);
  const flexible = parseVersions(definition.flexible);
  checkNames(name, fields);
  return { name, apiKey, valid, flexible, fields, compiled: { decoders: [], encoders: [] } };
}

export function int8(options: ScalarOptions<number> = {}): ScalarField & Typed<number, number> {
  return scalar("int8", 0, options);
}

export function int16(options: ScalarOptions<number> = {}): ScalarField & Typed<number, number> {
  return scalar("int16", 0, options);
}

export function int32(options: ScalarOptions<number> = {}): ScalarField & Typed<number, number> {
  return scalar("int32", 0, options);
}

export function uint16(options: ScalarOptions<number> = {}): ScalarField & Typed<number, number> {
  return scalar("uint16", 0, options);
}

export function uint32(options: ScalarOptions<number> = {}): ScalarField & Typed<number, number> {
  return scalar("uint32", 0, options);
}

export function float64(options: ScalarOptions<number> = {}): ScalarField & Typed<number, number> {
  return scalar("float64", 0, options);
}

/** An int64 that somebody else chose (a timestamp, a producer id, an offset in a request): kept exact, see `Int64`. */
export function int64(options: ScalarOptions<Int64> = {}): ScalarField & Typed<Int64, Int64> {
  return scalar("int64", 0, options);
}

/** An int64 that this system assigns (an offset, a size, a duration): a number. Decoding one beyond 2^53-1 fails. */
export function offset64(options: ScalarOptions<number> = {}): ScalarField & Typed<number, number> {
  return scalar("offset64", 0, options);
}

export function bool(options: ScalarOptions<boolean> = {}): ScalarField & Typed<boolean, boolean> {
  return scalar("bool", false, options);
}

export function uuid(options: ScalarOptions<Uuid> = {}): ScalarField & Typed<Uuid, Uuid> {
  return scalar("uuid", ZERO_UUID, options);
}

export function string<const O extends ScalarOptions<string | null>>(options?: O): TypedScalar<O, string> {
  return scalar("string", "", options ?? {});
}

/** Decodes to a view on the frame: copy what has to outlive it. */
export function bytes<const O extends ScalarOptions<null>>(options?: O): TypedScalar<O, Buffer, Uint8Array> {
  return scalar("bytes", "", options ?? {});
}

/**
 * Record batches. Encodes any number of views as one field, without copying the large ones; decodes to a single view on
 * the frame in an array.
 */
export function records<const O extends ScalarOptions<null>>(
  options?: O,
): TypedScalar<O, readonly Buffer[], readonly Uint8Array[]> {
  return scalar("records", null, options ?? {});
}

/** An array of structs: `array(options)(fields)`. */
export function array<const O extends CompositeOptions>(
  options?: O,
): <const F extends Fields>(
  fields: F,
) => ArrayField & Typed<OrNull<O, readonly StructValue<F>[]>, OrNull<O, readonly StructInput<F>[]>> {
  return (fields) => ({
    type: "array",
    ...base(options ?? {}),
    element: struct()(fields),
    default: options?.default,
  });
}

/** An array of scalars. */
export function arrayOf<Out, In, const O extends CompositeOptions>(
  element: ScalarField & Typed<Out, In>,
  options?: O,
): ArrayField & Typed<OrNull<O, readonly Out[]>, OrNull<O, readonly In[]>> {
  return { type: "array", ...base(options ?? {}), element, default: options?.default };
}

/** A single struct: `struct(options)(fields)`. */
export function struct<const O extends CompositeOptions>(
  options?: O,
): <const F extends Fields>(fields: F) => StructField & Typed<OrNull<O, StructValue<F>>, OrNull<O, StructInput<F>>> {
  return (fields) => ({ type: "struct", ...base(options ?? {}), fields, default: options?.default });
}

function scalar(
  type: ScalarType,
  implicitDefault: ScalarField["default"],
  options: ScalarOptions<ScalarField["default"]>,
): ScalarField {
  return {
    type,
    ...base(options),
    default: options.default === undefined ? implicitDefault : options.default,
    neverCompact: options.flexible === "none",
  };
}

function base(options: FieldOptions): FieldBase {
  return {
    versions: parseOr(options.versions, ALL_VERSIONS),
    nullable: parseOr(options.nullable, NO_VERSIONS),
    tag: options.tag,
    ignorable: options.ignorable ?? false,
  };
}

function parseOr(text: VersionText | undefined, otherwise: VersionRange): VersionRange {
  return text === undefined ? otherwise : parseVersions(text);
}

/** Names end up in generated code, so they must be plain identifiers. */
function checkNames(path: string, fields: Fields): void {
  for (const [name, field] of Object.entries(fields)) {
    assert(/^[a-z][A-Za-z0-9]*$/.test(name), `field ${path}.${name} is not a plain camelCase name`);
    if (field.type === "struct") checkNames(`${path}.${name}`, field.fields);
    if (field.type === "array" && field.element.type === "struct") checkNames(`${path}.${name}`, field.element.fields);
  }
}
