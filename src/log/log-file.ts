/** What holds the batches of partitions on disk: files of the write-ahead log, and segments made of them. */
import type { Uuid } from "../base/uuid.ts";
import type { BatchIndex } from "./batch-index.ts";

/** A file that batches are read from: batch records (`wal-record.ts`), and rows that say where each of them lies. */
export interface LogFile {
  readonly name: string;
  /** The file that its rows are in. */
  readonly indexName: string;
  /** What positions in its rows count from. */
  readonly base: number;
  /** Position behind its last byte. Only of closed files. */
  readonly end: number;
  /** True once it does not change any more. */
  readonly isClosed: boolean;
  /** Its records hold several batches each, one behind the other, rather than one. */
  readonly hasBlocks: boolean;
  /** Ranges that partitions have in it. A closed file without any is of no more use. */
  users: number;
  /** Reads under way. The file is not removed before they end. */
  readers: number;
  /** The log was here when the file was found to be of no more use. */
  freedAt: number | undefined;
}

/** A part of one file that belongs to one partition. */
export interface FileRange<F extends LogFile = LogFile> {
  readonly file: F;
  readonly topicId: Uuid;
  readonly partition: number;
  readonly firstOffset: number;
  endOffset: number;
  /** Bytes of its batches. */
  sizeBytes: number;
  maxTimestamp: number;
  /** Where the batches lie, as long as that is in memory: until the file's index is durable. */
  index: BatchIndex | undefined;
  /** Where the batches lie, once the file's index is durable. */
  stored: StoredIndex | undefined;
}

/** The rows of a range in the file's index. */
export interface StoredIndex {
  readonly at: number;
  readonly rows: number;
  readonly crc: number;
}
