/** `compression.type`: what is stored, and served, when a topic wants a codec of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { encodeBatch, type RecordInput } from "../../src/protocol/record.ts";
import {
  BATCH_HEADER_BYTES,
  batchCompression,
  batchIsLogAppendTime,
  batchProducerId,
  COMPRESSION_NAMES,
  findBatchProblem,
  setBatchCrc,
} from "../../src/protocol/record-batch.ts";
import { AdminBroker, recordsIn } from "./admin-broker.ts";

const RECORDS: readonly RecordInput[] = [
  { timestamp: 1003, key: "k", value: "x".repeat(300), headers: [{ key: "h", value: "1" }] },
  { timestamp: 1001, key: "", value: null },
];

/** What RECORDS look like to a consumer from `first` on. */
function expected(first: number) {
  return recordsIn([encodeBatch(RECORDS, { baseOffset: first })]);
}

test("what was sent is stored as it was, unless the topic wants another codec", async () => {
  const broker = await AdminBroker.start();
  for (const type of ["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"] as const) {
    await broker.createTopic(type, { "compression.type": type, "retention.ms": "-1" }); // the records are of 1970
    for (const [index, compression] of COMPRESSION_NAMES.entries()) {
      const first = index * RECORDS.length;
      const sent = encodeBatch(RECORDS, { compression });
      const { errorCode, baseOffset } = await broker.produceBytes(type, sent);
      assert.deepEqual([errorCode, baseOffset], [0, first]);
      const [batch] = (await broker.fetch(type, first)).batches;
      const wanted = type === "producer" ? compression : type === "uncompressed" ? "none" : type;
      assert.equal(batchCompression(batch!, 0), wanted, `${compression} to ${type}`);
      assert.equal(findBatchProblem(batch!, 0, batch!.length), undefined);
      assert.deepEqual(recordsIn([batch!]), expected(first));
      if (wanted === compression) assert.deepEqual(batch!.subarray(17), sent.subarray(17), "byte for byte");
    }
  }
});

test("an idempotent producer keeps its sequence: a retry is known", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t", { "compression.type": "zstd" });
  const options = { producerId: 5, producerEpoch: 0, baseSequence: 0, compression: "gzip" } as const;
  assert.equal((await broker.produce("t", RECORDS, options)).baseOffset, 0);
  await broker.restart("power");
  assert.equal((await broker.produce("t", RECORDS, options)).baseOffset, 0);
  assert.equal((await broker.produce("t", RECORDS, { ...options, baseSequence: 2 })).baseOffset, 2);
  for (const first of [0, 2]) {
    const { batches } = await broker.fetch("t", first);
    assert.equal(batchProducerId(batches[0]!, 0), 5);
    assert.deepEqual(recordsIn(batches), expected(first));
  }
});

test("log append time and another codec go together", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t", { "compression.type": "lz4", "message.timestamp.type": "LogAppendTime" });
  const { logAppendTimeMs } = await broker.produce("t", RECORDS);
  const [batch] = (await broker.fetch("t")).batches;
  assert.equal(batchIsLogAppendTime(batch!, 0), true);
  assert.equal(findBatchProblem(batch!, 0, batch!.length), undefined);
  assert.ok(recordsIn([batch!]).every(({ timestamp }) => timestamp === logAppendTimeMs));
});

test("the broker's default counts, and a change of it from the next batch on", async () => {
  const broker = await AdminBroker.start({ "compression.type": "gzip" });
  await broker.createTopic("t");
  await broker.produce("t", RECORDS);
  const configs = [{ name: "compression.type", configOperation: 0, value: "snappy" }];
  const resources = [{ resourceType: 4, resourceName: "", configs }];
  await broker.ask(APIS.incrementalAlterConfigs, 1, { resources });
  await broker.produce("t", RECORDS);
  const { batches } = await broker.fetch("t");
  assert.deepEqual(
    batches.map((batch) => batchCompression(batch, 0)),
    ["gzip", "snappy"],
  );
});

test("what cannot be packed anew is refused, and nothing of it is stored", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t", { "compression.type": "uncompressed", "max.message.bytes": "1000" });
  const { MESSAGE_TOO_LARGE, CORRUPT_MESSAGE } = ErrorCode;

  const grows = encodeBatch([{ value: Buffer.alloc(5000) }], { compression: "gzip" });
  assert.ok(grows.length < 1000);
  assert.equal((await broker.produceBytes("t", grows)).errorCode, MESSAGE_TOO_LARGE);

  const bomb = encodeBatch([{ value: Buffer.alloc(17 * 1024 * 1024) }], { compression: "zstd" });
  const answer = await broker.produceBytes("t", bomb.length < 1000 ? bomb : grows);
  assert.equal(answer.errorCode, MESSAGE_TOO_LARGE);

  const garbage = encodeBatch([{ value: "x".repeat(50) }], { compression: "lz4" });
  garbage.fill(7, BATCH_HEADER_BYTES);
  setBatchCrc(garbage, 0, garbage.length);
  assert.equal((await broker.produceBytes("t", garbage)).errorCode, CORRUPT_MESSAGE);

  assert.equal(
    (await broker.produceBytes("t", Buffer.concat([encodeBatch(RECORDS), garbage]))).errorCode,
    CORRUPT_MESSAGE,
  );
  assert.deepEqual((await broker.fetch("t")).batches, []);
});

test("one request has no more unpacked than a request may have bytes", async () => {
  const broker = await AdminBroker.start({ "socket.request.max.bytes": "10000", "queued.max.request.bytes": "20000" });
  await broker.createTopic("t", { "compression.type": "zstd" });
  const batch = encodeBatch([{ value: Buffer.alloc(4000) }], { compression: "gzip" });
  assert.equal((await broker.produceBytes("t", Buffer.concat([batch, batch]))).errorCode, 0);
  const three = Buffer.concat([batch, batch, batch]);
  assert.equal((await broker.produceBytes("t", three)).errorCode, ErrorCode.MESSAGE_TOO_LARGE);
});

test("hazard: many small batches that unpack to gigabytes hold up nobody, also where only keys are looked for", async () => {
  const broker = await AdminBroker.start({ "socket.request.max.bytes": "10000", "queued.max.request.bytes": "20000" });
  await broker.createTopic("t", { "cleanup.policy": "compact" });
  const batch = encodeBatch([{ key: "k", value: Buffer.alloc(4000) }], { compression: "gzip" });
  assert.equal((await broker.produceBytes("t", Buffer.concat([batch, batch]))).errorCode, 0);
  const three = Buffer.concat([batch, batch, batch]);
  assert.equal((await broker.produceBytes("t", three)).errorCode, ErrorCode.MESSAGE_TOO_LARGE);
  assert.equal((await broker.fetch("t")).batches.length, 2);
});
