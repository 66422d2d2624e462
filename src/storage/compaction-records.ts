/**
 * The records of a stored batch as log compaction goes through them: in place, one after the other, without an object for
 * any of them. Compaction sees every record of a partition again and again, and needs of most no more than their key.
 *
 * Nobody decodes records when they are produced to a topic that is not compacted (it may become so later), so anything
 * may stand behind a batch's header. What a consumer could not read, or what contradicts its header, is a
 * `MalformedMessage` here.
 */
import { assert } from "../base/assert.ts";
import type { Int64 } from "../base/int64.ts";
import { MalformedMessage, Reader } from "../protocol/codec/reader.ts";
import { unpackRecords } from "../protocol/record.ts";
import {
  batchCrcMatches,
  batchMagic,
  batchOffsetCount,
  batchRecordCount,
  batchSizeBytes,
} from "../protocol/record-batch.ts";

const MAGIC = 2;
/** The smallest record: length, attributes, two deltas, null key, null value, no headers, a byte each. */
const SMALLEST_RECORD_BYTES = 7;

/** @throws InvariantError when `batch` is not exactly one batch of the format in which all are stored. */
export function assertWholeBatch(batch: Buffer): void {
  assert(batchMagic(batch, 0) === MAGIC, "stored batches are of magic 2");
  assert(batchSizeBytes(batch, 0) === batch.length, "one whole batch, and nothing behind it");
}

/**
 * What the records of a batch unpack to. The CRC is checked first: a batch that is written anew gets a new one, which
 * would make damage look sound.
 * @throws MalformedMessage, also when they unpack to more than `limitBytes` or cannot be as many as the header says.
 */
export function unpackStored(batch: Buffer, limitBytes: number): Buffer {
  if (!batchCrcMatches(batch, 0, batch.length)) throw new MalformedMessage("the batch does not match its CRC-32C");
  const unpacked = unpackRecords(batch, limitBytes);
  const count = batchRecordCount(batch, 0);
  if (count < 0 || count * SMALLEST_RECORD_BYTES > unpacked.length) {
    throw new MalformedMessage(`${count} records announced in ${unpacked.length} bytes`);
  }
  return unpacked;
}

/** Stands before the first record. Its fields tell of the record that `next` came to; places are in the unpacked bytes. */
export class RecordCursor {
  start = 0;
  end = 0;
  timestampDelta: Int64 = 0;
  offsetDelta = -1;
  /** Where the timestamp delta ends: the rest of a record is the same whatever its timestamp. */
  restStart = 0;
  keyStart = 0;
  keyEnd = 0;
  hasKey = false;
  /** A record without a value is a tombstone: its key is deleted. */
  hasValue = false;
  readonly #reader: Reader;
  readonly #offsetCount: number;
  #left: number;

  constructor(batch: Buffer, unpacked: Buffer) {
    this.#reader = new Reader(unpacked);
    this.#offsetCount = batchOffsetCount(batch, 0);
    this.#left = batchRecordCount(batch, 0);
  }

  /** Moves on; false behind the last record. @throws MalformedMessage */
  next(): boolean {
    const reader = this.#reader;
    if (this.#left === 0) {
      reader.expectEnd();
      return false;
    }
    this.#left -= 1;
    this.start = reader.position;
    const sizeBytes = reader.varint();
    const end = reader.position + sizeBytes;
    reader.int8();
    this.timestampDelta = reader.varlong();
    this.restStart = reader.position;
    this.#moveTo(reader.varint());
    const keyBytes = reader.skipVarintBytes();
    this.hasKey = keyBytes !== -1;
    this.keyEnd = reader.position;
    this.keyStart = reader.position - Math.max(keyBytes, 0);
    this.hasValue = reader.skipVarintBytes() !== -1;
    this.#skipHeaders();
    if (reader.position !== end) {
      throw new MalformedMessage(`a record of ${sizeBytes} bytes does not end where it should`);
    }
    this.end = end;
    return true;
  }

  #moveTo(offsetDelta: number): void {
    if (offsetDelta <= this.offsetDelta || offsetDelta >= this.#offsetCount) {
      throw new MalformedMessage(`offset delta ${offsetDelta} behind ${this.offsetDelta} of ${this.#offsetCount}`);
    }
    this.offsetDelta = offsetDelta;
  }

  #skipHeaders(): void {
    const reader = this.#reader;
    const count = reader.varint();
    if (count < 0) throw new MalformedMessage(`${count} headers`);
    for (let left = count; left > 0; left -= 1) {
      if (reader.skipVarintBytes() === -1) throw new MalformedMessage("a header without a key");
      reader.skipVarintBytes();
    }
  }
}
