/** What a batch's header and CRC say about it, without opening its records. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { type BatchOptions, encodeBatch } from "./record.ts";
import {
  BATCH_HEADER_BYTES,
  type BatchProblem,
  batchAttributes,
  batchBaseOffset,
  batchCompression,
  batchCrcMatches,
  batchDeleteHorizon,
  batchIsLogAppendTime,
  batchLeaderEpoch,
  batchMaxTimestamp,
  findBatchProblem,
  setBatchBaseOffset,
  setBatchCompacted,
  setBatchCrc,
  setBatchLeaderEpoch,
  setBatchLogAppendTime,
} from "./record-batch.ts";

const AT_LENGTH = 8;
const AT_MAGIC = 16;
const AT_CRC = 17;
const AT_ATTRIBUTES = 21;
const AT_LAST_OFFSET_DELTA = 23;
const AT_BASE_TIMESTAMP = 27;
const AT_MAX_TIMESTAMP = 35;
const AT_PRODUCER_ID = 43;
const AT_PRODUCER_EPOCH = 51;
const AT_BASE_SEQUENCE = 53;
const AT_RECORD_COUNT = 57;

const RECORDS = [
  { timestamp: 1000, key: "a", value: "first" },
  { timestamp: 2000, key: "b", value: "second" },
];
const IDEMPOTENT: BatchOptions = { producerId: 7, producerEpoch: 0, baseSequence: 5 };

/** A good batch, changed, with its CRC mended. */
function changed(change: (batch: Buffer) => void, options: BatchOptions = {}): Buffer {
  const batch = encodeBatch(RECORDS, options);
  change(batch);
  setBatchCrc(batch, 0, batch.length);
  return batch;
}

function problemOf(batch: Buffer): BatchProblem | undefined {
  return findBatchProblem(batch, 0, batch.length);
}

test("a batch as clients make it has no problem, whatever stands around it", () => {
  for (const options of [{}, IDEMPOTENT, { ...IDEMPOTENT, transactional: true }, { compression: "gzip" }] as const) {
    const batch = encodeBatch(RECORDS, options);
    const around = Buffer.concat([Buffer.alloc(3), batch, Buffer.alloc(5)]);
    assert.equal(findBatchProblem(around, 3, around.length), undefined);
  }
});

test("each problem is found, and named", () => {
  const problems: readonly (readonly [BatchProblem | undefined, string, Buffer])[] = [
    ["magic", "of format version 1", changed((batch) => batch.writeInt8(1, AT_MAGIC))],
    ["magic", "of a format version to come", changed((batch) => batch.writeInt8(3, AT_MAGIC))],
    ["truncated", "a length of a batch that is cut", changed((batch) => batch.writeInt32BE(batch.length, AT_LENGTH))],
    ["truncated", "a length below the header's", changed((batch) => batch.writeInt32BE(48, AT_LENGTH))],
    ["truncated", "a length of 0", changed((batch) => batch.writeInt32BE(0, AT_LENGTH))],
    ["truncated", "a negative length", changed((batch) => batch.writeInt32BE(-1, AT_LENGTH))],
    ["truncated", "the least length", changed((batch) => batch.writeInt32BE(-0x8000_0000, AT_LENGTH))],
    ["truncated", "the largest length", changed((batch) => batch.writeInt32BE(0x7fff_ffff, AT_LENGTH))],
    ["attributes", "a codec that does not exist", changed((batch) => batch.writeInt16BE(5, AT_ATTRIBUTES))],
    ["attributes", "an unknown bit", changed((batch) => batch.writeInt16BE(0x80, AT_ATTRIBUTES))],
    ["counts", "fewer records than offsets", changed((batch) => batch.writeInt32BE(1, AT_RECORD_COUNT))],
    ["counts", "more records than offsets", changed((batch) => batch.writeInt32BE(3, AT_RECORD_COUNT))],
    ["counts", "no records", changed((batch) => setCounts(batch, 0))],
    ["counts", "a negative number of records", changed((batch) => setCounts(batch, -1))],
    ["counts", "more records than there are bytes for", changed((batch) => setCounts(batch, 0x7fff_ffff))],
    ["counts", "the last offset delta's end", changed((batch) => setCounts(batch, -0x8000_0000))],
    ["timestamps", "a maximum before the base", changed((batch) => batch.writeBigInt64BE(999n, AT_MAX_TIMESTAMP))],
    [undefined, "a maximum before the delete horizon", changed((batch) => setHorizon(batch, 5000))],
    ["producer", "a producer id below -1", changed((batch) => batch.writeBigInt64BE(-2n, AT_PRODUCER_ID))],
    ["producer", "without an epoch", changed((batch) => batch.writeInt16BE(-1, AT_PRODUCER_EPOCH), IDEMPOTENT)],
    ["producer", "transactional without a producer", encodeBatch(RECORDS, { transactional: true })],
    ["sequence", "without a sequence", changed((batch) => batch.writeInt32BE(-1, AT_BASE_SEQUENCE), IDEMPOTENT)],
    [undefined, "a maximum that is the base", changed((batch) => batch.writeBigInt64BE(1000n, AT_MAX_TIMESTAMP))],
    [undefined, "timestamps beyond 2^53", changed((batch) => setTimestamps(batch, 2n ** 62n, 2n ** 62n + 1n))],
    ["timestamps", "timestamps beyond 2^53", changed((batch) => setTimestamps(batch, 2n ** 62n + 1n, 2n ** 62n))],
    [
      undefined,
      "a producer id beyond 2^53",
      changed((batch) => batch.writeBigInt64BE(2n ** 62n, AT_PRODUCER_ID), IDEMPOTENT),
    ],
  ];
  for (const [problem, what, batch] of problems) assert.equal(problemOf(batch), problem, what);
});

function setCounts(batch: Buffer, records: number): void {
  batch.writeInt32BE((records - 1) | 0, AT_LAST_OFFSET_DELTA);
  batch.writeInt32BE(records, AT_RECORD_COUNT);
}

/** As log compaction leaves it, but for the deltas. */
function setHorizon(batch: Buffer, horizon: number): void {
  const [codec, recordCount, maxTimestamp] = [batchCompression(batch, 0), RECORDS.length, batchMaxTimestamp(batch, 0)];
  setBatchCompacted(batch, { codec, recordCount, baseTimestamp: horizon, maxTimestamp, hasDeleteHorizon: true });
}

test("a delete horizon is told from a base timestamp, and goes again (KIP-534)", () => {
  const batch = changed((bytes) => setHorizon(bytes, 5000));
  assert.equal(batchDeleteHorizon(batch, 0), 5000);
  assert.equal(batchAttributes(batch, 0), 0x40);
  assert.ok(batchCrcMatches(batch, 0, batch.length));
  setBatchCompacted(batch, {
    codec: "none",
    recordCount: RECORDS.length,
    baseTimestamp: 1000,
    maxTimestamp: 2000,
    hasDeleteHorizon: false,
  });
  assert.deepEqual(batch, encodeBatch(RECORDS));
  assert.equal(batchDeleteHorizon(batch, 0), undefined);
});

function setTimestamps(batch: Buffer, base: bigint, max: bigint): void {
  batch.writeBigInt64BE(base, AT_BASE_TIMESTAMP);
  batch.writeBigInt64BE(max, AT_MAX_TIMESTAMP);
}

test("hazard: fewer bytes than a header has are told apart: an older message set, or a batch that is cut", () => {
  const batch = encodeBatch(RECORDS);
  const older = changed((bytes) => bytes.writeInt8(1, AT_MAGIC));
  for (let size = 1; size < BATCH_HEADER_BYTES; size += 1) {
    assert.equal(findBatchProblem(batch, 0, size), "truncated", `${size} bytes`);
    assert.equal(findBatchProblem(older, 0, size), size > AT_MAGIC ? "magic" : "truncated", `${size} bytes`);
  }
  for (let size = BATCH_HEADER_BYTES; size < batch.length; size += 1) {
    assert.equal(findBatchProblem(batch, 0, size), "truncated", `${size} bytes`);
  }
});

test("hazard: a CRC-32 in place of the CRC-32C does not pass", () => {
  const batch = encodeBatch(RECORDS);
  batch.writeUInt32BE(crc32(batch.subarray(AT_ATTRIBUTES)), AT_CRC);
  assert.equal(problemOf(batch), "crc");
});

test("hazard: the CRC covers all from the attributes on, and neither base offset nor leader epoch", () => {
  const batch = encodeBatch(RECORDS);
  for (let bit = 0; bit < batch.length * 8; bit += 1) {
    const at = bit >> 3;
    if (at >= AT_LENGTH && at < 12) continue; // the length, which has checks of its own
    const damaged = Buffer.from(batch);
    damaged[at]! ^= 1 << (bit & 7);
    const expected = at < AT_MAGIC ? undefined : at === AT_MAGIC ? "magic" : "crc";
    assert.equal(problemOf(damaged), expected, `bit ${bit}`);
  }
});

test("base offset and leader epoch are set outside of the CRC", () => {
  const batch = encodeBatch(RECORDS);
  const untouched = Buffer.from(batch.subarray(AT_MAGIC));
  for (const offset of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
    setBatchBaseOffset(batch, 0, offset);
    setBatchLeaderEpoch(batch, 0, 77);
    assert.equal(batchBaseOffset(batch, 0), offset);
    assert.equal(batch.readBigInt64BE(0), BigInt(offset));
    assert.equal(batchLeaderEpoch(batch, 0), 77);
    assert.deepEqual(batch.subarray(AT_MAGIC), untouched);
  }
});

test("log append time is put into bit and maximum timestamp, and the CRC is right again", () => {
  const batch = encodeBatch(RECORDS, { compression: "gzip" });
  const attributes = batchAttributes(batch, 0);
  setBatchLogAppendTime(batch, 0, 1_700_000_000_123);
  assert.equal(batchIsLogAppendTime(batch, 0), true);
  assert.equal(batchAttributes(batch, 0), attributes | 0x08);
  assert.equal(batchMaxTimestamp(batch, 0), 1_700_000_000_123);
  assert.equal(batchCrcMatches(batch, 0, batch.length), true);
});

test("any bytes are a batch or have a problem", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 130, size: "max" }).map((array) => Buffer.from(array));
  fc.assert(
    fc.property(bytes, fc.boolean(), (buffer, sealed) => {
      if (sealed && buffer.length >= BATCH_HEADER_BYTES) {
        buffer.writeInt32BE(buffer.length - 12, AT_LENGTH);
        buffer.writeInt8(2, AT_MAGIC);
        setBatchCrc(buffer, 0, buffer.length);
      }
      findBatchProblem(buffer, 0, buffer.length);
    }),
    { seed: 1, numRuns: 1000 },
  );
});
