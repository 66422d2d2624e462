/**
 * A file of the write-ahead log: a contiguous range of positions, written by one incarnation of the broker.
 *
 * Its name holds both, `<first position, 20 digits>-<incarnation, 14 hex digits>.wal`, so that groups can be told from
 * other bytes even when the file's first group is damaged. Beside a sealed file lies its index, `….index`.
 */
import { assert } from "../base/assert.ts";
import { type Position, toPosition } from "../base/brands.ts";
import type { FileRange, LogFile } from "./log-file.ts";

export const WAL_FOLDER = "wal";

/** Beyond that what room saves is little beside the writing, and standing still for a write would take long. */
export const SMALL_GROUP_BYTES = 16 * 1024;
/** Zeros that a small group writes behind itself: for some twenty of one small request each. So much more takes next to no time. */
export const ROOM_BYTES = 64 * 1024;

const NAME = /^(\d{20})-([0-9a-f]{14})\.wal$/;

export class WalFile implements LogFile {
  readonly name: string;
  readonly indexName: string;
  readonly base: Position;
  readonly incarnation: number;
  readonly hasBlocks = false;
  #end: Position | undefined;
  /** Its ranges, until their index is durable; empty afterwards. */
  ranges: FileRange[] = [];
  /** Whether the index of the sealed file is durable beside it. */
  indexed = false;
  /** The name of the file that it is written over; until what that leaves behind the last group is cut off. */
  other: string | undefined;
  /** Up to where, from its beginning, zeros were written ahead of the groups; until what is left of them is cut off. */
  roomTo = 0;
  users = 0;
  readers = 0;
  freedAt: number | undefined;

  constructor(base: Position, incarnation: number, end?: Position) {
    this.base = base;
    this.incarnation = incarnation;
    this.#end = end;
    const stem = `${String(base).padStart(20, "0")}-${incarnation.toString(16).padStart(14, "0")}`;
    this.name = `${WAL_FOLDER}/${stem}.wal`;
    this.indexName = `${WAL_FOLDER}/${stem}.index`;
  }

  /** True once nothing more is appended to it. */
  get isClosed(): boolean {
    return this.#end !== undefined;
  }

  /** Position behind the last byte. Only for closed files. */
  get end(): Position {
    assert(this.#end !== undefined, "the end of an open WAL file is not known");
    return this.#end;
  }

  close(end: Position): void {
    assert(this.#end === undefined, "a WAL file was closed twice");
    this.#end = end;
  }
}

/** Takes a file name (without folder) apart; undefined when it is no WAL file's. */
export function parseWalFileName(name: string): { base: Position; incarnation: number } | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const base = Number(match[1]);
  return Number.isSafeInteger(base)
    ? { base: toPosition(base), incarnation: Number.parseInt(match[2]!, 16) }
    : undefined;
}
