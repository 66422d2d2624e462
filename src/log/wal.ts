/**
 * The write-ahead log: one append-only sequence of groups for all partitions.
 *
 * Appending is synchronous and only gathers bytes in memory. Groups then go to disk in order: while one is being synced
 * the next is written and a third gathers, so the device always has work and a group is as large as the device is slow.
 * No timers: a group is closed when the input that had already arrived was handled and the writer is free.
 *
 * Write order and what a crash can leave:
 * 1. a file is created and its name synced, only after every earlier file is durable to its end;
 * 2. groups are written, each at its own position, and synced; positions become durable strictly in order;
 * 3. `committed` is told, and only then does anything leave the process that depends on those bytes.
 * A crash between 2 and 3 leaves whole groups that nobody was told of; a crash within 2 leaves a torn group, possibly
 * with a whole one behind it. Recovery cuts at the first torn one: see `recovery.ts`.
 *
 * With `sync: "interval"` a position is committed when the system has taken the bytes, and synced later. That is for
 * batches: groups with state records are synced at once, and nothing from them on is committed before. Otherwise a power
 * loss could take back a start, and the next one would give out offsets in the same leader epoch again, or producer ids.
 *
 * A failed write or sync ends the log for good: nothing is known about the file any more, and retrying a sync would
 * report success for bytes that are gone (fsyncgate, 2018).
 */
import { assert } from "../base/assert.ts";
import { type Position, toPosition } from "../base/brands.ts";
import { crc32c, crc32cCombine } from "../base/crc32c.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Disk, DiskFile } from "../ports/disk.ts";
import { setBatchBaseOffset, setBatchLeaderEpoch, setBatchLogAppendTime } from "../protocol/record-batch.ts";
import type { Block, BlockCache } from "./blocks.ts";
import { WAL_FOLDER, WalFile } from "./wal-file.ts";
import {
  batchDataOffset,
  batchRecordBytes,
  GROUP_HEADER_BYTES,
  sealBatchRecord,
  stateRecordBytes,
  writeBatchRecordFrame,
  writeGroupHeader,
  writeStateRecord,
} from "./wal-record.ts";

export interface WalOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly blocks: BlockCache;
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

export class Wal {
  readonly #options: WalOptions;
  readonly #ready: Group[] = [];
  readonly #unsealed: WalFile[] = [];
  #gathering: Group | undefined;
  #flushDue = false;
  #file: WalFile;
  #handle: { file: WalFile; disk: DiskFile } | undefined;
  #position: Position;
  #written: Position;
  #syncTarget: Position;
  #durable: Position;
  #committed: Position;
  #lastStatePosition: number;
  /** Written groups with state records that are not durable yet; oldest first. */
  readonly #undurableStates: Position[] = [];
  #writing = false;
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
    this.#syncTarget = options.start;
    this.#durable = options.start;
    this.#committed = options.start;
    this.#syncWanted = options.start;
    this.#lastStatePosition = options.lastStatePosition;
    this.#file = new WalFile(options.start, options.incarnation);
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
    this.#addToGroup(crc, totalBytes);
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
    this.#addToGroup(crc32c(block.bytes.subarray(end - totalBytes, end)), totalBytes);
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
    this.#file = new WalFile(this.#position, this.#options.incarnation);
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
    const position = this.#position;
    const block = this.#options.blocks.blockFor(position, bytes);
    const start = block.usedBytes;
    block.usedBytes += bytes;
    const last = group.spans.at(-1);
    if (last !== undefined && last.block === block) last.end += bytes;
    else group.spans.push({ block, start, end: start + bytes });
    this.#position = toPosition(position + bytes);
    return position;
  }

  /** Counts a record that now stands complete at the end of the gathering group. */
  #addToGroup(crc: number, totalBytes: number): void {
    const group = this.#gathering!;
    group.crc = crc32cCombine(group.crc, crc, totalBytes);
    group.lengthBytes += totalBytes;
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
    const first = group.spans[0]!;
    writeGroupHeader(first.block.bytes, first.start, {
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

  /** Starts whatever can be started now: one write, one sync. */
  #pump(): void {
    if (this.#failed) return;
    if (!this.#writing && this.#mayWriteAhead()) {
      if (this.#ready.length === 0 && this.#flushDue) this.#closeGroup();
      const group = this.#ready[0];
      if (group !== undefined) this.#startWrite(group);
    }
    const wanted = this.#options.sync === "always" || this.#durable < this.#syncWanted;
    if (wanted && !this.#syncing && this.#written > this.#durable) this.#startSync();
  }

  /** At most one group is written beyond the one being synced: more would only delay the gathering of larger ones. */
  #mayWriteAhead(): boolean {
    return this.#options.sync === "interval" || !this.#syncing || this.#written === this.#syncTarget;
  }

  #startWrite(group: Group): void {
    if (this.#handle?.file !== group.file && this.#durable !== group.position) {
      this.#syncWanted = group.position; // a new file begins only when the old one is durable to its end
      return;
    }
    this.#ready.shift();
    this.#writing = true;
    this.#write(group).then(
      () => {
        this.#writing = false;
        this.#written = toPosition(group.position + GROUP_HEADER_BYTES + group.lengthBytes);
        if (this.#options.sync === "interval") {
          if (group.hasState) this.#syncStates(group);
          else this.#scheduleSync();
          this.#commit();
        }
        this.#pump();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  async #write(group: Group): Promise<void> {
    const handle = this.#handle?.file === group.file ? this.#handle : await this.#createFile(group.file);
    const parts = group.spans.map((span) => span.block.bytes.subarray(span.start, span.end));
    await handle.disk.write(parts, group.position - group.file.base);
  }

  async #createFile(file: WalFile): Promise<{ file: WalFile; disk: DiskFile }> {
    await this.#handle?.disk.close();
    this.#handle = { file, disk: await this.#options.disk.create(file.name) };
    await this.#options.disk.syncFolder(WAL_FOLDER);
    return this.#handle;
  }

  #startSync(): void {
    this.#syncing = true;
    this.#syncTarget = this.#written;
    assert(this.#handle !== undefined, "written bytes without an open file");
    this.#handle.disk.sync().then(
      () => {
        this.#syncing = false;
        this.#durable = this.#syncTarget;
        while (this.#undurableStates.length > 0 && this.#undurableStates[0]! < this.#durable) {
          this.#undurableStates.shift();
        }
        this.#commit();
        this.#sealDurableFiles();
        for (const wake of this.#idleWaiters.splice(0)) wake();
        this.#pump();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #commit(): void {
    const written = this.#undurableStates[0] ?? this.#written;
    const position = this.#options.sync === "always" ? this.#durable : written;
    if (position === this.#committed) return;
    this.#committed = position;
    this.#options.events.committed(position);
    this.#options.blocks.trim(this.#durable);
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
