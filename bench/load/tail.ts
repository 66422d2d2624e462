/**
 * Produces at a fixed rate while others read at the end of the same topic: what acknowledgements take, and what it takes until
 * a record that was sent has arrived at a reader (end to end).
 *
 * The rate does not wait for answers: a broker that falls behind shows it in all latencies that follow, instead of being asked
 * for less. All runs on one thread and one clock, so that no record needs to carry its time: the n-th batch of a partition is
 * known by its offset.
 */
import { setTimeout as delay } from "node:timers/promises";
import { ask, type BrokerAddress, Connection } from "./connection.ts";
import { LatencyHistogram, type LatencySummary } from "./histogram.ts";
import { encodeBatch, walkBatches } from "./record-batch.ts";
import {
  checkProduce,
  encodeFetch,
  encodeProduce,
  type FetchPosition,
  NEW_SESSION,
  NO_SESSION,
  visitFetch,
} from "./wire.ts";

const TICK_MS = 1;
/** What was sent has this long to be acknowledged and read after the last of it. */
const PATIENCE_MS = 60_000;
/** A consumer's fetch.max.wait.ms, fetch.max.bytes and max.partition.fetch.bytes. */
const LIMITS = { maxWaitMs: 500, maxBytes: 52_428_800, partitionMaxBytes: 1_048_576 };

export interface TailOptions {
  readonly address: BrokerAddress;
  readonly topic: string;
  readonly partitions: number;
  /** Partition p is produced to over connection p modulo this. */
  readonly connections: number;
  readonly recordSizeBytes: number;
  readonly batchSizeBytes: number;
  /** Of record values. */
  readonly bytesPerSecond: number;
  readonly seconds: number;
  /** Each reads all partitions over a connection of its own. */
  readonly readers: number;
  /** After each such time, and at the end, `onInterval` gets what came in it. */
  readonly intervalSeconds: number;
  readonly onInterval: (latencies: TailLatencies) => void;
}

export interface TailLatencies {
  readonly acknowledged: LatencySummary;
  readonly endToEnd: LatencySummary;
}

export interface TailResult extends TailLatencies {
  readonly records: number;
  /** Of producing. */
  readonly requests: number;
  /** Of record values, as often as they were read. */
  readonly readBytes: number;
  /** Until the last reader had the last record. */
  readonly seconds: number;
}

export async function tail(options: TailOptions): Promise<TailResult> {
  const run = new Run(options, await endOffsets(options));
  const { promise: failed, reject } = Promise.withResolvers<never>();
  try {
    await run.open(reject);
    return await Promise.race([run.go(), failed]);
  } finally {
    run.close();
  }
}

/** The high watermark of each partition. */
async function endOffsets({ address, topic, partitions }: TailOptions): Promise<number[]> {
  const positions = Array.from({ length: partitions }, (_, partition) => ({ partition, offset: 0 }));
  const answer = await ask(
    address,
    encodeFetch(topic, positions, NO_SESSION, { ...LIMITS, maxWaitMs: 0, maxBytes: 1 }),
  );
  const offsets = Array.from({ length: partitions }, () => 0);
  visitFetch(answer, 0, answer.length, ({ partition, highWatermark }) => {
    offsets[partition] = highWatermark;
  });
  return offsets;
}

/** Latencies of the interval that runs, and of all. */
class Latencies {
  readonly #whole = new LatencyHistogram();
  #interval = new LatencyHistogram();

  record(latencyMs: number): void {
    this.#whole.record(latencyMs);
    this.#interval.record(latencyMs);
  }

  /** Ends the interval. */
  take(): LatencySummary {
    const summary = this.#interval.summary();
    this.#interval = new LatencyHistogram();
    return summary;
  }

  summary(): LatencySummary {
    return this.#whole.summary();
  }
}

/** When each batch of one partition was sent, by its number, and how many are acknowledged. */
interface Sent {
  readonly timesMs: number[];
  readonly frame: Buffer;
  acknowledged: number;
}

class Run {
  readonly #options: TailOptions;
  readonly #startOffsets: readonly number[];
  readonly #recordsPerBatch: number;
  readonly #sent: readonly Sent[];
  readonly #acknowledged = new Latencies();
  readonly #endToEnd = new Latencies();
  readonly #producers: Connection[] = [];
  readonly #readers: Reader[] = [];
  #batchesSent = 0;
  #done = false;
  #closed = false;
  #late: NodeJS.Timeout | undefined;
  /** Called when a batch was acknowledged or read after all were sent. */
  #progress = (): void => {};

  constructor(options: TailOptions, startOffsets: readonly number[]) {
    this.#options = options;
    this.#startOffsets = startOffsets;
    const { bytes: batch, recordCount } = encodeBatch(options);
    this.#recordsPerBatch = recordCount;
    this.#sent = startOffsets.map((_, partition) => ({
      timesMs: [],
      // Its correlation id tells which partition an answer is about.
      frame: encodeProduce(partition, options.topic, [{ partition, batch }]),
      acknowledged: 0,
    }));
  }

  async open(fail: (error: Error) => void): Promise<void> {
    const { address, topic, connections, readers } = this.#options;
    for (let index = 0; index < connections; index++) {
      const onFrame = (frame: Buffer, start: number, end: number): void =>
        this.#acknowledge(checkProduce(frame, start, end));
      this.#producers.push(await Connection.open(address, { onFrame, onFailure: fail }));
    }
    for (let index = 0; index < readers; index++) {
      const reader = new Reader(topic, this.#startOffsets, (partition, from, count) =>
        this.#read(partition, from, count),
      );
      await reader.open(address, fail);
      this.#readers.push(reader);
    }
  }

  async go(): Promise<TailResult> {
    const { seconds, bytesPerSecond, recordSizeBytes, intervalSeconds, onInterval } = this.#options;
    const batchesPerSecond = bytesPerSecond / (this.#recordsPerBatch * recordSizeBytes);
    const startMs = performance.now();
    let intervals = 1;
    const endInterval = (): void =>
      onInterval({ acknowledged: this.#acknowledged.take(), endToEnd: this.#endToEnd.take() });
    for (let atSeconds = 0; atSeconds < seconds; atSeconds = (performance.now() - startMs) / 1000) {
      if (atSeconds >= intervals * intervalSeconds) {
        endInterval();
        intervals++;
      }
      while (this.#batchesSent < atSeconds * batchesPerSecond) this.#send();
      await delay(TICK_MS);
      if (this.#closed) throw new Error("the run was ended");
    }
    // However late the last turn came: a run has as many batches as its rate and its time say.
    while (this.#batchesSent < seconds * batchesPerSecond) this.#send();
    await this.#allArrived();
    const elapsedSeconds = (performance.now() - startMs) / 1000;
    endInterval();
    const records = this.#batchesSent * this.#recordsPerBatch;
    return {
      records,
      requests: this.#batchesSent,
      readBytes: records * recordSizeBytes * this.#readers.length,
      seconds: elapsedSeconds,
      acknowledged: this.#acknowledged.summary(),
      endToEnd: this.#endToEnd.summary(),
    };
  }

  /** Ends everything, also in the middle: `go` then fails at its next step, or stays as it is. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#late);
    for (const connection of this.#producers) connection.close();
    for (const reader of this.#readers) reader.close();
  }

  #send(): void {
    const partition = this.#batchesSent++ % this.#sent.length;
    const { timesMs, frame } = this.#sent[partition]!;
    timesMs.push(performance.now());
    this.#producers[partition % this.#producers.length]!.send(frame);
  }

  #acknowledge(partition: number): void {
    const sent = this.#sent[partition]!;
    this.#acknowledged.record(performance.now() - sent.timesMs[sent.acknowledged]!);
    sent.acknowledged++;
    if (this.#done) this.#progress();
  }

  #read(partition: number, fromOffset: number, batchCount: number): void {
    const nowMs = performance.now();
    const { timesMs } = this.#sent[partition]!;
    const first = (fromOffset - this.#startOffsets[partition]!) / this.#recordsPerBatch;
    for (let index = first; index < first + batchCount; index++) this.#endToEnd.record(nowMs - timesMs[index]!);
    if (this.#done) this.#progress();
  }

  async #allArrived(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = (): void => reject(new Error(`not all has arrived ${PATIENCE_MS} ms after the last record`));
    this.#late = setTimeout(late, PATIENCE_MS);
    this.#done = true;
    this.#progress = () => {
      const wanted = this.#batchesSent;
      const acknowledged = this.#sent.reduce((sum, sent) => sum + sent.acknowledged, 0);
      if (acknowledged === wanted && this.#readers.every((reader) => reader.batches === wanted)) resolve();
    };
    this.#progress();
    await promise;
  }
}

type OnBatches = (partition: number, fromOffset: number, batchCount: number) => void;

/** One consumer that is always waiting for what comes next. */
class Reader {
  batches = 0;
  readonly #topic: string;
  readonly #nextOffsets: number[];
  readonly #onBatches: OnBatches;
  #connection!: Connection;
  #sessionId = 0;
  #epoch = 0;

  constructor(topic: string, startOffsets: readonly number[], onBatches: OnBatches) {
    this.#topic = topic;
    this.#nextOffsets = [...startOffsets];
    this.#onBatches = onBatches;
  }

  async open(address: BrokerAddress, fail: (error: Error) => void): Promise<void> {
    this.#connection = await Connection.open(address, {
      onFrame: (frame, start, end) => this.#ask(this.#take(frame, start, end)),
      onFailure: fail,
    });
    this.#ask([]);
  }

  close(): void {
    this.#connection.close();
  }

  #ask(moved: readonly FetchPosition[]): void {
    const inSession = this.#sessionId !== 0;
    const session = inSession ? { id: this.#sessionId, epoch: this.#epoch } : NEW_SESSION;
    const positions = inSession ? moved : this.#nextOffsets.map((offset, partition) => ({ partition, offset }));
    this.#epoch++;
    this.#connection.send(encodeFetch(this.#topic, positions, session, LIMITS));
  }

  #take(frame: Buffer, start: number, end: number): FetchPosition[] {
    const moved: FetchPosition[] = [];
    this.#sessionId = visitFetch(frame, start, end, ({ partition, from, to }) => {
      const expectedOffset = this.#nextOffsets[partition]!;
      const { nextOffset, batchCount } = walkBatches(frame, { from, to, expectedOffset, checkCrc: false });
      if (batchCount === 0) return;
      this.#nextOffsets[partition] = nextOffset;
      moved.push({ partition, offset: nextOffset });
      this.batches += batchCount;
      this.#onBatches(partition, expectedOffset, batchCount);
    });
    return moved;
  }
}
