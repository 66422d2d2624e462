import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import { type Library, obey, type SentRecord, type StoredRecord } from "./scenario.ts";

const RECORDS = 100;
const PARTITIONS = 4;
const COMMANDS = [`create t ${PARTITIONS}`, `produce t ${RECORDS} 1000 none all 50`, "go", "read t t"];

/** Keeps topics in memory; what is read passes through `bend` first. */
class Memory implements Library {
  readonly codecs = ["none"];
  readonly refusesNullHeaders = false;
  readonly #bend: (stored: StoredRecord[]) => readonly StoredRecord[];
  readonly #stored: StoredRecord[] = [];
  readonly #ends: number[] = [];

  constructor(bend: (stored: StoredRecord[]) => readonly StoredRecord[]) {
    this.#bend = bend;
  }

  async create(_topic: string, partitions: number): Promise<void> {
    for (let partition = 0; partition < partitions; partition++) this.#ends.push(0);
  }

  async producer() {
    return {
      send: async (_topic: string, records: readonly SentRecord[]) => {
        const first = new Map(this.#ends.entries());
        for (const record of records) this.#stored.push({ ...record, offset: this.#ends[record.partition]!++ });
        return first;
      },
      close: async () => {},
    };
  }

  async endOffsets(): Promise<readonly number[]> {
    return this.#ends;
  }

  async read(_topic: string, _ends: readonly number[], take: (record: StoredRecord) => void): Promise<void> {
    for (const record of this.#bend(this.#stored)) take(record);
  }
}

async function answers(bend: (stored: StoredRecord[]) => readonly StoredRecord[]): Promise<readonly string[]> {
  const said: string[] = [];
  const lines = (async function* () {
    yield* COMMANDS;
  })();
  await obey(new Memory(bend), lines, (line) => said.push(line));
  return said;
}

/** The answers to `read` when one record comes back otherwise than it was sent. */
async function afterBending(index: number, bent: (record: StoredRecord) => StoredRecord): Promise<readonly string[]> {
  return (await answers((stored) => stored.with(index, bent(stored[index]!)))).slice(3);
}

describe("the comparison of the JavaScript clients", () => {
  test("has no problem with what was sent", async () => {
    assert.deepEqual(await answers((stored) => stored), ["created", "checkpoint 50", "produced 100", "read 100 0 0"]);
  });

  const bends: readonly [field: string, index: number, (record: StoredRecord) => StoredRecord][] = [
    ["key", 0, (record) => ({ ...record, key: Buffer.alloc(0) })],
    ["key", 1, (record) => ({ ...record, key: null })],
    ["value", 7, (record) => ({ ...record, value: Buffer.alloc(0) })],
    ["value", 9, (record) => ({ ...record, value: Buffer.concat([record.value!, Buffer.from("x")]) })],
    ["headers", 10, (record) => ({ ...record, headers: record.headers.toReversed() })],
    ["headers", 11, (record) => ({ ...record, headers: [] })],
    ["headers", 2, (record) => ({ ...record, headers: record.headers.map(([name]) => [name, Buffer.from("1")]) })],
    ["partition", 3, (record) => ({ ...record, partition: 0 })],
  ];
  for (const [field, index, bent] of bends) {
    test(`finds another ${field} of record ${index}`, async () => {
      const [problem, lost, last] = await afterBending(index, bent);
      assert.match(problem!, new RegExp(`^problem .*record ${index} at offset .* has another ${field}$`));
      assert.match(lost!, /is lost$/);
      assert.equal(last, "read 100 0 0");
    });
  }

  test("finds another timestamp", async () => {
    const [problem] = await afterBending(6, (record) => ({ ...record, timestamp: 999 }));
    assert.equal(problem, "problem t-2: offset 1 has the unknown timestamp 999");
  });

  test("finds another offset", async () => {
    const said = await afterBending(99, (record) => ({ ...record, offset: 77 }));
    assert.deepEqual(said, ["problem record 99 is at offset 77, acknowledged at 24", "read 100 0 0"]);
  });

  test("finds two records in another order", async () => {
    const said = await answers((stored) => [...stored.slice(0, 95), stored[99]!, stored[95]!, ...stored.slice(96, 99)]);
    assert.deepEqual(said.slice(3), ["problem t-3: record 95 comes after 99", "read 100 0 0"]);
  });

  test("finds a lost record", async () => {
    const said = await answers((stored) => stored.slice(0, -1));
    assert.deepEqual(said.slice(3), ["problem record 99, acknowledged at offset 24, is lost", "read 99 0 0"]);
  });

  test("counts a record that is there twice, and either may be the acknowledged one", async () => {
    const again = await answers((stored) => [...stored, { ...stored[99]!, offset: 25 }]);
    assert.deepEqual(again.slice(3), ["read 101 0 1"]);
    const before = await answers((stored) => [...stored.with(99, { ...stored[99]!, offset: 23 }), stored[99]!]);
    assert.deepEqual(before.slice(3), ["read 101 0 1"]);
  });
});
