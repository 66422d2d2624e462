/** What the log and its snapshots say of segments. */
import { array, int8, int32, int64, offset64, uuid } from "../protocol/codec/schema.ts";
import { record } from "./record-schema.ts";

/** The kinds of parts that a segment has. Those for search and for SQL come later than the batches themselves. */
export const PART_BATCHES = 1;

const segmentFields = {
  id: uuid(),
  /** Of the first WAL file whose batches it holds. */
  walPosition: offset64(),
  /** 0: made of a WAL file; n: of segments of lower levels. */
  level: int8(),
  /** Of all batches that were put into it. */
  batchBytes: offset64(),
  /** CRC-32C of the whole part. */
  parts: array()({ kind: int8(), sizeBytes: offset64(), crc: int64() }),
};

/** A range in a segment; `rows` of its index at `at`, with their CRC-32C. */
const rangeFields = {
  firstOffset: offset64(),
  endOffset: offset64(),
  sizeBytes: offset64(),
  maxTimestamp: int64(),
  at: offset64(),
  rows: int32(),
  crc: int64(),
};

/**
 * Batches have moved into new segments. Of each partition named, everything from `from` to `to` lies in the ranges given,
 * and nowhere else any more: what compaction has removed is gone.
 */
export const batchesMoved = record("BatchesMoved", {
  segments: array()(segmentFields),
  topics: array()({
    topicId: uuid(),
    partitions: array()({
      partition: int32(),
      from: offset64(),
      to: offset64(),
      /** Compaction has come to here; -1: this was none. */
      cleanedTo: offset64({ default: -1 }),
      /** When the first of the tombstones that compaction kept may go, in ms; -1: there are none. */
      horizonMs: offset64({ default: -1 }),
      /** `segment` counts in `segments`. */
      ranges: array()({ segment: int32(), ...rangeFields }),
    }),
  }),
});

/** A slice with a segment. It comes before those of the partitions that have ranges in it. */
export const segmentSlice = record("SegmentSlice", segmentFields);
