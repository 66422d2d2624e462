/**
 * Puts the keys of one batch into the offset map: the first half of log compaction.
 *
 * A batch is read to its end before any of its keys counts. If one of them stood in the map and its record could not be
 * read after all, older records of the key would be dropped in favour of nothing.
 */
import { MalformedMessage } from "../protocol/codec/reader.ts";
import { batchBaseOffset, batchIsControl } from "../protocol/record-batch.ts";
import type { CompactionOffsetMap } from "./compaction-offset-map.ts";
import { assertWholeBatch, RecordCursor, unpackStored } from "./compaction-records.ts";

export type MappedBatch =
  | { readonly kind: "whole" }
  /** The map is full: it knows all records before `endOffset`, which lies in this batch, and none from there on. */
  | { readonly kind: "full"; readonly endOffset: number }
  /** Its keys are not known. Its records stay, and older ones of the same keys too. */
  | { readonly kind: "unreadable"; readonly reason: string };

const WHOLE: MappedBatch = { kind: "whole" };

/**
 * Maps the records of `batch`, one whole batch as it is stored, from `fromOffset` on. They may unpack to `limitBytes`.
 * A batch can have more keys than any map: so a full map ends at a record and not at a batch, and at least one more
 * record is mapped whenever the map was empty.
 */
export function mapBatch(
  map: CompactionOffsetMap,
  batch: Buffer,
  { fromOffset, limitBytes }: { readonly fromOffset: number; readonly limitBytes: number },
): MappedBatch {
  assertWholeBatch(batch);
  if (batchIsControl(batch, 0)) return WHOLE;
  try {
    const unpacked = unpackStored(batch, limitBytes);
    const trial = new RecordCursor(batch, unpacked);
    while (trial.next());
    return mapRecords(map, { batch, unpacked, fromOffset });
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    return { kind: "unreadable", reason: error.message };
  }
}

function mapRecords(
  map: CompactionOffsetMap,
  { batch, unpacked, fromOffset }: { readonly batch: Buffer; readonly unpacked: Buffer; readonly fromOffset: number },
): MappedBatch {
  const baseOffset = batchBaseOffset(batch, 0);
  const record = new RecordCursor(batch, unpacked);
  while (record.next()) {
    const offset = baseOffset + record.offsetDelta;
    if (!record.hasKey || offset < fromOffset) continue;
    if (!map.put(unpacked, offset, record.keyStart, record.keyEnd)) return { kind: "full", endOffset: offset };
  }
  return WHOLE;
}
