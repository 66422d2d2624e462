/** Every API in every version: what is encoded decodes to the same, and no bytes whatever do harm. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { arbitraryMessage, versionsOf } from "../../../test/protocol-spec/arbitrary-message.ts";
import { APIS } from "../apis.ts";
import { requestHeader } from "../schema/request-header.ts";
import { responseHeader } from "../schema/response-header.ts";
import { decodeRequestHeader } from "./frame.ts";
import { decode, encode } from "./message.ts";
import { MalformedMessage, Reader } from "./reader.ts";
import type { MessageSchema } from "./schema.ts";
import { Writer } from "./writer.ts";

const SCHEMAS: readonly MessageSchema[] = [
  requestHeader,
  responseHeader,
  ...Object.values(APIS).flatMap(({ request, response }) => [request, response]),
];
const CASES = SCHEMAS.flatMap((schema) => versionsOf(schema).map((version) => ({ schema, version })));
const RUNS = { numRuns: 25 };

const writer = new Writer();

function encoded(schema: MessageSchema, version: number, value: object): Buffer {
  encode(schema, version, value, writer);
  const { parts, sizeBytes } = writer.finish();
  const bytes = Buffer.concat(parts);
  assert.equal(bytes.length, sizeBytes);
  return bytes;
}

/** Decodes; fails for any error but the one that stands for bytes that are no message. */
function decodeAnything(read: (reader: Reader) => unknown, bytes: Buffer): void {
  const reader = new Reader(bytes);
  try {
    read(reader);
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
  }
  assert.ok(reader.position <= bytes.length);
}

test("every message survives a round trip in every version", () => {
  for (const { schema, version } of CASES) {
    const roundTrip = fc.property(arbitraryMessage(schema, version), (message) => {
      const reader = new Reader(encoded(schema, version, message));
      assert.deepEqual(decode(schema, version, reader), message, `${schema.name} version ${version}`);
      reader.expectEnd();
    });
    fc.assert(roundTrip, RUNS);
  }
});

test("any bytes into any decoder give a message or MalformedMessage", () => {
  for (const { schema, version } of CASES) {
    const anything = fc.property(fc.uint8Array({ maxLength: 120, size: "max" }), (bytes) =>
      decodeAnything((reader) => decode(schema, version, reader), Buffer.from(bytes)),
    );
    fc.assert(anything, RUNS);
  }
  fc.assert(fc.property(fc.uint8Array(), (bytes) => decodeAnything(decodeRequestHeader, Buffer.from(bytes))));
});

test("a valid message cut anywhere is malformed, and with any length in it made huge does no harm", () => {
  const huge = ["7fffffff", "ffffffff0f", "ffffffff07", "80000000", "fffe"].map((hex) => Buffer.from(hex, "hex"));
  for (const { schema, version } of CASES) {
    const [message] = fc.sample(arbitraryMessage(schema, version), { numRuns: 1, seed: version });
    assert.ok(message !== undefined);
    const bytes = encoded(schema, version, message);
    for (let at = 0; at < bytes.length; at++) {
      assert.throws(() => decode(schema, version, new Reader(bytes, 0, at)), MalformedMessage);
      for (const value of huge) {
        const damaged = Buffer.concat([bytes.subarray(0, at), value, bytes.subarray(at + value.length)]);
        decodeAnything((reader) => decode(schema, version, reader), damaged);
      }
    }
  }
});
