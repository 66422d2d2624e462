import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compatBytes } from "../../test/compat-data/read.ts";
import { MemoryFolder } from "../../test/log/wal-files.ts";
import { arbitraryRanges } from "../../test/storage/arbitrary-ranges.ts";
import { bytesIn, folderWith, IDENTITY, idOf, memoryOutput, writeSegment } from "../../test/storage/memory-segments.ts";
import { crc32c } from "../base/crc32c.ts";
import { CorruptionError } from "../log/corruption.ts";
import { segmentName } from "../log/segment.ts";
import { batchDataOffset, batchRecordBytes, sealRecord } from "../log/wal-record.ts";
import { encodeBatch } from "../protocol/record.ts";
import { DIRECTORY_ROW_BYTES, type DirectoryRow, decodeTail, encodeTail, FOOTER_BYTES } from "./segment-format.ts";
import { verifySegment } from "./segment-verify.ts";

const NAME = segmentName(IDENTITY.walPosition, IDENTITY.id);
const SAMPLE = compatBytes("segment-v1.hex");

function verify(bytes: Buffer) {
  return verifySegment(folderWith(bytes).asDisk(), NAME, () => undefined);
}

/** Bytes that are not what was written. Anything but a CorruptionError is a failure of the verifier. */
async function assertDamaged(bytes: Buffer, what: string): Promise<void> {
  await assert.rejects(verify(bytes), CorruptionError, what);
}

async function segmentOf(count: number, valueBytes = 10): Promise<Buffer> {
  const folder = new MemoryFolder();
  const batches = Array.from({ length: count }, (_, offset) =>
    encodeBatch([{ value: Buffer.alloc(valueBytes, offset), timestamp: 100 + offset }], { baseOffset: offset }),
  );
  const range = { topicId: idOf(1), partition: 0, firstOffset: 0, endOffset: count, batches };
  await writeSegment(memoryOutput(folder), [range, { ...range, partition: 3 }]);
  return bytesIn(folder);
}

/** The segment with another directory that matches its checksum. */
function withDirectory(bytes: Buffer, change: (rows: DirectoryRow[], directoryAt: number) => DirectoryRow[]): Buffer {
  const directoryAt = Number(bytes.readBigUInt64LE(bytes.length - FOOTER_BYTES + 24));
  const tail = decodeTail(bytes.subarray(directoryAt))!;
  const rows = change([...tail.rows], directoryAt);
  return Buffer.concat([bytes.subarray(0, directoryAt), encodeTail({ ...tail, rows }, directoryAt)]);
}

test("a flip of any bit is found", async () => {
  assert.equal((await verify(SAMPLE)).batches, 4);
  for (let bit = 0; bit < SAMPLE.length * 8; bit += 1) {
    const bytes = Buffer.from(SAMPLE);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    await assertDamaged(bytes, `bit ${bit & 7} of byte ${bit >> 3}`);
  }
});

test("a file that is cut off anywhere, or has bytes behind its end, is found", async () => {
  for (let length = 0; length < SAMPLE.length; length += 1)
    await assertDamaged(SAMPLE.subarray(0, length), `${length}`);
  await assertDamaged(Buffer.concat([SAMPLE, Buffer.alloc(1)]), "a byte more");
  await assertDamaged(Buffer.concat([SAMPLE, SAMPLE]), "itself again");
  await assertDamaged(Buffer.concat([SAMPLE.subarray(0, 512), SAMPLE.subarray(1024)]), "a piece out of the middle");
});

test("a zeroed block is found", async () => {
  const bytes = await segmentOf(40, 200);
  for (let at = 0; at < bytes.length; at += 512) {
    const zeroed = Buffer.from(bytes).fill(0, at, Math.min(at + 512, bytes.length));
    await assertDamaged(zeroed, `at ${at}`);
  }
});

test("a directory that does not fit what it tells of is found, though its checksum is right", async () => {
  const bytes = await segmentOf(3);
  const lies: Record<string, (rows: DirectoryRow[]) => DirectoryRow[]> = {
    "one batch more": ([first, second]) => [{ ...first!, batches: first!.batches + 1 }, second!],
    "a row more": ([first, second]) => [{ ...first!, rows: first!.rows + 1 }, second!],
    "fewer bytes": ([first, second]) => [{ ...first!, sizeBytes: first!.sizeBytes - 1 }, second!],
    "an older timestamp": ([first, second]) => [{ ...first!, maxTimestamp: first!.maxTimestamp - 1 }, second!],
    "a later timestamp": ([first, second]) => [first!, { ...second!, maxTimestamp: second!.maxTimestamp + 1 }],
    "an earlier end": ([first, second]) => [{ ...first!, endOffset: first!.endOffset - 1 }, second!],
    "a later beginning": ([first, second]) => [{ ...first!, firstOffset: 1 }, second!],
    "another partition": ([first, second]) => [first!, { ...second!, partition: 4 }],
    "another topic": ([first, second]) => [first!, { ...second!, topicId: idOf(2) }],
    "another index": ([first, second]) => [{ ...first!, rowsCrc: first!.rowsCrc + 1 }, second!],
    "only the first range": ([first]) => [first!],
    "the ranges the other way round": ([first, second]) => [second!, first!],
    "the same range twice": ([first]) => [first!, first!],
    "all of it in one range": ([first, second]) => [{ ...first!, dataBytes: first!.dataBytes + second!.dataBytes }],
  };
  for (const [what, lie] of Object.entries(lies)) await assertDamaged(withDirectory(bytes, lie), what);
});

test("hazard: a worker writes a batch twice, or leaves one out, and everything else fits: the order tells, or the count", async () => {
  const folder = new MemoryFolder();
  const batch = encodeBatch([{ value: "v" }], { baseOffset: 0 });
  const range = { topicId: idOf(1), partition: 0, firstOffset: 0, endOffset: 2, batches: [batch, batch] };
  await writeSegment(memoryOutput(folder), [range]);
  await assertDamaged(bytesIn(folder), "twice");
});

test("a record without any batch in it is found", async () => {
  const bytes = await segmentOf(1);
  const topicBytes = "orders".length;
  const recordBytes = batchRecordBytes(topicBytes, 0);
  const record = Buffer.alloc(recordBytes);
  bytes.copy(record, 0, 64, 64 + batchDataOffset(topicBytes));
  record.writeUInt32LE(recordBytes - 12, 4);
  record.writeUInt32LE(0, batchDataOffset(topicBytes) - 4);
  record.write(idOf(1), recordBytes - 16, "latin1");
  sealRecord(record, 0, recordBytes);
  const rows = Buffer.alloc(40);
  const row: DirectoryRow = {
    ...{ topicId: idOf(1), partition: 0, firstOffset: 0, endOffset: 1, sizeBytes: 0, maxTimestamp: -1, batches: 0 },
    ...{ dataAt: 64, dataBytes: recordBytes, rowsAt: 64 + recordBytes, rows: 1, rowsCrc: crc32c(rows) },
  };
  const tail = encodeTail({ ...IDENTITY, rows: [row] }, 64 + recordBytes + 40);
  await assertDamaged(Buffer.concat([bytes.subarray(0, 64), record, rows, tail]), "empty");
});

test("any bytes, and any directory over them, only ever make it a damaged segment, and no memory is taken for lies", async () => {
  const whole = await segmentOf(3);
  const huge = fc.oneof(fc.nat(2000), fc.maxSafeInteger().map(Math.abs), fc.constantFrom(2 ** 32 - 1, 2 ** 31));
  const count = fc.oneof(fc.nat(5), fc.constantFrom(2 ** 32 - 1));
  const fields = fc.record(
    { dataAt: huge, dataBytes: huge, rowsAt: huge, rows: count, batches: count, firstOffset: huge, endOffset: huge },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fields, { maxLength: 3 }), async (changes) => {
      const bytes = withDirectory(whole, (rows) =>
        changes.length === 0
          ? rows.slice(1)
          : changes.map((change, index) => ({ ...rows[index % rows.length]!, ...change })),
      );
      await verify(bytes).then(
        ({ directory }) =>
          assert.deepEqual(
            directory.rows,
            decodeTail(whole.subarray(whole.length - FOOTER_BYTES - 2 * DIRECTORY_ROW_BYTES))!.rows,
          ),
        (error: unknown) => assert.ok(error instanceof CorruptionError, String(error)),
      );
    }),
    { seed: 1, numRuns: 300 },
  );
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => assertDamaged(Buffer.from(bytes), "noise")),
    { seed: 1 },
  );
});

test("a segment of a newer version of the format is refused, and said to be one", async () => {
  const bytes = Buffer.from(SAMPLE);
  bytes.writeUInt16LE(2, bytes.length - FOOTER_BYTES + 36);
  await assert.rejects(verify(bytes), /newer program/);
});

test("canary: with its checksums set right, a changed batch passes for one that was written", async () => {
  // What a worker does wrong before it computes checksums no checksum tells: the plays of test/crash must find that.
  await fc.assert(
    fc.asyncProperty(arbitraryRanges, async (ranges) => {
      const folder = new MemoryFolder();
      const changed = ranges.map((range) => ({ ...range, batches: range.batches.slice(0, 1) }));
      await writeSegment(memoryOutput(folder), changed);
      await verify(bytesIn(folder));
    }),
    { seed: 1, numRuns: 20 },
  );
});
