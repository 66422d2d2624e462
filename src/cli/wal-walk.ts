/**
 * What stands in a file of the write-ahead log, or in a segment, one thing after the other, whoever writes to it meanwhile.
 * Nothing is changed and no lock is taken.
 *
 * There are three kinds of files. Those of Chronik's log hold groups, and their names say where in the log they begin and
 * which start of the broker wrote them; of a copy under another name the first group tells. Segments (`segment-walk.ts`)
 * say what they are. Chronik Stream's files hold single records, and so does a piece cut out of a log.
 *
 * What is no group at the end of the log is a torn tail or damage, by the rule of recovery (`recovery.ts`). The end of the
 * log is a file with neither an index nor a later file beside it. What only a snapshot knows to be durable is not looked
 * at, so that a tail may be called torn that a start would call damaged. Elsewhere a file ends where the next one begins, or where its
 * index says: of the files in between, one may be of no more use and gone.
 *
 * Memory: one chunk, or one group when that is larger.
 */
import { basename, dirname, resolve } from "node:path";
import { toPosition } from "../base/brands.ts";
import { createNodeDisk } from "../io/node-disk.ts";
import { type FileDirectory, readFileDirectory } from "../log/file-index.ts";
import { GroupScanner, type ScannedGroup } from "../log/group-scanner.ts";
import { RecordScanner, type ScannedRecord } from "../log/record-scanner.ts";
import { statedDurable } from "../log/recovery.ts";
import { parseWalFileName, WalFile } from "../log/wal-file.ts";
import {
  type BatchRecord,
  FILLER_TYPE,
  GROUP_HEADER_BYTES,
  type GroupHeader,
  readBatchRecord,
  readGroupHeader,
  STATE_FIELDS_OFFSET,
  stateRecordType,
  VERSION_BATCH,
  VERSION_GROUP,
  VERSION_SINGLE_RECORD,
  VERSION_STATE,
  verifiedRecordBytes,
} from "../log/wal-record.ts";
import { readSingleRecord, type SingleRecord } from "../log/wal-record-v1.ts";
import { type Disk, type DiskFile, IoError, isMissing } from "../ports/disk.ts";
import { CommandFailure } from "./failure.ts";
import { isSegment, type SegmentItem, segmentItems } from "./segment-walk.ts";

/** Where a thing stands: its first byte in the file, and its length. */
export interface Place {
  readonly at: number;
  readonly bytes: number;
}

/** Buffers are only valid until the next thing is asked for. */
export type WalItem = Place &
  (
    | { readonly kind: "group"; readonly header: GroupHeader }
    | { readonly kind: "batch"; readonly record: BatchRecord; readonly buffer: Buffer }
    | { readonly kind: "state"; readonly type: number; readonly fields: Buffer }
    | { readonly kind: "filler" }
    | { readonly kind: "record"; readonly record: SingleRecord }
    /** Bytes that something else stood in once. `bytes` may lie beyond the file's end: then they are missing. */
    | { readonly kind: "damage"; readonly what: string }
    /** Written last, and never acknowledged: a start cuts it off. */
    | { readonly kind: "torn" }
    /** Cut off by a start, which went on in another file: it counts no more. */
    | { readonly kind: "cut" }
    /** Zeros that were written ahead: groups will be written over them, or they are cut off when the file is sealed. */
    | { readonly kind: "room" }
    /** What the file held before it was the log's: it is written over, or cut off when the file is sealed. */
    | { readonly kind: "old" }
    | SegmentItem
  );

export type WalFolder = Pick<Disk, "open" | "list">;

/** An opened file. */
export interface WalInput {
  readonly path: string;
  readonly folder: WalFolder;
  readonly name: string;
  readonly sizeBytes: number;
  /** Undefined: it holds records without groups. */
  readonly log: { readonly base: number; readonly incarnation: number } | undefined;
  readonly isSegment: boolean;
  /** What the index beside the file says; "broken" when there is one that is not whole. */
  readonly index: FileDirectory | "broken" | undefined;
  items(): AsyncGenerator<WalItem, void, void>;
  close(): Promise<void>;
}

/** @throws CommandFailure or IoError that says what to do when it is none of these files, or cannot be read. */
export async function openWal(path: string): Promise<WalInput> {
  const full = resolve(path);
  return openWalIn(createNodeDisk(dirname(full)), basename(full), path);
}

export async function openWalIn(folder: WalFolder, name: string, path: string): Promise<WalInput> {
  const disk = await folder.open(name, "read");
  try {
    return await examine(disk, folder, name, path);
  } catch (error) {
    await disk.close();
    if (error instanceof IoError && error.code === "EISDIR")
      throw new CommandFailure(`${path} is a folder: give the files in it, as ${path.replace(/\/$/, "")}/*.wal`);
    throw error;
  }
}

async function examine(disk: DiskFile, folder: WalFolder, name: string, path: string): Promise<WalInput> {
  const named = parseWalFileName(name);
  // A later file and an index appear when this one is complete: whoever asks for its size afterwards sees all of it.
  const index = named === undefined ? undefined : await readIndex(folder, new WalFile(named.base, named.incarnation));
  const { next, isFirst } = named === undefined ? ALONE : await placeAmong(folder, named.base);
  await disk.read(Buffer.alloc(1), 0); // tells a folder from a file
  const sizeBytes = await disk.sizeBytes();
  const close = (): Promise<void> => disk.close();
  const input = { path, folder, name, sizeBytes, index, isSegment: false, close };
  if (named === undefined && (await isSegment(disk, name)))
    return { ...input, isSegment: true, log: undefined, items: () => segmentItems(disk, sizeBytes) };
  const log = named ?? (await identify(disk, sizeBytes, path));
  if (log === "records") return { ...input, log: undefined, items: () => recordItems(disk, sizeBytes) };
  const knownDurable = typeof index === "object" ? index.end : 0;
  const limit = next === undefined ? sizeBytes : Math.min(sizeBytes, next - log.base);
  const extent = { sizeBytes, limit, isFirst, isLast: next === undefined, knownDurable };
  return { ...input, log, items: () => groupItems(disk, log, extent) };
}

/** What the file is, from its first whole record or group header. */
async function identify(disk: DiskFile, sizeBytes: number, path: string) {
  if (path.endsWith(".index")) throw new CommandFailure(`${path} is an index: give the .wal file beside it`);
  if (sizeBytes === 0) throw new CommandFailure(`${path} is empty: give a file that a broker has written to`);
  const scanner = new RecordScanner(disk, sizeBytes);
  for (let at = await scanner.findRecord(0); at !== undefined; at = await scanner.findRecord(at + 1)) {
    const found = (await scanner.recordAt(at))!;
    if (found.version !== VERSION_GROUP) return "records" as const;
    const header = readGroupHeader(found.buffer, found.at);
    // The header of a group that was moved elsewhere says nothing of this file.
    if (header !== undefined && header.position >= at)
      return { base: header.position - at, incarnation: header.incarnation };
  }
  throw new CommandFailure(
    `${path} is no WAL file and no segment: in its ${sizeBytes} bytes there is no record; a broker's are in the folders wal and segments of its data`,
  );
}

async function readIndex(folder: WalFolder, file: WalFile): Promise<WalInput["index"]> {
  const beside: Pick<Disk, "open"> = { open: (name, access) => folder.open(basename(name), access) };
  const found = await readFileDirectory(beside, file);
  if (found !== undefined) return found;
  try {
    await (await beside.open(file.indexName, "read")).close();
    return "broken";
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Where a file stands in the log. */
interface PlaceInLog {
  /** Where the next file begins. */
  readonly next: number | undefined;
  readonly isFirst: boolean;
}

const ALONE: PlaceInLog = { next: undefined, isFirst: true };

async function placeAmong(folder: WalFolder, base: number): Promise<PlaceInLog> {
  const names = await folder.list("");
  const bases = names.map((name) => parseWalFileName(name)?.base ?? base);
  const next = bases.reduce((least, other) => (other > base ? Math.min(least, other) : least), Infinity);
  return { next: next === Infinity ? undefined : next, isFirst: bases.every((other) => other >= base) };
}

interface Extent {
  readonly sizeBytes: number;
  /** Where the next file begins: what lies behind it counts no more. */
  readonly limit: number;
  readonly isFirst: boolean;
  /** Whether no later file says that this one was durable to its end. */
  readonly isLast: boolean;
  readonly knownDurable: number;
}

async function* groupItems(
  disk: DiskFile,
  { base, incarnation }: { readonly base: number; readonly incarnation: number },
  { sizeBytes, limit, isFirst, isLast, knownDurable }: Extent,
): AsyncGenerator<WalItem, void, void> {
  const file = new WalFile(toPosition(base), incarnation);
  const scanner = new GroupScanner(file, disk, limit);
  // With files before it and none behind it, it may be one to be written over, of what came earlier, to which nothing was written yet.
  const mayBeOld = isLast && !isFirst;
  const stranger = await strangerAt(disk, limit, { base, incarnation, mayBeOld });
  let durable: number | undefined;
  let at = 0;
  while (at < limit) {
    const group = await scanner.groupAt(at);
    if (group !== undefined) {
      yield* itemsOf(group, at);
      at += GROUP_HEADER_BYTES + group.header.lengthBytes;
      continue;
    }
    const next = await scanner.findGroup(at + 1);
    if (isLast && !(at === 0 && stranger !== undefined)) {
      durable ??= Math.max(knownDurable, await statedDurable(scanner, next));
      if (base + at >= durable) {
        const tornTo = await scanner.tornEnd(at);
        if (tornTo > at) yield { kind: "torn", at, bytes: tornTo - at };
        if (tornTo < limit) yield { kind: await restAt(tornTo, scanner), at: tornTo, bytes: limit - tornTo };
        return;
      }
    }
    if (next === undefined && knownDurable > 0 && base + at >= knownDurable) break;
    const bytes = (next ?? (await scanner.damageEnd(at, durable))) - at;
    yield { kind: "damage", at, bytes, what: (at === 0 ? stranger : undefined) ?? "no whole group" };
    at += bytes;
  }
  const missing = knownDurable - base - at;
  if (missing > 0) yield { kind: "damage", at, bytes: missing, what: "missing, by what its index says" };
  if (at < sizeBytes) {
    const rest = await restAt(at, new GroupScanner(file, disk, sizeBytes));
    const isCut = rest === "old" && !(await scanner.wasOther(at));
    yield { kind: isCut ? "cut" : rest, at, bytes: sizeBytes - at };
  }
}

/** What stands at `at`, behind the last group, and is neither torn nor damaged. */
async function restAt(at: number, scanner: GroupScanner): Promise<"old" | "room"> {
  return (await scanner.isRoom(at)) ? "room" : "old";
}

/** What to say when the file begins with a group that is of another one than its name says. */
async function strangerAt(
  disk: DiskFile,
  sizeBytes: number,
  file: { readonly base: number; readonly incarnation: number; readonly mayBeOld: boolean },
): Promise<string | undefined> {
  const { base, incarnation, mayBeOld } = file;
  const first = Buffer.alloc(GROUP_HEADER_BYTES);
  if (sizeBytes < first.length || (await disk.read(first, 0)) < first.length) return undefined;
  const isHeader = first[2] === VERSION_GROUP && verifiedRecordBytes(first, 0, first.length) > 0;
  const header = isHeader ? readGroupHeader(first, 0) : undefined;
  if (header === undefined || (header.position === base && header.incarnation === incarnation)) return undefined;
  const { position } = header;
  if (mayBeOld && position < base) return undefined;
  return `of another file than its name says, position ${position} and incarnation ${formatIncarnation(header.incarnation)}`;
}

function* itemsOf({ header, buffer, recordsAt, end }: ScannedGroup, groupAt: number): Generator<WalItem, void, void> {
  yield { kind: "group", at: groupAt, bytes: GROUP_HEADER_BYTES, header };
  for (let recordAt = recordsAt; recordAt < end; ) {
    const at = groupAt + GROUP_HEADER_BYTES + (recordAt - recordsAt);
    const bytes = verifiedRecordBytes(buffer, recordAt, end);
    if (bytes === 0 || buffer[recordAt + 2] === VERSION_GROUP) {
      yield { kind: "damage", at, bytes: end - recordAt, what: "no records, although the group is whole" };
      return;
    }
    yield itemOf(buffer, recordAt, { at, bytes });
    recordAt += bytes;
  }
}

/** A verified record of version 2 or 3. */
function itemOf(buffer: Buffer, recordAt: number, place: Place): WalItem {
  if (buffer[recordAt + 2] === VERSION_STATE) {
    const type = stateRecordType(buffer, recordAt);
    if (type === FILLER_TYPE) return { kind: "filler", ...place };
    const fields = buffer.subarray(recordAt + STATE_FIELDS_OFFSET, recordAt + place.bytes);
    return { kind: "state", ...place, type, fields };
  }
  const record = readBatchRecord(buffer, recordAt, place.bytes);
  if (record === undefined) return { kind: "damage", ...place, what: "a record whose lengths do not add up" };
  return { kind: "batch", ...place, record, buffer };
}

async function* recordItems(disk: DiskFile, sizeBytes: number): AsyncGenerator<WalItem, void, void> {
  const scanner = new RecordScanner(disk, sizeBytes);
  for (let at = 0; at < sizeBytes; ) {
    const found = await scanner.recordAt(at);
    if (found !== undefined) {
      const place = { at, bytes: found.end - found.at };
      yield singleItem(found, place);
      at += place.bytes;
      continue;
    }
    const next = await scanner.findRecord(at + 1);
    if (next === undefined && (await scanner.isBrokenOff(at))) {
      yield { kind: "torn", at, bytes: sizeBytes - at };
      return;
    }
    const bytes = (next ?? sizeBytes) - at;
    yield { kind: "damage", at, bytes, what: "no whole record" };
    at += bytes;
  }
}

function singleItem({ version, buffer, at, end }: ScannedRecord, place: Place): WalItem {
  switch (version) {
    case VERSION_SINGLE_RECORD:
      return { kind: "record", ...place, record: readSingleRecord(buffer, at, end)! };
    case VERSION_BATCH:
    case VERSION_STATE:
      return itemOf(buffer, at, place);
    default:
      return { kind: "damage", ...place, what: "a group among records that are in none" };
  }
}

/** As file names have it. */
export function formatIncarnation(incarnation: number): string {
  return incarnation.toString(16).padStart(14, "0");
}
