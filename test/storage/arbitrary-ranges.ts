/** Ranges of partitions, as a segment may hold them: in order, with batches of all sizes and any timestamps. */
import fc from "fast-check";
import { encodeBatch, type RecordInput } from "../../src/protocol/record.ts";
import { idOf, type RangeToWrite } from "./memory-segments.ts";

const batchShape = fc.record({
  records: fc.integer({ min: 1, max: 3 }),
  valueBytes: fc.constantFrom(0, 0, 10, 3_000, 20_000, 40_000),
  timestamp: fc.oneof(fc.nat(100), fc.constantFrom(-1, 1_700_000_000_000)),
  /** Offsets that are left out before it: compaction leaves such gaps. */
  gap: fc.constantFrom(0, 0, 0, 1, 5),
  isTombstone: fc.boolean(),
});

const rangeShape = fc.record({
  topic: fc.nat(2),
  partition: fc.nat(2),
  batches: fc.array(batchShape, { minLength: 1, maxLength: 6 }),
  endGap: fc.constantFrom(0, 0, 3),
});

/** At least one, at most one of each partition. */
export const arbitraryRanges: fc.Arbitrary<RangeToWrite[]> = fc
  .uniqueArray(rangeShape, { selector: ({ topic, partition }) => `${topic}/${partition}`, minLength: 1, maxLength: 5 })
  .map((shapes) =>
    shapes
      .toSorted((a, b) => a.topic - b.topic || a.partition - b.partition)
      .map(({ topic, partition, batches: shapesOfBatches, endGap }) => {
        const firstOffset = topic * 1_000_000;
        let next = firstOffset;
        const batches = shapesOfBatches.map(({ records, valueBytes, timestamp, gap, isTombstone }) => {
          const baseOffset = next + gap;
          next = baseOffset + records;
          const each = Array.from({ length: records }, (_, index): RecordInput => {
            const headers = isTombstone ? [{ key: "h", value: null }] : [];
            return {
              timestamp,
              key: `${baseOffset + index}`,
              value: isTombstone ? null : Buffer.alloc(valueBytes),
              headers,
            };
          });
          return encodeBatch(each, { baseOffset, leaderEpoch: topic });
        });
        return {
          topicId: idOf(topic),
          topicName: ["a", "orders", "a.longer.name"][topic]!,
          partition,
          firstOffset,
          endOffset: next + endGap,
          batches,
        };
      }),
  );
