/**
 * A segment: batches that have left the write-ahead log, sorted by partition, in a file that never changes. The format is
 * in docs/segment-format.md; `src/storage` writes it.
 *
 * Names never repeat: `segments/<WAL position, 20 digits>-<id, 32 hex digits>.segment`. The position is that of the first
 * WAL file whose batches it holds: people find their way by it, nothing else does.
 */
import type { Uuid } from "../base/uuid.ts";
import type { LogFile } from "./log-file.ts";

export const SEGMENT_FOLDER = "segments";

/** Before a segment's first record. */
export const SEGMENT_HEADER_BYTES = 64;

const NAME = /^(\d{20})-([0-9a-f]{32})\.segment$/;

export interface SegmentFields {
  readonly id: Uuid;
  readonly walPosition: number;
  readonly sizeBytes: number;
  /** CRC-32C of the whole file. */
  readonly crc: number;
  /** 0: made of a WAL file; n: of segments of level n - 1 and below. */
  readonly level: number;
  /** Of all batches that were put into it. */
  readonly batchBytes: number;
}

export class Segment implements LogFile {
  readonly name: string;
  readonly id: Uuid;
  readonly walPosition: number;
  readonly sizeBytes: number;
  readonly crc: number;
  readonly level: number;
  readonly batchBytes: number;
  readonly base = 0;
  readonly isClosed = true;
  readonly hasBlocks = true;
  users = 0;
  readers = 0;
  freedAt: number | undefined;
  /** When that was, on the monotonic clock. */
  freedMs: number | undefined;
  /** Bytes of batches that ranges of partitions still refer to. */
  liveBytes = 0;

  constructor(fields: SegmentFields) {
    this.name = segmentName(fields.walPosition, fields.id);
    this.id = fields.id;
    this.walPosition = fields.walPosition;
    this.sizeBytes = fields.sizeBytes;
    this.crc = fields.crc;
    this.level = fields.level;
    this.batchBytes = fields.batchBytes;
  }

  get indexName(): string {
    return this.name;
  }

  get end(): number {
    return this.sizeBytes;
  }
}

export function segmentName(walPosition: number, id: Uuid): string {
  return `${SEGMENT_FOLDER}/${String(walPosition).padStart(20, "0")}-${Buffer.from(id, "latin1").toString("hex")}.segment`;
}

/** Takes a file name (without folder) apart; undefined when it is no segment's. */
export function parseSegmentName(name: string): { readonly walPosition: number; readonly id: Uuid } | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  return { walPosition: Number(match[1]), id: Buffer.from(match[2]!, "hex").toString("latin1") as Uuid };
}
