/**
 * Answers without what no two brokers can have in common. An id becomes a symbol, the same for the same id wherever it
 * comes up again, so that an answer with the wrong one is still found out. Arrays of structs are put in order: Kafka's
 * come in that of its hash tables.
 */
import { ZERO_UUID } from "../../src/base/uuid.ts";
import { BATCH_HEADER_BYTES, batchProducerId, batchSizeBytes } from "../../src/protocol/record-batch.ts";
import { isStruct } from "./side.ts";

/** Fields with ids that a broker makes up. */
const IDS: ReadonlyMap<string, string> = new Map([
  ["topicId", "topic"],
  ["memberId", "member"],
  ["leader", "member"],
  ["producerId", "producer"],
  ["sessionId", "session"],
  ["clusterId", "cluster"],
]);
const NO_ID: readonly unknown[] = [ZERO_UUID, "", -1];
/** A fetch outside of a session. Zero is a producer as good as any. */
const NO_SESSION = 0;

/** Numbers and places of the machine: all that is compared is whether there is one. */
const MEASURED: ReadonlySet<string> = new Set(["port", "logDir", "lastTimestamp", "totalBytes", "usableBytes"]);
/** Words for people: the error code is what counts. */
const TEXTS: ReadonlySet<string> = new Set(["errorMessage", "batchIndexErrorMessage"]);

/** Texts in no order. */
const SETS: ReadonlySet<string> = new Set(["subscribedTopicNames"]);

const PRODUCER_ID_AT = 43;
const CRC_AT = 17;

export class Normalizer {
  readonly #symbols = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  /** The same answers in the same order give the same symbols. */
  normalized(answer: unknown): unknown {
    return this.#named(
      ordered(answer, "", (kind, id) => this.#symbols.get(`${kind} ${String(id)}`) ?? "new"),
      "",
    );
  }

  #named(value: unknown, field: string): unknown {
    if (value instanceof NewId) return this.#symbol(value.kind, value.id);
    if (Array.isArray(value)) return value.map((each) => this.#named(each, field));
    if (!isStruct(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, this.#named(each, name)]));
  }

  #symbol(kind: string, id: unknown): string {
    const key = `${kind} ${String(id)}`;
    const known = this.#symbols.get(key);
    if (known !== undefined) return known;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    this.#symbols.set(key, `${kind}#${count}`);
    return `${kind}#${count}`;
  }
}

type Known = (kind: string, id: unknown) => string;

/** An id that gets its symbol once its place is known. Sorts by the symbol that it has already. */
class NewId {
  readonly kind: string;
  readonly id: unknown;
  readonly #known: string;

  constructor(kind: string, id: unknown, known: string) {
    this.kind = kind;
    this.id = id;
    this.#known = known;
  }

  toJSON(): string {
    return this.#known;
  }
}

function ordered(value: unknown, field: string, known: Known): unknown {
  const kind = IDS.get(field);
  if (kind !== undefined && (typeof value === "string" || typeof value === "number")) {
    const none = NO_ID.includes(value) || (kind === "session" && value === NO_SESSION);
    return none ? value : new NewId(kind, value, known(kind, value));
  }
  if (TEXTS.has(field) && typeof value === "string") return "a text";
  if (MEASURED.has(field)) return value === -1 || value === null ? value : "something";
  if (typeof value === "bigint") return String(value);
  if (Buffer.isBuffer(value)) return value.toString("hex");
  if (field === "records" && Array.isArray(value)) return batches(Buffer.concat(value as Buffer[]), known);
  if (Array.isArray(value)) {
    const elements = value.map((each) => ordered(each, "", known));
    if (field === "synonyms" || !(value.some(isStruct) || SETS.has(field))) return elements;
    return elements
      .map((each) => ({ each, text: JSON.stringify(each) }))
      .toSorted(byText)
      .map(({ each }) => each);
  }
  if (!isStruct(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, ordered(each, name, known)]));
}

function byText(one: { readonly text: string }, other: { readonly text: string }): number {
  if (one.text === other.text) return 0;
  return one.text < other.text ? -1 : 1;
}

/** The bytes of each batch; without the producer's id, which brokers choose, and the checksum that depends on it. */
function batches(bytes: Buffer, known: Known): unknown[] {
  const found: unknown[] = [];
  for (let at = 0; at + BATCH_HEADER_BYTES <= bytes.length; ) {
    const sizeBytes = batchSizeBytes(bytes, at);
    const batch = Buffer.from(bytes.subarray(at, at + sizeBytes));
    const producerId = batch.length < BATCH_HEADER_BYTES ? -1 : batchProducerId(batch, 0);
    if (producerId !== -1) {
      batch.fill(0, PRODUCER_ID_AT, PRODUCER_ID_AT + 8);
      batch.fill(0, CRC_AT, CRC_AT + 4);
    }
    const producer = producerId === -1 ? -1 : new NewId("producer", producerId, known("producer", producerId));
    found.push({ producer, bytes: batch.toString("hex") });
    at += sizeBytes;
  }
  return found;
}
