import assert from "node:assert/strict";
import { test } from "node:test";
import { compatBytes } from "../../test/compat-data/read.ts";
import { crc32c } from "../base/crc32c.ts";
import { findBatchProblem } from "../protocol/record-batch.ts";
import {
  batchDataOffset,
  batchRecordBytes,
  FILLER_MIN_BYTES,
  FILLER_TYPE,
  GROUP_HEADER_BYTES,
  NO_STATE_POSITION,
  readBatchRecord,
  readGroupHeader,
  STATE_FIELDS_OFFSET,
  sealBatchRecord,
  sealRecord,
  stateRecordBytes,
  stateRecordType,
  verifiedRecordBytes,
  writeBatchRecordFrame,
  writeFiller,
  writeGroupHeader,
  writeStateRecord,
} from "./wal-record.ts";

const BATCH = compatBytes("wal-record-v2.hex");
const PLAIN_BATCH = compatBytes("wal-record-v2-plain.hex");
const STATE = compatBytes("wal-record-v3.hex");
const FILLER = compatBytes("wal-record-v3-filler.hex");
const GROUP = compatBytes("wal-record-v4.hex");

const TOPIC_ID = Buffer.from("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", "hex");
const TOPIC_NAME = Buffer.from("orders");

test("reads the released bytes of version 2, a record batch", () => {
  assert.equal(verifiedRecordBytes(BATCH, 0, BATCH.length), BATCH.length);
  const record = readBatchRecord(BATCH, 0, BATCH.length);
  assert.deepEqual(record, {
    topicName: "orders",
    topicId: TOPIC_ID.toString("latin1"),
    partition: 7,
    dataAt: 28,
    dataBytes: 70,
    isKafkaBatch: true,
  });
  assert.equal(findBatchProblem(BATCH, record.dataAt, record.dataAt + record.dataBytes), undefined);
});

test("reads a record of version 2 without a topic id and without a Kafka batch", () => {
  assert.equal(verifiedRecordBytes(PLAIN_BATCH, 0, PLAIN_BATCH.length), PLAIN_BATCH.length);
  const record = readBatchRecord(PLAIN_BATCH, 0, PLAIN_BATCH.length);
  assert.deepEqual(record, {
    topicName: "orders",
    topicId: undefined,
    partition: 7,
    dataAt: 28,
    dataBytes: 5,
    isKafkaBatch: false,
  });
});

test("writes version 2 as it was released, with the CRC put together or worked out", () => {
  const data = BATCH.subarray(28, 98);
  const totalBytes = batchRecordBytes(TOPIC_NAME.length, data.length);
  for (const seal of [
    (buffer: Buffer) => {
      const crc = sealBatchRecord(buffer, 3, totalBytes, TOPIC_NAME.length);
      assert.equal(crc, crc32c(BATCH), "the answer is the CRC of the whole record");
    },
    (buffer: Buffer) => sealRecord(buffer, 3, totalBytes),
  ]) {
    const buffer = Buffer.alloc(3 + totalBytes, 0xff);
    const fields = { topicName: TOPIC_NAME, topicId: TOPIC_ID, partition: 7, dataBytes: data.length };
    writeBatchRecordFrame(buffer, 3, fields);
    data.copy(buffer, 3 + batchDataOffset(TOPIC_NAME.length));
    seal(buffer);
    assert.deepEqual(buffer.subarray(3), BATCH);
  }
});

test("reads and writes the released bytes of version 3, a state record", () => {
  assert.equal(verifiedRecordBytes(STATE, 0, STATE.length), STATE.length);
  assert.equal(stateRecordType(STATE, 0), 4);
  const fields = STATE.subarray(STATE_FIELDS_OFFSET);
  assert.deepEqual(fields, Buffer.concat([Buffer.of(0), TOPIC_ID, Buffer.of(0)]));

  const buffer = Buffer.alloc(stateRecordBytes(fields.length));
  writeStateRecord(buffer, 0, 4, [fields.subarray(0, 5), fields.subarray(5)]);
  assert.deepEqual(buffer, STATE);
});

test("reads and writes the released bytes of filler, at any place and size", () => {
  assert.equal(FILLER.length, 40);
  assert.equal(verifiedRecordBytes(FILLER, 0, FILLER.length), FILLER.length);
  assert.equal(stateRecordType(FILLER, 0), FILLER_TYPE);
  const buffer = Buffer.alloc(60, 0xff);
  writeFiller(buffer, 7, FILLER.length);
  assert.deepEqual(buffer.subarray(7, 47), FILLER);
  assert.ok(buffer.subarray(47).every((byte) => byte === 0xff) && buffer[6] === 0xff, "nothing beside it is touched");
  for (const totalBytes of [FILLER_MIN_BYTES, FILLER_MIN_BYTES + 1, 525]) {
    const any = Buffer.alloc(totalBytes, 0xff);
    writeFiller(any, 0, totalBytes);
    assert.equal(verifiedRecordBytes(any, 0, totalBytes), totalBytes);
  }
});

test("reads and writes the released bytes of version 4, a group header", () => {
  const header = {
    wasOther: false,
    position: 0x12345678_9ab,
    incarnation: 0xfedcba987654,
    durablePosition: 0x12345678_900,
    previousStatePosition: NO_STATE_POSITION,
    lengthBytes: 0x1234,
    crc: 0xdeadbeef,
  };
  assert.equal(GROUP.length, GROUP_HEADER_BYTES);
  assert.equal(verifiedRecordBytes(GROUP, 0, GROUP.length), GROUP.length);
  assert.deepEqual(readGroupHeader(GROUP, 0), header);

  const buffer = Buffer.alloc(GROUP_HEADER_BYTES);
  writeGroupHeader(buffer, 0, header);
  assert.deepEqual(buffer, GROUP);
});

test("the CRC covers every other byte", () => {
  for (const record of [BATCH, STATE, GROUP]) {
    for (let bit = 0; bit < record.length * 8; bit += 1) {
      const damaged = Buffer.from(record);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(verifiedRecordBytes(damaged, 0, damaged.length), 0, `version ${record[2]}, bit ${bit}`);
    }
  }
});

test("a record that is cut anywhere is none, and so is one that reaches beyond its bounds", () => {
  for (const record of [BATCH, STATE, GROUP]) {
    const inFront = Buffer.concat([record, Buffer.alloc(40)]);
    for (let end = 0; end < record.length; end += 1) {
      assert.equal(verifiedRecordBytes(record, 0, end), 0, `version ${record[2]}, cut at ${end}`);
      assert.equal(verifiedRecordBytes(inFront, 0, end), 0, `version ${record[2]}, bounded at ${end}`);
    }
  }
});

test("a record that is too short for its kind is none, although its CRC is right", () => {
  const state = Buffer.from(STATE.subarray(0, 13));
  state.writeUInt32LE(1, 4);
  sealRecord(state, 0, state.length);
  assert.equal(verifiedRecordBytes(state, 0, state.length), 0);

  const group = Buffer.concat([GROUP, Buffer.alloc(1)]);
  group.writeUInt32LE(GROUP_HEADER_BYTES - 12 + 1, 4);
  sealRecord(group, 0, group.length);
  assert.equal(verifiedRecordBytes(group, 0, group.length), 0);
});

test("versions before 2 and after 4 are no records of this reader", () => {
  for (const version of [0, 1, 5, 255]) {
    const record = Buffer.from(STATE);
    record[2] = version;
    sealRecord(record, 0, record.length);
    assert.equal(verifiedRecordBytes(record, 0, record.length), 0, `version ${version}`);
  }
});
