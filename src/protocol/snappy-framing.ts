/**
 * The two ways in which Kafka clients write snappy: the bare block, and the framing of the Java library ("xerial"),
 * which is a header of 16 bytes and then blocks, each with its size (int32) before it. Both are in use and both are
 * read; written is the second one, as by Kafka.
 *
 * A block begins with the length it unpacks to, as an unsigned varint, which the decoder allocates at once.
 */
import { MalformedMessage, Reader } from "./codec/reader.ts";

/** Magic "\x82SNAPPY\0", version 1, lowest compatible version 1. */
const XERIAL_HEADER = Buffer.from("82534e41505059000000000100000001", "hex");
const XERIAL_MAGIC_BYTES = 8;

/** The content of one block when writing. */
export const XERIAL_BLOCK_BYTES = 32 * 1024;

/** The blocks of `data` in either form, as views. @throws MalformedMessage */
export function snappyBlocks(data: Buffer): Buffer[] {
  if (!isXerial(data)) return [data];
  const reader = new Reader(data, XERIAL_HEADER.length);
  const blocks: Buffer[] = [];
  while (reader.remaining > 0) blocks.push(reader.bytes());
  return blocks;
}

/** The bytes that `data` unpacks to, as its blocks say. @throws MalformedMessage */
export function snappyContentBytes(data: Buffer): number {
  let content = 0;
  for (const block of snappyBlocks(data)) content += new Reader(block).uvarint();
  return content;
}

/** Compressed blocks in xerial framing. */
export function xerialFrame(blocks: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [XERIAL_HEADER];
  for (const block of blocks) {
    const size = Buffer.alloc(4);
    size.writeInt32BE(block.length);
    parts.push(size, block);
  }
  return Buffer.concat(parts);
}

function isXerial(data: Buffer): boolean {
  if (
    data.length < XERIAL_MAGIC_BYTES ||
    data.compare(XERIAL_HEADER, 0, XERIAL_MAGIC_BYTES, 0, XERIAL_MAGIC_BYTES) !== 0
  ) {
    return false;
  }
  if (data.length < XERIAL_HEADER.length) throw new MalformedMessage("snappy: a cut xerial header");
  return true;
}
