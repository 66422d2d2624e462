/** `wal inspect` and `verify` of segments: all that stands in one, and that no flipped byte goes unseen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SEGMENT_NAME, writeSegment } from "../../test/log/segment-files.ts";
import { MemoryFolder, TOPIC_ID } from "../../test/log/wal-files.ts";
import { encodeBatch } from "../protocol/record.ts";
import { parseJson } from "./exact-json.ts";
import { type FileReport, WalCheck } from "./wal-check.ts";
import { fileHeading, itemJson, itemText } from "./wal-lines.ts";
import { openWalIn } from "./wal-walk.ts";

const OTHER_ID = Buffer.from("b0b1b2b3b4b5b6b7b8b9babbbcbdbebf", "hex");

function batch(baseOffset: number, values: readonly string[]): Buffer {
  return encodeBatch(
    values.map((value) => ({ value, timestamp: 1_700_000_000_000 })),
    { baseOffset },
  );
}

/** Two batches that share a record, one that is too large for that, and another topic. */
async function segment(): Promise<MemoryFolder> {
  const folder = new MemoryFolder();
  await writeSegment(folder, [
    {
      topicId: TOPIC_ID,
      topic: "orders",
      partition: 3,
      batches: [batch(7, ["a", "b"]), batch(9, ["c"]), batch(20, ["x".repeat(40_000)])],
    },
    { topicId: OTHER_ID, topic: "other", batches: [batch(0, ["d"])] },
  ]);
  return folder;
}

async function check(folder: MemoryFolder, name = SEGMENT_NAME): Promise<FileReport> {
  const input = await openWalIn(folder, name, name);
  const report = await new WalCheck().check(input);
  await input.close();
  return report;
}

async function print(folder: MemoryFolder, name = SEGMENT_NAME) {
  const input = await openWalIn(folder, name, name);
  const [text, json]: [string[], { readonly [name: string]: unknown }[]] = [[], []];
  for await (const item of input.items()) {
    text.push(...itemText(input, item).map((line) => line.trim().replaceAll(/ +/g, " ")));
    json.push(...itemJson(input, item).map((line) => parseJson(line) as { readonly [name: string]: unknown }));
  }
  return { heading: fileHeading(input), text, json };
}

test("everything that stands in a segment, under any name; batches that share a record have a line each", async () => {
  const folder = await segment();
  const bytes = folder.files.get(SEGMENT_NAME)!;
  folder.files.set("copy", bytes);
  const { heading, text, json } = await print(folder, "copy");
  assert.equal(heading, `copy: ${bytes.length} bytes, a segment`);
  assert.equal(bytes.length % 512, 0);
  assert.deepEqual(
    json.map(({ kind, baseOffset, batch: of }) => [kind, baseOffset, of].filter((part) => part !== undefined)),
    [
      ["segment"],
      ["batch", 7, 0],
      ["batch", 9, 1],
      ["batch", 20, 0],
      ["batch", 0, 0],
      ["range"],
      ["range"],
      ["padding"],
      ["directory"],
    ],
  );
  assert.match(text[0]!, /^0 segment AQIDBAUGBwgJCgsMDQ4PEA, version 1 of the format, from WAL position 4096 on$/);
  assert.match(
    text[5]!,
    /range topic oKGio6SlpqeoqaqrrK2urw partition 3, offsets 7\.\.20, 3 batches of \d+ bytes in 2 records from byte 64 on/,
  );
  const bytesSaid = [...new Map(json.map(({ at, bytes: size }) => [at, Number(size)])).values()];
  assert.equal(
    bytesSaid.reduce((sum, size) => sum + size, 0),
    bytes.length,
    "no byte is left out",
  );
});

test("a segment is well, and what is in it is counted", async () => {
  const { batches, records, problems, index, groups } = await check(await segment());
  assert.deepEqual([batches, records, problems, index, groups], [4, 5, [], "matches", 0]);
});

test("canary: any flipped bit of any byte of a segment is damage, found at its place or before", async () => {
  const folder = await segment();
  const bytes = folder.files.get(SEGMENT_NAME)!;
  // Of the large value a few bytes do for all.
  const valueAt = bytes.indexOf("x".repeat(100));
  for (let at = 0; at < bytes.length; at += at > valueAt && at < valueAt + 39_000 ? 997 : 1) {
    bytes[at]! ^= 1 << (at & 7);
    const { problemCount, problems } = await check(folder);
    assert.ok(problemCount > 0, `byte ${at}`);
    assert.ok(problems[0]!.what !== "", `byte ${at}`);
    bytes[at]! ^= 1 << (at & 7);
  }
  assert.equal((await check(folder)).problemCount, 0, "put back");
});

test("canary: a segment cut anywhere, or with a byte too much, is damage; the records before the cut are shown", async () => {
  const folder = await segment();
  const bytes = folder.files.get(SEGMENT_NAME)!;
  const cuts = [0, 1, 63, 64, 65, 300, bytes.length - 600, bytes.length - 65, bytes.length - 64, bytes.length - 1];
  for (const size of cuts) {
    folder.files.set(SEGMENT_NAME, bytes.subarray(0, size));
    assert.ok((await check(folder)).problemCount > 0, `${size} bytes`);
  }
  folder.files.set(SEGMENT_NAME, bytes.subarray(0, 400));
  const { json } = await print(folder);
  assert.deepEqual(
    json.map(({ kind }) => kind),
    ["segment", "batch", "batch", "damage"],
  );
  folder.files.set(SEGMENT_NAME, Buffer.concat([bytes, Buffer.of(0)]));
  assert.ok((await check(folder)).problemCount > 0, "a byte too much");
});
