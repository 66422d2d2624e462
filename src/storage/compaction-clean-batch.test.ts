/** What cleaning leaves of one batch. The facts are those of Apache Kafka 4.2, whose cleaner was asked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Int64 } from "../base/int64.ts";
import { type BatchOptions, encodeBatch, type RecordInput, readRecords } from "../protocol/record.ts";
import {
  BATCH_HEADER_BYTES,
  batchAttributes,
  batchBaseOffset,
  batchBaseSequence,
  batchBaseTimestamp,
  batchCompression,
  batchCrcMatches,
  batchDeleteHorizon,
  batchIsLogAppendTime,
  batchLeaderEpoch,
  batchMaxTimestamp,
  batchOffsetCount,
  batchProducerEpoch,
  batchProducerId,
  batchRecordCount,
  batchSizeBytes,
  COMPRESSION_NAMES,
  setBatchCrc,
  setBatchLogAppendTime,
} from "../protocol/record-batch.ts";
import { type CleanedBatch, type CleaningRules, cleanBatch } from "./compaction-clean-batch.ts";
import { CompactionOffsetMap } from "./compaction-offset-map.ts";

const NOW = 5_000_000;
const RETENTION = 1000;
const AT_LAST_OFFSET_DELTA = 23;
const AT_RECORD_COUNT = 57;

/** The map says that `newer` keys were written again at these offsets. */
function clean(batch: Buffer, newer: Readonly<Record<string, number>>, rules: Partial<CleaningRules> = {}) {
  const map = new CompactionOffsetMap({ memoryBytes: 24 * 100, secret: Buffer.alloc(16) });
  for (const [key, offset] of Object.entries(newer)) map.put(Buffer.from(key), offset);
  const original = Buffer.from(batch);
  const cleaned = cleanBatch(batch, {
    map,
    endOffset: 1000,
    nowMs: NOW,
    deleteRetentionMs: RETENTION,
    keepsTombstones: false,
    keepsWhenEmpty: () => false,
    limitBytes: 1_000_000,
    ...rules,
  });
  assert.deepEqual(batch, original, "the batch was changed");
  if (cleaned.kind === "same") assert.equal(cleaned.bytes, batch);
  if (cleaned.kind === "gone") assert.equal(cleaned.recordsKept, 0);
  if (cleaned.kind === "rewritten") {
    assert.ok(batchCrcMatches(cleaned.bytes, 0, cleaned.bytes.length));
    assert.equal(batchSizeBytes(cleaned.bytes, 0), cleaned.bytes.length);
    assert.equal(batchRecordCount(cleaned.bytes, 0), cleaned.recordsKept);
  }
  return cleaned;
}

/** Offset, timestamp, key and value of each record. */
function recordsOf(batch: Buffer): [number, Int64, string | undefined, string | undefined][] {
  return [...readRecords(batch)].map(({ offset, timestamp, key, value }) => [
    offset,
    timestamp,
    key?.toString(),
    value?.toString(),
  ]);
}

/** What must be the same in a batch whatever became of its records. */
function identityOf(batch: Buffer): unknown[] {
  return [
    batchBaseOffset,
    batchOffsetCount,
    batchLeaderEpoch,
    batchProducerId,
    batchProducerEpoch,
    batchBaseSequence,
    batchIsLogAppendTime,
  ].map((field) => field(batch, 0));
}

const ABC: readonly RecordInput[] = [
  { timestamp: 100, key: "a", value: "1" },
  { timestamp: 300, key: "b", value: "2", headers: [{ key: "h", value: null }] },
  { timestamp: 200, key: "c", value: "3" },
];
const OPTIONS: BatchOptions = { baseOffset: 10, leaderEpoch: 4, producerId: 77, producerEpoch: 3, baseSequence: 21 };

test("superseded records go; offsets, timestamps and headers stay, in every codec", () => {
  for (const compression of COMPRESSION_NAMES) {
    const batch = encodeBatch(ABC, { ...OPTIONS, compression });
    const cleaned = clean(batch, { a: 10, b: 400, c: 12 });
    assert.equal(cleaned.kind, "rewritten");
    assert.deepEqual(
      [...readRecords(cleaned.bytes)],
      [...readRecords(batch)].filter((record) => record.offset !== 11),
    );
    assert.deepEqual(identityOf(cleaned.bytes), identityOf(batch));
    assert.equal(batchCompression(cleaned.bytes, 0), compression);
    assert.equal(batchAttributes(cleaned.bytes, 0), batchAttributes(batch, 0));
    assert.equal(batchMaxTimestamp(cleaned.bytes, 0), 200);
    assert.deepEqual([cleaned.recordsRead, cleaned.recordsKept], [3, 2]);
  }
});

test("the base timestamp becomes that of the first record left, as Kafka has it", () => {
  const cleaned = clean(encodeBatch(ABC, OPTIONS), { a: 400 });
  assert.equal(batchBaseTimestamp(cleaned.bytes, 0), 300);
  assert.equal(batchMaxTimestamp(cleaned.bytes, 0), 300);
  assert.deepEqual(recordsOf(cleaned.bytes), [
    [11, 300, "b", "2"],
    [12, 200, "c", "3"],
  ]);
  assert.equal(readRecords(cleaned.bytes).next().value?.headers.length, 1);
});

test("a batch whose records all stay keeps its very bytes", () => {
  const batch = encodeBatch(ABC, { ...OPTIONS, compression: "gzip" });
  assert.equal(clean(batch, { a: 10, b: 11, c: 12, d: 400 }).kind, "same");
  assert.equal(clean(batch, {}).kind, "same", "keys that the map does not know have no newer record");
});

test("records without a key go, and are counted; those with an empty key stay", () => {
  const batch = encodeBatch([{ value: "1" }, { key: "", value: "2" }, {}], OPTIONS);
  const cleaned = clean(batch, {});
  assert.deepEqual(recordsOf(cleaned.bytes), [[11, -1, "", "2"]]);
  assert.equal(cleaned.keylessRecords, 2);
});

test("of two records of a key in one batch the second stays", () => {
  const batch = encodeBatch([
    { key: "k", value: "1" },
    { key: "k", value: "2" },
  ]);
  assert.deepEqual(recordsOf(clean(batch, { k: 1 }).bytes), [[1, -1, "k", "2"]]);
});

test("what the map does not reach stays, without a key too", () => {
  const batch = encodeBatch([{ key: "a", value: "1" }, { value: "2" }, { key: "a", value: "3" }], { baseOffset: 10 });
  assert.equal(clean(batch, { a: 400 }, { endOffset: 10 }).kind, "same");
  const cleaned = clean(batch, { a: 400 }, { endOffset: 11 });
  assert.deepEqual(
    recordsOf(cleaned.bytes).map(([offset]) => offset),
    [11, 12],
  );
});

test("a batch of which nothing is left goes, unless its header is needed", () => {
  for (const compression of COMPRESSION_NAMES) {
    const batch = encodeBatch(ABC, { ...OPTIONS, compression });
    const newer = { a: 400, b: 400, c: 400 };
    assert.equal(clean(batch, newer).kind, "gone");
    const cleaned = clean(batch, newer, { keepsWhenEmpty: (asked) => batchProducerId(asked, 0) === 77 });
    assert.equal(cleaned.kind, "rewritten");
    assert.equal(cleaned.bytes.length, BATCH_HEADER_BYTES);
    assert.deepEqual(identityOf(cleaned.bytes), identityOf(batch));
    assert.equal(batchCompression(cleaned.bytes, 0), "none");
    assert.deepEqual([batchBaseTimestamp(cleaned.bytes, 0), batchMaxTimestamp(cleaned.bytes, 0)], [-1, 300]);
    assert.deepEqual(recordsOf(cleaned.bytes), []);
    assert.equal(clean(cleaned.bytes, newer, { keepsWhenEmpty: () => true }).kind, "same", "it is empty already");
    assert.equal(clean(cleaned.bytes, newer).kind, "gone", "its producer has written more");
  }
});

const WITH_TOMBSTONE: readonly RecordInput[] = [
  { timestamp: 100, key: "a", value: "1" },
  { timestamp: 300, key: "b", value: null },
  { timestamp: 200, key: "c", value: "" },
];

function horizonOf(cleaned: CleanedBatch): Int64 | undefined {
  return batchDeleteHorizon(cleaned.bytes, 0);
}

test("a tombstone gets a delete horizon when it is first seen, and goes from then on (KIP-534)", () => {
  for (const compression of COMPRESSION_NAMES) {
    const batch = encodeBatch(WITH_TOMBSTONE, { ...OPTIONS, compression });
    const first = clean(batch, { b: 11 });
    assert.equal(first.kind, "rewritten", "although all of its records stay");
    assert.equal(horizonOf(first), NOW + RETENTION);
    assert.equal(first.tombstonesDueMs, NOW + RETENTION);
    assert.equal(batchMaxTimestamp(first.bytes, 0), 300);
    assert.deepEqual(identityOf(first.bytes), identityOf(batch));
    assert.deepEqual([...readRecords(first.bytes)], [...readRecords(batch)]);

    const before = clean(first.bytes, {}, { nowMs: NOW + RETENTION - 1 });
    assert.equal(before.kind, "same");
    assert.equal(before.tombstonesDueMs, NOW + RETENTION);
    const after = clean(first.bytes, {}, { nowMs: NOW + RETENTION });
    assert.deepEqual(recordsOf(after.bytes), [
      [10, 100, "a", "1"],
      [12, 200, "c", ""],
    ]);
    assert.equal(horizonOf(after), NOW + RETENTION, "Kafka leaves the horizon in the batch");
    assert.equal(after.tombstonesDueMs, undefined);
  }
});

test("a superseded tombstone goes at once, and puts no horizon into its batch", () => {
  const cleaned = clean(encodeBatch(WITH_TOMBSTONE, OPTIONS), { b: 400 });
  assert.equal(horizonOf(cleaned), undefined);
  assert.equal(cleaned.tombstonesDueMs, undefined);
});

test("a horizon stays as it is when records of its batch are superseded", () => {
  const first = clean(encodeBatch(WITH_TOMBSTONE, OPTIONS), {});
  const second = clean(first.bytes, { a: 400 }, { nowMs: NOW + 1 });
  assert.equal(horizonOf(second), NOW + RETENTION);
  assert.deepEqual(recordsOf(second.bytes), [
    [11, 300, "b", undefined],
    [12, 200, "c", ""],
  ]);
});

test("a horizon of no retention counts from the next cleaning on", () => {
  const first = clean(encodeBatch(WITH_TOMBSTONE, OPTIONS), {}, { deleteRetentionMs: 0 });
  assert.equal(first.recordsKept, 3);
  assert.equal(clean(first.bytes, {}, { deleteRetentionMs: 0 }).recordsKept, 2);
});

test("tombstones that stay for ever get no horizon", () => {
  const cleaned = clean(encodeBatch(WITH_TOMBSTONE), {}, { deleteRetentionMs: Number.MAX_SAFE_INTEGER });
  assert.equal(cleaned.kind, "same");
  assert.equal(cleaned.tombstonesDueMs, undefined);
});

test("hazard: a batch that the map reaches in part gets no horizon, since older records of its keys may be there still", () => {
  const batch = encodeBatch(WITH_TOMBSTONE, OPTIONS);
  for (const endOffset of [11, 12]) assert.equal(clean(batch, {}, { endOffset }).kind, "same");
  assert.equal(horizonOf(clean(batch, {}, { endOffset: 13 })), NOW + RETENTION);
});

test("a tombstone whose time has come stays when tombstones are to be kept, and is not due", () => {
  const first = clean(encodeBatch(WITH_TOMBSTONE, OPTIONS), {});
  const cleaned = clean(first.bytes, {}, { nowMs: NOW + RETENTION, keepsTombstones: true });
  assert.equal(cleaned.kind, "same");
  assert.equal(cleaned.tombstonesDueMs, undefined);
});

test("with log append time every record keeps the time of the batch, with a horizon too", () => {
  const batch = encodeBatch(WITH_TOMBSTONE, OPTIONS);
  setBatchLogAppendTime(batch, 0, 900);
  const first = clean(batch, {});
  assert.equal(batchMaxTimestamp(first.bytes, 0), 900);
  assert.equal(horizonOf(first), NOW + RETENTION);
  assert.deepEqual([...readRecords(first.bytes)], [...readRecords(batch)]);
  assert.deepEqual(timestampsByDelta(first.bytes), [900, 900, 900], "also for readers who take no notice of the type");
  const second = clean(batch, { a: 400, b: 400 });
  assert.deepEqual([batchBaseTimestamp(second.bytes, 0), batchMaxTimestamp(second.bytes, 0)], [900, 900]);
  assert.deepEqual(timestampsByDelta(second.bytes), [900]);
  const sameBase = encodeBatch(ABC);
  setBatchLogAppendTime(sameBase, 0, 100);
  assert.deepEqual(timestampsByDelta(clean(sameBase, { a: 400 }).bytes), [100, 100]);
});

function timestampsByDelta(batch: Buffer): Int64[] {
  const bytes = Buffer.from(batch);
  bytes.writeInt16BE(batchAttributes(bytes, 0) & ~0x08, 21);
  return [...readRecords(bytes)].map(({ timestamp }) => timestamp);
}

test("timestamps at the ends of 64 bits stay exact", () => {
  const ends: readonly Int64[] = [2n ** 63n - 1n, -(2n ** 63n), -1, 0, 2 ** 53 - 1];
  const records = ends.map((timestamp, index) => ({ timestamp, key: `${index}`, value: index === 3 ? null : "v" }));
  const batch = encodeBatch(records);
  for (const newer of [{}, { 0: 400 }, { 3: 400 }, { 0: 400, 1: 400 }]) {
    const cleaned = clean(batch, newer);
    assert.equal(cleaned.kind, "rewritten");
    assert.deepEqual(
      [...readRecords(cleaned.bytes)].map(({ offset, timestamp }) => [offset, timestamp]),
      ends.map((timestamp, index) => [index, timestamp]).filter(([index]) => !(String(index) in newer)),
    );
    const largest = 0 in newer ? 2 ** 53 - 1 : 2n ** 63n - 1n;
    assert.equal(batchMaxTimestamp(cleaned.bytes, 0), largest);
  }
});

test("control batches stay as they are", () => {
  const batch = encodeBatch([{ key: "a", value: "1" }], { ...OPTIONS, control: true, transactional: true });
  assert.equal(clean(batch, { a: 400 }).kind, "same");
});

test("hazard: a batch that cannot be read stays, and says why", () => {
  const good = encodeBatch(ABC, { ...OPTIONS, compression: "gzip" });
  const unreadable: readonly (readonly [RegExp, Buffer])[] = [
    [/gzip/, changed(good, (bytes) => bytes.fill(0, BATCH_HEADER_BYTES))],
    [/records announced/, changed(good, (bytes) => bytes.writeInt32BE(0x7fff_ffff, AT_RECORD_COUNT))],
    [/records announced/, changed(good, (bytes) => bytes.writeInt32BE(-1, AT_RECORD_COUNT))],
    [/expected|behind/, changed(encodeBatch(ABC), (bytes) => bytes.writeInt32BE(2, AT_RECORD_COUNT))],
    [/expected|behind/, changed(encodeBatch(ABC), (bytes) => bytes.writeInt32BE(4, AT_RECORD_COUNT))],
    [/offset delta/, encodeBatch([{ key: "a" }, { key: "b", offsetDelta: 0 }])],
    [/offset delta/, changed(encodeBatch(ABC), (bytes) => bytes.writeInt32BE(1, AT_LAST_OFFSET_DELTA))],
    [/-1 headers/, changed(encodeBatch([{ key: "a" }]), (bytes) => bytes.fill(1, bytes.length - 1))],
    [/unpacks to more/, encodeBatch([{ key: "a", value: Buffer.alloc(2_000_000) }], { compression: "zstd" })],
    [/CRC/, Buffer.from(good).fill(1, good.length - 1)],
  ];
  for (const [reason, batch] of unreadable) {
    const cleaned = clean(batch, { a: 400, b: 400, c: 400 });
    assert.equal(cleaned.kind, "same");
    assert.match(cleaned.unreadable ?? "", reason);
  }
});

function changed(batch: Buffer, change: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(batch);
  change(bytes);
  setBatchCrc(bytes, 0, bytes.length);
  return bytes;
}

test("anything but one whole batch of magic 2 is a mistake of the caller", () => {
  const batch = encodeBatch(ABC);
  assert.throws(() => clean(Buffer.concat([batch, batch]), {}), /one whole batch/);
  assert.throws(
    () =>
      clean(
        changed(batch, (bytes) => bytes.writeInt8(1, 16)),
        {},
      ),
    /magic 2/,
  );
});
