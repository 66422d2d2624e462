import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MemoryFolder } from "../../test/log/wal-files.ts";
import { idOf, memoryOutput, writeSegment } from "../../test/storage/memory-segments.ts";
import { CorruptionError } from "../log/corruption.ts";
import { segmentName } from "../log/segment.ts";
import { encodeBatch } from "../protocol/record.ts";
import type { MergeJob, SegmentSource } from "./jobs.ts";
import { mergeSegments } from "./merge.ts";
import { InputSegments } from "./range-reader.ts";
import type { SegmentIdentity } from "./segment-format.ts";
import { verifySegment } from "./segment-verify.ts";
import type { WrittenSegment } from "./segment-writer.ts";

const TOPIC = "orders";
const NOTHING = (): void => undefined;

function identity(number: number): SegmentIdentity {
  return { id: idOf(number), walPosition: number * 1000 };
}

interface Input {
  readonly source: SegmentSource;
  readonly written: WrittenSegment;
}

/** Segments, one for each list of sizes: partition 0 and 1 have a batch of each size, offsets go on from one to the next. */
async function inputsOf(folder: MemoryFolder, sizes: readonly (readonly number[])[], alignmentBytes = 1) {
  const sent: Buffer[][] = [[], []];
  const inputs: Input[] = [];
  let next = 0;
  for (const [number, of] of sizes.entries()) {
    const firstOffset = next;
    const ranges = [0, 1].map((partition) => ({
      ...{ topicId: idOf(9), topicName: TOPIC, partition, firstOffset, endOffset: firstOffset + of.length },
      batches: of.map((size, index) =>
        encodeBatch([{ value: Buffer.alloc(size, partition), timestamp: size }], { baseOffset: firstOffset + index }),
      ),
    }));
    next += of.length;
    ranges.forEach(({ batches }, partition) => sent[partition]!.push(...batches));
    const written = await writeSegment(memoryOutput(folder, alignmentBytes), ranges, identity(number));
    inputs.push({ written, source: { ...identity(number), sizeBytes: written.sizeBytes } });
  }
  return { inputs, sent };
}

/** Everything that partitions 0 and 1 have goes into one range each. */
function jobOf(inputs: readonly Input[], outputs: readonly (readonly number[])[] = [[0, 1]]): MergeJob {
  return {
    kind: "merge",
    inputs: inputs.map(({ source }) => source),
    outputs: outputs.map((partitions, index) => ({
      identity: identity(100 + index),
      ranges: partitions.map((partition) => ({
        ...{ topicId: idOf(9), topicName: TOPIC, partition },
        from: inputs.map(({ written }, input) => {
          const { firstOffset, endOffset, rowsAt: at, rows, rowsCrc: crc } = written.ranges[partition]!;
          return { input, firstOffset, endOffset, at, rows, crc };
        }),
      })),
    })),
  };
}

async function bytesOf(
  folder: MemoryFolder,
  of: SegmentIdentity,
  { ranges, sizeBytes }: WrittenSegment,
): Promise<Buffer[]> {
  const reader = new InputSegments(memoryOutput(folder), [{ ...of, sizeBytes }], NOTHING);
  const found: Buffer[] = [];
  for (const { rowsAt: at, rowsCrc: crc, ...row } of ranges) {
    const parts: Buffer[] = [];
    for await (const block of reader.blocks({ ...row, at, crc, input: 0 }, TOPIC.length)) {
      parts.push(Buffer.from(block.bytes.subarray(block.at, block.end)));
    }
    found.push(Buffer.concat(parts));
  }
  await reader.close();
  return found;
}

test("what a partition has in several segments stands in one range, byte for byte, in fewer records", async () => {
  const sizes = fc.array(fc.array(fc.constantFrom(0, 10, 5_000, 40_000), { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(sizes, async (each) => {
      const folder = new MemoryFolder();
      const { inputs, sent } = await inputsOf(folder, each);
      const [written] = await mergeSegments(memoryOutput(folder), jobOf(inputs), NOTHING);
      const output = identity(100);
      const { directory } = await verifySegment(folder.asDisk(), segmentName(output.walPosition, output.id), NOTHING);
      assert.deepEqual(directory.rows, written!.ranges);
      const found = await bytesOf(folder, output, written!);
      for (const partition of [0, 1]) assert.ok(found[partition]!.equals(Buffer.concat(sent[partition]!)));
      const [range] = written!.ranges;
      assert.deepEqual([range!.firstOffset, range!.endOffset], [0, each.flat().length]);
      const rowsBefore = inputs.reduce((sum, input) => sum + input.written.ranges[0]!.rows, 0);
      assert.ok(range!.rows <= rowsBefore);
    }),
    { seed: 1, numRuns: 40 },
  );
});

test("hazard: large ranges are read past the system's memory, which reads ahead: the log's writes would wait for that", async () => {
  const folder = new MemoryFolder();
  const { inputs, sent } = await inputsOf(
    folder,
    [
      [10, 40_000],
      [3_000_000, 5_000_000],
    ],
    512,
  );
  const output = memoryOutput(folder, 512);
  const read: number[] = [];
  const { disk } = output;
  const watched: typeof disk = {
    ...disk,
    open: async (name, access) => {
      const file = await disk.open(name, access);
      return {
        ...file,
        read: (into, position) => {
          read.push(into.length);
          return file.read(into, position);
        },
      };
    },
  };
  Object.defineProperty(output, "disk", { value: watched });
  const [written] = await mergeSegments(output, jobOf(inputs), NOTHING);
  const found = await bytesOf(folder, identity(100), written!);
  for (const partition of [0, 1]) assert.ok(found[partition]!.equals(Buffer.concat(sent[partition]!)));
  // Twice for each partition: two rows and 40,000 bytes of the first segment, two rows of the second.
  assert.deepEqual(
    read.map((bytes) => (bytes > 80 ? "small" : bytes)),
    [80, "small", 80, 80, "small", 80],
  );
  assert.ok(Math.max(...read) < 50_000);
});

test("damage in a large range, which is read past the system's memory, is told as damage", async () => {
  const folder = new MemoryFolder();
  const { inputs } = await inputsOf(folder, [[10], [2_000_000]], 512);
  const [, second] = inputs;
  const name = segmentName(second!.source.walPosition, second!.source.id).replace("segments/", "");
  const whole = folder.files.get(name)!;
  const { dataAt, dataBytes } = second!.written.ranges[0]!;
  for (const at of [dataAt, dataAt + 1_000_000, dataAt + dataBytes - 1]) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 4;
    folder.files.set(name, damaged);
    await assert.rejects(mergeSegments(memoryOutput(folder, 512), jobOf(inputs), NOTHING), CorruptionError);
  }
});

test("several outputs: each with what is to be in it", async () => {
  const folder = new MemoryFolder();
  const { inputs, sent } = await inputsOf(folder, [[10], [20]]);
  const written = await mergeSegments(memoryOutput(folder), jobOf(inputs, [[1], [0]]), NOTHING);
  const found = await Promise.all(written.map((segment, index) => bytesOf(folder, identity(100 + index), segment!)));
  assert.deepEqual(found.flat(), [Buffer.concat(sent[1]!), Buffer.concat(sent[0]!)]);
});

test("damage in an input, in a record or in its index, and an input that is gone, are told as damage", async () => {
  const folder = new MemoryFolder();
  const { inputs } = await inputsOf(folder, [[10], [20]]);
  const [, second] = inputs;
  const name = segmentName(second!.source.walPosition, second!.source.id).replace("segments/", "");
  const whole = folder.files.get(name)!;
  const { dataAt, dataBytes, rowsAt } = second!.written.ranges[0]!;
  for (const at of [dataAt, dataAt + 3, dataAt + dataBytes - 1, rowsAt, rowsAt + 39]) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 4;
    folder.files.set(name, damaged);
    await assert.rejects(mergeSegments(memoryOutput(folder), jobOf(inputs), NOTHING), CorruptionError, `byte ${at}`);
    assert.ok(folder.files.get(name)!.equals(damaged), "it stays as it is");
  }
  folder.files.delete(name);
  await assert.rejects(mergeSegments(memoryOutput(folder), jobOf(inputs), NOTHING), /it is missing/);
});

test("a merge of many inputs keeps few of them open", async () => {
  const folder = new MemoryFolder();
  const { inputs } = await inputsOf(
    folder,
    Array.from({ length: 40 }, () => [10]),
  );
  const disk = folder.asDisk();
  let [open, most] = [0, 0];
  const output = memoryOutput(folder);
  const counting: typeof disk = {
    ...disk,
    open: async (of, access) => {
      most = Math.max(most, (open += 1));
      return { ...(await disk.open(of, access)), close: async () => void (open -= 1) };
    },
  };
  Object.defineProperty(output, "disk", { value: counting });
  await mergeSegments(output, jobOf(inputs), NOTHING);
  assert.ok(most > 1 && most <= 17, `${most} files were open`);
  assert.equal(open, 0);
});
