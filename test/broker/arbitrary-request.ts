/**
 * Requests as a confused or hostile client could send them: any value in any field, but often enough one that means
 * something here, so that all paths behind the first check are reached too.
 */
import fc from "fast-check";
import { toInt64 } from "../../src/base/int64.ts";
import { type Uuid, ZERO_UUID } from "../../src/base/uuid.ts";
import type { Api } from "../../src/protocol/apis.ts";
import type { Message } from "../../src/protocol/codec/message.ts";
import type { Field, Fields } from "../../src/protocol/codec/schema.ts";
import { hasVersion } from "../../src/protocol/codec/versions.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { COMPRESSION_NAMES, setBatchCrc } from "../../src/protocol/record-batch.ts";
import { arbitraryMessage } from "../protocol-spec/arbitrary-message.ts";

/** What is there to be asked for. */
export interface Known {
  readonly topics: readonly string[];
  readonly topicIds: readonly Uuid[];
}

/** The longest string that a request can have. */
const LONGEST_STRING = 32_767;

const CONFIG_NAMES = ["retention.ms", "cleanup.policy", "max.message.bytes", "no.such.setting", "node.id"];
const CONFIG_VALUES = ["-1", "0", "9223372036854775807", "compact", "delete", "true", "nonsense"];

/** Meaningful values by the name of their field, weighed against any value at all. */
function meaningful(known: Known): ReadonlyMap<string, fc.Arbitrary<unknown>> {
  const smallInt = fc.integer({ min: -2, max: 4 });
  const topicName = fc.constantFrom(...known.topics, "new", "a.b", "a_b", "..", "", "x".repeat(250));
  const offset = fc.oneof(smallInt, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(toInt64));
  const waitMs = fc.integer({ min: -1, max: 20 });
  const sizes = fc.constantFrom(-1, 0, 1, 1000, 2 ** 31 - 1);
  return new Map<string, fc.Arbitrary<unknown>>([
    ["topic", topicName],
    ["resourceName", fc.oneof(topicName, fc.constantFrom("1", "2"))],
    ["topicId", fc.constantFrom(...known.topicIds, ZERO_UUID, "0123456789abcdef" as Uuid)],
    ["partition", smallInt],
    ["partitionIndex", smallInt],
    ["index", smallInt],
    ["fetchOffset", offset],
    ["timestamp", fc.oneof(offset, fc.integer({ min: -7, max: -1 }))],
    ["currentLeaderEpoch", smallInt],
    ["lastFetchedEpoch", smallInt],
    ["leaderEpoch", smallInt],
    ["sessionEpoch", fc.integer({ min: -1, max: 3 })],
    ["maxWaitMs", waitMs],
    ["timeoutMs", waitMs],
    ["minBytes", sizes],
    ["maxBytes", sizes],
    ["partitionMaxBytes", sizes],
    ["isolationLevel", fc.integer({ min: 0, max: 1 })],
    ["acks", fc.constantFrom(-1, -1, 0, 1, 7)],
    ["records", fc.option(records, { nil: null })],
    ["resourceType", fc.constantFrom(2, 2, 4, 8)],
    ["configurationKeys", fc.option(fc.array(fc.constantFrom(...CONFIG_NAMES), { maxLength: 3 }))],
    ["value", fc.option(fc.constantFrom(...CONFIG_VALUES))],
    ["replicationFactor", fc.constantFrom(-1, -1, 0, 1, 2)],
    ["transactionalId", fc.option(fc.constantFrom("", "tx"))],
    ["groupId", fc.constantFrom("g", "g", "g", "other", "")],
    ["memberId", fc.constantFrom("", "", "m")],
    ["groupInstanceId", fc.option(fc.constantFrom("i", ""))],
    ["generationId", smallInt],
    ["protocolType", fc.constantFrom("consumer", "consumer", "connect", "")],
    ["protocolName", fc.constantFrom("range", "")],
    ["clientSoftwareName", fc.constantFrom("good-name", "bad name")],
    ["clientSoftwareVersion", fc.constantFrom("1.0")],
  ]);
}

/** These decide about memory and time: what a test can bear, or else far beyond what the broker accepts. */
const COUNTS = fc.oneof(fc.integer({ min: -2, max: 6 }), fc.constantFrom(100_001, 2 ** 31 - 1, -(2 ** 31)));
const ALWAYS: ReadonlyMap<string, fc.Arbitrary<unknown>> = new Map([
  ["numPartitions", COUNTS],
  ["count", COUNTS],
  ["maxWaitMs", fc.integer({ min: -5, max: 20 })],
  ["sessionTimeoutMs", fc.constantFrom(6000, 10_000, 0, -1, 2 ** 31 - 1)],
  ["rebalanceTimeoutMs", fc.constantFrom(1000, 5000, 0, -1)],
]);

/** A name is that of a topic or of a setting: see the fields beside it. */
function nameArbitrary(known: Known, beside: Fields): fc.Arbitrary<unknown> {
  return "value" in beside ? fc.constantFrom(...CONFIG_NAMES) : meaningful(known).get("topic")!;
}

const batch = fc
  .record({
    compression: fc.constantFrom(...COMPRESSION_NAMES),
    values: fc.array(fc.option(fc.string({ maxLength: 5 })), { minLength: 1, maxLength: 3 }),
    producerId: fc.constantFrom(-1, -1, 7),
    baseSequence: fc.integer({ min: 0, max: 2 }),
    transactional: fc.boolean(),
    control: fc.boolean(),
    changeAt: fc.option(fc.nat(80)),
    sealed: fc.boolean(),
  })
  .map(({ values, compression, producerId, baseSequence, transactional, control, changeAt, sealed }) => {
    const producer = producerId === -1 ? {} : { producerId, producerEpoch: 0, baseSequence };
    const flags = { transactional: transactional && control, control };
    const bytes = encodeBatch(
      values.map((value) => ({ key: value, value })),
      { compression, ...producer, ...flags },
    );
    if (changeAt !== null && changeAt < bytes.length) bytes[changeAt]! ^= 0x81;
    if (sealed) setBatchCrc(bytes, 0, bytes.length);
    return bytes;
  });
const records: fc.Arbitrary<Buffer[]> = fc
  .oneof(
    { weight: 4, arbitrary: fc.array(batch, { minLength: 1, maxLength: 2 }) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 70 }).map((bytes) => [Buffer.from(bytes)]) },
  )
  .map((parts) => [Buffer.concat(parts)]);

/** A request of `api` in `version` with any values; long strings are as long as they can be. */
export function arbitraryRequest<A extends Api>(
  api: A,
  version: number,
  known: Known,
): fc.Arbitrary<Message<A["request"]>> {
  const any = arbitraryMessage(api.request, version) as fc.Arbitrary<object>;
  const { fields } = api.request;
  return any.chain((message) => flavoured(fields, version, message as Values, known)) as fc.Arbitrary<
    Message<A["request"]>
  >;
}

type Values = Readonly<Record<string, unknown>>;

/** Puts something meaningful in place of most values, down to the innermost structs. */
function flavoured(fields: Fields, version: number, message: Values, known: Known): fc.Arbitrary<Values> {
  const replaced = Object.entries(fields).map(([name, field]): [string, fc.Arbitrary<unknown>] => {
    const value = message[name];
    if (!hasVersion(field.versions, version)) return [name, fc.constant(value)];
    return [name, flavouredValue(field, { name, beside: fields, value, version, known })];
  });
  return fc.record(Object.fromEntries(replaced), { noNullPrototype: true });
}

interface Place {
  readonly name: string;
  readonly beside: Fields;
  readonly value: unknown;
  readonly version: number;
  readonly known: Known;
}

function flavouredValue(field: Field, place: Place): fc.Arbitrary<unknown> {
  const { name, beside, value, version, known } = place;
  const nullable = hasVersion(field.nullable, version);
  const always = ALWAYS.get(name);
  if (always !== undefined) return always;
  const own = name === "name" ? nameArbitrary(known, beside) : meaningful(known).get(name);
  if (own !== undefined) {
    const fitting = own.filter((each) => each !== null || nullable);
    return fc.oneof({ weight: 5, arbitrary: fitting }, { weight: 1, arbitrary: anyValue(field, value) });
  }
  if (value === null) return fc.constant(null);
  if (field.type === "struct") return flavoured(field.fields, version, value as Values, known);
  if (field.type === "array" && field.element.type === "struct") {
    const { fields } = field.element;
    return fc.tuple(...(value as readonly Values[]).map((each) => flavoured(fields, version, each, known)));
  }
  return anyValue(field, value);
}

function anyValue(field: Field, value: unknown): fc.Arbitrary<unknown> {
  if (field.type !== "string" || typeof value !== "string") return fc.constant(value);
  return fc.oneof(
    { weight: 9, arbitrary: fc.constant(value) },
    { weight: 1, arbitrary: fc.constantFrom("l".repeat(LONGEST_STRING), "ä".repeat(LONGEST_STRING >> 1)) },
  );
}
