/** `wal inspect`: what is printed of each version of WAL record, and of bytes that are none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compatBytes } from "../../test/compat-data/read.ts";
import { batchRecord, MemoryFolder, WalFileBuilder } from "../../test/log/wal-files.ts";
import { Writer } from "../protocol/codec/writer.ts";
import { encodeBatch } from "../protocol/record.ts";
import { encodeStateRecord, type StateRecord } from "../state/state-record.ts";
import { parseJson } from "./exact-json.ts";
import { fileHeading, itemJson, itemText } from "./wal-lines.ts";
import { openWalIn } from "./wal-walk.ts";

type Json = { readonly [name: string]: unknown };

interface Printed {
  readonly heading: string;
  readonly text: readonly string[];
  readonly json: readonly Json[];
}

async function print(folder: MemoryFolder, name: string): Promise<Printed> {
  const input = await openWalIn(folder, name, name);
  const [text, json]: [string[], Json[]] = [[], []];
  for await (const item of input.items()) {
    text.push(...itemText(input, item).map((line) => line.trim().replaceAll(/ +/g, " ")));
    json.push(...itemJson(input, item).map((line) => parseJson(line) as Json));
  }
  return { heading: fileHeading(input), text, json };
}

function only(bytes: Buffer, name = "file"): MemoryFolder {
  const folder = new MemoryFolder();
  folder.files.set(name, bytes);
  return folder;
}

function state(record: StateRecord): { readonly type: number; readonly fields: Uint8Array } {
  return { type: record.type, fields: Buffer.concat(encodeStateRecord(record, new Writer())) };
}

test("the released bytes of each version", async () => {
  const bytes = ["v1", "v1-nulls", "v2", "v2-plain", "v3", "v3-filler"].map((name) =>
    compatBytes(`wal-record-${name}.hex`),
  );
  const { heading, text, json } = await print(only(Buffer.concat(bytes)), "file");
  assert.equal(heading, "file: 332 bytes, records without groups");
  assert.deepEqual(text, [
    "0 v1 record offset 123456789012, 2023-11-14T22:13:20.000Z, key 3 bytes, value 6 bytes, 2 headers",
    "73 v1 record offset 0, no time, key null, value null, 0 headers",
    "113 v2 batch orders-7 (oKGio6SlpqeoqaqrrK2urw) offsets 123456789012..123456789012, 1 records, none, " +
      "2023-11-14T22:13:20.000Z, producer 77 epoch 3 sequence 9..9, leader epoch 5, 70 bytes",
    "227 v2 data orders-7 5 bytes that are no Kafka batch",
    '260 v3 state TopicDeleted {"topicId":"oKGio6SlpqeoqaqrrK2urw"}',
    "292 v3 filler 40 bytes",
  ]);
  assert.deepEqual(
    json.map(({ file, version, kind, position, at, bytes: size }) => [file, version, kind, position, at, size]),
    [
      ["file", 1, "record", 0, 0, 73],
      ["file", 1, "record", 73, 73, 40],
      ["file", 2, "batch", 113, 113, 114],
      ["file", 2, "data", 227, 227, 33],
      ["file", 3, "state", 260, 260, 32],
      ["file", 3, "filler", 292, 292, 40],
    ],
  );
});

test("a group header alone is a torn tail, at the position that it names", async () => {
  const { heading, text } = await print(only(compatBytes("wal-record-v4.hex")), "file");
  assert.equal(heading, "file: 52 bytes, from position 1250999896491, incarnation 00fedcba987654");
  assert.deepEqual(text, ["1250999896491 torn 52 bytes, torn tail: still being written, or never acknowledged"]);
});

test("groups with their headers; positions are those of the log; damage and what is behind it", async () => {
  const builder = new WalFileBuilder({ base: 4096 })
    .group([state({ type: 2, value: { brokerId: 1, incarnation: 5 } })])
    .group([{ fillerBytes: 20 }])
    .group([{ batch: encodeBatch([{ value: "v" }]) }]);
  const bytes = builder.bytes;
  const secondAt = bytes.indexOf(Buffer.from("7eca04", "hex"), 1);
  bytes[secondAt + 60]! ^= 1;
  const { heading, text, json } = await print(only(bytes, builder.name), builder.name);
  assert.match(heading, /bytes, from position 4096, incarnation 00abcdef012345$/);
  assert.deepEqual(
    text.map((line) => line.replace(/^(\d+ (v\d )?\w+).*/, "$1")),
    ["4096 v4 group", "4148 v3 state", `${4096 + secondAt} damage`, "4248 v4 group", "4300 v2 batch"],
  );
  assert.deepEqual(
    { ...json[0], crc: 0 },
    {
      ...{ file: builder.name, position: 4096, at: 0, bytes: 52, version: 4, kind: "group", crc: 0 },
      ...{ incarnation: "00abcdef012345", durable: 4096, previousState: null, groupBytes: 28 },
    },
  );
  assert.deepEqual([json[2]!["bytes"], json[2]!["what"]], [72, "no whole group"]);
  assert.equal(json[3]!["previousState"], 4096);
});

test("state records: numbers beyond 2^53 are exact, ids as Kafka has them, bytes in base64", async () => {
  const topicId = "\xa0".repeat(16) as never;
  const offset = 2n ** 63n - 1n;
  const commit: StateRecord = {
    type: 20,
    value: {
      ...{ groupId: "g", commitTimestamp: 1, expireTimestamp: -1 },
      topics: [{ topicId, partitions: [{ partition: 0, offset, leaderEpoch: -1, metadata: "" }] }],
    },
  };
  const { json, text } = await print(only(new WalFileBuilder().group([state(commit)]).bytes), "file");
  assert.equal(json[1]!["name"], "OffsetsCommitted");
  assert.match(
    text[1]!,
    /"topicId":"oKCgoKCgoKCgoKCgoKCgoA","partitions":\[\{"partition":0,"offset":9223372036854775807,/,
  );
  const fields = json[1]!["fields"] as { topics: { partitions: { offset: unknown }[] }[] };
  assert.equal(fields.topics[0]!.partitions[0]!.offset, offset);

  const unknown = await print(only(new WalFileBuilder().group([{ type: 999, fields: Buffer.of(1, 2) }]).bytes), "file");
  assert.match(unknown.text[1]!, /state type 999 \{"bytesBase64":"AQI="\} \(of a newer version\)$/);
});

test("each of several batches in a record has a line; transactions, control batches and append time are said", async () => {
  const producer = { producerId: 2n ** 60n, producerEpoch: 1, baseSequence: 2 ** 31 - 1, transactional: true };
  const data = Buffer.concat([
    encodeBatch([{ value: "a" }, { value: "b" }], { ...producer, baseOffset: 5, compression: "zstd" }),
    encodeBatch([{ value: "c" }], { baseOffset: 7, logAppendTime: 2n ** 60n, control: true }),
  ]);
  const { text, json } = await print(only(batchRecord(data)), "file");
  assert.match(
    text[0]!,
    /offsets 5\.\.6, 2 records, zstd, no time, producer 1152921504606846976 epoch 1 sequence 2147483647\.\.0, transactional/,
  );
  assert.match(
    text[1]!,
    /offsets 7\.\.7, 1 records, none, no time\.\.@1152921504606846976 \(log append time\), control/,
  );
  assert.deepEqual(
    json.map(({ batch, baseOffset, lastOffset }) => [batch, baseOffset, lastOffset]),
    [
      [0, 5, 6],
      [1, 7, 7],
    ],
  );
  assert.equal(json[0]!["producerId"], 2n ** 60n);
});
