/**
 * Decodes and encodes messages by their schema.
 *
 * The first use of a schema version generates its decoder (or encoder) as JavaScript source and compiles it with `new
 * Function`. The alternative, a tree of closures made from the schema, was measured to take 3.5 to 8 times as long
 * (Metadata response and Fetch request, 100 partitions): each of its call sites sees all field types, so V8 can inline
 * none of them. Writing out every version, by hand or by a build step, would be tens of thousands of lines. The
 * generated code is straight-line, returns object literals of one shape per struct, and is made from nothing but the
 * schemas of this program, whose names are checked to be plain identifiers: no input ever reaches it. A version that no
 * client asks for costs nothing.
 */
import { assert } from "../../base/assert.ts";
import { decoderSource } from "./generate-decoder.ts";
import { encoderSource } from "./generate-encoder.ts";
import type { Reader } from "./reader.ts";
import type { MessageSchema, StructInput, StructValue } from "./schema.ts";
import { hasVersion } from "./versions.ts";
import { UnencodableMessage, type Writer } from "./writer.ts";

/** A decoded value of schema `S`. */
export type Message<S extends MessageSchema> = StructValue<S["fields"]>;

/** A value to encode with schema `S`; what is left out takes its default. */
export type MessageInput<S extends MessageSchema> = StructInput<S["fields"]>;

type Decoder = (reader: Reader) => unknown;
type Encoder = (writer: Writer, value: unknown) => void;

const NO_BYTES = Buffer.alloc(0);

/**
 * Reads one value from where `reader` stands; what follows it is left unread. Byte fields are views on the reader's
 * buffer. `version` must be valid for the schema.
 * @throws MalformedMessage when the bytes are no such message.
 */
export function decode<S extends MessageSchema>(schema: S, version: number, reader: Reader): Message<S> {
  const decoders = schema.compiled.decoders as Decoder[];
  return (decoders[version] ?? compileDecoder(schema, version))(reader) as Message<S>;
}

/**
 * Appends one value to `writer`. `version` must be valid for the schema.
 * @throws UnencodableMessage (or RangeError, for a 64-bit integer) when the value does not fit the schema in this
 * version: the writer then holds half a message.
 */
export function encode<S extends MessageSchema>(
  schema: S,
  version: number,
  value: MessageInput<S>,
  writer: Writer,
): void {
  const encoders = schema.compiled.encoders as Encoder[];
  (encoders[version] ?? compileEncoder(schema, version))(writer, value);
}

function compileDecoder(schema: MessageSchema, version: number): Decoder {
  const source = decoderSource(schema.fields, schemaVersion(schema, version));
  const decoder = compile(source, { NO_BYTES }) as Decoder;
  schema.compiled.decoders[version] = decoder;
  return decoder;
}

function compileEncoder(schema: MessageSchema, version: number): Encoder {
  const refuse = (field: string): never => {
    throw new UnencodableMessage(`${schema.name} version ${version} has no field ${field}`);
  };
  const source = encoderSource(schema.fields, schemaVersion(schema, version));
  const encoder = compile(source, { NO_BYTES, refuse }) as Encoder;
  schema.compiled.encoders[version] = encoder;
  return encoder;
}

/** Runs `source` as the body of a function that sees `scope`, and gives what it returns. */
function compile(source: string, scope: { readonly [name: string]: unknown }): unknown {
  // oxlint-disable-next-line typescript/no-implied-eval -- the one place that generates code; see above
  return new Function(...Object.keys(scope), source)(...Object.values(scope));
}

function schemaVersion(schema: MessageSchema, version: number): { version: number; flexible: boolean } {
  assert(hasVersion(schema.valid, version), `${schema.name} has no version ${version}`);
  return { version, flexible: hasVersion(schema.flexible, version) };
}
