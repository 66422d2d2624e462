/**
 * Reading batches by offset, from memory or from WAL files.
 *
 * Two ways, same answer:
 * - `readNow` serves what the tail cache holds, as views on its blocks, without waiting. This is a consumer that keeps up.
 * - `readStored` reads files: the wanted batches of all asked partitions are found in the indexes, sorted by place, and
 *   neighbours are read in one go, since a file interleaves all partitions and a consumer mostly wants several of them.
 *   Where much of a stretch is wanted it is read as a region, which stays for the next query (`region-cache.ts`). Every
 *   WAL record is verified before its batch is handed out.
 *
 * Bounds: the bytes of reads under way share one budget, in order of arrival; indexes come through a bounded cache; so do
 * open files. A file that is being read is not removed (`WalFile.readers`).
 */
import { BufferPool, capacityFor } from "../base/buffer-pool.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { RegionRead, RegionReadResult, RegionReads } from "../ports/region-reads.ts";
import { batchBaseOffset, batchOffsetCount, batchSizeBytes } from "../protocol/record-batch.ts";
import { BatchIndex } from "./batch-index.ts";
import { type BatchQuery, type BatchResult, NOTHING_READ, ResultBuilder } from "./batch-query.ts";
import type { BlockCache } from "./blocks.ts";
import { ByteBudget } from "./byte-budget.ts";
import { CorruptionError, isReadFailure } from "./corruption.ts";
import { readStoredIndex } from "./file-index.ts";
import { rebuildIndexes, rebuiltIndex } from "./index-rebuild.ts";
import type { FileRange, LogFile, StoredIndex } from "./log-file.ts";
import { LruCache } from "./lru-cache.ts";
import { OpenFiles } from "./open-files.ts";
import { ReadAhead, type WantedPlace } from "./read-ahead.ts";
import type { ReadTurns } from "./read-turns.ts";
import type { ReadStretch } from "./reading-places.ts";
import { type Region, RegionCache } from "./region-cache.ts";
import {
  batchDataOffset,
  batchRecordBytes,
  isBatchRecordOf,
  recordBytesClaimed,
  verifiedRecordBytes,
} from "./wal-record.ts";

/** Neighbouring batches are read in one go when no more than this lies between them. */
const COALESCE_GAP_BYTES = 64 * 1024;
/** What one query reads at most, with what lies between its batches; one batch may be larger. */
const MAX_PLAN_BYTES = 16 * 1024 * 1024;
/** The largest single read, unless one batch is larger. */
const MAX_READ_BYTES = 4 * 1024 * 1024;
/** Who finds no memory for regions waits for it so long at most: what a reader who is slow can cost one who is not, for each answer. */
const MAX_WAIT_MS = 20;
/** A region is read for whoever wants this part of it. */
const REGION_MIN_SHARE = 1 / 8;
const MAX_OPEN_FILES = 64;

export class BatchReader {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #blocks: BlockCache;
  readonly #buffers = new BufferPool();
  readonly #budget: ByteBudget;
  readonly #indexes: LruCache<BatchIndex, StoredIndex>;
  readonly #files: OpenFiles;
  readonly #turns: ReadTurns;
  readonly #regions: RegionCache;
  readonly #readAhead: ReadAhead;
  readonly #regionReads: RegionReads;
  /** One file at a time is read for the index that it has lost. */
  readonly #rebuilds = new ByteBudget(1);
  readonly #rangesIn: (file: LogFile) => Iterable<FileRange>;
  readonly #report: (line: string) => void;
  /** Reads of files since the start, and their bytes. */
  reads = 0;
  readBytes = 0;

  constructor(options: {
    readonly disk: Disk;
    readonly clock: Clock;
    readonly blocks: BlockCache;
    readonly turns: ReadTurns;
    readonly regionReads: RegionReads;
    /** Half of it is for reads under way, half for regions. */
    readonly bufferBytes: number;
    readonly indexCacheBytes: number;
    /** All that partitions have in a file. Takes its time: for the rare case. */
    readonly rangesIn: (file: LogFile) => Iterable<FileRange>;
    /** What the operator has to know, a line. */
    readonly report: (line: string) => void;
  }) {
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#rangesIn = options.rangesIn;
    this.#report = options.report;
    this.#blocks = options.blocks;
    this.#turns = options.turns;
    this.#budget = new ByteBudget(options.bufferBytes / 2);
    this.#indexes = new LruCache(options.indexCacheBytes, () => undefined);
    this.#files = new OpenFiles(MAX_OPEN_FILES, (name) => options.disk.open(name, "read"));
    this.#regionReads = options.regionReads;
    this.#regions = new RegionCache({
      memoryBytes: options.bufferBytes / 2,
      reads: options.regionReads,
      clock: options.clock,
      inTurn: (request) => this.#readRegion(request),
    });
    this.#readAhead = new ReadAhead(this.#regions, (range) => this.#intactIndex(range));
  }

  /** Memory in use by reads under way. */
  get busyBytes(): number {
    return this.#budget.usedBytes;
  }

  /** Memory in use by what was read and may be wanted again. */
  get regionBytes(): number {
    return this.#regions.bytes;
  }

  /** Reads that wait for memory. */
  get waitingReads(): number {
    return this.#budget.waiting;
  }

  get indexCacheBytes(): number {
    return this.#indexes.weight;
  }

  /** Serves the query from memory; undefined when its first batch is not there. */
  readNow(query: BatchQuery): BatchResult | undefined {
    const { partition, offset, limitOffset } = query;
    if (offset >= limitOffset) return NOTHING_READ;
    let range = partition.findRange(offset);
    if (range === undefined) return NOTHING_READ;
    const result = new ResultBuilder(this.#blocks);
    let next = offset;
    while (range !== undefined) {
      const index: BatchIndex | undefined = range.index;
      if (index === undefined) break;
      for (let row = index.find(next); row < index.count; row += 1) {
        if (index.endOffsetAt(row) > limitOffset) return result.finish(false);
        const sizeBytes = index.sizeAt(row);
        if (!result.fits(sizeBytes, query)) return result.finish(true);
        const position = index.positionAt(row);
        const block = this.#blocks.find(position);
        if (block === undefined) return result.isEmpty ? undefined : result.finish(true);
        result.addView(block, position - block.base + batchDataOffset(query.topicBytes), sizeBytes);
        next = index.endOffsetAt(row);
      }
      if (range.endOffset >= partition.endOffset) return result.finish(false);
      next = range.endOffset;
      range = partition.findRange(next);
    }
    return result.isEmpty ? undefined : result.finish(true);
  }

  /**
   * Serves the queries from files; each from one file at most, so that `more` may be true before `maxBytes` is reached.
   * What stands before a damaged batch is served without it.
   * @throws CorruptionError when the first batch of a query is not what was written.
   * @throws IoError when the disk refuses.
   */
  async readStored(queries: readonly BatchQuery[]): Promise<BatchResult[]> {
    const plans = queries.map(planOf);
    const buffers: Buffer[] = [];
    const regions = new Set<Region>();
    let takenBytes = 0;
    const giveBack = (): void => {
      for (const buffer of buffers) this.#buffers.give(buffer);
      for (const region of regions) this.#regions.release(region);
      this.#budget.release(takenBytes);
    };
    try {
      await all(plans.map((plan) => this.#choose(plan)));
      for (const stretch of plans.flatMap(stretchOf)) this.#regions.standsAt(stretch);
      const batches = inOrder(plans);
      await this.#obtainRegions(batches, regions);
      void this.#readAhead.behind(plans.flatMap(wantedPlaceOf)); // once all that is wanted was begun
      // One that cannot be read serves nothing: whoever needs its batches reads them one by one, and is told why.
      await Promise.allSettled(Array.from(regions, ({ read }) => read));
      const spans = spansOf(batches.filter((batch) => !takeFromRegion(batch)));
      const wantedBytes = spans.reduce((sum, span) => sum + capacityFor(spanBytes(span)), 0);
      await this.#budget.acquire(wantedBytes);
      takenBytes = wantedBytes;
      for (const span of spans) buffers.push(this.#buffers.take(spanBytes(span)));
      await all(spans.map((span, index) => this.#readSpan(span, buffers[index]!)));
      for (const plan of plans) {
        endBeforeDamage(plan);
        if (plan.range?.file.hasBlocks) trim(plan);
      }
    } catch (error) {
      giveBack();
      throw error;
    } finally {
      for (const { range } of plans) if (range !== undefined) range.file.readers -= 1;
    }
    let unreleased = plans.length;
    const release = (): void => {
      unreleased -= 1;
      if (unreleased === 0) giveBack();
    };
    return plans.map((plan) => ({
      parts: plan.batches.map((batch) => batch.bytes!),
      sizeBytes: plan.sizeBytes,
      more: plan.more,
      release,
    }));
  }

  /** The rows of one range: in memory, or through the cache. */
  async index(range: FileRange): Promise<BatchIndex> {
    return this.#knownIndex(range) ?? (await this.#readIndex(range));
  }

  #knownIndex(range: FileRange): BatchIndex | undefined {
    return range.index ?? this.#indexes.get(range.stored!);
  }

  #keepIndex({ stored }: FileRange, index: BatchIndex): void {
    this.#indexes.set(stored!, index, Math.max(index.memoryBytes, 1));
  }

  /** Lets go of a file that is going to be removed: as long as it is open it takes up disk. */
  forget(file: LogFile): void {
    this.#regions.forget(file);
    this.#files.close(file.name);
  }

  /** Lets go of all open files. */
  close(): void {
    this.#regionReads.close();
    this.#regions.close();
    this.#files.closeAll();
  }

  async #readIndex(range: FileRange): Promise<BatchIndex> {
    try {
      return await this.#readStoredIndex(range);
    } catch (error) {
      if (!isReadFailure(error)) throw error;
      const index = await this.#rebuildIndex(range, error.message);
      this.#keepIndex(range, index);
      return index;
    }
  }

  async #readStoredIndex(range: FileRange): Promise<BatchIndex> {
    const index = await readStoredIndex(this.#disk, range.file, range.stored!);
    this.#keepIndex(range, index);
    return index;
  }

  /** Undefined when it is damaged: it is not rebuilt before anybody needs it. */
  async #intactIndex(range: FileRange): Promise<BatchIndex | undefined> {
    return this.#knownIndex(range) ?? (await this.#readStoredIndex(range).catch(() => undefined));
  }

  /** Who has lost its rows is seldom the only one in its file: those of all others there are found with them. */
  async #rebuildIndex(range: FileRange, why: string): Promise<BatchIndex> {
    const { file } = range;
    await this.#rebuilds.acquire(1);
    try {
      const foundMeanwhile = this.#indexes.get(range.stored!);
      if (foundMeanwhile !== undefined) return foundMeanwhile;
      this.#report(`error: ${why}; the rows of all that is in ${file.name} are read from it again`);
      const indexes = await rebuildIndexes(this.#disk, file, new Set([range, ...this.#rangesIn(file)]));
      for (const [each, index] of indexes) if (index.count === each.stored?.rows) this.#keepIndex(each, index);
      return rebuiltIndex(indexes, file, range);
    } finally {
      this.#rebuilds.release(1);
    }
  }

  /** Chooses the batches that a plan is to read. */
  async #choose(plan: Plan): Promise<void> {
    const { query } = plan;
    const index = await this.#indexFor(plan);
    const { range } = plan;
    if (index === undefined || range === undefined) return;
    plan.rangeTo = index.recordsEnd(query.topicBytes) - range.file.base;
    let readBytes = 0;
    let readTo = 0;
    const { hasBlocks } = range.file;
    for (let row = index.find(query.offset); row < index.count; row += 1) {
      const isBeyond = (hasBlocks ? index.baseOffsetAt(row) + 1 : index.endOffsetAt(row)) > query.limitOffset;
      if (isBeyond) return;
      const sizeBytes = index.sizeAt(row);
      const gapBytes = index.positionAt(row) - readTo;
      readTo = index.positionAt(row) + batchRecordBytes(query.topicBytes, sizeBytes);
      readBytes += readTo - index.positionAt(row) + (gapBytes <= COALESCE_GAP_BYTES ? gapBytes : 0);
      if (readBytes > MAX_PLAN_BYTES && plan.batches.length > 0) {
        plan.more = true;
        return;
      }
      const isFirst = plan.batches.length === 0;
      const fits = plan.sizeBytes + (hasBlocks ? 1 : sizeBytes) <= query.maxBytes || (isFirst && query.atLeastOne);
      if (!fits) {
        plan.more = true;
        return;
      }
      plan.batches.push({
        range,
        at: index.positionAt(row) - range.file.base,
        topicBytes: query.topicBytes,
        sizeBytes,
        recordBytes: batchRecordBytes(query.topicBytes, sizeBytes),
        baseOffset: index.baseOffsetAt(row),
        region: undefined,
        bytes: undefined,
      });
      plan.sizeBytes += sizeBytes;
      plan.nextOffset = index.endOffsetAt(row);
    }
    plan.more = range.endOffset < query.limitOffset;
  }

  /**
   * The index of the plan's range. Compaction can have left nothing in it from the offset on: then the plan turns to the
   * next range, or a reader who stands there would be told for ever that there is more.
   */
  async #indexFor(plan: Plan): Promise<BatchIndex | undefined> {
    const { query } = plan;
    while (plan.range !== undefined) {
      const { range } = plan;
      const index = await this.index(range);
      if (query.range !== undefined || index.find(query.offset) < index.count) return index;
      const isLast = range.endOffset >= query.limitOffset;
      plan.range = isLast ? undefined : query.partition.findRange(range.endOffset);
      if (plan.range !== undefined) plan.range.file.readers += 1;
      range.file.readers -= 1;
    }
    return undefined;
  }

  /** Finds regions for batches, which are in order, or begins them as soon as there is memory. */
  async #obtainRegions(batches: readonly PlannedBatch[], held: Set<Region>): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + MAX_WAIT_MS;
    const mostHeld = this.#regions.memoryBytes / this.#regions.regionBytes / 2;
    const wanted = wantedBehind(batches, this.#regions.roomBytes);
    const worthBytes = this.#regions.regionBytes * REGION_MIN_SHARE;
    let region: Region | undefined;
    for (let index = 0; index < batches.length; index += 1) {
      const batch = batches[index]!;
      const { at, recordBytes } = batch;
      const { file } = batch.range;
      if (region === undefined || region.retired || !region.spans(file, at, recordBytes)) {
        const wantedBytes = wanted[index]!;
        const goesOn = region?.file === file && at <= region.to + COALESCE_GAP_BYTES && wantedBytes > 0;
        const isWorth = goesOn || wantedBytes >= worthBytes;
        region = file.isClosed ? this.#regions.find(file, at, recordBytes) : undefined;
        if (region !== undefined) this.#regions.hold(region);
        else if (isWorth && file.isClosed) {
          // Who holds half of all would wait for itself.
          region = await this.#regions.obtain(file, at, recordBytes, held.size < mostHeld ? untilMs : 0);
        }
        if (region !== undefined && held.has(region)) this.#regions.release(region);
        else if (region !== undefined) held.add(region);
      }
      batch.region = region;
    }
  }

  async #readSpan(span: readonly PlannedBatch[], bytes: Buffer): Promise<void> {
    const first = span[0]!;
    const got = await this.#readInTurn(first.range.file, bytes.subarray(0, spanBytes(span)), first.at);
    for (const batch of span) takeVerified(batch, bytes, batch.at - first.at, got);
  }

  async #readRegion(request: RegionRead): Promise<RegionReadResult> {
    const { memory, from, to, position } = request;
    let recordAt: number | undefined;
    let verifiedTo: number | undefined;
    const readBytes = await this.#turns.readQueued(memory.subarray(from, to), position, async (piece, pieceAt) => {
      const pieceFrom = pieceAt - position + from;
      const pieceTo = pieceFrom + piece.length;
      const got = await this.#regionReads.read({
        ...request,
        position: pieceAt,
        from: pieceFrom,
        to: pieceTo,
        recordAt: verifiedTo ?? request.recordAt,
      });
      recordAt ??= got.recordAt;
      if (recordAt !== undefined) verifiedTo = got.verifiedTo;
      this.reads += 1;
      this.readBytes += got.readBytes;
      return got.readBytes;
    });
    return { readBytes, recordAt, verifiedTo: verifiedTo ?? from };
  }

  #readInTurn(file: LogFile, bytes: Buffer, at: number): Promise<number> {
    return this.#turns.read(bytes, at, async (piece, pieceAt) => {
      const got = await this.#files.read(file.name, piece, pieceAt);
      this.reads += 1;
      this.readBytes += got;
      return got;
    });
  }
}

interface PlannedBatch {
  /** Whose it is, in which file. */
  readonly range: FileRange;
  /** Where its WAL record begins in the file. */
  readonly at: number;
  readonly topicBytes: number;
  readonly sizeBytes: number;
  /** Of its WAL record. */
  readonly recordBytes: number;
  /** The offset that it begins with: what stands there must say so. */
  readonly baseOffset: number;
  /** Held; undefined when it has to be read on its own. */
  region: Region | undefined;
  /** Undefined until it was read, and when what was read is not what was written. */
  bytes: Buffer | undefined;
}

interface Plan {
  readonly query: BatchQuery;
  /** Undefined when there is nothing to read. */
  range: FileRange | undefined;
  /** Where in its file the range ends. */
  rangeTo: number;
  batches: PlannedBatch[];
  /** Behind the last of them. */
  nextOffset: number;
  sizeBytes: number;
  more: boolean;
}

/** Counts as a reader of its range's file from now on. */
function planOf(query: BatchQuery): Plan {
  const isAny = query.offset < query.limitOffset;
  const range = isAny ? (query.range ?? query.partition.findRange(query.offset)) : undefined;
  if (range !== undefined) range.file.readers += 1;
  return { query, range, rangeTo: 0, batches: [], nextOffset: query.offset, sizeBytes: 0, more: false };
}

/** What it reads, if there is anything, and its like will be wanted behind it: not when one range was asked for. */
function wantedPlaceOf({ query, range, rangeTo, sizeBytes, batches }: Plan): WantedPlace[] {
  const [first] = batches;
  if (first === undefined || range === undefined || query.range !== undefined) return [];
  const last = batches.at(-1)!;
  const largestRecordBytes = batches.reduce((most, { recordBytes }) => Math.max(most, recordBytes), 0);
  return [{ query, range, from: first.at, to: last.at + last.recordBytes, rangeTo, sizeBytes, largestRecordBytes }];
}

/** What it is going to read, if its reader is expected to go on behind that: not when one range was asked for. */
function stretchOf({ query, range, rangeTo, nextOffset, batches }: Plan): ReadStretch[] {
  const [first] = batches;
  if (first === undefined || range === undefined || query.range !== undefined) return [];
  const { partition, offset } = query;
  return [{ partition, offset, nextOffset, file: range.file, at: first.at, rangeTo }];
}

/** Takes damaged batches, and those behind them, out of a plan that was read. */
function endBeforeDamage(plan: Plan): void {
  const row = plan.batches.findIndex(({ bytes }) => bytes === undefined);
  if (row === -1) return;
  const [damaged] = plan.batches.splice(row);
  if (row === 0) {
    throw new CorruptionError(damaged!.range.file.name, damaged!.at, "a record does not match its checksum");
  }
  plan.sizeBytes = plan.batches.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  plan.more = true;
}

/** Leaves those batches of a plan's blocks that its query is for. */
function trim(plan: Plan): void {
  const { query, batches: blocks } = plan;
  let takenBytes = 0;
  let isFull = false;
  for (const block of blocks) {
    const bytes = block.bytes!;
    let from = 0;
    let at = 0;
    while (at < bytes.length && !isFull) {
      const sizeBytes = batchSizeBytes(bytes, at);
      const endOffset = batchBaseOffset(bytes, at) + batchOffsetCount(bytes, at);
      if (endOffset <= query.offset) {
        from = at + sizeBytes;
      } else if (endOffset > query.limitOffset) {
        isFull = true;
        plan.more = false;
        break;
      } else if (takenBytes + sizeBytes <= query.maxBytes || (takenBytes === 0 && query.atLeastOne)) {
        takenBytes += sizeBytes;
      } else {
        isFull = true;
        plan.more = true;
        break;
      }
      at += sizeBytes;
    }
    block.bytes = bytes.subarray(from, at);
  }
  plan.batches = blocks.filter(({ bytes }) => bytes!.length > 0);
  plan.sizeBytes = takenBytes;
}

/** As `Promise.all`, but waits for all of them, also when one fails: until then what they use must stay. */
async function all(tasks: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(tasks);
  await Promise.all(tasks);
}

/** Takes a batch out of bytes that were read, unless they are not what was written: see `endBeforeDamage`. */
function takeVerified(batch: PlannedBatch, bytes: Buffer, at: number, got: number): void {
  if (verifiedRecordBytes(bytes, at, got) === batch.recordBytes) take(batch, bytes, at);
}

/** As `takeVerified`, out of its region, whose records are verified already for the most part. Answers whether it was there. */
function takeFromRegion(batch: PlannedBatch): boolean {
  const { region, recordBytes } = batch;
  if (region === undefined) return false;
  const { memory, position, readTo } = region;
  const at = batch.at - position;
  if (!region.isVerified(batch.at, recordBytes)) takeVerified(batch, memory, at, readTo - position);
  else if (recordBytesClaimed(memory, at) === recordBytes) take(batch, memory, at);
  return batch.bytes !== undefined;
}

/** A write that the disk has lost leaves a whole record of something else, where a file was written over another one. */
function take(batch: PlannedBatch, bytes: Buffer, at: number): void {
  const dataAt = at + batchDataOffset(batch.topicBytes);
  if (batchBaseOffset(bytes, dataAt) !== batch.baseOffset || !isBatchRecordOf(bytes, at, batch.range, batch)) return;
  batch.bytes = bytes.subarray(dataAt, dataAt + batch.sizeBytes);
}

/** All batches of the plans, in the order in which they lie in the log. */
function inOrder(plans: readonly Plan[]): PlannedBatch[] {
  const batches = plans.flatMap((plan) => plan.batches);
  if (plans.length === 1) return batches;
  return batches.sort((a, b) => {
    if (a.range === b.range || a.range.file === b.range.file) return a.at - b.at;
    return a.range.file.name < b.range.file.name ? -1 : 1;
  });
}

/** For each batch, of those in order: how many bytes of a region that begins with it are wanted. 0: it is too large for one. */
function wantedBehind(batches: readonly PlannedBatch[], roomBytes: number): number[] {
  let end = 0;
  let bytes = 0;
  return batches.map((first, index) => {
    if (end < index) end = index;
    for (; end < batches.length; end += 1) {
      const { range, at, recordBytes } = batches[end]!;
      if (range.file !== first.range.file || at + recordBytes > first.at + roomBytes) break;
      bytes += recordBytes;
    }
    const wanted = bytes;
    if (end > index) bytes -= first.recordBytes;
    return wanted;
  });
}

/** Groups batches, which are in order, into stretches that are read in one go. */
function spansOf(batches: readonly PlannedBatch[]): PlannedBatch[][] {
  const spans: PlannedBatch[][] = [];
  let span: PlannedBatch[] = [];
  for (const batch of batches) {
    const first = span[0];
    const last = span.at(-1);
    const joins =
      first !== undefined &&
      last!.range.file === batch.range.file &&
      batch.at - (last!.at + last!.recordBytes) <= COALESCE_GAP_BYTES &&
      batch.at + batch.recordBytes - first.at <= MAX_READ_BYTES;
    if (!joins) {
      span = [];
      spans.push(span);
    }
    span.push(batch);
  }
  return spans;
}

function spanBytes(span: readonly PlannedBatch[]): number {
  const last = span.at(-1)!;
  return last.at + last.recordBytes - span[0]!.at;
}
