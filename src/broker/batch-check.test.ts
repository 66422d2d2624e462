/** What is accepted into a partition, and with which error the rest is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { toPosition } from "../base/brands.ts";
import { ZERO_UUID } from "../base/uuid.ts";
import { layersAtStart } from "../config/broker-config.ts";
import type { TopicConfig } from "../config/tables.ts";
import { resolveTopic, topicDefaults } from "../config/topic-config.ts";
import { PartitionLog } from "../log/partition-log.ts";
import { WalFile } from "../log/wal-file.ts";
import { ErrorCode, errorName } from "../protocol/errors.ts";
import { type BatchOptions, encodeBatch, type RecordInput } from "../protocol/record.ts";
import { BATCH_HEADER_BYTES, COMPRESSION_NAMES, setBatchCrc } from "../protocol/record-batch.ts";
import { type BatchRules, type BatchVerdict, checkBatches } from "./batch-check.ts";

const NOW_MS = 1_700_000_000_000;
const AT_LENGTH = 8;
const AT_MAGIC = 16;
const AT_CRC = 17;
const AT_ATTRIBUTES = 21;
const AT_MAX_TIMESTAMP = 35;
const AT_RECORD_COUNT = 57;

const DEFAULTS = topicDefaults(layersAtStart(new Map()));

function configOf(overrides: Readonly<Record<string, string>>): TopicConfig {
  return resolveTopic(new Map(Object.entries(overrides)), DEFAULTS);
}

function check(
  records: Buffer,
  rules: Partial<BatchRules> = {},
  partition = new PartitionLog(ZERO_UUID, 0),
): BatchVerdict {
  const budget = { leftBytes: 100_000_000 };
  return checkBatches(partition, records, { config: DEFAULTS, produceVersion: 13, nowMs: NOW_MS, budget, ...rules });
}

/** The name of the error that the verdict is, or its kind. */
function outcome(verdict: BatchVerdict): string {
  return verdict.kind === "refuse" ? errorName(verdict.errorCode) : verdict.kind;
}

function batchOf(
  records: readonly RecordInput[] = [{ value: "v", timestamp: NOW_MS }],
  options: BatchOptions = {},
): Buffer {
  return encodeBatch(records, options);
}

function idempotent(baseSequence: number, records = 1, producerEpoch = 0, producerId = 7): Buffer {
  const values = Array.from({ length: records }, () => ({ value: "v", timestamp: NOW_MS }));
  return batchOf(values, { producerId, producerEpoch, baseSequence });
}

/** A partition to which the given batches were appended. */
function partitionWith(...batches: readonly { sequence: number; records: number; epoch?: number }[]): PartitionLog {
  const partition = new PartitionLog(ZERO_UUID, 0);
  for (const { sequence, records, epoch = 0 } of batches) {
    partition.applyBatch({
      position: 0,
      file: new WalFile(toPosition(0), 1),
      baseOffset: partition.endOffset,
      endOffset: partition.endOffset + records,
      sizeBytes: 100,
      leaderEpoch: 0,
      maxTimestamp: NOW_MS,
      producerId: 7,
      producerEpoch: epoch,
      firstSequence: sequence,
      nowMs: NOW_MS,
    });
  }
  return partition;
}

function changed(change: (batch: Buffer) => void): Buffer {
  const batch = batchOf();
  change(batch);
  setBatchCrc(batch, 0, batch.length);
  return batch;
}

test("hazard: several batches of one partition are all accepted, with the place of each", () => {
  const batches = [batchOf(), batchOf([{ value: "2" }, { value: "3" }]), batchOf()];
  const records = Buffer.concat(batches);
  const verdict = check(records);
  assert.equal(verdict.kind, "append");
  assert.deepEqual(verdict.kind === "append" && verdict.batches, [
    { at: 0, sizeBytes: batches[0]!.length },
    { at: batches[0]!.length, sizeBytes: batches[1]!.length },
    { at: batches[0]!.length + batches[1]!.length, sizeBytes: batches[2]!.length },
  ]);
});

test("one bad batch among good ones refuses them all", () => {
  const good = batchOf();
  const damaged = Buffer.from(good);
  damaged[damaged.length - 1]! ^= 1;
  assert.equal(outcome(check(Buffer.concat([good, damaged]))), "CORRUPT_MESSAGE");
  assert.equal(outcome(check(Buffer.concat([good, good.subarray(0, 20)]))), "CORRUPT_MESSAGE");
  assert.equal(outcome(check(Buffer.concat([good, Buffer.alloc(1)]))), "CORRUPT_MESSAGE");
});

test("each problem of a batch has the error that Kafka's clients know what to do about", () => {
  const cases: readonly (readonly [string, Buffer])[] = [
    ["INVALID_RECORD", Buffer.alloc(0)],
    ["CORRUPT_MESSAGE", batchOf().subarray(0, BATCH_HEADER_BYTES - 1)],
    ["CORRUPT_MESSAGE", changed((batch) => batch.writeInt32BE(batch.length, AT_LENGTH))],
    ["CORRUPT_MESSAGE", withCrc32(batchOf())],
    ["INVALID_RECORD", changed((batch) => batch.writeInt8(1, AT_MAGIC))],
    ["INVALID_RECORD", changed((batch) => batch.writeInt32BE(9, AT_RECORD_COUNT))],
    ["INVALID_RECORD", changed((batch) => batch.writeInt16BE(7, AT_ATTRIBUTES))],
    ["INVALID_RECORD", batchOf(undefined, { producerId: 7, producerEpoch: 0, baseSequence: -1 })],
    ["INVALID_RECORD", batchOf(undefined, { producerId: 7, producerEpoch: -1, baseSequence: 0 })],
    ["INVALID_RECORD", batchOf(undefined, { control: true })],
    [
      "INVALID_TXN_STATE",
      batchOf(undefined, { transactional: true, producerId: 7, producerEpoch: 0, baseSequence: 0 }),
    ],
    ["INVALID_TIMESTAMP", batchOf([{ value: "v", timestamp: 5 }], { logAppendTime: NOW_MS })],
    ["INVALID_TIMESTAMP", changed((batch) => batch.writeBigInt64BE(BigInt(NOW_MS - 1), AT_MAX_TIMESTAMP))],
  ];
  cases.forEach(([expected, records], index) => assert.equal(outcome(check(records)), expected, `case ${index}`));
});

function withCrc32(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32(batch.subarray(AT_ATTRIBUTES)), AT_CRC);
  return batch;
}

test("a batch is as large as max.message.bytes at most", () => {
  const batch = batchOf();
  const limit = (bytes: number) => ({ config: configOf({ "max.message.bytes": String(bytes) }) });
  assert.equal(outcome(check(batch, limit(batch.length))), "append");
  assert.equal(outcome(check(batch, limit(batch.length - 1))), "MESSAGE_TOO_LARGE");
  assert.equal(outcome(check(Buffer.concat([batch, batch]), limit(batch.length))), "append", "each for itself");
});

test("zstd is accepted from version 7 on, the other codecs always", () => {
  for (const compression of COMPRESSION_NAMES) {
    const batch = batchOf(undefined, { compression });
    for (const produceVersion of [3, 6, 7, 13]) {
      const refused = compression === "zstd" && produceVersion < 7;
      const expected = refused ? "UNSUPPORTED_COMPRESSION_TYPE" : "append";
      assert.equal(outcome(check(batch, { produceVersion })), expected, `${compression} in version ${produceVersion}`);
    }
  }
});

test("a compacted topic takes no record without a key, also in a compressed batch", () => {
  for (const policy of ["compact", "compact,delete"]) {
    const config = configOf({ "cleanup.policy": policy });
    for (const compression of COMPRESSION_NAMES) {
      const keyed = batchOf(
        [
          { key: "a", value: "1" },
          { key: "", value: null },
        ],
        { compression },
      );
      const keyless = batchOf([{ key: "a", value: "1" }, { value: "2" }], { compression });
      assert.equal(outcome(check(keyed, { config })), "append", compression);
      assert.equal(outcome(check(keyless, { config })), "INVALID_RECORD", compression);
      assert.equal(outcome(check(keyless)), "append", "any other topic does");
    }
  }
});

test("records that cannot be opened are refused only where they have to be", () => {
  const batch = batchOf([{ key: "a", value: "1" }], { compression: "gzip" });
  batch.fill(0xff, BATCH_HEADER_BYTES);
  setBatchCrc(batch, 0, batch.length);
  assert.equal(outcome(check(batch)), "append");
  assert.equal(outcome(check(batch, { config: configOf({ "cleanup.policy": "compact" }) })), "CORRUPT_MESSAGE");
});

test("a timestamp may lie in the future by message.timestamp.after.max.ms at most", () => {
  const config = configOf({ "message.timestamp.after.max.ms": "1000" });
  const at = (timestamp: number | bigint) => check(batchOf([{ value: "v", timestamp }]), { config });
  assert.equal(outcome(at(NOW_MS + 1000)), "append");
  assert.equal(outcome(at(NOW_MS + 1001)), "INVALID_TIMESTAMP");
  assert.equal(outcome(at(2n ** 63n - 1n)), "INVALID_TIMESTAMP");
  assert.equal(outcome(at(-1)), "append", "no timestamp at all");
  const late = batchOf([{ value: "v", timestamp: 2n ** 62n }]);
  const unlimited = configOf({ "message.timestamp.after.max.ms": String(2n ** 63n - 1n) });
  assert.equal(outcome(check(late, { config: unlimited })), "append");
  const logAppendTime = configOf({ "message.timestamp.type": "LogAppendTime" });
  assert.equal(outcome(check(late, { config: logAppendTime })), "append", "the broker's time counts");
});

test("a timestamp may lie in the past by message.timestamp.before.max.ms at most, wherever in the batch", () => {
  const config = configOf({ "message.timestamp.before.max.ms": "1000" });
  const at = (...timestamps: readonly number[]): string =>
    outcome(check(batchOf(timestamps.map((timestamp) => ({ value: "v", timestamp }))), { config }));
  assert.equal(at(NOW_MS - 1000), "append");
  assert.equal(at(NOW_MS - 1001), "INVALID_TIMESTAMP");
  assert.equal(at(NOW_MS, NOW_MS - 1001, NOW_MS), "INVALID_TIMESTAMP");
  assert.equal(at(NOW_MS, NOW_MS - 1000), "append");
  assert.equal(at(-1), "append", "no timestamp at all");
  const logAppendTime = configOf({
    "message.timestamp.before.max.ms": "1000",
    "message.timestamp.type": "LogAppendTime",
  });
  assert.equal(outcome(check(batchOf([{ value: "v", timestamp: 5 }]), { config: logAppendTime })), "append");
});

test("an idempotent producer's next batch is appended, a repeated one answered, any other refused", () => {
  const partition = partitionWith({ sequence: 0, records: 10 }, { sequence: 10, records: 5 });
  assert.equal(outcome(check(idempotent(15), {}, partition)), "append");
  assert.equal(outcome(check(idempotent(16), {}, partition)), "OUT_OF_ORDER_SEQUENCE_NUMBER");
  assert.equal(outcome(check(idempotent(0, 1, 0, 8), {}, partition)), "append", "another producer");
  const repeated = check(idempotent(0, 10), {}, partition);
  assert.equal(repeated.kind === "duplicate" && repeated.first.baseOffset, 0);
  const newer = check(idempotent(10, 5), {}, partition);
  assert.equal(newer.kind === "duplicate" && newer.first.baseOffset, 10);
});

test("a fenced epoch is refused", () => {
  const partition = partitionWith({ sequence: 0, records: 10, epoch: 3 });
  assert.equal(outcome(check(idempotent(10, 1, 2), {}, partition)), "INVALID_PRODUCER_EPOCH");
  assert.equal(outcome(check(idempotent(5, 1, 4), {}, partition)), "OUT_OF_ORDER_SEQUENCE_NUMBER");
  assert.equal(outcome(check(idempotent(0, 1, 4), {}, partition)), "append");
});

test("several batches of one idempotent producer must follow each other, and are new or repeated as a whole", () => {
  const partition = partitionWith({ sequence: 0, records: 2 }, { sequence: 2, records: 3 });
  const together = (...batches: readonly Buffer[]): string => outcome(check(Buffer.concat(batches), {}, partition));
  assert.equal(together(idempotent(5, 2), idempotent(7, 1)), "append");
  assert.equal(together(idempotent(0, 2), idempotent(2, 3)), "duplicate");
  assert.equal(together(idempotent(2, 3), idempotent(5, 1)), "OUT_OF_ORDER_SEQUENCE_NUMBER");
  for (const [first, second] of [
    [idempotent(5, 2), idempotent(8, 1)],
    [idempotent(5, 2), idempotent(5, 2)],
    [idempotent(5, 2), idempotent(7, 1, 1)],
    [idempotent(5, 2), idempotent(7, 1, 0, 8)],
    [idempotent(5, 2), batchOf()],
    [batchOf(), idempotent(5, 2)],
  ] as const) {
    assert.equal(together(first, second), "INVALID_RECORD");
  }
});

test("the sequence of several batches wraps at 2^31", () => {
  const last = 2 ** 31 - 1;
  const partition = partitionWith({ sequence: last - 3, records: 2 });
  const records = Buffer.concat([idempotent(last - 1, 3), idempotent(1, 1)]);
  assert.equal(outcome(check(records, {}, partition)), "append");
});

test("a check changes nothing", () => {
  const partition = partitionWith({ sequence: 0, records: 2 });
  const before = [...partition.producers.entries()].map(([id, { batches }]) => [id, batches.length]);
  check(idempotent(2), {}, partition);
  check(idempotent(0, 2), {}, partition);
  assert.deepEqual(
    [...partition.producers.entries()].map(([id, { batches }]) => [id, batches.length]),
    before,
  );
  assert.equal(partition.endOffset, 2);
});

test("the message of a refusal has the numbers", () => {
  const verdict = check(batchOf(), { config: configOf({ "max.message.bytes": "10" }) });
  assert.deepEqual(verdict, {
    kind: "refuse",
    errorCode: ErrorCode.MESSAGE_TOO_LARGE,
    message: `a record batch of ${batchOf().length} bytes exceeds max.message.bytes (10)`,
  });
});
