/** Against batches that Apache Kafka's own Java library (4.2) made of three records, one per codec. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MalformedMessage } from "./codec/reader.ts";
import { DecompressedTooLarge } from "./compression.ts";
import { encodeBatch, type RecordInput, readRecords } from "./record.ts";
import { BATCH_HEADER_BYTES, COMPRESSION_NAMES, type CompressionName, findBatchProblem } from "./record-batch.ts";

const JAVA_BATCHES: { readonly [Codec in CompressionName]: { readonly head: string; readonly records: string } } = {
  none: {
    head: "00000068 00000004 02 8ef470cd 0010",
    records: `
      4e000000066b65792e76616c75652076616c75652076616c75652076616c75650402680278026e010e00f60102010100
      0c000104000000
    `,
  },
  gzip: {
    head: "0000006c 00000004 02 1f76247a 0011",
    records: `
      1f8b08000000000000fff363606060cb4eadd42b4bcc294d55c020599832982a98f218f918be3132313232f03030b200
      b50000d3a448f737000000
    `,
  },
  snappy: {
    head: "00000071 00000004 02 1a81bda6 0012",
    records: `
      82534e415050590000000001000000010000002c37384e000000066b65792e76616c756520420600580402680278026e
      010e00f601020101000c000104000000
    `,
  },
  lz4: {
    head: "0000006c 00000004 02 06da542a 0013",
    records: `
      04224d186040822c000000fd004e000000066b65792e76616c7565200600f0080402680278026e010e00f60102010100
      0c00010400000000000000
    `,
  },
  zstd: {
    head: "0000006a 00000004 02 5848d801 0014",
    records: `
      28b52ffd00586c010064024e000000066b65792e76616c7565200402680278026e010e00f601020101000c0001040000
      000100994b1d010000
    `,
  },
};
/** What the five batches have in common behind their attributes. */
const HEAD_REST = "00000002 0000018bcfe56800 0000018bcfe5687b 000000000000004d 0003 00000009 00000003";

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ""), "hex");
}

function javaBatch(codec: CompressionName): Buffer {
  const { head, records } = JAVA_BATCHES[codec];
  return hex(`0000000000000005 ${head} ${HEAD_REST} ${records}`);
}

const RECORDS: readonly RecordInput[] = [
  {
    timestamp: 1_700_000_000_000,
    key: "key",
    value: "value value value value",
    headers: [
      { key: "h", value: "x" },
      { key: "n", value: null },
    ],
  },
  { timestamp: 1_700_000_000_123 },
  { timestamp: 1_699_999_999_999, key: "", value: "" },
];
const OPTIONS = {
  baseOffset: 5,
  leaderEpoch: 4,
  producerId: 77,
  producerEpoch: 3,
  baseSequence: 9,
  transactional: true,
};
const READ = [
  {
    offset: 5,
    timestamp: 1_700_000_000_000,
    key: Buffer.from("key"),
    value: Buffer.from("value value value value"),
    headers: [
      { key: "h", value: Buffer.from("x") },
      { key: "n", value: null },
    ],
  },
  { offset: 6, timestamp: 1_700_000_000_123, key: null, value: null, headers: [] },
  { offset: 7, timestamp: 1_699_999_999_999, key: Buffer.alloc(0), value: Buffer.alloc(0), headers: [] },
];

/** A batch around these bytes of records, its CRC not set: whoever reads records has checked it. */
function batchOf(recordsHex: string, recordCount: number): Buffer {
  const header = encodeBatch([{}]).subarray(0, BATCH_HEADER_BYTES);
  const batch = Buffer.concat([header, hex(recordsHex)]);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(recordCount, 57);
  return batch;
}

test("Kafka's own batches are read in every codec: null and empty apart, null headers kept", () => {
  for (const codec of COMPRESSION_NAMES) {
    const batch = javaBatch(codec);
    assert.equal(findBatchProblem(batch, 0, batch.length), undefined);
    assert.deepEqual([...readRecords(batch)], READ);
  }
});

test("a batch is made byte for byte as Kafka makes it", () => {
  assert.deepEqual(encodeBatch(RECORDS, OPTIONS), javaBatch("none"));
});

test("a batch in any codec is sound and reads back", () => {
  for (const compression of COMPRESSION_NAMES) {
    const batch = encodeBatch(RECORDS, { ...OPTIONS, compression });
    assert.equal(findBatchProblem(batch, 0, batch.length), undefined);
    assert.deepEqual([...readRecords(batch)], READ);
    assert.deepEqual([...readRecords(Buffer.concat([batch, Buffer.from("next")]))], READ);
  }
});

test("with log append time every record has the time of the batch", () => {
  const batch = encodeBatch(RECORDS, { logAppendTime: 1_800_000_000_000 });
  for (const { timestamp } of readRecords(batch)) assert.equal(timestamp, 1_800_000_000_000);
});

test("timestamps at the ends of 64 bits stay exact", () => {
  const extremes = [-1, 2n ** 63n - 1n, -(2n ** 63n), 0, 2n ** 53n];
  const batch = encodeBatch(extremes.map((timestamp) => ({ timestamp })));
  assert.deepEqual(
    [...readRecords(batch)].map(({ timestamp }) => timestamp),
    extremes,
  );
});

test("gaps that compaction left stay gaps", () => {
  const batch = encodeBatch([{ offsetDelta: 2 }, { offsetDelta: 7 }], { baseOffset: 100 });
  assert.deepEqual(
    [...readRecords(batch)].map(({ offset }) => offset),
    [102, 107],
  );
});

test("records that are not what the batch says are malformed", () => {
  const sound = "0c 00 00 00 01 01 00";
  assert.equal([...readRecords(batchOf(sound, 1))].length, 1);
  const malformed = [
    { what: "fewer records", records: sound, count: 2 },
    { what: "bytes left over", records: `${sound} 00`, count: 1 },
    { what: "a length too small", records: "0a 00 00 00 01 01 00", count: 1 },
    { what: "a length too large", records: "0e 00 00 00 01 01 00", count: 1 },
    { what: "a negative length", records: "01 00 00 00 01 01 00", count: 1 },
    { what: "a key of -2 bytes", records: "0c 00 00 00 03 01 00", count: 1 },
    { what: "a huge value", records: "14 00 00 00 01 feffffff0f 00", count: 1 },
    { what: "a huge count of headers", records: "14 00 00 00 01 01 feffffff0f", count: 1 },
    { what: "-1 headers", records: "0c 00 00 00 01 01 01", count: 1 },
    { what: "a header without a key", records: "10 00 00 00 01 01 02 01 01", count: 1 },
    { what: "a cut length", records: "ff", count: 1 },
  ];
  for (const { what, records, count } of malformed) {
    assert.throws(() => [...readRecords(batchOf(records, count))], MalformedMessage, what);
  }
});

test("a batch that unpacks to more than the limit is refused", () => {
  for (const compression of COMPRESSION_NAMES.slice(1)) {
    const batch = encodeBatch([{ value: Buffer.alloc(100_000) }], { compression });
    assert.equal([...readRecords(batch, 101_000)].length, 1);
    assert.throws(() => [...readRecords(batch, 99_000)], DecompressedTooLarge);
  }
});
