/** Segments in memory, and what goes into them: for tests of what writes and reads them without a broker. */
import assert from "node:assert/strict";
import { type Uuid, uuidFromBytes } from "../../src/base/uuid.ts";
import { segmentName } from "../../src/log/segment.ts";
import { wrappedFile } from "../../src/ports/wrapped-disk.ts";
import type { SegmentIdentity } from "../../src/storage/segment-format.ts";
import {
  type RangePlace,
  SegmentOutput,
  SegmentWriter,
  type WrittenSegment,
} from "../../src/storage/segment-writer.ts";
import { MemoryFolder } from "../log/wal-files.ts";

/** An id of sixteen bytes, all the same. */
export function idOf(byte: number): Uuid {
  return uuidFromBytes(Buffer.alloc(16, byte), 0);
}

export const IDENTITY: SegmentIdentity = { id: idOf(0xc0), walPosition: 2 ** 33 };

export interface RangeToWrite extends Omit<RangePlace, "topicName"> {
  readonly topicName?: string;
  readonly batches: readonly Buffer[];
}

/** Where segments are written in `folder`. */
export function memoryOutput(folder: MemoryFolder, alignmentBytes = 1): SegmentOutput {
  const disk = folder.asDisk();
  const allocated = new WeakSet<ArrayBufferLike>();
  return new SegmentOutput(folder.asDisk(), {
    alignmentBytes,
    allocate: (sizeBytes) => {
      const buffer = Buffer.alloc(sizeBytes);
      allocated.add(buffer.buffer);
      return buffer;
    },
    create: (name) => disk.create(name),
    open: async (name) => {
      const file = await disk.open(name, "read");
      return wrappedFile(file, {
        read: (into, position) => {
          const isOwn = alignmentBytes === 1 || allocated.has(into.buffer);
          const isAligned = isOwn && position % alignmentBytes === 0 && into.length % alignmentBytes === 0;
          assert(isAligned, `a read of ${into.length} bytes at ${position}`);
          return file.read(into, position);
        },
      });
    },
  });
}

/** Writes a segment of these ranges, in this order. */
export async function writeSegment(
  output: SegmentOutput,
  ranges: readonly RangeToWrite[],
  identity = IDENTITY,
): Promise<WrittenSegment> {
  const writer = await SegmentWriter.create(output, identity);
  for (const { topicName = "orders", batches, ...place } of ranges) {
    writer.beginRange({ ...place, topicName: Buffer.from(topicName) });
    for (const batch of batches) {
      writer.add(batch, 0, batch.length);
      if (writer.needsFlush) await writer.flush();
    }
    writer.endRange();
  }
  return await writer.finish();
}

/** A segment's bytes alone, as a folder that holds it. */
export function folderWith(bytes: Buffer, identity = IDENTITY): MemoryFolder {
  const folder = new MemoryFolder();
  folder.files.set(plainName(identity), bytes);
  return folder;
}

export function bytesIn(folder: MemoryFolder, identity = IDENTITY): Buffer {
  return folder.files.get(plainName(identity))!;
}

function plainName({ id, walPosition }: SegmentIdentity): string {
  return segmentName(walPosition, id).replace("segments/", "");
}
