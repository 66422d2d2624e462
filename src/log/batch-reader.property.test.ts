/** Against a naive model: a list of all batches of a partition, searched from its beginning. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CRASHED, Simulation } from "../../sim/simulation.ts";
import { type OpenLog, openLog, placeIn } from "../../test/log/open-log.ts";
import type { Topic } from "../state/state.ts";
import type { BatchQuery } from "./batch-query.ts";

const PARTITIONS = 3;

interface KnownBatch {
  readonly bytes: Buffer;
  readonly endOffset: number;
}

type Step =
  | { readonly kind: "append"; readonly partition: number; readonly records: number; readonly valueBytes: number }
  | { readonly kind: "roll" }
  | { readonly kind: "closeFile" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      partition: fc.nat(PARTITIONS - 1),
      records: fc.integer({ min: 1, max: 3 }),
      valueBytes: fc.constantFrom(0, 100, 5000, 70_000),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "roll" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "closeFile" as const }) },
);

const question = fc.record({
  partition: fc.nat(PARTITIONS - 1),
  offset: fc.double({ min: 0, max: 1, noNaN: true }),
  limit: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  maxBytes: fc.constantFrom(0, 200, 6000, 80_000, 1_000_000),
  atLeastOne: fc.boolean(),
});

async function play(log: OpenLog, topic: Topic, steps: readonly Step[]): Promise<readonly KnownBatch[][]> {
  const known: KnownBatch[][] = topic.partitions.map(() => []);
  for (const each of steps) {
    if (each.kind === "roll") await log.roll();
    else if (each.kind === "closeFile") log.store.wal.roll();
    else {
      const place = placeIn(topic, each.partition);
      const records = Array.from({ length: each.records }, () => ({ value: Buffer.alloc(each.valueBytes) }));
      const bytes = log.append(place, records);
      known[each.partition]!.push({ bytes, endOffset: place.partition.endOffset });
    }
  }
  await log.flush();
  return known;
}

/** Every batch that an answer to the query may hold, in order, without a bound on its bytes. */
function wanted(batches: readonly KnownBatch[], { offset, limitOffset }: BatchQuery): readonly Buffer[] {
  if (offset >= limitOffset) return [];
  return batches.filter(({ endOffset }) => endOffset > offset && endOffset <= limitOffset).map(({ bytes }) => bytes);
}

/** How many of them fit. */
function fitting(batches: readonly Buffer[], { maxBytes, atLeastOne }: BatchQuery): number {
  let sizeBytes = 0;
  return batches.filter(({ length }, index) => {
    sizeBytes += length;
    return sizeBytes <= maxBytes || (index === 0 && atLeastOne);
  }).length;
}

test("every answer is made of exactly the asked batches, from the first one on, as many as fit", async () => {
  const scenario = fc.tuple(fc.array(step, { maxLength: 30 }), fc.array(question, { minLength: 20, maxLength: 20 }));
  await fc.assert(
    fc.asyncProperty(scenario, async ([steps, questions]) => {
      const result = await new Simulation({ seed: 1 }).run(async (process) => {
        const log = await openLog(process, { "wal.tail.cache.bytes": "1048576", "read.buffer.bytes": "1048576" });
        const topic = log.topic("topic", PARTITIONS);
        const known = await play(log, topic, steps);
        for (const { partition, offset, limit, maxBytes, atLeastOne } of questions) {
          const { partition: of } = placeIn(topic, partition);
          const query = {
            partition: of,
            topicBytes: 5,
            offset: Math.floor(offset * (of.endOffset + 1)),
            limitOffset: Math.floor(limit * of.endOffset),
            maxBytes,
            atLeastOne,
          };
          const all = wanted(known[partition]!, query);
          const count = fitting(all, query);
          const now = log.reader.readNow(query);
          if (now !== undefined) {
            assertPrefix(all.slice(0, count), now.parts, now.sizeBytes);
            if (!now.more) assert.equal(now.sizeBytes, sizeOf(all), "nothing is left out silently");
            now.release();
          }
          const [stored] = await log.reader.readStored([query]);
          assertPrefix(all.slice(0, count), stored!.parts, stored!.sizeBytes);
          assert.ok(stored!.sizeBytes > 0 || count === 0, "files always get on");
          if (!stored!.more) assert.equal(stored!.sizeBytes, sizeOf(all), "nothing is left out silently");
          stored!.release();
        }
        assert.equal(log.reader.busyBytes, 0);
        assert.equal(log.store.blocks.lentBytes, 0);
      });
      assert.ok(result !== CRASHED);
    }),
    { seed: 1, numRuns: 100 },
  );
});

/** The parts are the first of `batches`, whole, and no more than all of them. */
function assertPrefix(batches: readonly Buffer[], parts: readonly Uint8Array[], sizeBytes: number): void {
  const bytes = Buffer.concat(parts);
  assert.equal(bytes.length, sizeBytes);
  let size = 0;
  const ends = [0, ...batches.map(({ length }) => (size += length))];
  assert.ok(ends.includes(sizeBytes), `${sizeBytes} bytes are no number of whole batches: ${ends.join(", ")}`);
  assert.ok(bytes.equals(Buffer.concat(batches).subarray(0, sizeBytes)));
}

function sizeOf(batches: readonly Buffer[]): number {
  return batches.reduce((sum, { length }) => sum + length, 0);
}
