/** What was sent to a topic, and what a client read of it: the same records, each once, at the offsets that were told. */
import {
  decodeRecord,
  OFFSET_BYTES,
  offsetAt,
  partitionAt,
  recordEnd,
  type TapeRecord,
  timestampAt,
} from "./record-file.ts";

export const NOT_ACKNOWLEDGED = -2;
export const WITHOUT_OFFSET = -1;

const NOT_FOUND = -1;
const PROBLEMS_MAX = 10;

/** All that was sent to one topic. A record is known by its timestamp, which no other has. */
export class SentTopic {
  readonly name: string;
  /** Bytes of each record, by its number. */
  readonly #records: Buffer[] = [];
  readonly #numbers = new Map<number, number>();
  /** By record: which producer sent it. Those of one producer have their numbers in the order in which it sent them. */
  readonly #producers: number[] = [];
  readonly #acknowledged: number[] = [];
  readonly #ends: number[];

  constructor(name: string, partitions: number) {
    this.name = name;
    this.#ends = Array.from({ length: partitions }, () => 0);
  }

  get count(): number {
    return this.#records.length;
  }

  /** Where each partition ends when all records are there, each once. */
  get ends(): readonly number[] {
    return this.#ends;
  }

  /** Returns the record's number. */
  add(record: Buffer, producer: number): number {
    const number = this.#records.length;
    this.#records.push(record);
    this.#producers.push(producer);
    this.#acknowledged.push(NOT_ACKNOWLEDGED);
    this.#numbers.set(timestampAt(record, 0), number);
    this.#ends[partitionAt(record, 0)]! += 1;
    return number;
  }

  acknowledge(number: number, offset: number): void {
    this.#acknowledged[number] = offset;
  }

  /** What is wrong with the acknowledgements. Nothing, when each record has one. */
  unacknowledged(offsetsMayBeMissing: boolean): readonly string[] {
    const missing = this.#acknowledged.filter(
      (offset) => offset === NOT_ACKNOWLEDGED || (offset === WITHOUT_OFFSET && !offsetsMayBeMissing),
    );
    return missing.length === 0 ? [] : [`${missing.length} of ${this.count} records without an acknowledged offset`];
  }

  /** How a copy differs from what was sent; no more lines than anybody would read. */
  differences(copy: Buffer): readonly string[] {
    const problems: string[] = [];
    const found = new Float64Array(this.count).fill(NOT_FOUND);
    const nextOffsets = this.#ends.map(() => 0);
    const previous = new Map<string, number>();
    for (let at = 0; at < copy.length; ) {
      const from = at + OFFSET_BYTES;
      const end = recordEnd(copy, from);
      const place = { partition: partitionAt(copy, from), offset: offsetAt(copy, at) };
      const problem = this.#difference(copy.subarray(from, end), place, { found, nextOffsets, previous });
      if (problem !== undefined) problems.push(`${this.name}-${place.partition}, offset ${place.offset}: ${problem}`);
      at = end;
    }
    for (const [number, offset] of found.entries()) {
      const acknowledged = this.#acknowledged[number]!;
      const told = acknowledged < 0 ? "" : `, acknowledged at ${acknowledged}`;
      if (offset === NOT_FOUND) problems.push(`${this.name}: record ${number}${told}, is lost`);
      else if (acknowledged >= 0 && acknowledged !== offset) {
        problems.push(`${this.name}: record ${number} is at offset ${offset}${told}`);
      }
    }
    const more = problems.length > PROBLEMS_MAX ? [`… and ${problems.length - PROBLEMS_MAX} more`] : [];
    return [...problems.slice(0, PROBLEMS_MAX), ...more];
  }

  #difference(
    record: Buffer,
    { partition, offset }: { readonly partition: number; readonly offset: number },
    seen: {
      readonly found: Float64Array;
      readonly nextOffsets: number[];
      /** The last record of each producer in each partition. */
      readonly previous: Map<string, number>;
    },
  ): string | undefined {
    const expectedOffset = seen.nextOffsets[partition];
    seen.nextOffsets[partition] = offset + 1;
    if (offset !== expectedOffset) return `${expectedOffset} comes next`;

    const number = this.#numbers.get(timestampAt(record, 0));
    if (number === undefined) return `has the unknown timestamp ${timestampAt(record, 0)}`;
    const expected = this.#records[number]!;
    if (!record.equals(expected)) return `record ${number} has another ${partsThatDiffer(record, expected)}`;
    if (seen.found[number] !== NOT_FOUND) return `record ${number} was at ${seen.found[number]} already`;
    seen.found[number] = offset;

    const lane = `${partition}/${this.#producers[number]}`;
    const before = seen.previous.get(lane) ?? -1;
    seen.previous.set(lane, number);
    return number < before ? `record ${number} comes after ${before} of the same producer` : undefined;
  }
}

function partsThatDiffer(a: Buffer, b: Buffer): string {
  const [left, right] = [decodeRecord(a), decodeRecord(b)];
  const parts: readonly (keyof TapeRecord)[] = ["partition", "timestamp", "key", "value", "headers"];
  return parts.filter((part) => JSON.stringify(left[part]) !== JSON.stringify(right[part])).join(" and ");
}
