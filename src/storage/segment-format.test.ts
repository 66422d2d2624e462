import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compatBytes } from "../../test/compat-data/read.ts";
import { MemoryFolder } from "../../test/log/wal-files.ts";
import { bytesIn, folderWith, idOf, memoryOutput, writeSegment } from "../../test/storage/memory-segments.ts";
import { type Uuid, uuidFromBytes } from "../base/uuid.ts";
import { segmentName } from "../log/segment.ts";
import { batchDataOffset } from "../log/wal-record.ts";
import { readRecords } from "../protocol/record.ts";
import { batchLeaderEpoch, batchProducerId, batchSizeBytes } from "../protocol/record-batch.ts";
import {
  DIRECTORY_ROW_BYTES,
  type DirectoryRow,
  decodeFooter,
  decodeHeader,
  decodeTail,
  encodeHeader,
  encodeTail,
  FOOTER_BYTES,
  paddingBytes,
} from "./segment-format.ts";
import { verifySegment } from "./segment-verify.ts";

const SAMPLE = compatBytes("segment-v1.hex");
const SAMPLE_ID: Uuid = uuidFromBytes(Buffer.from("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf", "hex"), 0);
const IDENTITY = { id: SAMPLE_ID, walPosition: 2 ** 33 };
const NAME = segmentName(IDENTITY.walPosition, IDENTITY.id);
const NAMES = ["ages", "orders", "orders"];

/** The batches of a range, one by one. */
function batchesOf(row: DirectoryRow, topicName: string): Buffer[] {
  const batches: Buffer[] = [];
  for (let at = row.dataAt; at < row.dataAt + row.dataBytes; ) {
    const end = at + 12 + SAMPLE.readUInt32LE(at + 4);
    for (let batchAt = at + batchDataOffset(topicName.length); batchAt < end - 16; ) {
      const batchEnd = batchAt + batchSizeBytes(SAMPLE, batchAt);
      batches.push(SAMPLE.subarray(batchAt, batchEnd));
      batchAt = batchEnd;
    }
    at = end;
  }
  return batches;
}

test("a segment of version 1 is read as it was meant", async () => {
  const { directory, sizeBytes, batches, crc } = await verifySegment(
    folderWith(SAMPLE, IDENTITY).asDisk(),
    NAME,
    () => undefined,
  );
  assert.deepEqual([directory.id, directory.walPosition], [IDENTITY.id, IDENTITY.walPosition]);
  assert.deepEqual([sizeBytes, batches, crc], [1024, 4, 0x74f8cc2d]);
  const told = directory.rows.map((row) => [row.partition, row.firstOffset, row.endOffset, row.batches, row.rows]);
  assert.deepEqual(told, [
    [0, 41, 43, 1, 1],
    [0, 0, 3, 2, 1],
    [7, 2 ** 40, 2 ** 40 + 4, 1, 1],
  ]);
  assert.deepEqual(
    directory.rows.map(({ maxTimestamp }) => maxTimestamp),
    [1_700_000_000_005, 1_700_000_000_011, -1],
  );
  const [ages, orders, last] = directory.rows.map((row, index) => batchesOf(row, NAMES[index]!));
  assert.deepEqual([batchLeaderEpoch(ages![0]!, 0), batchProducerId(ages![0]!, 0)], [3, 2 ** 40 + 7]);
  const values = orders!.flatMap((batch) =>
    [...readRecords(batch)].map(({ offset, value }) => [offset, value?.toString()]),
  );
  assert.deepEqual(values, [
    [0, undefined],
    [1, "v2"],
    [2, ""],
  ]);
  assert.deepEqual([...readRecords(orders![0]!)][1]!.headers, [{ key: "trace", value: null }]);
  assert.equal([...readRecords(last![0]!)][0]!.offset, 2 ** 40 + 1);
});

test("the same batches give the same segment, byte for byte", async () => {
  const { directory } = await verifySegment(folderWith(SAMPLE, IDENTITY).asDisk(), NAME, () => undefined);
  const folder = new MemoryFolder();
  const ranges = directory.rows.map((row, index) => ({
    ...row,
    topicName: NAMES[index]!,
    batches: batchesOf(row, NAMES[index]!),
  }));
  const written = await writeSegment(memoryOutput(folder, 512), ranges, IDENTITY);
  assert.deepEqual(bytesIn(folder, IDENTITY), SAMPLE);
  assert.deepEqual(written.ranges, directory.rows);
  assert.deepEqual([written.sizeBytes, written.crc], [1024, 0x74f8cc2d]);
});

const offset = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const count = fc.integer({ min: 0, max: 0xffff_ffff });
const PLAIN = { noNullPrototype: true };
const SEED = { seed: 1 };

const identity = fc.record({ id: fc.nat(255).map(idOf), walPosition: offset }, PLAIN);
const directoryRow: fc.Arbitrary<DirectoryRow> = fc.record(
  {
    topicId: fc.nat(255).map(idOf),
    partition: fc.nat(),
    firstOffset: offset,
    endOffset: offset,
    sizeBytes: offset,
    maxTimestamp: fc.maxSafeInteger(),
    dataAt: offset,
    dataBytes: offset,
    rowsAt: offset,
    rows: count,
    rowsCrc: count,
    batches: count,
  },
  PLAIN,
);

test("header, directory and footer say what was put into them", () => {
  fc.assert(
    fc.property(identity, fc.array(directoryRow, { maxLength: 5 }), offset, (of, rows, directoryAt) => {
      assert.deepEqual(decodeHeader(encodeHeader(of)), { ...of, version: 1 });
      const tail = encodeTail({ ...of, rows }, directoryAt);
      assert.equal(tail.length, rows.length * DIRECTORY_ROW_BYTES + FOOTER_BYTES);
      assert.deepEqual(decodeFooter(tail.subarray(-FOOTER_BYTES)), { directoryAt, rows: rows.length, version: 1 });
      assert.deepEqual(decodeTail(tail), { ...of, rows });
    }),
    SEED,
  );
});

test("a header or a tail of which one bit has flipped is none", () => {
  fc.assert(
    fc.property(identity, fc.array(directoryRow, { maxLength: 2 }), fc.nat(), (of, rows, drawn) => {
      const header = encodeHeader(of);
      flip(header, drawn);
      assert.equal(decodeHeader(header), undefined);
      const tail = encodeTail({ ...of, rows }, 64);
      flip(tail, drawn);
      const isFooter = decodeFooter(tail.subarray(-FOOTER_BYTES)) !== undefined;
      assert.ok(!isFooter || decodeTail(tail) === undefined);
    }),
    SEED,
  );
});

test("the padding makes the file end where the device wants it to, and is no longer than it must be", () => {
  fc.assert(
    fc.property(
      offset.map((at) => at % 2 ** 40),
      fc.nat(10_000),
      fc.constantFrom(1, 512, 4096),
      (at, rows, alignment) => {
        const padding = paddingBytes(at, rows, alignment);
        assert.ok(padding >= 0 && padding < alignment);
        assert.equal((at + padding + rows * DIRECTORY_ROW_BYTES + FOOTER_BYTES) % alignment, 0);
      },
    ),
    SEED,
  );
});

function flip(bytes: Buffer, drawn: number): void {
  const bit = drawn % (bytes.length * 8);
  bytes[bit >> 3]! ^= 1 << (bit & 7);
}
