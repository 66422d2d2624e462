/** Arbitrary messages of any schema and version, as fast-check arbitraries, for property tests. */
import fc from "fast-check";
import { toInt64 } from "../../src/base/int64.ts";
import { UUID_BYTES, type Uuid, uuidFromBytes, ZERO_UUID } from "../../src/base/uuid.ts";
import type { Message } from "../../src/protocol/codec/message.ts";
import type { Field, Fields, MessageSchema, ScalarField } from "../../src/protocol/codec/schema.ts";
import { hasVersion } from "../../src/protocol/codec/versions.ts";

const MAX_ELEMENTS = 3;

/** Complete values: what the version lacks has its default, so that a round trip gives an equal value. */
export function arbitraryMessage<S extends MessageSchema>(schema: S, version: number): fc.Arbitrary<Message<S>> {
  return arbitraryStruct(schema.fields, version) as fc.Arbitrary<Message<S>>;
}

/** Every valid version of a schema. */
export function versionsOf({ valid }: MessageSchema): number[] {
  return Array.from({ length: valid.max - valid.min + 1 }, (_, i) => valid.min + i);
}

function arbitraryStruct(fields: Fields, version: number): fc.Arbitrary<object> {
  const arbitraries = Object.entries(fields).map(([name, field]) => [
    name,
    hasVersion(field.versions, version) ? arbitraryField(field, version) : fc.constant(defaultValue(field)),
  ]);
  return fc.record(Object.fromEntries(arbitraries), { noNullPrototype: true });
}

function arbitraryField(field: Field, version: number): fc.Arbitrary<unknown> {
  const value = arbitraryValue(field, version);
  return hasVersion(field.nullable, version) ? fc.option(value, { nil: null }) : value;
}

function arbitraryValue(field: Field, version: number): fc.Arbitrary<unknown> {
  if (field.type === "array") return fc.array(arbitraryValue(field.element, version), { maxLength: MAX_ELEMENTS });
  if (field.type === "struct") return arbitraryStruct(field.fields, version);
  return SCALARS[field.type];
}

const bytes = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array));

const SCALARS: { readonly [Type in ScalarField["type"]]: fc.Arbitrary<unknown> } = {
  int8: fc.integer({ min: -0x80, max: 0x7f }),
  int16: fc.integer({ min: -0x8000, max: 0x7fff }),
  int32: fc.integer(),
  uint16: fc.integer({ min: 0, max: 0xffff }),
  uint32: fc.integer({ min: 0, max: 0xffff_ffff }),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(toInt64),
  offset64: fc.maxSafeInteger(),
  float64: fc.double(),
  bool: fc.boolean(),
  string: fc.string({ unit: "binary", maxLength: 20 }),
  bytes,
  records: bytes.map((view) => [view]),
  uuid: fc
    .uint8Array({ minLength: UUID_BYTES, maxLength: UUID_BYTES })
    .map((array): Uuid => uuidFromBytes(Buffer.from(array), 0)),
};

function defaultValue(field: Field): unknown {
  if (field.default === null) return null;
  if (field.type === "array") return [];
  if (field.type === "bytes") return Buffer.alloc(0);
  if (field.type === "uuid") return ZERO_UUID;
  if (field.type !== "struct") return field.default;
  return Object.fromEntries(Object.entries(field.fields).map(([name, inner]) => [name, defaultValue(inner)]));
}
