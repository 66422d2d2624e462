/**
 * Sends numbered records. Gathers what arrives while earlier ones are on their way, so that a person at a keyboard waits for
 * nothing and a pipe gets large batches; and makes its caller wait when too much has gathered.
 */
import type { Buffer } from "node:buffer";
import { closeInTime } from "./batches.ts";
import { explain, refusalOf } from "./client-errors.ts";
import { CommandFailure } from "./failure.ts";
import { type Broker, partitionOfKey } from "./kafka.ts";
import type { TimedRecord } from "./record.ts";

export interface NumberedRecord {
  readonly record: TimedRecord;
  readonly line: number;
}

/** Stores the records of one partition, all or (with an error) none that the broker would not take. */
export type SendBatch = (partition: number, records: readonly TimedRecord[]) => Promise<void>;

/** Below Kafka's default of the largest batch (`max.message.bytes`). */
const BATCH_BYTES = 512 * 1024;
const BATCH_RECORDS = 10_000;
const PENDING_BYTES_MAX = 4 * 1024 * 1024;
/** What a record takes beside its bytes, at most. */
const RECORD_OVERHEAD_BYTES = 40;
const HEADER_OVERHEAD_BYTES = 10;

/** With these the broker has stored nothing of the batch, and another one may be fine. */
const REFUSED_BATCH = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD", "INVALID_TIMESTAMP"]);

export class RecordSender {
  readonly #send: SendBatch;
  readonly #partitions: number;
  readonly #brokers: readonly Broker[];
  #keyless: number;
  #pending: NumberedRecord[] = [];
  #pendingBytes = 0;
  #flight: Promise<void> | undefined;
  #failure: Error | undefined;

  /** Records without key go to one partition after another, from `firstKeyless` on. */
  constructor(
    send: SendBatch,
    { partitions, firstKeyless, brokers }: { partitions: number; firstKeyless: number; brokers: readonly Broker[] },
  ) {
    this.#send = send;
    this.#partitions = partitions;
    this.#keyless = firstKeyless % partitions;
    this.#brokers = brokers;
  }

  /** Takes a record; resolves when there is room for the next. @throws CommandFailure when an earlier one failed. */
  async add(numbered: NumberedRecord): Promise<void> {
    this.#pending.push(numbered);
    this.#pendingBytes += sizeOf(numbered.record);
    this.#start();
    while (this.#pendingBytes > PENDING_BYTES_MAX) await this.#landed();
    this.#throwFailure();
  }

  /** Resolves when all records are stored. @throws CommandFailure */
  async finish(): Promise<void> {
    while (this.#flight !== undefined) await this.#landed();
    this.#throwFailure();
  }

  async #landed(): Promise<void> {
    await this.#flight;
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #start(): void {
    if (this.#flight !== undefined || this.#pending.length === 0 || this.#failure !== undefined) return;
    this.#flight = this.#sendSome().then(
      () => {
        this.#flight = undefined;
        this.#start();
      },
      (error: unknown) => {
        this.#failure = error instanceof Error ? error : new Error(String(error));
        this.#flight = undefined;
      },
    );
  }

  async #sendSome(): Promise<void> {
    // What a chunk of input has comes as one, not its first record alone.
    await Promise.resolve();
    const batch = this.#takeBatch();
    const byPartition = Map.groupBy(batch, ({ record }) => this.#partitionOf(record));
    this.#keyless = (this.#keyless + 1) % this.#partitions;
    await Promise.all(
      [...byPartition].map(async ([partition, records]) => {
        for (const some of closeInTime(records, ({ record }) => record.timestamp)) await this.#store(partition, some);
      }),
    );
  }

  #takeBatch(): readonly NumberedRecord[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#pending.length && count < BATCH_RECORDS) {
      const size = sizeOf(this.#pending[count]!.record);
      if (count > 0 && bytes + size > BATCH_BYTES) break;
      bytes += size;
      count += 1;
    }
    this.#pendingBytes -= bytes;
    return this.#pending.splice(0, count);
  }

  #partitionOf({ key, partition }: TimedRecord): number {
    if (partition !== undefined) return partition;
    return key === null ? this.#keyless : partitionOfKey(key, this.#partitions);
  }

  async #store(partition: number, records: readonly NumberedRecord[]): Promise<void> {
    try {
      await this.#send(
        partition,
        records.map(({ record }) => record),
      );
    } catch (error) {
      // One by one, all that can be stored is stored, and the error names its line.
      if (records.length > 1 && REFUSED_BATCH.has(refusalOf(error) ?? "")) {
        for (const record of records) await this.#store(partition, [record]);
        return;
      }
      const message = explain(error, this.#brokers);
      if (message === undefined) throw error;
      throw new CommandFailure(`${linesOf(records)}: ${message}`, { cause: error });
    }
  }
}

function linesOf(records: readonly NumberedRecord[]): string {
  const [first, last] = [records[0]!.line, records.at(-1)!.line];
  return first === last ? `line ${first}` : `lines ${first} to ${last}`;
}

function sizeOf({ key, value, headers }: TimedRecord): number {
  const length = (bytes: Buffer | null): number => bytes?.length ?? 0;
  return headers.reduce(
    (size, [name, content]) => size + name.length + length(content) + HEADER_OVERHEAD_BYTES,
    length(key) + length(value) + RECORD_OVERHEAD_BYTES,
  );
}
