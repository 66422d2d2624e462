/**
 * Snapshot files: the fold of the log at some position, so that a restart need not read the log from its beginning.
 *
 *     slice: length u32, crc32c u32 of the payload, payload
 *     first slice: "CHSN", version u16, position u64: replay starts there; always the base of a WAL file
 *     then the state's own slices, each stamped by its owner with the position it was taken at
 *     last slice: "CHSE", slice count u32, log end u64: the log's position when the last slice was taken
 *
 * Slices are taken one after the other while the log goes on, so that nothing stalls: a later slice may know more than an
 * earlier one. Each says from where replay counts for it (`stampedAt`).
 *
 * Write order: the whole file under a temporary name, sync, read back and compare, wait until the log is durable beyond
 * `log end` (a slice must never know what a crash can take back), rename, sync the folder. The two newest are kept, and
 * WAL files are freed only below the older of them; so one unreadable snapshot costs a longer replay, nothing else.
 */
import { type Position, toPosition } from "../base/brands.ts";
import { crc32c } from "../base/crc32c.ts";
import { type Disk, type DiskFile, IoError, ignoreMissing, isMissing } from "../ports/disk.ts";

export const SNAPSHOT_FOLDER = "snapshot";

const VERSION = 1;
const HEAD = Buffer.from("CHSN");
const FOOT = Buffer.from("CHSE");
const HEAD_BYTES = 14;
const FOOT_BYTES = 16;
const SLICE_OVERHEAD = 8;
const WRITE_CHUNK_BYTES = 256 * 1024;
const KEPT = 2;
const NAME = /^(\d{20})\.snapshot$/;
const TEMPORARY = `${SNAPSHOT_FOLDER}/next.tmp`;

export interface Snapshot {
  readonly position: Position;
  readonly logEnd: Position;
  readonly slices: Buffer[];
}

export interface SnapshotSource {
  readonly position: Position;
  /** Gives the next slice, taken now, or undefined at the end. The log may go on between calls. */
  next(): Uint8Array | undefined;
  /** Where the log stands now. */
  logPosition(): Position;
  /** Resolves when the log is durable up to `position`. */
  durable(position: Position): Promise<void>;
}

/** Writes, verifies and publishes a snapshot. */
export async function writeSnapshot(disk: Disk, source: SnapshotSource): Promise<void> {
  await disk.remove(TEMPORARY).catch(ignoreMissing);
  const file = await disk.create(TEMPORARY);
  const writer = new SliceWriter(file);
  await writer.add(encodeHead(source.position));
  for (let slice = source.next(); slice !== undefined; slice = source.next()) await writer.add(slice);
  const logEnd = source.logPosition();
  await writer.add(encodeFoot(writer.slices + 1, logEnd));
  await writer.flush();
  await file.sync();
  await file.close();
  if ((await readSnapshotFile(disk, TEMPORARY)) === undefined) {
    throw new IoError(
      "fatal",
      "EIO",
      "a snapshot read back differently from what was written: the disk is not reliable",
    );
  }
  await source.durable(logEnd);
  await disk.rename(TEMPORARY, snapshotName(source.position));
  await disk.syncFolder(SNAPSHOT_FOLDER);
}

/** Positions of the snapshots that are there, newest first. */
export async function listSnapshots(disk: Pick<Disk, "list">): Promise<Position[]> {
  const positions: Position[] = [];
  const names = await disk.list(SNAPSHOT_FOLDER).catch((error: unknown): string[] => {
    if (isMissing(error)) return []; // a first start that did not get that far
    throw error;
  });
  for (const name of names) {
    const match = NAME.exec(name);
    if (match !== null) positions.push(toPosition(Number(match[1])));
  }
  return positions.reverse();
}

/** Reads and verifies a snapshot; undefined when it is not whole. */
export async function readSnapshot(disk: Pick<Disk, "open">, position: Position): Promise<Snapshot | undefined> {
  const snapshot = await readSnapshotFile(disk, snapshotName(position));
  return snapshot?.position === position ? snapshot : undefined;
}

/** Keeps damaged snapshots under another name: they do not count any more, and may be all that somebody has left. */
export async function setSnapshotsAside(disk: Disk, positions: readonly Position[]): Promise<void> {
  for (const position of positions) await disk.rename(snapshotName(position), `${snapshotName(position)}.damaged`);
  if (positions.length > 0) await disk.syncFolder(SNAPSHOT_FOLDER);
}

/** Removes all but the two newest. */
export async function removeOldSnapshots(disk: Disk): Promise<void> {
  for (const position of (await listSnapshots(disk)).slice(KEPT)) await disk.remove(snapshotName(position));
}

class SliceWriter {
  slices = 0;
  readonly #file: DiskFile;
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  #at = 0;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  async add(payload: Uint8Array): Promise<void> {
    const overhead = Buffer.allocUnsafe(SLICE_OVERHEAD);
    overhead.writeUInt32LE(payload.length, 0);
    overhead.writeUInt32LE(crc32c(payload), 4);
    this.#parts.push(overhead, payload);
    this.#partBytes += SLICE_OVERHEAD + payload.length;
    this.slices += 1;
    if (this.#partBytes >= WRITE_CHUNK_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    const parts = this.#parts;
    this.#parts = [];
    await this.#file.write(parts, this.#at);
    this.#at += this.#partBytes;
    this.#partBytes = 0;
  }
}

async function readSnapshotFile(disk: Pick<Disk, "open">, name: string): Promise<Snapshot | undefined> {
  let file;
  try {
    file = await disk.open(name, "read");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const bytes = Buffer.allocUnsafeSlow(await file.sizeBytes());
    if ((await file.read(bytes, 0)) !== bytes.length) return undefined;
    return parseSnapshot(bytes);
  } finally {
    await file.close();
  }
}

function parseSnapshot(bytes: Buffer): Snapshot | undefined {
  const slices: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < SLICE_OVERHEAD) return undefined;
    const length = bytes.readUInt32LE(at);
    const payloadAt = at + SLICE_OVERHEAD;
    if (length > bytes.length - payloadAt) return undefined;
    const payload = bytes.subarray(payloadAt, payloadAt + length);
    if (crc32c(payload) !== bytes.readUInt32LE(at + 4)) return undefined;
    slices.push(payload);
    at = payloadAt + length;
  }
  const head = slices[0];
  const foot = slices.at(-1);
  if (head?.length !== HEAD_BYTES || !head.subarray(0, 4).equals(HEAD) || head.readUInt16LE(4) !== VERSION)
    return undefined;
  if (foot?.length !== FOOT_BYTES || !foot.subarray(0, 4).equals(FOOT)) return undefined;
  if (foot.readUInt32LE(4) !== slices.length) return undefined;
  return {
    position: toPosition(Number(head.readBigUInt64LE(6))),
    logEnd: toPosition(Number(foot.readBigUInt64LE(8))),
    slices: slices.slice(1, -1),
  };
}

function encodeHead(position: Position): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  HEAD.copy(head);
  head.writeUInt16LE(VERSION, 4);
  head.writeBigUInt64LE(BigInt(position), 6);
  return head;
}

function encodeFoot(slices: number, logEnd: Position): Buffer {
  const foot = Buffer.alloc(FOOT_BYTES);
  FOOT.copy(foot);
  foot.writeUInt32LE(slices, 4);
  foot.writeBigUInt64LE(BigInt(logEnd), 8);
  return foot;
}

function snapshotName(position: Position): string {
  return `${SNAPSHOT_FOLDER}/${String(position).padStart(20, "0")}.snapshot`;
}
