import assert from "node:assert/strict";
import { test } from "node:test";
import { NOT_ACKNOWLEDGED, SentTopic, WITHOUT_OFFSET } from "./comparison.ts";
import { decodeRecord, encodeRecord, recordEnd, type TapeRecord } from "./record-file.ts";

const PARTITIONS = 2;
/** Of two producers in turn, to both partitions: its two records of a partition have the numbers n and n + 4. */
const RECORDS = 8;

function recordAt(number: number): TapeRecord {
  return {
    partition: number % PARTITIONS,
    timestamp: 1_000_000 + (number ^ 5),
    key: number === 2 ? null : Buffer.from(`key ${number}`),
    value: number === 3 ? null : Buffer.from(`value ${number}`),
    headers: [
      { name: "a", content: Buffer.from("1") },
      { name: "a", content: null },
    ],
  };
}

interface CopiedRecord extends TapeRecord {
  readonly offset: number;
}

/** What was sent, and what a client reads that finds all of it. */
function good(): { sent: SentTopic; records: CopiedRecord[] } {
  const sent = new SentTopic("t", PARTITIONS);
  const records = Array.from({ length: RECORDS }, (_, number) => {
    sent.add(encodeRecord(recordAt(number)), Math.floor(number / PARTITIONS) % 2);
    const offset = Math.floor(number / PARTITIONS);
    sent.acknowledge(number, offset);
    return { ...recordAt(number), offset };
  });
  return { sent, records };
}

function copyOf(records: readonly CopiedRecord[]): Buffer {
  return Buffer.concat(
    records.flatMap((record) => {
      const offset = Buffer.alloc(8);
      offset.writeBigInt64BE(BigInt(record.offset));
      return [offset, encodeRecord(record)];
    }),
  );
}

test("a copy with all records as sent, at their offsets, has no differences", () => {
  const { sent, records } = good();
  assert.deepEqual(sent.differences(copyOf(records)), []);
  assert.deepEqual(sent.unacknowledged(false), []);
  assert.deepEqual(sent.ends, [4, 4]);
});

test("every way to bend a record is noticed", () => {
  const content = Buffer.from("another");
  const bends: [string, (record: CopiedRecord) => CopiedRecord[]][] = [
    ["another key", (record) => [{ ...record, key: content }]],
    ["another key", (record) => [{ ...record, key: Buffer.alloc(0) }]],
    ["another value", (record) => [{ ...record, value: null }]],
    ["another headers", (record) => [{ ...record, headers: [] }]],
    ["another headers", (record) => [{ ...record, headers: record.headers.toReversed() }]],
    [
      "another headers",
      (record) => [{ ...record, headers: [record.headers[0]!, { name: "a", content: Buffer.alloc(0) }] }],
    ],
    ["unknown timestamp", (record) => [{ ...record, timestamp: 5 }]],
    ["is lost", () => []],
    ["3 comes next", (record) => [record, record]],
    ["was at 2 already", (record) => [record, { ...record, offset: 3 }]],
    ["2 comes next", (record) => [{ ...record, offset: 3 }]],
  ];
  for (const [problem, bend] of bends) {
    const { sent, records } = good();
    const copy = copyOf(records.flatMap((record, number) => (number === 4 ? bend(record) : [record])));
    const found = sent.differences(copy);
    assert.ok(
      found.some((line) => line.includes(problem)),
      `${problem} is not noticed: ${found.join("\n")}`,
    );
  }
});

test("a null key is not an empty one", () => {
  const { sent, records } = good();
  const copy = copyOf(records.map((record, number) => (number === 2 ? { ...record, key: Buffer.alloc(0) } : record)));
  assert.deepEqual(sent.differences(copy), [
    "t-0, offset 1: record 2 has another key",
    "t: record 2, acknowledged at 1, is lost",
  ]);
});

test("records of one producer in another order are noticed, those of two producers may stand in any", () => {
  const { sent, records } = good();
  const [a, b, c, ...rest] = records;
  const swapped = copyOf([{ ...c!, offset: 0 }, b!, { ...a!, offset: 1 }, ...rest]);
  for (const number of [0, 2]) sent.acknowledge(number, WITHOUT_OFFSET);
  assert.deepEqual(sent.differences(swapped), []);

  const of = good();
  for (const number of [0, 4]) of.sent.acknowledge(number, WITHOUT_OFFSET);
  const order = [4, 1, 2, 3, 0, 5, 6, 7].map((number, at) => ({ ...of.records[number]!, offset: Math.floor(at / 2) }));
  assert.deepEqual(of.sent.differences(copyOf(order)), ["t-0, offset 2: record 0 comes after 4 of the same producer"]);
});

test("a record elsewhere than acknowledged is noticed", () => {
  const { sent, records } = good();
  sent.acknowledge(7, 17);
  assert.deepEqual(sent.differences(copyOf(records)), ["t: record 7 is at offset 3, acknowledged at 17"]);
});

test("a copy of another topic, or of nothing, differs in no more lines than anybody would read", () => {
  const { sent } = good();
  assert.equal(sent.differences(Buffer.alloc(0)).length, RECORDS);
  const other = Array.from({ length: 40 }, (_, offset) => ({ ...recordAt(0), timestamp: offset, offset }));
  assert.equal(sent.differences(copyOf(other)).length, 11);
});

test("records without an acknowledgement are counted, and those without its offset where that may not be", () => {
  const { sent } = good();
  sent.acknowledge(1, NOT_ACKNOWLEDGED);
  sent.acknowledge(2, WITHOUT_OFFSET);
  assert.deepEqual(sent.unacknowledged(true), ["1 of 8 records without an acknowledged offset"]);
  assert.deepEqual(sent.unacknowledged(false), ["2 of 8 records without an acknowledged offset"]);
});

test("a record comes out of its bytes as it went in", () => {
  for (let number = 0; number < RECORDS; number++) {
    const bytes = encodeRecord(recordAt(number));
    assert.deepEqual(decodeRecord(bytes), recordAt(number));
    assert.equal(recordEnd(bytes, 0), bytes.length);
    assert.throws(() => recordEnd(bytes.subarray(0, -1), 0), RangeError);
  }
});
