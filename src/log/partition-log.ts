/**
 * One partition of one topic: its offsets, leader epochs, producers, and in which WAL files its batches lie.
 *
 * A fold over the batches appended to it (`applyBatch`) and the state records that concern it. No I/O, no clock.
 *
 *     log start offset ≤ high watermark ≤ end offset
 *
 * The high watermark follows the end offset when the log is durable; consumers see nothing beyond it.
 */
import { assert } from "../base/assert.ts";
import type { Int64 } from "../base/int64.ts";
import { LinkedList } from "../base/linked-list.ts";
import type { Uuid } from "../base/uuid.ts";
import { BatchIndex } from "./batch-index.ts";
import type { FileRange, LogFile } from "./log-file.ts";
import { ProducerState } from "./producer-state.ts";
import { Segment } from "./segment.ts";
import { WalFile } from "./wal-file.ts";

/** From `startOffset` on, batches carry `epoch`. */
export interface EpochStart {
  readonly epoch: number;
  readonly startOffset: number;
}

/** A batch that goes into the log, as the fold needs it. */
export interface AppliedBatch {
  readonly position: number;
  readonly file: WalFile;
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly sizeBytes: number;
  readonly leaderEpoch: number;
  readonly maxTimestamp: number;
  readonly producerId: Int64;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly nowMs: number;
}

/** Who waits for the partition. Called for every batch, so it must do next to nothing. */
export interface PartitionWaiter {
  /** So many bytes more can be read: the high watermark moved. */
  grew(sizeBytes: number): void;
  /** The partition was deleted. */
  ended(): void;
}

export class PartitionLog {
  readonly topicId: Uuid;
  readonly partition: number;
  readonly producers = new ProducerState();
  readonly waiters = new LinkedList<PartitionWaiter>();
  /** Bytes of all batches from the log start's file on. */
  sizeBytes = 0;
  /**
   * The state below is that of this log position. Zero but for what came from a snapshot: replay then starts earlier, and
   * batches before it are only indexed again.
   */
  stampedAt = 0;
  deleted = false;
  /** Compaction has come to here. */
  cleanedTo = 0;
  /** When the first of the tombstones that compaction kept may go, in ms; -1: there are none. */
  horizonMs = -1;
  readonly #epochs: EpochStart[] = [];
  #ranges: FileRange[] = [];
  /** For each range, the largest timestamp up to its end; undefined when it has to be found out again. */
  #runningMaximum: number[] | undefined;
  #logStart = 0;
  #highWatermark = 0;
  #end = 0;

  constructor(topicId: Uuid, partition: number) {
    this.topicId = topicId;
    this.partition = partition;
  }

  get logStartOffset(): number {
    return this.#logStart;
  }

  get highWatermark(): number {
    return this.#highWatermark;
  }

  /** Offset of the next record. */
  get endOffset(): number {
    return this.#end;
  }

  /** Consumers with isolation level read_committed see nothing from here on. */
  get lastStableOffset(): number {
    return this.#highWatermark;
  }

  get epochs(): readonly EpochStart[] {
    return this.#epochs;
  }

  /** Oldest first. */
  get ranges(): readonly FileRange[] {
    return this.#ranges;
  }

  /** The mutator for appended batches, live and in recovery. */
  applyBatch(batch: AppliedBatch): void {
    this.#index(batch);
    if (batch.position < this.stampedAt) return;
    assert(batch.baseOffset >= this.#end, "offsets are given out once, in order");
    this.#end = batch.endOffset;
    this.#noteEpoch(batch.leaderEpoch, batch.baseOffset);
    if (batch.producerId === -1) return;
    this.producers.record(
      {
        producerId: batch.producerId,
        epoch: batch.producerEpoch,
        firstSequence: batch.firstSequence,
        recordCount: batch.endOffset - batch.baseOffset,
      },
      {
        baseOffset: batch.baseOffset,
        endOffset: batch.endOffset,
        timestamp: batch.maxTimestamp,
        nowMs: batch.nowMs,
      },
    );
  }

  /** Everything before `offset`, `sizeBytes` more than till now, is durable and may be seen. Never goes back. */
  advanceHighWatermark(offset: number, sizeBytes: number): void {
    if (offset <= this.#highWatermark) return;
    assert(offset <= this.#end, "the high watermark may not pass the end offset");
    this.#highWatermark = offset;
    this.waiters.forEach((waiter) => waiter.grew(sizeBytes));
  }

  /**
   * The mutator for DeleteRecords and retention: nothing before `offset` is kept. Beyond the end offset it can lie only in
   * recovery, when damage has swallowed the batches between: those offsets were given out.
   */
  moveLogStart(offset: number): void {
    this.#end = Math.max(this.#end, offset);
    this.#logStart = Math.max(this.#logStart, offset);
    while (this.#ranges.length > 0 && this.#ranges[0]!.endOffset <= offset) this.#dropOldestRange();
    while (this.#epochs.length > 1 && this.#epochs[1]!.startOffset <= offset) this.#epochs.shift();
    const oldest = this.#epochs[0];
    if (oldest !== undefined && oldest.startOffset < offset) {
      this.#epochs[0] = { epoch: oldest.epoch, startOffset: offset };
    }
  }

  /** The mutator for a lost file: its offsets are gone, and readers go on behind them. */
  dropFile(file: LogFile): void {
    const at = this.#ranges.findIndex((range) => range.file === file);
    if (at !== -1) this.#letGo(this.#ranges.splice(at, 1)[0]!);
  }

  /**
   * The mutator for batches that have moved from some files to others: what lay between two offsets lies in `ranges` now.
   * `position` is that of the state record. A snapshot may know all that already: then only what the replay of WAL files
   * has found again is let go.
   */
  replaceRanges(move: {
    readonly from: number;
    readonly to: number;
    readonly ranges: readonly FileRange[];
    /** Of a compaction. */
    readonly cleaned: { readonly to: number; readonly horizonMs: number } | undefined;
    readonly position: number;
  }): void {
    const { from, to, cleaned, position } = move;
    const isKnown = position < this.stampedAt;
    const goes = ({ firstOffset, endOffset, file }: FileRange): boolean =>
      firstOffset >= from && endOffset <= to && (!isKnown || file instanceof WalFile);
    for (const range of this.#ranges.filter(goes)) this.#letGo(range);
    const left = this.#ranges.filter((range) => !goes(range));
    const added = isKnown ? [] : move.ranges.filter(({ endOffset }) => endOffset > this.#logStart);
    for (const range of added) this.#take(range);
    const at = left.findIndex(({ firstOffset }) => firstOffset >= to);
    const before = at === -1 ? left.length : at;
    this.#ranges = left.slice(0, before).concat(added, left.slice(before));
    this.#runningMaximum = undefined;
    // They were given out, whatever has become of the batches in a damaged log.
    this.#end = Math.max(this.#end, to);
    if (isKnown || cleaned === undefined) return;
    this.cleanedTo = cleaned.to;
    this.horizonMs = cleaned.horizonMs;
  }

  /** The mutator for damage: offsets before `offset` may have been given out and are gone. */
  skipTo(offset: number): void {
    assert(offset >= this.#end, "offsets are never given out twice");
    this.#end = offset;
    this.#highWatermark = offset;
  }

  /** The mutator for the deletion of the topic. */
  delete(): void {
    this.deleted = true;
    while (this.#ranges.length > 0) this.#dropOldestRange();
    this.waiters.forEach((waiter) => waiter.ended());
  }

  /** The range that holds `offset`, or the first one behind it. */
  findRange(offset: number): FileRange | undefined {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]!.endOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#ranges[low];
  }

  /** The first closed range with a timestamp of at least `timestamp`, as a place in `ranges`, or the first open one. */
  findTimestamp(timestamp: number): number {
    const maxima = (this.#runningMaximum ??= runningMaximum(this.#ranges));
    let low = 0;
    let high = maxima.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (maxima[middle]! < timestamp) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * End offset of the largest epoch not above `epoch` (KIP-101, KIP-279): what OffsetForLeaderEpoch answers.
   * `currentEpoch` is the partition's leader epoch now. Undefined when the epoch is older than anything known, or none.
   */
  endOffsetForEpoch(epoch: number, currentEpoch: number): { epoch: number; endOffset: number } | undefined {
    if (epoch === currentEpoch) return { epoch, endOffset: this.#end };
    if (epoch < 0 || epoch > currentEpoch) return undefined;
    const next = this.#epochs.findIndex((start) => start.epoch > epoch);
    const floor = next === -1 ? this.#epochs.at(-1) : this.#epochs[next - 1];
    const endOffset = next === -1 ? this.#end : this.#epochs[next]!.startOffset;
    if (floor === undefined) return next === -1 ? undefined : { epoch, endOffset };
    return { epoch: floor.epoch, endOffset };
  }

  /** Puts back what a snapshot holds. Called once, on a fresh partition. */
  restore(state: {
    readonly logStartOffset: number;
    readonly endOffset: number;
    readonly stampedAt: number;
    readonly epochs: readonly EpochStart[];
    readonly ranges: readonly FileRange[];
    readonly cleanedTo: number;
    readonly horizonMs: number;
  }): void {
    assert(this.#end === 0 && this.#ranges.length === 0, "only a fresh partition is restored");
    this.#logStart = state.logStartOffset;
    this.#end = state.endOffset;
    this.stampedAt = state.stampedAt;
    this.cleanedTo = state.cleanedTo;
    this.horizonMs = state.horizonMs;
    for (const epoch of state.epochs) this.#epochs.push(epoch);
    for (const range of state.ranges) {
      this.#ranges.push(range);
      this.#take(range);
    }
  }

  #noteEpoch(epoch: number, startOffset: number): void {
    const newest = this.#epochs.at(-1);
    if (newest !== undefined && epoch <= newest.epoch) return;
    // The log start can have reached the end: then no record of the epoch before is left.
    if (newest?.startOffset === startOffset) this.#epochs.pop();
    this.#epochs.push({ epoch, startOffset });
  }

  #index(batch: AppliedBatch): void {
    const at = this.#placeOf(batch.baseOffset);
    let range = this.#ranges[at - 1];
    // A snapshot can know of batches, read again before its stamp, that they are in a segment since.
    if (range !== undefined && range.endOffset > batch.baseOffset) return;
    if (range?.file !== batch.file) {
      range = {
        file: batch.file,
        topicId: this.topicId,
        partition: this.partition,
        firstOffset: batch.baseOffset,
        endOffset: batch.endOffset,
        sizeBytes: 0,
        maxTimestamp: batch.maxTimestamp,
        index: new BatchIndex(),
        stored: undefined,
      };
      this.#ranges.splice(at, 0, range);
      batch.file.ranges.push(range);
      batch.file.users += 1;
      this.#runningMaximum = undefined;
    }
    assert(range.index !== undefined, "a file that is still written has its index in memory");
    range.index.push(batch);
    range.endOffset = batch.endOffset;
    range.sizeBytes += batch.sizeBytes;
    this.sizeBytes += batch.sizeBytes;
    if (batch.maxTimestamp > range.maxTimestamp) range.maxTimestamp = batch.maxTimestamp;
  }

  /** Behind all ranges that begin before `offset`: at the end, but for what is read again of a log that a snapshot knows more of. */
  #placeOf(offset: number): number {
    let at = this.#ranges.length;
    while (at > 0 && this.#ranges[at - 1]!.firstOffset > offset) at -= 1;
    return at;
  }

  #dropOldestRange(): void {
    this.#letGo(this.#ranges.shift()!);
  }

  #take(range: FileRange): void {
    range.file.users += 1;
    range.file.freedAt = undefined; // it may have had no user between two records of one move
    this.sizeBytes += range.sizeBytes;
    if (!(range.file instanceof Segment)) return;
    range.file.freedMs = undefined;
    range.file.liveBytes += range.sizeBytes;
  }

  #letGo(range: FileRange): void {
    range.file.users -= 1;
    this.sizeBytes -= range.sizeBytes;
    if (range.file instanceof Segment) range.file.liveBytes -= range.sizeBytes;
    this.#runningMaximum = undefined;
  }
}

/** Of the closed ranges, which come first: those of open ones still grow. */
function runningMaximum(ranges: readonly FileRange[]): number[] {
  const maxima: number[] = [];
  for (const { file, maxTimestamp } of ranges) {
    if (!file.isClosed) break;
    maxima.push(Math.max(maxima.at(-1) ?? maxTimestamp, maxTimestamp));
  }
  return maxima;
}
