/**
 * What stands in a segment, one thing after the other, damaged or not: its header, the batch records, the index rows of each
 * range, the padding, the directory. Where the records end the directory says; without it they end with the last whole one.
 */
import { crc32c } from "../base/crc32c.ts";
import { CorruptionError } from "../log/corruption.ts";
import { RecordScanner } from "../log/record-scanner.ts";
import { parseSegmentName, SEGMENT_HEADER_BYTES } from "../log/segment.ts";
import { readBatchRecord, VERSION_BATCH } from "../log/wal-record.ts";
import type { DiskFile } from "../ports/disk.ts";
import {
  type DirectoryRow,
  decodeHeader,
  isSegmentHeader,
  rowsBytes,
  type SegmentIdentity,
} from "../storage/segment-format.ts";
import { readDirectory } from "../storage/segment-verify.ts";
import type { Place, WalItem } from "./wal-walk.ts";

/** What is in no other file. */
export type SegmentItem = Place &
  (
    | { readonly kind: "segment"; readonly identity: SegmentIdentity; readonly version: number }
    /** The index rows of a range. */
    | { readonly kind: "range"; readonly row: DirectoryRow }
    | { readonly kind: "padding" }
    | { readonly kind: "directory"; readonly ranges: number }
  );

/** Whether the file is a segment, by its name or by how it begins. */
export async function isSegment(disk: DiskFile, name: string): Promise<boolean> {
  if (parseSegmentName(name) !== undefined) return true;
  const head = Buffer.alloc(SEGMENT_HEADER_BYTES);
  return (await disk.read(head, 0)) === head.length && isSegmentHeader(head);
}

export async function* segmentItems(disk: DiskFile, sizeBytes: number): AsyncGenerator<WalItem, void, void> {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  const headBytes = await disk.read(header, 0);
  const head = decodeHeader(header);
  const headPlace = { at: 0, bytes: headBytes };
  if (head === undefined) yield { kind: "damage", ...headPlace, what: "no header of a segment" };
  else yield { kind: "segment", ...headPlace, identity: head, version: head.version };

  const directory = await readDirectory(disk, "").catch(asDamage);
  if ("what" in directory) {
    const recordsEnd = yield* records(disk, headBytes, sizeBytes, false);
    if (recordsEnd < sizeBytes) yield { kind: "damage", at: recordsEnd, bytes: sizeBytes - recordsEnd, ...directory };
    else yield { kind: "damage", at: sizeBytes, bytes: 0, ...directory };
    return;
  }
  const { directoryAt } = directory;
  const { rows: ranges } = directory.directory;
  let at = yield* records(disk, headBytes, ranges[0]?.rowsAt ?? directoryAt, true);
  for (const row of ranges) {
    at = row.rowsAt + rowsBytes(row.rows);
    yield await rangeItem(disk, row);
  }
  if (at < directoryAt) yield await paddingItem(disk, { at, bytes: directoryAt - at });
  yield { kind: "directory", at: directoryAt, bytes: sizeBytes - directoryAt, ranges: ranges.length };
}

/** The records from `from` to `end`. What comes behind the last whole one is damage if they have to fill it all. */
async function* records(
  disk: DiskFile,
  from: number,
  end: number,
  fill: boolean,
): AsyncGenerator<WalItem, number, void> {
  const scanner = new RecordScanner(disk, end);
  let at = from;
  while (at < end) {
    const found = await scanner.recordAt(at);
    const bytes = found === undefined ? 0 : found.end - found.at;
    const record = found?.version === VERSION_BATCH ? readBatchRecord(found.buffer, found.at, bytes) : undefined;
    if (found !== undefined && record !== undefined) {
      yield { kind: "batch", at, bytes, record, buffer: found.buffer };
      at += bytes;
      continue;
    }
    const next = await scanner.findRecord(at + 1);
    if (next === undefined && !fill) return at;
    yield { kind: "damage", at, bytes: (next ?? end) - at, what: "no whole record" };
    at = next ?? end;
  }
  return at;
}

async function rangeItem(disk: DiskFile, row: DirectoryRow): Promise<WalItem> {
  const rows = Buffer.alloc(rowsBytes(row.rows));
  await disk.read(rows, row.rowsAt);
  const place = { at: row.rowsAt, bytes: rows.length };
  if (crc32c(rows) === row.rowsCrc) return { kind: "range", ...place, row };
  return { kind: "damage", ...place, what: "index rows that do not match their checksum" };
}

async function paddingItem(disk: DiskFile, place: Place): Promise<WalItem> {
  const padding = Buffer.alloc(place.bytes);
  await disk.read(padding, place.at);
  const isEmpty = padding.every((byte) => byte === 0);
  return isEmpty ? { kind: "padding", ...place } : { kind: "damage", ...place, what: "padding that is not empty" };
}

function asDamage(error: unknown): { readonly what: string } {
  if (error instanceof CorruptionError) return { what: error.what };
  throw error;
}
