import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MemoryFolder } from "../../test/log/wal-files.ts";
import { arbitraryRanges } from "../../test/storage/arbitrary-ranges.ts";
import {
  bytesIn,
  folderWith,
  IDENTITY,
  idOf,
  memoryOutput,
  type RangeToWrite,
  writeSegment,
} from "../../test/storage/memory-segments.ts";
import { crc32c } from "../base/crc32c.ts";
import { BatchIndex } from "../log/batch-index.ts";
import { segmentName } from "../log/segment.ts";
import { encodeBatch } from "../protocol/record.ts";
import { batchBaseOffset, batchMaxTimestamp } from "../protocol/record-batch.ts";
import { InputSegments } from "./range-reader.ts";
import { verifySegment } from "./segment-verify.ts";
import { BLOCK_BYTES, SegmentWriter } from "./segment-writer.ts";

const NAME = segmentName(IDENTITY.walPosition, IDENTITY.id);
const SEED = { seed: 1, numRuns: 60 };

function rangeOf(batches: readonly Buffer[], fields: Partial<RangeToWrite> = {}): RangeToWrite {
  return { topicId: idOf(1), partition: 0, firstOffset: 0, endOffset: 1_000_000, batches, ...fields };
}

function batchOf(baseOffset: number, valueBytes: number): Buffer {
  return encodeBatch([{ value: Buffer.alloc(valueBytes), timestamp: baseOffset }], { baseOffset });
}

test("what was written is what verification and readers find, byte for byte, whatever the alignment", async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryRanges, fc.constantFrom(1, 512, 4096), async (ranges, alignment) => {
      const folder = new MemoryFolder();
      const written = await writeSegment(memoryOutput(folder, alignment), ranges);
      const bytes = bytesIn(folder);
      assert.deepEqual([bytes.length, crc32c(bytes)], [written.sizeBytes, written.crc]);
      assert.equal(bytes.length % alignment, 0);
      const found = await verifySegment(folder.asDisk(), NAME, () => undefined);
      assert.deepEqual(found.directory, { ...IDENTITY, rows: written.ranges });
      assert.deepEqual([found.sizeBytes, found.crc], [written.sizeBytes, written.crc]);
      const inputs = new InputSegments(
        memoryOutput(folder, alignment),
        [{ ...IDENTITY, sizeBytes: bytes.length }],
        () => undefined,
      );
      for (const [index, range] of ranges.entries()) {
        const { rowsAt: at, rows, rowsCrc: crc, ...row } = written.ranges[index]!;
        const read: Buffer[] = [];
        const source = { ...row, at, rows, crc, input: 0 };
        for await (const block of inputs.blocks(source, Buffer.byteLength(range.topicName!))) {
          read.push(Buffer.from(block.bytes.subarray(block.at, block.end)));
        }
        assert.deepEqual(Buffer.concat(read), Buffer.concat(range.batches));
        assert.equal(row.sizeBytes, Buffer.concat(range.batches).length);
        assert.equal(row.batches, range.batches.length);
        assert.equal(row.maxTimestamp, Math.max(...range.batches.map((batch) => Number(batchMaxTimestamp(batch, 0)))));
        assert.deepEqual([row.firstOffset, row.endOffset], [range.firstOffset, range.endOffset]);
      }
      await inputs.close();
    }),
    SEED,
  );
});

test("small batches share a record, up to 32 KiB; a larger one has a record of its own", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(0, 500, 9_000, 32_000, 40_000), { minLength: 1, maxLength: 12 }),
      async (sizes) => {
        const folder = new MemoryFolder();
        const batches = sizes.map((size, index) => batchOf(index, size));
        const { ranges } = await writeSegment(memoryOutput(folder), [rangeOf(batches)]);
        const { rowsAt, rows } = ranges[0]!;
        const index = BatchIndex.read(bytesIn(folder), rowsAt, rows);
        for (let row = 0; row < rows; row += 1) {
          const inRow = batches.filter((batch) => {
            const offset = batchBaseOffset(batch, 0);
            return offset >= index.baseOffsetAt(row) && offset < index.endOffsetAt(row);
          });
          assert.equal(index.sizeAt(row), Buffer.concat(inRow).length);
          assert.ok(inRow.length === 1 || index.sizeAt(row) <= BLOCK_BYTES);
          const next = batches[index.endOffsetAt(row)];
          if (next !== undefined) assert.ok(index.sizeAt(row) + next.length > BLOCK_BYTES, "the next one had no room");
          assert.equal(index.maxTimestampAt(row), index.endOffsetAt(row) - 1, "the timestamp of the last one");
        }
      },
    ),
    SEED,
  );
});

test("hazard: segments with zero indexed records: a range without batches leaves no trace, the others stay", async () => {
  const folder = new MemoryFolder();
  const empty = rangeOf([], { partition: 1 });
  const written = await writeSegment(memoryOutput(folder), [
    rangeOf([batchOf(0, 10)]),
    empty,
    rangeOf([batchOf(5, 1)], { partition: 2 }),
  ]);
  assert.deepEqual(
    written.ranges.map(({ partition, rows }) => [partition, rows]),
    [
      [0, 1],
      [2, 1],
    ],
  );
  const { directory } = await verifySegment(folder.asDisk(), NAME, () => undefined);
  assert.equal(directory.rows.length, 2);
});

test("a batch that lies outside of its range is refused", async () => {
  for (const place of [
    { firstOffset: 6, endOffset: 9 },
    { firstOffset: 0, endOffset: 5 },
  ]) {
    const writer = await SegmentWriter.create(memoryOutput(new MemoryFolder()), IDENTITY);
    writer.beginRange({ topicId: idOf(1), partition: 0, topicName: Buffer.from("t"), ...place });
    assert.throws(() => writer.add(batchOf(5, 1), 0, batchOf(5, 1).length), { name: "InvariantError" });
  }
});

test("memory: what is full is written when it is asked to be, and its memory is used again", async () => {
  const folder = new MemoryFolder();
  const output = memoryOutput(folder);
  let taken = 0;
  const take = output.takeChunk.bind(output);
  output.takeChunk = () => {
    taken += 1;
    return take();
  };
  const chunks = new Set<ArrayBufferLike>();
  const give = output.giveChunk.bind(output);
  output.giveChunk = (chunk) => {
    chunks.add(chunk.buffer);
    give(chunk);
  };
  const batches = Array.from({ length: 24 }, (_, index) => batchOf(index, 1_000_000));
  await writeSegment(output, [rangeOf(batches)]);
  assert.ok(taken >= 6, `${taken} chunks were filled`);
  assert.ok(chunks.size <= 2, `${chunks.size} pieces of memory for ${taken} chunks`);
  await verifySegment(folder.asDisk(), NAME, () => undefined);
});

test("a file is read from any place into any memory, whatever the alignment, and up to its end", async () => {
  const bytes = Buffer.from(Array.from({ length: 9_000_300 }, (_, at) => (at * 7 + (at >> 9)) % 251));
  const folder = folderWith(bytes);
  for (const alignment of [1, 512, 4096]) {
    const file = await memoryOutput(folder, alignment).openUnaligned(NAME);
    for (const [at, length] of [
      [0, 9_000_300],
      [1, 5],
      [511, 8_500_000],
      [4096, 4096],
      [8_999_000, 4000],
      [9_000_300, 10],
    ] as const) {
      const into = Buffer.alloc(length);
      const expected = bytes.subarray(at, at + length);
      assert.equal(await file.read(into, at), expected.length, `${length} bytes at ${at}`);
      assert.ok(into.subarray(0, expected.length).equals(expected), `${length} bytes at ${at}`);
    }
  }
});
