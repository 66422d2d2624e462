/**
 * Reads the groups of one WAL file in order, and says where bytes are not a group.
 *
 * A group counts only whole: its header and bytes intact, at its own position, with the incarnation of its file. So bytes
 * inside a producer's value, or left over from what the file was before (`recycled-files.ts`), never pass for one. The reader moves
 * by the bytes it consumed. Memory: one chunk, or one group when that is larger.
 */
import { crc32c } from "../base/crc32c.ts";
import type { DiskFile } from "../ports/disk.ts";
import { ROOM_BYTES, SMALL_GROUP_BYTES, type WalFile } from "./wal-file.ts";
import {
  GROUP_HEADER_BYTES,
  type GroupHeader,
  readGroupHeader,
  recordBytesClaimed,
  VERSION_GROUP,
  verifiedRecordBytes,
  WAL_MAGIC,
} from "./wal-record.ts";

const CHUNK_BYTES = 4 * 1024 * 1024;

/** One whole group. `buffer` is only valid until the scanner is asked for more. */
export interface ScannedGroup {
  readonly header: GroupHeader;
  readonly buffer: Buffer;
  /** Where the group's records begin and end in `buffer`. */
  readonly recordsAt: number;
  readonly end: number;
}

export class GroupScanner {
  readonly #file: WalFile;
  readonly #disk: DiskFile;
  readonly #sizeBytes: number;
  /** Read at once: a file smaller than a chunk is read whole. */
  readonly #chunkBytes: number;
  #buffer: Buffer;
  /** File offset of the first byte in the buffer, and how many bytes it holds. */
  #bufferAt = 0;
  #bufferBytes = 0;

  constructor(file: WalFile, disk: DiskFile, sizeBytes: number) {
    this.#file = file;
    this.#disk = disk;
    this.#sizeBytes = sizeBytes;
    this.#chunkBytes = Math.min(CHUNK_BYTES, sizeBytes);
    this.#buffer = Buffer.allocUnsafeSlow(this.#chunkBytes);
  }

  /** The group at file offset `at`, or undefined when there is no whole one. */
  async groupAt(at: number): Promise<ScannedGroup | undefined> {
    const header = await this.#headerAt(at);
    if (header === undefined || !this.#isOwn(header, at)) return undefined;
    const totalBytes = GROUP_HEADER_BYTES + header.lengthBytes;
    if (totalBytes > this.#sizeBytes - at || !(await this.#fill(at, totalBytes))) return undefined;
    const headerAt = at - this.#bufferAt;
    const recordsAt = headerAt + GROUP_HEADER_BYTES;
    const end = headerAt + totalBytes;
    if (crc32c(this.#buffer.subarray(recordsAt, end)) !== header.crc) return undefined;
    return { header, buffer: this.#buffer, recordsAt, end };
  }

  /** File offset of the first whole group at `from` or behind it, or undefined. */
  findGroup(from: number): Promise<number | undefined> {
    return this.#find(from, async (at) => (await this.groupAt(at)) !== undefined);
  }

  /**
   * Where the bytes end that were torn off at `from`, a write that a crash interrupted: as far as the header there says that it was to
   * go, and up to the last whole group behind it. In a file that was another one before, what is behind that is as it was; otherwise
   * all of it is torn but room for groups.
   */
  async tornEnd(from: number): Promise<number> {
    let end = (await this.wasOther(from)) ? from : await this.#roomFrom(from);
    const torn = await this.#headerAt(from);
    if (torn !== undefined && this.#isOwn(torn, from))
      end = Math.max(end, from + GROUP_HEADER_BYTES + torn.lengthBytes);
    for await (const group of this.groupsFrom(await this.findGroup(from))) end = Math.max(end, group.end);
    return Math.min(end, this.#sizeBytes);
  }

  /**
   * Where damage at `from` ends that has no whole group behind it: how far it goes nobody can tell, so it goes to the end. Not so in the
   * last file of the log, of which `durable` is known: there it does not go over what the file held before.
   */
  async damageEnd(from: number, durable: number | undefined): Promise<number> {
    if (durable === undefined || !(await this.wasOther(from))) return this.#sizeBytes;
    return Math.min(this.#sizeBytes, durable - this.#file.base);
  }

  /** Whether all there is from `from` on is room for groups, or nothing. */
  async isRoom(from: number): Promise<boolean> {
    return (await this.#roomFrom(from)) === from;
  }

  /**
   * Where, at `from` or behind it, room for groups begins: the zeros at the end of the file, unless there are more of them than room and
   * a group that a disk did not get to write in it.
   */
  async #roomFrom(from: number): Promise<number> {
    const mostBytes = ROOM_BYTES + SMALL_GROUP_BYTES;
    const first = Math.max(from, this.#sizeBytes - mostBytes - 1);
    await this.#fill(first, this.#sizeBytes - first); // less of it when the file was sealed meanwhile
    const begin = first - this.#bufferAt;
    const end = Math.min(this.#sizeBytes - this.#bufferAt, this.#bufferBytes);
    const used = this.#buffer.subarray(begin, Math.max(begin, end)).findLastIndex((byte) => byte !== 0) + 1;
    return used === 0 && this.#sizeBytes - first > mostBytes ? this.#sizeBytes : first + used;
  }

  /** The whole groups from the one at `first` on, whatever stands between them: each with where it ends in the file. */
  async *groupsFrom(first: number | undefined): AsyncGenerator<{ readonly header: GroupHeader; readonly end: number }> {
    for (let at = first; at !== undefined; ) {
      const group = await this.groupAt(at);
      if (group === undefined) {
        at = await this.findGroup(at + 1);
        continue;
      }
      at += GROUP_HEADER_BYTES + group.header.lengthBytes;
      yield { header: group.header, end: at };
    }
  }

  /** The intact header of a group, of this file or another. */
  async #headerAt(at: number): Promise<GroupHeader | undefined> {
    return (await this.#fill(at, GROUP_HEADER_BYTES)) ? this.#headerHere(at) : undefined;
  }

  /** As `#headerAt`, of bytes that are in the buffer. */
  #headerHere(at: number): GroupHeader | undefined {
    const headerAt = at - this.#bufferAt;
    if (this.#buffer[headerAt + 2] !== VERSION_GROUP) return undefined;
    if (recordBytesClaimed(this.#buffer, headerAt) !== GROUP_HEADER_BYTES) return undefined;
    if (verifiedRecordBytes(this.#buffer, headerAt, this.#bufferBytes) !== GROUP_HEADER_BYTES) return undefined;
    return readGroupHeader(this.#buffer, headerAt);
  }

  /**
   * Whether behind the last group there may stand something of the file that this one was before. As the groups before `at` say; when
   * there is none, a group of another place is a sign of it.
   */
  async wasOther(at: number): Promise<boolean> {
    if (at > 0) return (await this.#headerAt(0))?.wasOther === true;
    const stranger = await this.#find(at, async (place) => {
      const header = await this.#headerAt(place);
      return header !== undefined && !this.#isOwn(header, place);
    });
    return stranger !== undefined;
  }

  #isOwn({ position, incarnation }: GroupHeader, at: number): boolean {
    return position === this.#file.base + at && incarnation === this.#file.incarnation;
  }

  /** The first place at `from` or behind it where there is an intact header of a group, and what is looked for. */
  async #find(from: number, isIt: (at: number) => Promise<boolean>): Promise<number | undefined> {
    const magic = Buffer.from([WAL_MAGIC & 0xff, WAL_MAGIC >>> 8, VERSION_GROUP]);
    let at = from;
    // Millions of places may look like one: nothing is waited for when the bytes are there.
    while (this.#holds(at, GROUP_HEADER_BYTES) || (await this.#fill(at, GROUP_HEADER_BYTES))) {
      const found = this.#buffer.subarray(0, this.#bufferBytes).indexOf(magic, at - this.#bufferAt);
      if (found === -1) {
        at = this.#bufferAt + this.#bufferBytes - magic.length + 1;
        continue;
      }
      at = this.#bufferAt + found;
      if (!this.#holds(at, GROUP_HEADER_BYTES)) continue;
      if (this.#headerHere(at) !== undefined && (await isIt(at))) return at;
      at += 1;
    }
    return undefined;
  }

  #holds(at: number, bytes: number): boolean {
    return at >= this.#bufferAt && at + bytes <= this.#bufferAt + this.#bufferBytes;
  }

  /** Makes the buffer hold `bytes` bytes from file offset `at` on. False when the file ends before. */
  async #fill(at: number, bytes: number): Promise<boolean> {
    if (this.#holds(at, bytes)) return true;
    if (at + bytes > this.#sizeBytes) return false;
    if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(bytes);
    else if (this.#buffer.length > this.#chunkBytes && bytes <= this.#chunkBytes)
      this.#buffer = Buffer.allocUnsafeSlow(this.#chunkBytes);
    const wanted = Math.min(this.#buffer.length, this.#sizeBytes - at);
    this.#bufferBytes = await this.#disk.read(this.#buffer.subarray(0, wanted), at);
    this.#bufferAt = at;
    return this.#bufferBytes >= bytes;
  }
}
