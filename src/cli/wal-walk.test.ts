/** Reading WAL files: what is none is said with advice, and memory does not grow with the file. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFolder, WalFileBuilder } from "../../test/log/wal-files.ts";
import { encodeBatch } from "../protocol/record.ts";
import { openWalIn } from "./wal-walk.ts";

const CHUNK_BYTES = 4 * 1024 * 1024;

for (const [name, bytes, message] of [
  [
    "notes.txt",
    Buffer.from("these are notes, and no WAL file"),
    /^\/d\/notes\.txt is no WAL file and no segment: in its 32 bytes .* folders wal and segments /,
  ],
  ["empty", Buffer.alloc(0), /^\/d\/empty is empty: give a file that a broker has written to$/],
  ["zeroes", Buffer.alloc(5000), /is no WAL file/],
  [`${"0".repeat(20)}-${"0".repeat(14)}.index`, Buffer.from("rows"), /is an index: give the \.wal file beside it$/],
] as const) {
  test(`${name} is refused, with what to give instead`, async () => {
    const folder = new MemoryFolder();
    folder.files.set(name, bytes);
    await assert.rejects(openWalIn(folder, name, `/d/${name}`), { name: "CommandFailure", message });
  });
}

test("an empty file with a WAL file's name is one that nothing was written to yet", async () => {
  const folder = new MemoryFolder();
  const { name } = new WalFileBuilder();
  folder.files.set(name, Buffer.alloc(0));
  const input = await openWalIn(folder, name, name);
  assert.equal((await input.items().next()).done, true);
});

test("a file larger than a chunk is read a chunk at a time", async () => {
  const builder = new WalFileBuilder();
  const batch = (baseOffset: number): Buffer =>
    encodeBatch([{ value: Buffer.alloc(100_000, baseOffset) }], { baseOffset });
  for (let n = 0; n < 200; n += 1) builder.group([{ batch: batch(n) }]);
  const folder = new MemoryFolder();
  folder.files.set(builder.name, builder.bytes);
  const input = await openWalIn(folder, builder.name, builder.name);
  assert.ok(input.sizeBytes > 4 * CHUNK_BYTES);
  let batches = 0;
  for await (const item of input.items()) if (item.kind === "batch") batches += 1;
  assert.equal(batches, 200);
  assert.ok(folder.largestRead <= CHUNK_BYTES, `read ${folder.largestRead} bytes at once`);
});

test("a file that has grown since, and a later one beside it, are seen as they were when it was opened", async () => {
  const builder = new WalFileBuilder().group([{ fillerBytes: 100 }]);
  const folder = new MemoryFolder();
  folder.files.set(builder.name, builder.bytes);
  const input = await openWalIn(folder, builder.name, builder.name);
  folder.files.set(builder.name, builder.group([{ fillerBytes: 200 }]).bytes);
  const kinds: string[] = [];
  for await (const item of input.items()) kinds.push(item.kind);
  assert.deepEqual(kinds, ["group", "filler"]);
});

test("what a file held before it was written over is neither torn nor damage", async () => {
  const before = new WalFileBuilder({ base: 1_000_000 });
  for (let n = 0; n < 20; n += 1) before.group([{ fillerBytes: 300 }]);
  const builder = new WalFileBuilder().group([{ fillerBytes: 100 }], { wasOther: true });
  const whole = builder.bytes.length;
  builder.group([{ fillerBytes: 200 }], { wasOther: true });
  const over = (own: Buffer): Buffer => Buffer.concat([own, before.bytes.subarray(own.length)]);
  const kindsOf = async (bytes: Buffer, later?: WalFileBuilder): Promise<string[]> => {
    const folder = new MemoryFolder();
    folder.files.set(builder.name, bytes);
    if (later !== undefined) folder.files.set(later.name, later.bytes);
    const kinds: string[] = [];
    for await (const item of (await openWalIn(folder, builder.name, builder.name)).items()) {
      kinds.push(`${item.kind} ${item.at} ${item.bytes}`);
    }
    return kinds.filter((kind) => !/^(group|filler)/.test(kind));
  };
  const own = builder.bytes;
  const all = over(own).length;
  assert.deepEqual(await kindsOf(over(own)), [`old ${own.length} ${all - own.length}`]);
  const torn = Buffer.from(over(own));
  torn[own.length - 10]! ^= 1;
  assert.deepEqual(await kindsOf(torn), [
    `torn ${whole} ${own.length - whole}`,
    `old ${own.length} ${all - own.length}`,
  ]);
  const next = new WalFileBuilder({ base: builder.end }).group([{ fillerBytes: 100 }]);
  assert.deepEqual(
    await kindsOf(over(own), next),
    [`old ${own.length} ${all - own.length}`],
    "sealed, and not cut off",
  );
});
