/**
 * Records in files, as ../clients/README.md has them: tapes of what is to be sent, copies of what was read. A record has the
 * same bytes in both, so that whole records are compared at once.
 */
export interface Header {
  readonly name: string;
  readonly content: Buffer | null;
}

export interface TapeRecord {
  readonly partition: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}

export const OFFSET_BYTES = 8;

const SIZE_BYTES = 4;
const PARTITION_AND_TIMESTAMP_BYTES = 12;

export function encodeRecord({ partition, timestamp, key, value, headers }: TapeRecord): Buffer {
  const head = Buffer.alloc(PARTITION_AND_TIMESTAMP_BYTES);
  head.writeInt32BE(partition);
  head.writeBigInt64BE(BigInt(timestamp), 4);
  const parts = [head, ...sized(key), ...sized(value), int32(headers.length)];
  for (const { name, content } of headers) parts.push(...sized(Buffer.from(name)), ...sized(content));
  return Buffer.concat(parts);
}

export function decodeRecord(bytes: Buffer, at = 0): TapeRecord {
  const partition = partitionAt(bytes, at);
  const timestamp = timestampAt(bytes, at);
  let next = at + PARTITION_AND_TIMESTAMP_BYTES;
  const take = (): Buffer | null => {
    const sizeBytes = bytes.readInt32BE(next);
    next = afterSized(bytes, next);
    return sizeBytes < 0 ? null : bytes.subarray(next - sizeBytes, next);
  };
  const [key, value] = [take(), take()];
  const count = bytes.readInt32BE(next);
  next += SIZE_BYTES;
  const headers = Array.from({ length: count }, () => ({ name: String(take()), content: take() }));
  return { partition, timestamp, key, value, headers };
}

/** Where the record that begins at `at` ends. @throws RangeError when it is cut off */
export function recordEnd(bytes: Buffer, at: number): number {
  let next = at + PARTITION_AND_TIMESTAMP_BYTES;
  next = afterSized(bytes, afterSized(bytes, next));
  const headers = bytes.readInt32BE(next);
  next += SIZE_BYTES;
  for (let part = 0; part < 2 * headers; part++) next = afterSized(bytes, next);
  if (next > bytes.length) throw new RangeError(`a record at ${at} ends beyond the file`);
  return next;
}

export function partitionAt(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at);
}

export function timestampAt(bytes: Buffer, at: number): number {
  return int64At(bytes, at + SIZE_BYTES);
}

export function offsetAt(bytes: Buffer, at: number): number {
  return int64At(bytes, at);
}

/** Those that a client wrote for the records of a tape: NOT_ACKNOWLEDGED, WITHOUT_OFFSET, or the offset. */
export function decodeOffsets(bytes: Buffer): Float64Array {
  return Float64Array.from({ length: bytes.length / OFFSET_BYTES }, (_, i) => int64At(bytes, i * OFFSET_BYTES));
}

function afterSized(bytes: Buffer, at: number): number {
  return at + SIZE_BYTES + Math.max(bytes.readInt32BE(at), 0);
}

/** Exact up to 2^53 on either side of 0. */
function int64At(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

function sized(bytes: Buffer | null): Buffer[] {
  return bytes === null ? [int32(-1)] : [int32(bytes.length), bytes];
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(SIZE_BYTES);
  bytes.writeInt32BE(value);
  return bytes;
}
