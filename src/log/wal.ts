/**
 * The write-ahead log: one append-only sequence of groups for all partitions.
 *
 * Appending is synchronous and only gathers bytes in memory. Groups then go to disk in order, each with one synced write:
 * two are under way while a third gathers, so the device always has work and a group is as large as the device is slow.
 * No timers: a group is closed when the input that had already arrived was handled and the writer is free. While the disk is quick
 * the deciding thread makes a write itself, and stands still until it is done (`blocking-writes.ts`).
 *
 * Synced writes want to be aligned. So each group is filled up to the alignment, and so is a group's part of a block when
 * it goes on in the next block. Groups begin aligned then: blocks do, and so do files, at their offset 0.
 *
 * A write that makes its file longer waits for the file system's journal as well, and keeps others of the file waiting. So a small
 * group at the end of a file writes zeros behind itself, room for those that follow. Nothing behind it is begun before it is done, so
 * that none of them is written over. What is left of the room is cut off when the file is sealed. The first group of a file takes none:
 * a start needs no more of a disk that is full than it did. Nor is any taken where the disk has little left (`roomEnd`).
 *
 * Write order and what a crash can leave:
 * 1. a file is created, or one that is of no more use gets its name (`recycled-files.ts`), and the name is synced, only after every
 *    earlier file is durable to its end;
 * 2. groups are written, each at its own position, and synced; positions become durable strictly in order, in whatever
 *    order the writes end;
 * 3. `committed` is told, and only then does anything leave the process that depends on those bytes.
 * A crash between 2 and 3 leaves whole groups that nobody was told of; a crash within 2 leaves a torn group, possibly
 * with a whole one behind it. Recovery cuts at the first torn one: see `recovery.ts`.
 *
 * With `sync: "interval"` groups are only written, and synced later; a position is committed when the system has taken the
 * bytes. That is for
 * batches: groups with state records are synced at once, and nothing from them on is committed before. Otherwise a power
 * loss could take back a start, and the next one would give out offsets in the same leader epoch again, or producer ids.
 *
 * A failed write or sync ends the log for good: nothing is known about the file any more, and retrying a sync would
 * report success for bytes that are gone (fsyncgate, 2018).
 */
import { assert } from "../base/assert.ts";
import { type Position, toPosition } from "../base/brands.ts";
import { crc32c, crc32cCombine } from "../base/crc32c.ts";
import { DURATION_BOUNDS_MS, Histogram } from "../base/histogram.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import { type Disk, isMissing, type SyncedFile, type SyncedWrites } from "../ports/disk.ts";
import { setBatchBaseOffset, setBatchLeaderEpoch, setBatchLogAppendTime } from "../protocol/record-batch.ts";
import { BlockingWrites } from "./blocking-writes.ts";
import type { Block, BlockCache } from "./blocks.ts";
import type { RecycledFiles } from "./recycled-files.ts";
import { ROOM_BYTES, SMALL_GROUP_BYTES, WAL_FOLDER, WalFile } from "./wal-file.ts";
import {
  batchDataOffset,
  batchRecordBytes,
  FILLER_MIN_BYTES,
  GROUP_HEADER_BYTES,
  sealBatchRecord,
  stateRecordBytes,
  writeBatchRecordFrame,
  writeFiller,
  writeGroupHeader,
  writeStateRecord,
} from "./wal-record.ts";

/** Of synced writes. With more, groups would only be smaller. */
const WRITES_AT_ONCE = 2;

export interface WalOptions {
  readonly disk: Disk;
  /** Where `sync` is "always". The blocks' memory is of it. */
  readonly syncedWrites: SyncedWrites;
  readonly clock: Clock;
  readonly blocks: BlockCache;
  /** Files to write over. */
  readonly recycled: Pick<RecycledFiles, "take">;
  /** Random, new at every start. */
  readonly incarnation: number;
  /** Where the log goes on; everything before it is durable. */
  readonly start: Position;
  /** Position of the last group with state records, or NO_STATE_POSITION. */
  readonly lastStatePosition: number;
  readonly sync: "always" | "interval";
  readonly syncIntervalMs: number;
  readonly groupMaxBytes: number;
  readonly fileMaxBytes: number;
  /** -1: files are closed by size only. */
  readonly fileMaxAgeMs: number;
  readonly events: WalEvents;
}

export interface WalEvents {
  /** Everything before `position` may be seen and acknowledged. Positions only grow. */
  committed(position: Position): void;
  /** The file is complete and durable. Called in the order of the files. */
  sealed(file: WalFile): void;
  /** A write or sync failed; the log is dead. Called once. */
  failed(error: unknown): void;
}

/** Where a batch goes, as the WAL record spells it. */
export interface BatchTarget {
  readonly nameBytes: Buffer;
  readonly idBytes: Buffer;
}

export interface BatchAppend {
  readonly target: BatchTarget;
  readonly partition: number;
  readonly source: Buffer;
  readonly at: number;
  readonly sizeBytes: number;
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  /** Set when the topic wants the broker's time in the batch. */
  readonly logAppendTimeMs: number | undefined;
}

interface Span {
  readonly block: Block;
  readonly start: number;
  end: number;
}

interface Group {
  readonly position: Position;
  readonly file: WalFile;
  readonly spans: Span[];
  /** Bytes of its records, and their CRC so far. */
  lengthBytes: number;
  crc: number;
  hasState: boolean;
}

/** A file that is being written. `sync` is there when its writes are not synced by themselves. */
interface Handle {
  readonly file: WalFile;
  readonly disk: SyncedFile;
  readonly sync: (() => Promise<void>) | undefined;
}

/** A group whose write has begun. */
interface GroupWrite {
  readonly group: Group;
  /** Zeros behind it. */
  readonly room: Buffer | undefined;
  done: boolean;
}

/** From 512 bytes, by fours, later by twos. */
const GROUP_BOUNDS_BYTES = [9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 24].map((power) => 2 ** power);

/** What the log has done since the start. */
export class WalMetrics {
  readonly groupBytes = new Histogram(GROUP_BOUNDS_BYTES);
  /** Of one group, its sync included where writes are synced by themselves; the first of a file includes creating it. */
  readonly writeMs = new Histogram(DURATION_BOUNDS_MS);
  /** Of syncs that are not part of a write. */
  readonly syncMs = new Histogram(DURATION_BOUNDS_MS);
}

export class Wal {
  readonly metrics = new WalMetrics();
  /** Room for groups is taken up to this position and no further: whoever looks at the free disk says how far that may be. */
  roomEnd = Number.POSITIVE_INFINITY;
  readonly #options: WalOptions;
  readonly #alignmentBytes: number;
  /** What stays free behind each record of a block, so that a filler always fits. */
  readonly #fillerRoomBytes: number;
  readonly #blocking = new BlockingWrites();
  readonly #ready: Group[] = [];
  readonly #unsealed: WalFile[] = [];
  #gathering: Group | undefined;
  #flushDue = false;
  #file: WalFile;
  #handle: Handle | undefined;
  #position: Position;
  #written: Position;
  #durable: Position;
  #committed: Position;
  #lastStatePosition: number;
  /** Written groups with state records that are not durable yet; oldest first. */
  readonly #undurableStates: Position[] = [];
  /** In order of position. */
  readonly #writes: GroupWrite[] = [];
  #zeros: Buffer | undefined;
  #syncing = false;
  /** Positions up to here are synced without waiting for the interval. */
  #syncWanted: Position;
  #failed = false;
  #ageTimer: Timer | undefined;
  #syncTimer: Timer | undefined;
  readonly #idleWaiters: (() => void)[] = [];

  constructor(options: WalOptions) {
    this.#options = options;
    this.#position = options.start;
    this.#written = options.start;
    this.#durable = options.start;
    this.#committed = options.start;
    this.#syncWanted = options.start;
    this.#lastStatePosition = options.lastStatePosition;
    this.#file = this.#newFile(0);
    this.#alignmentBytes = options.sync === "always" ? options.syncedWrites.alignmentBytes : 1;
    this.#fillerRoomBytes = this.#alignmentBytes === 1 ? 0 : this.#alignmentBytes + FILLER_MIN_BYTES;
  }

  /** Where the next byte goes: the position of the state as it is now. */
  get position(): Position {
    return this.#position;
  }

  /** Everything before it survives a crash. */
  get durable(): Position {
    return this.#durable;
  }

  /** Everything before it may be seen and acknowledged. */
  get committed(): Position {
    return this.#committed;
  }

  /** Position of the last complete group with state records. */
  get lastStatePosition(): number {
    return this.#lastStatePosition;
  }

  /** The file that the next group goes to. */
  get file(): WalFile {
    return this.#gathering?.file ?? this.#file;
  }

  /** Appended and not yet committed. */
  get pendingBytes(): number {
    return this.#position - this.#committed;
  }

  /**
   * Opens the request's group: whatever is appended until the next call, in the same turn, becomes durable as a whole or
   * not at all. `expectedBytes` decides whether it still joins the gathering group.
   */
  beginRequest(expectedBytes: number): void {
    const group = this.#gathering;
    if (group === undefined || group.lengthBytes === 0) return;
    if (group.lengthBytes + expectedBytes > this.#options.groupMaxBytes) this.#closeGroup();
  }

  /** Copies a batch into the log, with its offset and leader epoch patched in. Answers the WAL record's position. */
  appendBatch(batch: BatchAppend): Position {
    const { target, partition, sizeBytes, source, at } = batch;
    const topicBytes = target.nameBytes.length;
    const totalBytes = batchRecordBytes(topicBytes, sizeBytes);
    const position = this.#reserve(totalBytes);
    const span = this.#gathering!.spans.at(-1)!;
    const bytes = span.block.bytes;
    const recordAt = span.end - totalBytes;
    const frame = { topicName: target.nameBytes, topicId: target.idBytes, partition, dataBytes: sizeBytes };
    writeBatchRecordFrame(bytes, recordAt, frame);
    const dataAt = recordAt + batchDataOffset(topicBytes);
    source.copy(bytes, dataAt, at, at + sizeBytes);
    setBatchBaseOffset(bytes, dataAt, batch.baseOffset);
    setBatchLeaderEpoch(bytes, dataAt, batch.leaderEpoch);
    if (batch.logAppendTimeMs !== undefined) setBatchLogAppendTime(bytes, dataAt, batch.logAppendTimeMs);
    const crc = sealBatchRecord(bytes, recordAt, totalBytes, topicBytes);
    this.#addToGroup(this.#gathering!, crc, totalBytes);
    return position;
  }

  /** Appends a state record. Answers its position. */
  appendState(type: number, fields: readonly Uint8Array[]): Position {
    let fieldBytes = 0;
    for (const part of fields) fieldBytes += part.length;
    const totalBytes = stateRecordBytes(fieldBytes);
    const position = this.#reserve(totalBytes);
    const group = this.#gathering!;
    const { block, end } = group.spans.at(-1)!;
    writeStateRecord(block.bytes, end - totalBytes, type, fields);
    this.#addToGroup(group, crc32c(block.bytes.subarray(end - totalBytes, end)), totalBytes);
    group.hasState = true;
    return position;
  }

  /** Ends the current file where the log stands now, so that it can be sealed. Without effect on an empty one. */
  roll(): void {
    this.#closeGroup();
    if (this.#file.base === this.#position) return;
    this.#ageTimer?.cancel();
    this.#ageTimer = undefined;
    this.#file.close(this.#position);
    this.#unsealed.push(this.#file);
    this.#file = this.#newFile(this.#position - this.#file.base);
    this.#syncWanted = this.#position;
    this.#sealDurableFiles(); // no sync follows when there was nothing left to write
    this.#pump();
  }

  /** Resolves when everything appended so far is durable. Never, once the log has failed. */
  async flush(): Promise<void> {
    this.#closeGroup();
    const target = this.#position;
    this.#syncWanted = target;
    this.#pump();
    while (this.#durable < target) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Seals the file being written and lets go of it. Nothing may be appended any more. */
  async close(): Promise<void> {
    this.roll();
    await this.flush();
    this.#syncTimer?.cancel();
    await this.#handle?.disk.close();
    this.#handle = undefined;
  }

  /** Takes room for one record and answers its position; its bytes are the last of the gathering group's last span. */
  #reserve(totalBytes: number): Position {
    assert(!this.#failed, "append to a failed log");
    if (this.#gathering === undefined) this.#openGroup();
    return this.#take(this.#gathering!, totalBytes);
  }

  #take(group: Group, bytes: number): Position {
    const { blocks } = this.#options;
    const neededBytes = bytes + this.#fillerRoomBytes;
    if (group.spans.length > 0 && !blocks.hasRoom(this.#position, neededBytes)) this.#fillUp(group);
    return this.#extend(group, blocks.blockFor(this.#position, neededBytes), bytes);
  }

  /** Ends the group's part of its block aligned. */
  #fillUp(group: Group): void {
    const { block, start, end } = group.spans.at(-1)!;
    const over = (end - start) % this.#alignmentBytes;
    if (over === 0) return;
    const gap = this.#alignmentBytes - over;
    const bytes = gap < FILLER_MIN_BYTES ? gap + this.#alignmentBytes : gap;
    this.#extend(group, block, bytes);
    writeFiller(block.bytes, end, bytes);
    this.#addToGroup(group, crc32c(block.bytes.subarray(end, end + bytes)), bytes);
  }

  #extend(group: Group, block: Block, bytes: number): Position {
    const position = this.#position;
    const start = block.usedBytes;
    block.usedBytes += bytes;
    const last = group.spans.at(-1);
    if (last !== undefined && last.block === block) last.end += bytes;
    else group.spans.push({ block, start, end: start + bytes });
    this.#position = toPosition(position + bytes);
    return position;
  }

  /** Counts a record that now stands complete at the end of the group. */
  #addToGroup(group: Group, crc: number, totalBytes: number): void {
    group.crc = crc32cCombine(group.crc, crc, totalBytes);
    group.lengthBytes += totalBytes;
  }

  /** `sizeBytes`: what it will have, as far as can be foreseen. */
  #newFile(sizeBytes: number): WalFile {
    const file = new WalFile(this.#position, this.#options.incarnation);
    if (this.#options.sync === "always") file.other = this.#options.recycled.take(sizeBytes);
    return file;
  }

  #openGroup(): void {
    if (this.#position - this.#file.base >= this.#options.fileMaxBytes) this.roll();
    if (this.#position === this.#file.base) this.#startAging(this.#file);
    const group: Group = {
      position: this.#position,
      file: this.#file,
      spans: [],
      lengthBytes: 0,
      crc: 0,
      hasState: false,
    };
    this.#take(group, GROUP_HEADER_BYTES);
    this.#gathering = group;
    this.#flushDue = false;
    this.#options.clock.defer(() => {
      this.#flushDue = true;
      this.#pump();
    });
  }

  #startAging(file: WalFile): void {
    const { clock, fileMaxAgeMs } = this.#options;
    if (fileMaxAgeMs < 0) return;
    this.#ageTimer = clock.schedule(fileMaxAgeMs, () => {
      if (this.#file === file && !this.#failed) this.roll();
    });
  }

  /** Completes the gathering group's header and queues the group for the writer. */
  #closeGroup(): void {
    const group = this.#gathering;
    if (group === undefined) return;
    this.#gathering = undefined;
    this.#fillUp(group);
    const first = group.spans[0]!;
    writeGroupHeader(first.block.bytes, first.start, {
      wasOther: group.file.other !== undefined,
      position: group.position,
      incarnation: this.#options.incarnation,
      durablePosition: this.#durable,
      previousStatePosition: this.#lastStatePosition,
      lengthBytes: group.lengthBytes,
      crc: group.crc,
    });
    if (group.hasState) this.#lastStatePosition = group.position;
    this.#ready.push(group);
  }

  /** Starts whatever can be started now. */
  #pump(): void {
    if (this.#failed) return;
    while (this.#writes.length < (this.#options.sync === "always" ? WRITES_AT_ONCE : 1)) {
      if (this.#ready.length === 0 && this.#flushDue) this.#closeGroup();
      const group = this.#ready[0];
      if (group === undefined || !this.#mayWrite(group)) break;
      this.#ready.shift();
      this.#startWrite(group);
    }
    if (!this.#syncing && this.#durable < this.#syncWanted && this.#written > this.#durable) this.#startSync();
  }

  /** A new file begins only when the old one is durable to its end, and nothing behind room before that is there. */
  #mayWrite(group: Group): boolean {
    const last = this.#writes.at(-1);
    if (last?.room !== undefined && !last.done) return false;
    if (this.#handle?.file === group.file || this.#durable === group.position) return true;
    this.#syncWanted = group.position;
    return false;
  }

  #startWrite(group: Group): void {
    const write: GroupWrite = { group, room: this.#roomFor(group), done: false };
    this.#writes.push(write);
    const { clock } = this.#options;
    const beganMs = clock.monotonicMs();
    this.metrics.groupBytes.observe(GROUP_HEADER_BYTES + group.lengthBytes);
    this.#write(write).then(
      () => {
        this.metrics.writeMs.observe(clock.monotonicMs() - beganMs);
        write.done = true;
        this.#advanceWritten();
        this.#pump();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  async #write({ group, room }: GroupWrite): Promise<void> {
    const { disk } = this.#handle?.file === group.file ? this.#handle : await this.#createFile(group.file);
    const parts = group.spans.map((span) => span.block.bytes.subarray(span.start, span.end));
    if (room !== undefined) parts.push(room);
    const position = group.position - group.file.base;
    const sizeBytes = GROUP_HEADER_BYTES + group.lengthBytes;
    const { clock, sync } = this.#options;
    const beganMs = clock.monotonicMs();
    const mayBlock = disk.writeNow !== undefined && sync === "always" && this.#writes.length === 1;
    const wasBlocking = mayBlock && this.#blocking.mayBegin({ nowMs: beganMs, sizeBytes });
    if (wasBlocking) disk.writeNow!(parts, position);
    else await disk.write(parts, position);
    this.#blocking.ended({ sizeBytes, beganMs, endedMs: clock.monotonicMs(), wasBlocking });
  }

  /**
   * What a small group writes behind itself where its file ends, if it is synced at once: otherwise nothing waits for it. Never in a file
   * that is written over, of which nobody asks where it ends.
   */
  #roomFor(group: Group): Buffer | undefined {
    const { file } = group;
    const sizeBytes = GROUP_HEADER_BYTES + group.lengthBytes;
    if (this.#options.sync !== "always" || sizeBytes > SMALL_GROUP_BYTES) return undefined;
    const isFirst = group.position === file.base;
    if (isFirst || file.isClosed || file.other !== undefined) return undefined;
    const end = group.position - file.base + sizeBytes;
    if (end <= file.roomTo || file.base + end + ROOM_BYTES > this.roomEnd) return undefined;
    file.roomTo = end + ROOM_BYTES;
    this.#zeros ??= this.#options.syncedWrites.allocate(ROOM_BYTES).fill(0);
    return this.#zeros;
  }

  async #createFile(file: WalFile): Promise<Handle> {
    const { disk, syncedWrites, sync } = this.#options;
    const previous = this.#handle;
    this.#handle = undefined;
    await previous?.disk.close();
    let handle: Handle;
    if (sync === "always") {
      handle = { file, disk: (await this.#reuse(file)) ?? (await syncedWrites.create(file.name)), sync: undefined };
    } else {
      const plain = await disk.create(file.name);
      handle = { file, disk: plain, sync: () => plain.sync() };
    }
    await disk.syncFolder(WAL_FOLDER);
    this.#handle = handle;
    return handle;
  }

  /** Undefined when there is no file for it to be written over, or none any more: somebody may have needed the space. */
  async #reuse(file: WalFile): Promise<SyncedFile | undefined> {
    if (file.other === undefined) return undefined;
    try {
      return await this.#options.syncedWrites.reuse(file.other, file.name);
    } catch (error) {
      if (!isMissing(error)) throw error;
      file.other = undefined;
      return undefined;
    }
  }

  /** Moves on over the groups that are written with all before them. */
  #advanceWritten(): void {
    while (this.#writes[0]?.done === true) {
      const { group } = this.#writes.shift()!;
      this.#written = toPosition(group.position + GROUP_HEADER_BYTES + group.lengthBytes);
      if (this.#options.sync === "always") continue;
      if (group.hasState) this.#syncStates(group);
      else this.#scheduleSync();
    }
    if (this.#options.sync === "always") this.#advanceDurable(this.#written);
    else this.#commit();
  }

  #startSync(): void {
    const sync = this.#handle?.sync;
    assert(sync !== undefined, "bytes to be synced, and no open file to sync");
    const target = this.#written;
    this.#syncing = true;
    const { clock } = this.#options;
    const beganMs = clock.monotonicMs();
    sync().then(
      () => {
        this.metrics.syncMs.observe(clock.monotonicMs() - beganMs);
        this.#syncing = false;
        this.#advanceDurable(target);
        this.#pump();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #advanceDurable(position: Position): void {
    if (position === this.#durable) return;
    this.#durable = position;
    while (this.#undurableStates.length > 0 && this.#undurableStates[0]! < position) this.#undurableStates.shift();
    this.#commit();
    this.#sealDurableFiles();
    for (const wake of this.#idleWaiters.splice(0)) wake();
  }

  #commit(): void {
    const written = this.#undurableStates[0] ?? this.#written;
    const position = this.#options.sync === "always" ? this.#durable : written;
    if (position === this.#committed) return;
    this.#committed = position;
    this.#options.events.committed(position);
    this.#options.blocks.trim(this.#written);
  }

  #sealDurableFiles(): void {
    while (this.#unsealed.length > 0 && this.#unsealed[0]!.end <= this.#durable) {
      this.#options.events.sealed(this.#unsealed.shift()!);
    }
  }

  #syncStates(group: Group): void {
    this.#undurableStates.push(group.position);
    this.#syncWanted = this.#written;
  }

  #scheduleSync(): void {
    this.#syncTimer ??= this.#options.clock.schedule(this.#options.syncIntervalMs, () => {
      this.#syncTimer = undefined;
      this.#syncWanted = this.#written;
      this.#pump();
    });
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#ageTimer?.cancel();
    this.#syncTimer?.cancel();
    this.#options.events.failed(error);
  }
}
