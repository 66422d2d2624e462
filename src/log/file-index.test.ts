import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { CRASHED, type SimProcess, Simulation } from "../../sim/simulation.ts";
import { compatBytes } from "../../test/compat-data/read.ts";
import { toPosition } from "../base/brands.ts";
import { type Uuid, uuidFromBytes } from "../base/uuid.ts";
import type { Disk } from "../ports/disk.ts";
import { BatchIndex, type BatchRow, BYTES_PER_ROW } from "./batch-index.ts";
import { CorruptionError } from "./corruption.ts";
import { NEXT_INDEX, readFileDirectory, readStoredIndex, writeFileIndex } from "./file-index.ts";
import type { FileRange } from "./log-file.ts";
import { WAL_FOLDER, WalFile } from "./wal-file.ts";

const TOPIC_ID: Uuid = uuidFromBytes(Buffer.from("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", "hex"), 0);
const BASE = 2 ** 33;
const INCARNATION = 0xabcdef012345;

const ROWS_0: readonly BatchRow[] = [
  { baseOffset: 0, endOffset: 3, position: BASE + 100, sizeBytes: 61, maxTimestamp: 10 },
  { baseOffset: 3, endOffset: 4, position: BASE + 400, sizeBytes: 2000, maxTimestamp: 5 },
];
const ROWS_7: readonly BatchRow[] = [
  {
    baseOffset: 2 ** 40,
    endOffset: 2 ** 40 + 1,
    position: BASE + 300,
    sizeBytes: 100,
    maxTimestamp: 1_700_000_000_000,
  },
];

async function inSimulation(scenario: (process: SimProcess) => Promise<void>): Promise<void> {
  const result = await new Simulation({ seed: 1 }).run(async (process) => {
    await process.disk.makeFolder(WAL_FOLDER);
    await scenario(process);
  });
  assert.ok(result !== CRASHED);
}

/** A sealed file with the given rows of each partition, whose index is still to be written. */
function sealedFile(rowsByPartition: Readonly<Record<number, readonly BatchRow[]>>): WalFile {
  const file = new WalFile(toPosition(BASE), INCARNATION, toPosition(BASE + 5000));
  file.ranges = Object.entries(rowsByPartition).map(([partition, rows]): FileRange => {
    const index = new BatchIndex();
    for (const row of rows) index.push(row);
    return {
      file,
      topicId: TOPIC_ID,
      partition: Number(partition),
      firstOffset: rows[0]!.baseOffset,
      endOffset: rows.at(-1)!.endOffset,
      sizeBytes: rows.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      maxTimestamp: Math.max(...rows.map(({ maxTimestamp }) => maxTimestamp)),
      index,
      stored: undefined,
    };
  });
  return file;
}

async function replaceBytes(disk: Disk, name: string, bytes: Uint8Array): Promise<void> {
  await disk.remove(name).catch(() => undefined);
  const file = await disk.create(name);
  await file.write([bytes], 0);
  await file.close();
}

function rowsOf(index: BatchIndex): BatchRow[] {
  return Array.from({ length: index.count }, (_, row) => ({
    baseOffset: index.baseOffsetAt(row),
    endOffset: index.endOffsetAt(row),
    position: index.positionAt(row),
    sizeBytes: index.sizeAt(row),
    maxTimestamp: index.maxTimestampAt(row),
  }));
}

test("each partition's rows are read back from where its range says", async () => {
  await inSimulation(async ({ disk }) => {
    const file = sealedFile({ 0: ROWS_0, 7: ROWS_7 });
    const [first, second] = file.ranges;
    await writeFileIndex(disk, file);
    assert.equal(file.indexed, true);
    assert.equal(first!.index, undefined, "the rows' memory is given back");
    assert.deepEqual(rowsOf(await readStoredIndex(disk, file, first!.stored!)), ROWS_0);
    assert.deepEqual(rowsOf(await readStoredIndex(disk, file, second!.stored!)), ROWS_7);
    assert.deepEqual((await readFileDirectory(disk, file))?.rows, [
      { topicId: TOPIC_ID, partition: 0, stored: first!.stored, firstOffset: 0, endOffset: 4 },
      { topicId: TOPIC_ID, partition: 7, stored: second!.stored, firstOffset: 2 ** 40, endOffset: 2 ** 40 + 1 },
    ]);
  });
});

test("writes and reads the released bytes", async () => {
  await inSimulation(async ({ disk }) => {
    const released = compatBytes("file-index.hex");
    const file = sealedFile({ 0: ROWS_0, 7: ROWS_7 });
    await writeFileIndex(disk, file);
    const written = await disk.open(file.indexName, "read");
    const bytes = Buffer.alloc(await written.sizeBytes());
    await written.read(bytes, 0);
    assert.deepEqual(bytes, released);
  });
});

test("a file of many partitions, written in several pieces", async () => {
  await inSimulation(async ({ disk }) => {
    const many = Array.from({ length: 40 }, (_, partition) =>
      Array.from({ length: 1000 }, (_row, place) => ({
        ...ROWS_0[0]!,
        baseOffset: place * 3,
        endOffset: place * 3 + (partition % 3),
      })),
    );
    const file = sealedFile(Object.fromEntries(many.entries()));
    const ranges = [...file.ranges];
    await writeFileIndex(disk, file);
    for (const partition of [0, 20, 39]) {
      const index = await readStoredIndex(disk, file, ranges[partition]!.stored!);
      assert.deepEqual(rowsOf(index), many[partition]);
    }
    assert.equal((await readFileDirectory(disk, file))?.rows.length, 40);
  });
});

test("the index of a file without batches has an empty directory", async () => {
  await inSimulation(async ({ disk }) => {
    const file = sealedFile({});
    await writeFileIndex(disk, file);
    assert.deepEqual((await readFileDirectory(disk, file))?.rows, []);
  });
});

test("what a crash has left of one is in nobody's way", async () => {
  await inSimulation(async ({ disk }) => {
    const file = sealedFile({ 0: ROWS_0 });
    for (const name of [NEXT_INDEX, file.indexName]) await replaceBytes(disk, name, Buffer.alloc(5000, 7));
    await writeFileIndex(disk, file);
    assert.equal((await readFileDirectory(disk, file))?.rows.length, 1);
    assert.deepEqual(await disk.list(WAL_FOLDER), [path.basename(file.indexName)]);
  });
});

test("whatever fails while it is written, under its name it is whole or not there", async () => {
  let operations = 0;
  await inSimulation(async ({ disk }) => {
    const before = disk.operations;
    await writeFileIndex(disk, sealedFile({ 0: ROWS_0, 7: ROWS_7 }));
    operations = disk.operations - before;
  });
  assert.ok(operations > 0);
  for (let at = 1; at <= operations; at += 1) {
    await inSimulation(async ({ disk }) => {
      const file = sealedFile({ 0: ROWS_0, 7: ROWS_7 });
      disk.failAt(disk.operations + at, "EIO");
      await assert.rejects(writeFileIndex(disk, file), { code: "EIO" });
      const isThere = (await disk.list(WAL_FOLDER)).includes(path.basename(file.indexName));
      assert.equal((await readFileDirectory(disk, file))?.rows.length, isThere ? 2 : undefined);
    });
  }
});

test("damaged rows are reported with file and place, and never read", async () => {
  await inSimulation(async ({ disk }) => {
    const file = sealedFile({ 0: ROWS_0, 7: ROWS_7 });
    const stored = file.ranges.map((range) => () => range.stored!);
    await writeFileIndex(disk, file);
    disk.flipBit(file.indexName, 2 * BYTES_PER_ROW + 5);
    assert.deepEqual(rowsOf(await readStoredIndex(disk, file, stored[0]!())), ROWS_0);
    await assert.rejects(
      readStoredIndex(disk, file, stored[1]!()),
      (error) => error instanceof CorruptionError && error.file === file.indexName && error.position === 80,
    );
    await (await disk.open(file.indexName, "readWrite")).truncate(70);
    await assert.rejects(readStoredIndex(disk, file, stored[0]!()), CorruptionError);
  });
});

test("with any bit of directory or footer wrong there is no directory", async () => {
  await inSimulation(async ({ disk }) => {
    const good = compatBytes("file-index.hex");
    const file = sealedFile({});
    for (let bit = 3 * BYTES_PER_ROW * 8; bit < good.length * 8; bit += 1) {
      const damaged = Buffer.from(good);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      await replaceBytes(disk, file.indexName, damaged);
      assert.equal(await readFileDirectory(disk, file), undefined, `bit ${bit}`);
    }
    await replaceBytes(disk, file.indexName, good);
    assert.equal((await readFileDirectory(disk, file))?.rows.length, 2);
  });
});

test("cut anywhere, of another file, or missing: there is no directory", async () => {
  await inSimulation(async ({ disk }) => {
    const good = compatBytes("file-index.hex");
    const file = sealedFile({});
    assert.equal(await readFileDirectory(disk, file), undefined);
    for (let size = 0; size < good.length; size += 1) {
      await replaceBytes(disk, file.indexName, good.subarray(0, size));
      assert.equal(await readFileDirectory(disk, file), undefined, `${size} bytes`);
    }
    for (const other of [new WalFile(file.base, INCARNATION + 1), new WalFile(toPosition(BASE + 1), INCARNATION)]) {
      await replaceBytes(disk, other.indexName, good);
      assert.equal(await readFileDirectory(disk, other), undefined);
    }
  });
});

test("a directory that claims more rows than the file can hold allocates nothing for them", async () => {
  await inSimulation(async ({ disk }) => {
    const file = sealedFile({});
    for (const rows of [1, 0xffff, 0xffff_ffff]) {
      const bytes = Buffer.from(compatBytes("file-index.hex").subarray(-44));
      bytes.writeUInt32LE(rows, 32);
      bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(-rows * 68)), 24);
      await replaceBytes(disk, file.indexName, bytes);
      assert.equal(await readFileDirectory(disk, file), undefined);
    }
  });
});
