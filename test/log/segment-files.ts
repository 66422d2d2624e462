/** Segments in memory, as the storage worker writes them. */
import { type Uuid, uuidFromBytes } from "../../src/base/uuid.ts";
import { segmentName } from "../../src/log/segment.ts";
import type { SyncedFile } from "../../src/ports/disk.ts";
import { batchBaseOffset, batchOffsetCount } from "../../src/protocol/record-batch.ts";
import { SegmentOutput, SegmentWriter, type WrittenSegment } from "../../src/storage/segment-writer.ts";
import type { MemoryFolder } from "./wal-files.ts";

export const SEGMENT_ID = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10" as Uuid;
export const SEGMENT_WAL_POSITION = 4096;
/** Without its folder. */
export const SEGMENT_NAME = segmentName(SEGMENT_WAL_POSITION, SEGMENT_ID).replace(/^.*\//, "");

/** Batches of one partition, in order. */
export interface SegmentRange {
  readonly topicId: Buffer;
  readonly topic: string;
  readonly partition?: number;
  readonly batches: readonly Buffer[];
}

/** Puts a segment of these ranges, which are in the order of a segment, into `folder`. */
export async function writeSegment(folder: MemoryFolder, ranges: readonly SegmentRange[]): Promise<WrittenSegment> {
  const chunks: Buffer[] = [];
  const file: SyncedFile = {
    write: async (parts) => void chunks.push(...parts.map((part) => Buffer.from(part))),
    close: async () => undefined,
  };
  const allocate = (sizeBytes: number): Buffer => Buffer.alloc(sizeBytes);
  const disk = folder.asDisk();
  const output = new SegmentOutput(disk, {
    alignmentBytes: 512,
    allocate,
    create: async () => file,
    open: (name) => disk.open(name, "read"),
  });
  const writer = await SegmentWriter.create(output, { id: SEGMENT_ID, walPosition: SEGMENT_WAL_POSITION });
  for (const { topicId, topic, partition = 0, batches } of ranges) {
    const last = batches.at(-1)!;
    writer.beginRange({
      topicId: uuidFromBytes(topicId, 0),
      topicName: Buffer.from(topic),
      partition,
      firstOffset: batchBaseOffset(batches[0]!, 0),
      endOffset: batchBaseOffset(last, 0) + batchOffsetCount(last, 0),
    });
    for (const batch of batches) writer.add(batch, 0, batch.length);
    writer.endRange();
  }
  const written = await writer.finish();
  folder.files.set(SEGMENT_NAME, Buffer.concat(chunks));
  return written;
}
