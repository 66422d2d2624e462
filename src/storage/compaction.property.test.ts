/**
 * Log compaction against a naive model: random histories of one partition, cleaned in several rounds with maps that are too
 * small, while the clock goes on. The model keeps every record ever written and says what may be left of them.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addInt64, toInt64 } from "../base/int64.ts";
import { type BatchRecord, encodeBatch, type RecordInput, readRecords } from "../protocol/record.ts";
import {
  batchBaseOffset,
  batchBaseSequence,
  batchBaseTimestamp,
  batchCompression,
  batchCrcMatches,
  batchDeleteHorizon,
  batchIsControl,
  batchIsLogAppendTime,
  batchLeaderEpoch,
  batchMaxTimestamp,
  batchOffsetCount,
  batchProducerId,
  batchRecordCount,
  COMPRESSION_NAMES,
  setBatchCompacted,
  setBatchLogAppendTime,
} from "../protocol/record-batch.ts";
import { buildMap, type CleanStatistics, cleanPass } from "./compaction.ts";
import { BYTES_PER_ENTRY, CompactionOffsetMap } from "./compaction-offset-map.ts";

const RUNS = { seed: 1, numRuns: 400 };
const RETENTION_MS = 100;
const SECRET = Buffer.from("0123456789abcdef");

/** A batch as it is appended; offsets come later. */
interface NewBatch {
  readonly records: readonly RecordInput[];
  readonly compression: (typeof COMPRESSION_NAMES)[number];
  readonly producerId: number;
  readonly kind: "createTime" | "logAppendTime" | "control";
}

interface Round {
  readonly append: readonly NewBatch[];
  /** So many of the newest batches are not to be cleaned yet. */
  readonly uncleanableBatches: number;
  readonly mapEntries: number;
  readonly passedMs: number;
}

const value = fc.oneof(
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 3, arbitrary: fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)) },
);
const timestamp = fc.oneof(
  { weight: 4, arbitrary: fc.nat(1000) },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(toInt64) },
);
const header = fc.record({ key: fc.string({ maxLength: 3 }), value }, { noNullPrototype: true });
const key = fc.constantFrom(null, "", "a", "b", "c", "d", "e", "f", "g", "h", "i", "a longer key than the others");
const record: fc.Arbitrary<RecordInput> = fc.record({
  timestamp,
  key,
  value,
  headers: fc.array(header, { maxLength: 2 }),
});
const newBatch: fc.Arbitrary<NewBatch> = fc.record({
  records: fc.array(record, { minLength: 1, maxLength: 6 }),
  compression: fc.constantFrom(...COMPRESSION_NAMES),
  producerId: fc.constantFrom(-1, 1, 2),
  kind: fc.constantFrom("createTime", "createTime", "createTime", "logAppendTime", "control"),
});
const rounds: fc.Arbitrary<Round[]> = fc.array(
  fc.record({
    append: fc.array(newBatch, { maxLength: 5 }),
    uncleanableBatches: fc.nat(2),
    mapEntries: fc.integer({ min: 1, max: 10 }),
    passedMs: fc.nat(60),
  }),
  { minLength: 1, maxLength: 6 },
);

/** What one cleaning did. */
interface Cleaned {
  readonly log: readonly Buffer[];
  readonly endOffset: number;
  readonly statistics: CleanStatistics;
}

interface CleanInput {
  readonly log: readonly Buffer[];
  readonly firstDirtyOffset: number;
  readonly uncleanableFrom: number;
  readonly mapEntries: number;
  readonly nowMs: number;
  readonly keepsWhenEmpty: (batch: Buffer) => boolean;
}

type Cleaner = (input: CleanInput) => Promise<Cleaned>;

function mapOf(entries: number): CompactionOffsetMap {
  return new CompactionOffsetMap({ memoryBytes: (entries + 1) * BYTES_PER_ENTRY, secret: SECRET, loadFactor: 1 });
}

async function clean(input: CleanInput, deleteRetentionMs = RETENTION_MS): Promise<Cleaned> {
  const map = mapOf(input.mapEntries);
  const { endOffset } = await buildMap(input.log, { map, ...input });
  return cleanWith(input, { map, endOffset, deleteRetentionMs });
}

async function cleanWith(
  input: CleanInput,
  built: { readonly map: CompactionOffsetMap; readonly endOffset: number; readonly deleteRetentionMs?: number },
): Promise<Cleaned> {
  const log: Buffer[] = [];
  const write = (batch: Buffer): undefined => void log.push(batch);
  const statistics = await cleanPass(input.log, { deleteRetentionMs: RETENTION_MS, ...built, ...input }, { write });
  return { log, endOffset: built.endOffset, statistics };
}

/** Every batch as it was appended, and how far and when it has been cleaned. */
class Model {
  readonly batches: Buffer[] = [];
  endOffset = 0;
  cleanedTo = 0;
  nowMs = 1_000_000;
  /** When a cleaning went over the whole of the batch at this base offset for the first time. */
  readonly #firstCleanedMs = new Map<number, number>();

  append(batch: NewBatch): Buffer {
    const bytes = encodeBatch(batch.records, {
      compression: batch.compression,
      baseOffset: this.endOffset,
      leaderEpoch: 3,
      producerId: batch.producerId,
      producerEpoch: batch.producerId === -1 ? -1 : 0,
      baseSequence: batch.producerId === -1 ? -1 : this.endOffset,
      control: batch.kind === "control",
    });
    if (batch.kind === "logAppendTime") setBatchLogAppendTime(bytes, 0, this.nowMs);
    this.batches.push(bytes);
    this.endOffset += batch.records.length;
    return bytes;
  }

  /** Whether this is the newest batch of its producer. */
  isLastOfProducer(batch: Buffer): boolean {
    const producerId = batchProducerId(batch, 0);
    const last = this.batches.findLast((each) => batchProducerId(each, 0) === producerId);
    return producerId !== -1 && batchBaseOffset(last!, 0) === batchBaseOffset(batch, 0);
  }

  /** @throws AssertionError when `cleaned` is not what has to be left of all that was appended. */
  check({ log, endOffset, statistics }: Cleaned, { uncleanableFrom, log: before }: CleanInput): void {
    assert.ok(endOffset <= Math.max(uncleanableFrom, this.cleanedTo), "cleaned too far");
    assert.ok(endOffset === uncleanableFrom || endOffset > this.cleanedTo, "no progress");
    const untouched = (batch: Buffer) => batchBaseOffset(batch, 0) >= endOffset;
    assert.deepEqual(log.filter(untouched), before.filter(untouched), "batches that the map does not reach");
    this.cleanedTo = endOffset;
    this.#noteCleaned();
    this.#checkBatches(log);
    const left = new Map(log.flatMap((batch) => [...readRecords(batch)]).map((each) => [each.offset, each]));
    this.#checkRecords(left);
    const due = this.#tombstonesDue(left);
    assert.equal(statistics.tombstonesDueMs, due === Infinity ? undefined : due);
    assert.equal(statistics.recordsKept, left.size);
    assert.equal(
      statistics.bytesKept,
      log.reduce((sum, batch) => sum + batch.length, 0),
    );
  }

  #noteCleaned(): void {
    for (const batch of this.batches) {
      const baseOffset = batchBaseOffset(batch, 0);
      if (baseOffset + batchOffsetCount(batch, 0) > this.cleanedTo) break;
      if (!this.#firstCleanedMs.has(baseOffset)) this.#firstCleanedMs.set(baseOffset, this.nowMs);
    }
  }

  #checkBatches(log: readonly Buffer[]): void {
    const originals = new Map(this.batches.map((batch) => [batchBaseOffset(batch, 0), batch]));
    let last = -1;
    for (const batch of log) {
      const original = originals.get(batchBaseOffset(batch, 0));
      assert.ok(original !== undefined, "a batch that nobody appended");
      assert.ok(batchBaseOffset(batch, 0) > last, "batches out of order");
      last = batchBaseOffset(batch, 0);
      assert.ok(batchCrcMatches(batch, 0, batch.length));
      assert.deepEqual(identityOf(batch), identityOf(original));
      if (batchRecordCount(batch, 0) > 0) assert.equal(batchCompression(batch, 0), batchCompression(original, 0));
      else assert.ok(this.isLastOfProducer(batch), "an empty batch that nobody needs");
    }
    for (const batch of this.batches) {
      const isThere = log.some((each) => batchBaseOffset(each, 0) === batchBaseOffset(batch, 0));
      if (batchIsControl(batch, 0) || this.isLastOfProducer(batch))
        assert.ok(isThere, "a batch that must stay is gone");
    }
  }

  #checkRecords(left: ReadonlyMap<number, BatchRecord>): void {
    const newest = new Map<string, number>();
    for (const batch of this.batches) {
      for (const { offset, key } of readRecords(batch)) {
        if (key !== null && offset < this.cleanedTo && !batchIsControl(batch, 0)) newest.set(key.toString(), offset);
      }
    }
    for (const batch of this.batches) {
      for (const original of readRecords(batch)) {
        const found = left.get(original.offset);
        if (found !== undefined) assert.deepEqual(found, original, "a record has changed");
        assert.equal(found !== undefined, this.#mustStay(original, batch, newest), `record ${original.offset}`);
      }
    }
  }

  #mustStay({ offset, key, value }: BatchRecord, batch: Buffer, newest: ReadonlyMap<string, number>): boolean {
    if (offset >= this.cleanedTo || batchIsControl(batch, 0)) return true;
    if (key === null || newest.get(key.toString()) !== offset) return false;
    return value !== null || this.nowMs < this.#dueMs(batch);
  }

  /** When the tombstones of a batch may go; the cleaning that sees them first never drops them. */
  #dueMs(batch: Buffer): number {
    const firstMs = this.#firstCleanedMs.get(batchBaseOffset(batch, 0));
    return firstMs === undefined ? Infinity : firstMs + RETENTION_MS;
  }

  #tombstonesDue(left: ReadonlyMap<number, BatchRecord>): number {
    let due = Infinity;
    for (const batch of this.batches) {
      if (batchIsControl(batch, 0)) continue;
      for (const { offset, value } of readRecords(batch)) {
        if (value === null && left.has(offset) && offset < this.cleanedTo) due = Math.min(due, this.#dueMs(batch));
      }
    }
    return due;
  }
}

function identityOf(batch: Buffer): unknown[] {
  const fields = [batchOffsetCount, batchLeaderEpoch, batchProducerId, batchBaseSequence, batchIsLogAppendTime];
  return fields.map((field) => field(batch, 0));
}

/** Plays the rounds with a cleaner, and checks what it leaves after each. */
async function play(history: readonly Round[], cleaner: Cleaner): Promise<void> {
  const model = new Model();
  let log: readonly Buffer[] = [];
  for (const { append, uncleanableBatches, mapEntries, passedMs } of history) {
    log = [...log, ...append.map((batch) => model.append(batch))];
    const uncleanable = model.batches.at(-uncleanableBatches);
    const uncleanableFrom =
      uncleanableBatches === 0 || uncleanable === undefined ? model.endOffset : batchBaseOffset(uncleanable, 0);
    const input = {
      log,
      firstDirtyOffset: model.cleanedTo,
      uncleanableFrom: Math.max(uncleanableFrom, model.cleanedTo),
      mapEntries,
      nowMs: model.nowMs,
      keepsWhenEmpty: (batch: Buffer) => model.isLastOfProducer(batch),
    };
    const cleaned = await cleaner(input);
    model.check(cleaned, input);
    log = cleaned.log;
    model.nowMs += passedMs;
  }
}

test("whatever the history, what is left is what the model says", () =>
  fc.assert(
    fc.asyncProperty(rounds, (history) => play(history, (input) => clean(input))),
    RUNS,
  ));

/** A cleaner with a mistake, and what the model says of it. */
interface Faulty {
  readonly finding: RegExp;
  readonly cleaner: Cleaner;
}

const FAULTY: Readonly<Record<string, Faulty>> = {
  "does nothing": {
    finding: /record \d+/,
    cleaner: async (input) => ({ ...(await clean(input)), log: input.log }),
  },
  "drops a batch": {
    finding: /record \d+|a batch that must stay/,
    cleaner: async (input) => {
      const cleaned = await clean(input);
      return { ...cleaned, log: cleaned.log.slice(cleaned.endOffset > 0 ? 1 : 0) };
    },
  },
  "drops tombstones too early": {
    finding: /record \d+/,
    cleaner: (input) => clean({ ...input, nowMs: input.nowMs + 10 }, RETENTION_MS - 10),
  },
  "drops tombstones too late": {
    finding: /record \d+/,
    cleaner: (input) => clean({ ...input, nowMs: input.nowMs - 10 }, RETENTION_MS + 10),
  },
  "cleans what is not to be cleaned yet": {
    finding: /cleaned too far/,
    cleaner: (input) => clean({ ...input, uncleanableFrom: Infinity }),
  },
  "forgets producers": {
    finding: /a batch that must stay/,
    cleaner: (input) => clean({ ...input, keepsWhenEmpty: () => false }),
  },
  "keeps empty batches": {
    finding: /an empty batch/,
    cleaner: (input) => clean({ ...input, keepsWhenEmpty: () => true }),
  },
  "makes no progress": {
    finding: /no progress/,
    cleaner: (input) => clean({ ...input, uncleanableFrom: input.firstDirtyOffset }),
  },
  "takes a full map for a whole one": {
    finding: /record \d+/,
    cleaner: async (input) => {
      const map = mapOf(1);
      await buildMap(input.log, { map, ...input });
      return cleanWith(input, { map, endOffset: input.uncleanableFrom });
    },
  },
  "is an offset off": {
    finding: /record \d+/,
    cleaner: async (input) => {
      const map = mapOf(100);
      const { endOffset } = await buildMap(input.log, { map, ...input });
      for (const { key, offset } of input.log.flatMap((batch) => [...readRecords(batch)])) {
        if (key !== null && map.get(key) === offset) map.put(key, offset + 1);
      }
      return cleanWith(input, { map, endOffset });
    },
  },
  "changes a timestamp": {
    finding: /a record has changed/,
    cleaner: async (input) => {
      const cleaned = await clean(input);
      const isClean = (batch: Buffer) => batchBaseOffset(batch, 0) < cleaned.endOffset;
      return { ...cleaned, log: cleaned.log.map((batch) => (isClean(batch) ? withAnotherTime(batch) : batch)) };
    },
  },
};

/** The time of its records is moved by its base timestamp. */
function withAnotherTime(batch: Buffer): Buffer {
  const moved = Buffer.from(batch);
  setBatchCompacted(moved, {
    codec: batchCompression(batch, 0),
    recordCount: batchRecordCount(batch, 0),
    baseTimestamp: addInt64(batchBaseTimestamp(batch, 0), 1),
    maxTimestamp: batchMaxTimestamp(batch, 0),
    hasDeleteHorizon: batchDeleteHorizon(batch, 0) !== undefined,
  });
  return moved;
}

test("canary: the model finds every faulty cleaner", async () => {
  for (const [fault, { cleaner, finding }] of Object.entries(FAULTY)) {
    const property = fc.asyncProperty(rounds, (history) => play(history, cleaner));
    const { failed, errorInstance } = await fc.check(property, { ...RUNS, endOnFailure: true });
    assert.ok(failed, `a cleaner that ${fault} was not found`);
    assert.match((errorInstance as Error).message, finding, fault);
  }
});
