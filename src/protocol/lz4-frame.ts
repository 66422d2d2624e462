/**
 * How much an LZ4 frame unpacks to, found out without unpacking it.
 *
 * The native decoder has no limit on its output, and LZ4 can blow up 255-fold. The frame need not say how long its
 * content is, and a hostile one would lie, but the length follows from its structure: each block is a row of sequences,
 * and a sequence states how many bytes it copies. Adding these up costs little beside unpacking.
 *
 * Frame, little endian: magic u32 · flags u8 · block size u8 · content size u64 (flag) · dictionary id u32 (flag) ·
 * header checksum u8 · blocks · content checksum u32 (flag). Block: size u32, its top bit set when the data is stored
 * as it is · data · checksum u32 (flag); a size of 0 ends the frame. Sequence: token u8 (high half literals, low half
 * match, each continued in bytes up to the first below 255 when it is 15) · literals · match distance u16, left out at
 * the end of a block. Source: the LZ4 frame and block format descriptions, version 1.6.
 */
import { MalformedMessage } from "./codec/reader.ts";

const MAGIC = 0x184d2204;

const FLAG_DICTIONARY = 0x01;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_BLOCK_CHECKSUMS = 0x10;
const VERSION_MASK = 0xc0;
const VERSION_1 = 0x40;

/** Magic, flags, block size, header checksum: what every header has. */
const SHORTEST_HEADER_BYTES = 7;
const STORED_BIT = 0x8000_0000;

const MIN_MATCH = 4;
/** A length of a token that goes on in the following bytes. */
const CONTINUED = 15;

/**
 * The bytes that `frame` unpacks to; counting stops when they are more than `limitBytes`, and the answer is then some
 * number beyond it. Does not verify checksums or match distances: the decoder does.
 * @throws MalformedMessage when it is no whole frame.
 */
export function lz4ContentBytes(frame: Buffer, limitBytes: number): number {
  if (frame.length < SHORTEST_HEADER_BYTES || frame.readUInt32LE(0) !== MAGIC) throw malformed("no frame header");
  const flags = frame[4]!;
  if ((flags & VERSION_MASK) !== VERSION_1) throw malformed("unknown frame version");
  const checksumBytes = (flags & FLAG_BLOCK_CHECKSUMS) === 0 ? 0 : 4;
  let at = SHORTEST_HEADER_BYTES;
  if ((flags & FLAG_CONTENT_SIZE) !== 0) at += 8;
  if ((flags & FLAG_DICTIONARY) !== 0) at += 4;
  let content = 0;
  while (content <= limitBytes) {
    if (at + 4 > frame.length) throw malformed("no end of frame");
    const size = frame.readUInt32LE(at);
    at += 4;
    if (size === 0) return content;
    const stored = size >= STORED_BIT;
    const end = at + (stored ? size - STORED_BIT : size);
    if (end > frame.length) throw malformed("a block is cut short");
    content += stored ? end - at : blockContentBytes(frame, at, end);
    at = end + checksumBytes;
  }
  return content;
}

/** The bytes that the compressed block in [at, end) unpacks to. */
function blockContentBytes(frame: Buffer, start: number, end: number): number {
  let at = start;
  let content = 0;
  while (at < end) {
    const token = frame[at++]!;
    let literals = token >> 4;
    if (literals === CONTINUED) {
      let byte = 255;
      while (byte === 255 && at < end) literals += byte = frame[at++]!;
    }
    content += literals;
    at += literals;
    if (at === end) return content;
    at += 2;
    let match = (token & 0x0f) + MIN_MATCH;
    if (match === CONTINUED + MIN_MATCH) {
      let byte = 255;
      while (byte === 255 && at < end) match += byte = frame[at++]!;
    }
    content += match;
  }
  throw malformed("a block ends in the middle of a sequence");
}

function malformed(what: string): MalformedMessage {
  return new MalformedMessage(`lz4: ${what}`);
}
