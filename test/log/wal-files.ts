/** WAL files in memory, made group by group, with their index: for whoever reads files without a broker. */
import { toPosition } from "../../src/base/brands.ts";
import { crc32c } from "../../src/base/crc32c.ts";
import { uuidFromBytes } from "../../src/base/uuid.ts";
import { BatchIndex } from "../../src/log/batch-index.ts";
import { writeFileIndex } from "../../src/log/file-index.ts";
import type { FileRange } from "../../src/log/log-file.ts";
import { WalFile } from "../../src/log/wal-file.ts";
import {
  batchDataOffset,
  batchRecordBytes,
  GROUP_HEADER_BYTES,
  NO_STATE_POSITION,
  sealRecord,
  stateRecordBytes,
  writeBatchRecordFrame,
  writeFiller,
  writeGroupHeader,
  writeStateRecord,
} from "../../src/log/wal-record.ts";
import { type Disk, type DiskFile, IoError } from "../../src/ports/disk.ts";
import { batchBaseOffset, batchMaxTimestamp, batchOffsetCount } from "../../src/protocol/record-batch.ts";

export const TOPIC_ID = Buffer.from("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", "hex");

/** What goes into a group. */
export type Content =
  | { readonly batch: Buffer; readonly topic?: string; readonly topicId?: Buffer; readonly partition?: number }
  | { readonly type: number; readonly fields: Uint8Array }
  | { readonly fillerBytes: number };

/** What a group header says when it is not what a broker would write. */
export interface GroupChanges {
  readonly wasOther?: boolean;
  readonly durablePosition?: number;
  readonly previousStatePosition?: number;
}

export class WalFileBuilder {
  readonly base: number;
  readonly incarnation: number;
  readonly #groups: Buffer[] = [];
  readonly #batches: StoredBatch[] = [];
  readonly #file: WalFile;
  #end: number;
  #durable: number;
  #state: number;

  constructor({ base = 0, incarnation = 0xabcdef012345, state = NO_STATE_POSITION } = {}) {
    this.base = base;
    this.incarnation = incarnation;
    this.#end = base;
    this.#durable = base;
    this.#state = state;
    this.#file = new WalFile(toPosition(base), incarnation);
  }

  get end(): number {
    return this.#end;
  }

  get lastState(): number {
    return this.#state;
  }

  get name(): string {
    return this.#file.name.replace(/^wal\//, "");
  }

  get indexName(): string {
    return this.#file.indexName.replace(/^wal\//, "");
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#groups);
  }

  /** Appends a group; everything before it is stated as durable unless `changes` says otherwise. */
  group(contents: readonly Content[], changes: GroupChanges = {}): this {
    const position = this.#end;
    let at = position + GROUP_HEADER_BYTES;
    const records = contents.map((content) => {
      const record = this.#record(content, at);
      at += record.length;
      return record;
    });
    const payload = Buffer.concat(records);
    const header = Buffer.alloc(GROUP_HEADER_BYTES);
    writeGroupHeader(header, 0, {
      wasOther: false,
      position,
      incarnation: this.incarnation,
      durablePosition: this.#durable,
      previousStatePosition: this.#state,
      lengthBytes: payload.length,
      crc: crc32c(payload),
      ...changes,
    });
    this.#groups.push(header, payload);
    this.#end = at;
    this.#durable = at;
    if (contents.some((content) => "type" in content)) this.#state = position;
    return this;
  }

  /** Puts the file's index, as a broker writes it when it seals the file, into `folder`. */
  async seal(folder: MemoryFolder): Promise<void> {
    this.#file.close(toPosition(this.#end));
    this.#file.ranges = rangesOf(this.#file, this.#batches);
    await writeFileIndex(folder.asDisk(), this.#file);
  }

  #record(content: Content, position: number): Buffer {
    if ("fillerBytes" in content) {
      const filler = Buffer.alloc(content.fillerBytes);
      writeFiller(filler, 0, filler.length);
      return filler;
    }
    if ("type" in content) {
      const state = Buffer.alloc(stateRecordBytes(content.fields.length));
      writeStateRecord(state, 0, content.type, [content.fields]);
      return state;
    }
    const { batch, topic = "orders", topicId = TOPIC_ID, partition = 0 } = content;
    this.#batches.push({ batch, topicId, partition, position });
    return batchRecord(batch, { topic, topicId, partition });
  }
}

interface StoredBatch {
  readonly batch: Buffer;
  readonly topicId: Buffer;
  readonly partition: number;
  readonly position: number;
}

function rangesOf(file: WalFile, batches: readonly StoredBatch[]): FileRange[] {
  const ranges = new Map<string, FileRange>();
  for (const { batch, topicId: idBytes, partition, position } of batches) {
    const topicId = uuidFromBytes(idBytes, 0);
    const firstOffset = batchBaseOffset(batch, 0);
    const endOffset = firstOffset + batchOffsetCount(batch, 0);
    const maxTimestamp = Number(batchMaxTimestamp(batch, 0));
    const rest = { index: new BatchIndex(), stored: undefined, sizeBytes: 0, maxTimestamp };
    const key = `${topicId}/${partition}`;
    const range = ranges.get(key) ?? { file, topicId, partition, firstOffset, endOffset, ...rest };
    ranges.set(key, range);
    range.index!.push({ baseOffset: firstOffset, endOffset, position, sizeBytes: batch.length, maxTimestamp });
    range.endOffset = endOffset;
    range.sizeBytes += batch.length;
  }
  return [...ranges.values()];
}

/** A whole WAL record with `data` as its record batch, or batches. */
export function batchRecord(
  data: Buffer,
  {
    topic = "orders",
    topicId = TOPIC_ID,
    partition = 0,
  }: { topic?: string; topicId?: Buffer; partition?: number } = {},
): Buffer {
  const topicName = Buffer.from(topic);
  const record = Buffer.alloc(batchRecordBytes(topicName.length, data.length));
  writeBatchRecordFrame(record, 0, { topicName, topicId, partition, dataBytes: data.length });
  data.copy(record, batchDataOffset(topicName.length));
  sealRecord(record, 0, record.length);
  return record;
}

/** A folder of files in memory: enough of a `Disk` to read WAL files from, and to write an index to. */
export class MemoryFolder {
  readonly files = new Map<string, Buffer>();
  /** Bytes of the largest single read. */
  largestRead = 0;

  async open(name: string): Promise<DiskFile> {
    if (!this.files.has(name)) throw new IoError("notFound", "ENOENT", `cannot open ${name}: it does not exist`);
    return this.#file(name);
  }

  async list(): Promise<string[]> {
    return [...this.files.keys()].sort();
  }

  /** As the data folder that it is the folder `wal` of. */
  asDisk(): Disk {
    const plain = (name: string): string => name.slice(name.lastIndexOf("/") + 1);
    const disk: Partial<Disk> = {
      open: (name) => this.open(plain(name)),
      create: async (name) => {
        this.files.set(plain(name), Buffer.alloc(0));
        return this.#file(plain(name));
      },
      remove: async (name) => void this.files.delete(plain(name)),
      rename: async (from, to) => {
        this.files.set(plain(to), this.files.get(plain(from))!);
        this.files.delete(plain(from));
      },
      syncFolder: async () => undefined,
    };
    return disk as Disk;
  }

  #file(name: string): DiskFile {
    const bytes = (): Buffer => this.files.get(name)!;
    return {
      read: async (into, position) => {
        this.largestRead = Math.max(this.largestRead, into.length);
        return bytes().copy(into, 0, position);
      },
      write: async (parts, position) => {
        this.files.set(name, Buffer.concat([bytes().subarray(0, position), ...parts]));
      },
      sync: async () => undefined,
      truncate: async () => undefined,
      sizeBytes: async () => bytes().length,
      close: async () => undefined,
    };
  }
}
