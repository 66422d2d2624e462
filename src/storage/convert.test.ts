import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { methodsOf } from "../../test/crash/methods.ts";
import { MemoryFolder, WalFileBuilder } from "../../test/log/wal-files.ts";
import { IDENTITY, idOf, memoryOutput } from "../../test/storage/memory-segments.ts";
import { toPosition } from "../base/brands.ts";
import type { Uuid } from "../base/uuid.ts";
import { BatchIndex, BYTES_PER_ROW } from "../log/batch-index.ts";
import { CorruptionError } from "../log/corruption.ts";
import { readFileDirectory } from "../log/file-index.ts";
import { segmentName } from "../log/segment.ts";
import { WalFile } from "../log/wal-file.ts";
import { type BatchOwner, batchRecordBytes } from "../log/wal-record.ts";
import type { DiskFile } from "../ports/disk.ts";
import { encodeBatch, type RecordInput } from "../protocol/record.ts";
import { convertWalFile } from "./convert.ts";
import type { ConvertJob } from "./jobs.ts";
import { InputSegments } from "./range-reader.ts";
import { verifySegment } from "./segment-verify.ts";
import type { WrittenSegment } from "./segment-writer.ts";
import { Window } from "./window.ts";
import { doJob } from "./worker.ts";

const NAME = segmentName(IDENTITY.walPosition, IDENTITY.id);
const TOPICS = ["b.topic", "orders"];
const NOTHING = (): void => undefined;

interface Sent {
  readonly topic: number;
  readonly partition: number;
  readonly batch: Buffer;
}

/** A sealed file with these batches, interleaved as they come. */
async function sealedFile(sent: readonly Sent[]): Promise<{ folder: MemoryFolder; builder: WalFileBuilder }> {
  const folder = new MemoryFolder();
  const builder = new WalFileBuilder({ base: 4096 });
  for (const { topic, partition, batch } of sent) {
    const topicId = Buffer.from(idOf(topic + 1), "latin1");
    builder.group([
      { type: 1, fields: Buffer.from("state") },
      { batch, topic: TOPICS[topic]!, topicId, partition },
    ]);
  }
  folder.files.set(builder.name, builder.bytes);
  await builder.seal(folder);
  return { folder, builder };
}

async function jobFor(folder: MemoryFolder, builder: WalFileBuilder): Promise<ConvertJob> {
  const { base, incarnation, end } = builder;
  const directory = await readFileDirectory(folder.asDisk(), new WalFile(toPosition(base), incarnation));
  return {
    kind: "convert",
    wal: { base, incarnation, end },
    output: IDENTITY,
    ranges: directory!.rows.map(({ topicId, partition, stored, firstOffset, endOffset }) => ({
      topicId: topicId as Uuid,
      topicName: TOPICS[topicId.charCodeAt(0) - 1]!,
      partition,
      firstOffset,
      endOffset,
      ...stored,
    })),
  };
}

/** Batches of each partition as a segment has them, by "topic/partition". */
async function contents(folder: MemoryFolder, { ranges, sizeBytes }: WrittenSegment): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const inputs = new InputSegments(memoryOutput(folder), [{ ...IDENTITY, sizeBytes }], NOTHING);
  for (const { rowsAt: at, rowsCrc: crc, ...row } of ranges) {
    const topic = row.topicId.charCodeAt(0) - 1;
    const parts: Buffer[] = [];
    for await (const block of inputs.blocks({ ...row, at, crc, input: 0 }, TOPICS[topic]!.length)) {
      parts.push(Buffer.from(block.bytes.subarray(block.at, block.end)));
    }
    found.set(`${topic}/${row.partition}`, Buffer.concat(parts));
  }
  await inputs.close();
  return found;
}

function expected(sent: readonly Sent[]): Map<string, Buffer> {
  const groups = Map.groupBy(sent, ({ topic, partition }) => `${topic}/${partition}`);
  return new Map([...groups].map(([key, of]) => [key, Buffer.concat(of.map(({ batch }) => batch))]));
}

/** Batches with the offsets that their partitions are at. */
function withOffsets(shapes: readonly { topic: number; partition: number; records: readonly RecordInput[] }[]): Sent[] {
  const next = new Map<string, number>();
  return shapes.map(({ topic, partition, records }) => {
    const key = `${topic}/${partition}`;
    const baseOffset = next.get(key) ?? 10;
    next.set(key, baseOffset + records.length);
    return {
      topic,
      partition,
      batch: encodeBatch(records, { baseOffset, producerId: 5, producerEpoch: 1, baseSequence: 3 }),
    };
  });
}

const shape = fc.record({
  topic: fc.nat(1),
  partition: fc.nat(2),
  records: fc.array(
    fc.record({
      key: fc.constantFrom(null, "key"),
      value: fc.oneof(
        fc.constant(null),
        fc.constantFrom(0, 10, 30_000, 50_000).map((size) => Buffer.alloc(size, 7)),
      ),
      timestamp: fc.nat(1000),
      headers: fc.constantFrom([], [{ key: "h", value: null }]),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

test("the batches of each partition stand together, in order, byte for byte", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(shape, { minLength: 1, maxLength: 12 }), async (shapes) => {
      const sent = withOffsets(shapes);
      const { folder, builder } = await sealedFile(sent);
      const written = await convertWalFile(memoryOutput(folder), await jobFor(folder, builder), NOTHING);
      await verifySegment(folder.asDisk(), NAME, NOTHING);
      const found = await contents(folder, written!);
      const wanted = expected(sent);
      assert.deepEqual([...found.keys()], [...wanted.keys()].toSorted(), "sorted by topic and partition");
      for (const [key, bytes] of wanted) assert.ok(found.get(key)!.equals(bytes), key);
    }),
    { seed: 1, numRuns: 60 },
  );
});

test("only the ranges that are asked for are taken: what retention or a deletion let go of stays behind", async () => {
  const sent = withOffsets([0, 1, 0, 1].map((topic) => ({ topic, partition: 0, records: [{ value: `${topic}` }] })));
  const { folder, builder } = await sealedFile(sent);
  const job = await jobFor(folder, builder);
  const written = await convertWalFile(memoryOutput(folder), { ...job, ranges: job.ranges.slice(1) }, NOTHING);
  assert.deepEqual([...(await contents(folder, written!)).keys()], ["1/0"]);
  assert.equal(await convertWalFile(memoryOutput(folder), { ...job, ranges: [] }, NOTHING), undefined);
});

test("a file of more than one window keeps its order, and progress is told", async () => {
  const sent = withOffsets(
    Array.from({ length: 60 }, (_, index) => ({
      topic: index % 2,
      partition: index % 3,
      records: [{ value: Buffer.alloc(700_000, index) }],
    })),
  );
  const { folder, builder } = await sealedFile(sent);
  let pieces = 0;
  const written = await convertWalFile(memoryOutput(folder), await jobFor(folder, builder), () => void (pieces += 1));
  const found = await contents(folder, written!);
  for (const [key, bytes] of expected(sent)) assert.ok(found.get(key)!.equals(bytes), key);
  assert.ok(pieces >= 3, `${pieces} windows for 42 MB`);
  assert.ok(folder.largestRead <= 2 * 1024 * 1024, `${folder.largestRead} bytes at once`);
});

test("an index that is damaged or gone is made again from the file", async () => {
  const sent = withOffsets(
    [0, 1, 0].map((topic, index) => ({ topic, partition: 0, records: [{ value: `${index}` }] })),
  );
  for (const damage of ["flipped", "gone"]) {
    const { folder, builder } = await sealedFile(sent);
    const job = await jobFor(folder, builder);
    if (damage === "gone") folder.files.delete(builder.indexName);
    else folder.files.get(builder.indexName)![3]! ^= 1;
    const written = await convertWalFile(memoryOutput(folder), job, NOTHING);
    const found = await contents(folder, written!);
    for (const [key, bytes] of expected(sent)) assert.ok(found.get(key)!.equals(bytes), `${damage} ${key}`);
  }
});

test("an index without any intact rows costs one pass over the file, however many partitions, and progress is told", async () => {
  const partitions = 40;
  const sent = withOffsets(
    Array.from({ length: partitions }, (_, partition) => ({ topic: 0, partition, records: [{ value: "v" }] })),
  );
  const { folder, builder } = await sealedFile(sent);
  const job = await jobFor(folder, builder);
  folder.files.get(builder.indexName)!.fill(0xff);
  let opened = 0;
  let told = 0;
  const open = folder.open.bind(folder);
  folder.open = (name) => {
    if (name === builder.name) opened += 1;
    return open(name);
  };
  const written = await convertWalFile(memoryOutput(folder), job, () => {
    if (!folder.files.has(segmentFile())) told += 1; // nothing is written yet: the rows are looked for
  });
  assert.equal(written!.ranges.length, partitions);
  assert.equal(opened, 2, "once for the rows, once for the batches");
  assert.ok(told >= partitions, "for each of the groups");
});

test("damage in a batch, wherever, and a file that is gone, are told apart from what may work another time", async () => {
  const sent = withOffsets([0, 1].map((topic) => ({ topic, partition: 0, records: [{ value: "v" }] })));
  const { folder, builder } = await sealedFile(sent);
  const job = await jobFor(folder, builder);
  const whole = folder.files.get(builder.name)!;
  const index = BatchIndex.read(folder.files.get(builder.indexName)!, 0, 1);
  const recordAt = index.positionAt(0) - builder.base;
  for (let at = recordAt; at < recordAt + index.sizeAt(0) + 45; at += 1) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 0x10;
    folder.files.set(builder.name, damaged);
    await assert.rejects(
      doJob(memoryOutput(folder), job, { progress: NOTHING, finished: NOTHING }),
      CorruptionError,
      `byte ${at}`,
    );
    folder.files.delete(NAME);
  }
  folder.files.delete(builder.name);
  await assert.rejects(convertWalFile(memoryOutput(folder), job, NOTHING), /is damaged at byte 0: it is missing/);
});

test("hazard: a whole record of another partition, in place of a write that the disk has lost, is damage", async () => {
  const sent = withOffsets([0, 1].map((partition) => ({ topic: 0, partition, records: [{ value: "v" }] })));
  const { folder, builder } = await sealedFile(sent);
  const job = await jobFor(folder, builder);
  const bytes = folder.files.get(builder.name)!;
  const [lost, other] = [0, 1].map((row) => {
    const index = BatchIndex.read(folder.files.get(builder.indexName)!, row * BYTES_PER_ROW, 1);
    return index.positionAt(0) - builder.base;
  });
  const recordBytes = batchRecordBytes(TOPICS[0]!.length, sent[0]!.batch.length);
  bytes.copyWithin(lost!, other!, other! + recordBytes);
  await assert.rejects(doJob(memoryOutput(folder), job, { progress: NOTHING, finished: NOTHING }), CorruptionError);
});

test("a file that has become shorter is damaged, although the memory still holds what was there", async () => {
  const sent = withOffsets([{ topic: 0, partition: 0, records: [{ value: "v".repeat(2000) }] }]);
  const { folder, builder } = await sealedFile(sent);
  const job = await jobFor(folder, builder);
  for (const alignmentBytes of [1, 512]) {
    const output = memoryOutput(folder, alignmentBytes);
    const watch = { progress: NOTHING, finished: NOTHING };
    const whole = folder.files.get(builder.name)!;
    await doJob(output, job, watch);
    folder.files.delete(NAME);
    folder.files.set(builder.name, whole.subarray(0, whole.length - 1000));
    await assert.rejects(doJob(output, job, watch), CorruptionError);
    folder.files.set(builder.name, whole);
    folder.files.delete(NAME);
  }
});

test("every file is closed again, whatever fails", async () => {
  const sent = withOffsets([{ topic: 0, partition: 0, records: [{ value: "v" }] }]);
  const { folder, builder } = await sealedFile(sent);
  const job = await jobFor(folder, builder);
  for (const refused of [builder.name, builder.indexName, segmentFile(), "nothing"]) {
    let open = 0;
    const disk = folder.asDisk();
    const counted = <F extends { close(): Promise<void> }>(name: string, file: F): F => {
      if (name.endsWith(refused)) throw new Error("refused");
      open += 1;
      return { ...file, close: async () => void (open -= 1) };
    };
    const output = memoryOutput(folder);
    Object.defineProperty(output, "disk", {
      value: { ...disk, open: async (name: string) => counted(name, await disk.open(name, "read")) },
    });
    output.create = async (name) => counted(name, await disk.create(name));
    output.open = async (name) => counted(name, await disk.open(name, "read"));
    await convertWalFile(output, job, NOTHING).catch((error: unknown) => assert.match(String(error), /refused/));
    assert.equal(open, 0, `with ${refused} refused`);
  }
});

function segmentFile(): string {
  return NAME.replace("segments/", "");
}

test("a slow disk is no hanging worker: progress is told for every few pieces that are read, and for what is written", async () => {
  const MIB = 1024 * 1024;
  const batch = (partition: number, baseOffset: number): Sent => ({
    topic: 0,
    partition,
    batch: encodeBatch([{ value: Buffer.alloc(MIB / 4, 7) }], { baseOffset }),
  });
  const large = Array.from({ length: 40 }, (_, index) => batch(index % 2, index));
  const small = Array.from({ length: 600 }, (_, partition) => ({
    topic: 1,
    partition,
    batch: encodeBatch([{ value: "v" }], { baseOffset: 0 }),
  }));
  const { folder, builder } = await sealedFile([...large, ...small]);
  let [readBytes, reads, mostBytes, mostReads] = [0, 0, 0, 0];
  const plain = folder.asDisk();
  const open = async (name: string, access: "read" | "readWrite"): Promise<DiskFile> => {
    const file = await plain.open(name, access);
    return {
      ...file,
      read(into, position) {
        [readBytes, reads] = [readBytes + into.length, reads + 1];
        [mostBytes, mostReads] = [Math.max(mostBytes, readBytes), Math.max(mostReads, reads)];
        return file.read(into, position);
      },
    };
  };
  folder.asDisk = () => ({ ...plain, open });
  let told = 0;
  let [writtenBytes, mostWritten] = [0, 0];
  const output = memoryOutput(folder);
  const create = output.create.bind(output);
  output.create = async (name) => {
    const file = await create(name);
    return {
      close: () => file.close(),
      write(parts, position) {
        writtenBytes += parts.reduce((sum, { length }) => sum + length, 0);
        mostWritten = Math.max(mostWritten, writtenBytes);
        return file.write(parts, position);
      },
    };
  };
  await convertWalFile(output, await jobFor(folder, builder), () => {
    [readBytes, reads, writtenBytes] = [0, 0, 0];
    told += 1;
  });
  assert.ok(mostWritten <= 4 * MIB, `${mostWritten} bytes were written between two signs of life`);
  assert.ok(told > 0 && mostBytes <= 2 * MIB, `${mostBytes} bytes were read between two signs of life`);
  assert.ok(mostReads <= 300, `${mostReads} reads between two signs of life`);
});

test("hazard: memory changes between check and copy: it is found out, whichever byte of a batch it is", async (context) => {
  const sent = withOffsets([{ topic: 0, partition: 0, records: [{ value: "v" }] }]);
  const { folder, builder } = await sealedFile(sent);
  const job = await jobFor(folder, builder);
  const { batch } = sent[0]!;
  let harmed = 0;
  const { read } = methodsOf(Window.prototype, "read");
  context.mock.method(Window.prototype, "read", async function (this: Window<BatchOwner>) {
    const batches = await read.call(this);
    this.bytes[batches[0]!.dataAt + harmed]! ^= 1;
    return batches;
  });
  const missed: number[] = [];
  for (; harmed < batch.length; harmed += 1) {
    const done = doJob(memoryOutput(folder), job, { progress: NOTHING, finished: NOTHING });
    await done.then(
      () => missed.push(harmed),
      () => undefined,
    );
    folder.files.delete(segmentFile());
  }
  assert.deepEqual(missed, []);
});
