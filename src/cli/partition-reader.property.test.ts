/** Ranges of offsets and times, against a plain model of what they mean, while records arrive and time passes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BEGINNING, END, type FetchedPartitions, type PartitionOffset } from "./kafka.ts";
import { type RecordSource, readRecords } from "./partition-reader.ts";
import type { Position } from "./position.ts";
import { rangesOf } from "./ranges.ts";

/** Records of one partition by offset, as their timestamps; and how many of them are there at each moment. */
interface Script {
  readonly timestamps: readonly number[];
  /** There at the start. */
  readonly early: number;
  /** Records that a fetch gives at most. */
  readonly fetchRecords: number;
}

/** A cluster of one topic with one partition. Each fetch that finds nothing new lets a record arrive, or time pass. */
class World implements RecordSource {
  readonly #script: Script;
  readonly #lastMs: number;
  #visible: number;
  nowMs: number;

  /** The last record has arrived before `lastMs`, which is when time stops. */
  constructor(script: Script, { nowMs, lastMs }: { readonly nowMs: number; readonly lastMs: number }) {
    this.#script = script;
    this.#visible = script.early;
    this.nowMs = nowMs;
    this.#lastMs = lastMs;
  }

  async offsets(_topic: string, partitions: readonly number[], time: bigint): Promise<ReadonlyMap<number, bigint>> {
    assert.ok(time >= 0n || time === END || time === BEGINNING, `no broker is asked for the time ${time}`);
    const here = this.#script.timestamps.slice(0, this.#visible);
    const offset =
      time === END ? here.length : time === BEGINNING ? 0 : here.findIndex((timestamp) => BigInt(timestamp) >= time);
    return new Map(partitions.map((partition) => [partition, BigInt(offset)]));
  }

  reader(): ReturnType<RecordSource["reader"]> {
    return {
      leaders: async () => [0],
      fetch: async (_node: number, [position]: readonly PartitionOffset[]) => {
        const from = Number(position!.offset);
        const timestamps = this.#script.timestamps
          .slice(0, this.#visible)
          .slice(from, from + this.#script.fetchRecords);
        if (from >= this.#visible) this.#goOn();
        const highWatermark = BigInt(this.#visible);
        return [
          { partitionIndex: 0, highWatermark, records: timestamps.length === 0 ? [] : [batch(from, timestamps)] },
        ];
      },
    } as unknown as ReturnType<RecordSource["reader"]>;
  }

  #goOn(): void {
    if (this.#visible < this.#script.timestamps.length) this.#visible += 1;
    else this.nowMs = this.#lastMs;
  }
}

function batch(from: number, timestamps: readonly number[]) {
  const records = timestamps.map((timestamp, offsetDelta) => ({
    ...{ offsetDelta, timestampDelta: BigInt(timestamp), key: null, value: null, headers: [] },
  }));
  const batchFields = { firstOffset: BigInt(from), lastOffsetDelta: timestamps.length - 1, attributes: 0 };
  type Records = NonNullable<FetchedPartitions[number]["records"]>;
  return { ...batchFields, firstTimestamp: 0n, maxTimestamp: 0n, records } as unknown as Records[number];
}

/** The offsets that are printed. */
async function read(world: World, from: Position, to: Position, toEnd: boolean): Promise<number[]> {
  const ranges = await rangesOf(world, "t", [0], { from, to, toEnd }, world.nowMs);
  const found: number[] = [];
  const { signal } = new AbortController();
  for await (const records of readRecords(world, "t", ranges, {
    signal,
    note: assert.fail,
    nowMs: () => world.nowMs,
  })) {
    found.push(...records.map(({ offset }) => Number(offset)));
  }
  return found;
}

/** The first offset of a place among so many records; the one behind the last where there is none. */
function model(position: Position, timestamps: readonly number[]): number {
  switch (position.kind) {
    case "beginning":
      return 0;
    case "end":
      return timestamps.length;
    case "offset":
      return Number(position.offset);
    case "last":
      return Math.max(0, timestamps.length - Number(position.count));
    case "time":
    case "ago": {
      const at = timestamps.findIndex((timestamp) => timestamp >= Number(position.ms));
      return at === -1 ? timestamps.length : at;
    }
  }
}

/** Of the times that come up, as many are past as are to come. */
const NOW_MS = 4;
const LAST_MS = 1000;

const script = fc
  .record({
    timestamps: fc.array(fc.nat(9), { maxLength: 12, size: "max" }),
    early: fc.nat(4),
    fetchRecords: fc.integer({ min: 1, max: 5 }),
  })
  .map((given) => ({ ...given, early: Math.min(given.early, given.timestamps.length) }));
const time = fc.integer({ min: -2, max: 11 }).map((ms) => ({ kind: "time", ms: BigInt(ms) }) as const);
const place = (count: number): fc.Arbitrary<Position> =>
  fc.oneof(
    time,
    fc.constant({ kind: "beginning" } as const),
    fc.nat(count).map((offset) => ({ kind: "offset", offset: BigInt(offset) }) as const),
  );
const scenario = script.chain((given) =>
  fc.record({ given: fc.constant(given), from: place(given.early), to: time, toEnd: fc.boolean() }),
);

test("exactly the records from the first at or after one place to the first at or after a time, and then it ends", async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async ({ given, from, to, toEnd }) => {
      const { timestamps, early } = given;
      const world = new World(given, { nowMs: NOW_MS, lastMs: LAST_MS });
      const there = timestamps.slice(0, early);
      // A time that has passed, or the end at the start, bounds by what there was then.
      const isPast = Number(to.ms) <= NOW_MS || there.some((timestamp) => timestamp >= Number(to.ms)) || toEnd;
      const begin = model(from, timestamps);
      const end = isPast ? Math.min(model(to, there), early) : model(to, timestamps);
      const expected = timestamps.map((_, offset) => offset).slice(begin, Math.max(begin, end));
      assert.deepEqual(await read(world, from, to, toEnd), expected);
    }),
    { seed: 1, numRuns: 3000 },
  );
});

test("a time ago counts from the start of the command", async () => {
  const given = { timestamps: [10, 20, 30, 40, 50], early: 5, fetchRecords: 2 };
  const world = (): World => new World(given, { nowMs: 50, lastMs: LAST_MS });
  assert.deepEqual(await read(world(), { kind: "ago", ms: 30n }, { kind: "ago", ms: 10n }, false), [1, 2]);
  assert.deepEqual(await read(world(), { kind: "ago", ms: 1000n }, { kind: "time", ms: 25n }, false), [0, 1]);
});
