/**
 * What stands where in the WAL files, read by the letter of the format and with nothing of the broker's own code: so that
 * a test knows what it damages, and what must be gone afterwards and what must not.
 */
import { contentOf } from "../../sim/log-model.ts";

export interface LaidOutGroup {
  readonly file: string;
  /** In the file, its header included. */
  readonly at: number;
  readonly end: number;
  /** Where its last record ends that is no filler. */
  readonly contentEnd: number;
  readonly position: number;
  readonly durablePosition: number;
  /** Contents of its batches (`contentOf`), with where each record begins and ends in the file. */
  readonly batches: readonly { readonly content: string; readonly at: number; readonly end: number }[];
  readonly hasState: boolean;
}

const RECORD_HEADER = 12;
const GROUP_HEADER = 52;
const BATCH = 2;
const STATE = 3;
const GROUP = 4;
/** A flag of a group. */
const WAS_OTHER = 1;
/** A type of state record. */
const FILLER = 0;

/**
 * All groups of all files, in order. The files must be intact, but for a group at the end that is not all there, and for what a
 * file held before it was written over, or zeros for groups to come.
 */
export function layOut(files: ReadonlyMap<string, Buffer>): LaidOutGroup[] {
  const names = [...files.keys()].filter((name) => name.endsWith(".wal")).sort();
  return names.flatMap((name) => layOutFile(name, files.get(name)!));
}

function layOutFile(file: string, bytes: Buffer): LaidOutGroup[] {
  const groups: LaidOutGroup[] = [];
  const base = Number(/(\d{20})-[0-9a-f]{14}\.wal$/.exec(file)![1]);
  let at = 0;
  while (at + GROUP_HEADER <= bytes.length) {
    const isGroup = bytes.readUInt16LE(at) === 0xca7e && bytes[at + 2] === GROUP;
    const position = isGroup ? Number(bytes.readBigUInt64LE(at + 12)) : -1;
    if (position !== base + at) {
      const isRoom = bytes.subarray(at).every((byte) => byte === 0);
      if (at === 0 || ((bytes[3]! & WAS_OTHER) === 0 && !isRoom)) throw new Error(`${file} has no group at ${at}`);
      return groups;
    }
    const durablePosition = Number(bytes.readBigUInt64LE(at + 28));
    const end = at + GROUP_HEADER + bytes.readUInt32LE(at + 44);
    if (end > bytes.length) return groups;
    const batches: LaidOutGroup["batches"][number][] = [];
    let hasState = false;
    let contentEnd = at + GROUP_HEADER;
    for (let recordAt = at + GROUP_HEADER; recordAt < end; ) {
      const recordEnd = recordAt + RECORD_HEADER + bytes.readUInt32LE(recordAt + 4);
      const version = bytes[recordAt + 2];
      const isFiller = version === STATE && bytes.readUInt16LE(recordAt + RECORD_HEADER) === FILLER;
      if (version === STATE && !isFiller) hasState = true;
      if (version === BATCH) {
        const topicEnd = recordAt + RECORD_HEADER + 2 + bytes.readUInt16LE(recordAt + RECORD_HEADER);
        const dataAt = topicEnd + 8;
        const data = bytes.subarray(dataAt, dataAt + bytes.readUInt32LE(topicEnd + 4));
        batches.push({ content: contentOf(data), at: recordAt, end: recordEnd });
      }
      recordAt = recordEnd;
      if (!isFiller) contentEnd = recordEnd;
    }
    groups.push({ file, at, end, contentEnd, position, durablePosition, batches, hasState });
    at = end;
  }
  return groups;
}
