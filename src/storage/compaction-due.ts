/**
 * Whether a compacted partition is to be cleaned now, and up to where. As Kafka's cleaner decides it (LogCleanerManager),
 * with one more reason: Kafka drops tombstones whose time has come only when there is something else to clean.
 *
 * A partition is a row of ranges. Those before the first dirty offset have been cleaned before; what lies behind them up to
 * the first that cannot be cleaned yet is dirty, and becomes clean together.
 */
/** What is to be known of a part of a partition's log: a segment, a file. */
export interface CompactionRange {
  readonly firstOffset: number;
  /** The offset behind its last one. */
  readonly endOffset: number;
  readonly sizeBytes: number;
  /** The largest in it. Where no record has a timestamp: when the range was written. */
  readonly maxTimestamp: number;
  /** Of its first batch; when left out the largest counts, and `max.compaction.lag.ms` with it. */
  readonly firstTimestamp?: number;
}

export interface CompactionState {
  /** All that can be cleaned at all, in order of offsets. Gaps between them are empty. */
  readonly ranges: readonly CompactionRange[];
  /** Up to here it was cleaned before; the log's start when it never was. */
  readonly firstDirtyOffset: number;
  /** Nothing is cleaned from here on: the part that is written to, the last stable offset. */
  readonly limitOffset: number;
  /** When the first tombstones may go (`CleanStatistics`). */
  readonly tombstonesDueMs: number | undefined;
  readonly nowMs: number;
}

/** Settings of the topic. */
export interface CompactionConfig {
  readonly "min.cleanable.dirty.ratio": number;
  readonly "min.compaction.lag.ms": number;
  readonly "max.compaction.lag.ms": number;
}

export interface CompactionDue {
  /** Why it is time: too much is dirty, it has been dirty for too long, or tombstones may go. Undefined: not yet. */
  readonly reason: "dirty" | "lag" | "tombstones" | undefined;
  /** Ranges from here on stay untouched. Always where one begins, or behind the last. */
  readonly uncleanableFrom: number;
  /** Dirty bytes of all bytes that a cleaning goes over now, 0 to 1: the fullest is to be cleaned first. */
  readonly dirtyRatio: number;
}

export function compactionDue(state: CompactionState, config: CompactionConfig): CompactionDue {
  const { ranges, firstDirtyOffset, tombstonesDueMs, nowMs } = state;
  const uncleanableFrom = findUncleanable(state, config);
  const oldestMs = nowMs - config["max.compaction.lag.ms"];
  let cleanBytes = 0;
  let dirtyBytes = 0;
  let isLate = false;
  for (const range of ranges) {
    if (range.firstOffset >= uncleanableFrom) break;
    if (range.endOffset <= firstDirtyOffset) {
      cleanBytes += range.sizeBytes;
      continue;
    }
    dirtyBytes += range.sizeBytes;
    const timestamp = range.firstTimestamp ?? range.maxTimestamp;
    if (timestamp > 0 && timestamp < oldestMs) isLate = true;
  }
  const bytes = cleanBytes + dirtyBytes;
  const dirtyRatio = bytes === 0 ? 0 : dirtyBytes / bytes;
  const verdict = { uncleanableFrom, dirtyRatio };
  if (dirtyRatio > config["min.cleanable.dirty.ratio"]) return { reason: "dirty", ...verdict };
  if (isLate) return { reason: "lag", ...verdict };
  if (bytes > 0 && tombstonesDueMs !== undefined && tombstonesDueMs <= nowMs)
    return { reason: "tombstones", ...verdict };
  return { reason: undefined, ...verdict };
}

/** Where the first range begins that reaches beyond the limit or, being dirty, has records too young to be cleaned. */
function findUncleanable(state: CompactionState, config: CompactionConfig): number {
  const { ranges, firstDirtyOffset, limitOffset, nowMs } = state;
  const minLagMs = config["min.compaction.lag.ms"];
  let end = firstDirtyOffset;
  for (const { firstOffset, endOffset, maxTimestamp } of ranges) {
    if (endOffset > limitOffset) return firstOffset;
    if (endOffset > firstDirtyOffset && minLagMs > 0 && maxTimestamp > nowMs - minLagMs) return firstOffset;
    end = endOffset;
  }
  return end;
}
