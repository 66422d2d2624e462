/**
 * Reads a topic from its beginning to its high watermarks as fast as the broker answers, with the fetch sessions that real
 * consumers use. The bytes are dropped once the batch headers were checked: offsets without a gap, and their CRC on demand.
 */
import { type BrokerAddress, Connection } from "./connection.ts";
import { LatencyHistogram, type LatencySummary } from "./histogram.ts";
import { walkBatches } from "./record-batch.ts";
import { encodeFetch, type FetchPosition, NEW_SESSION, visitFetch } from "./wire.ts";

const MAX_WAIT_MS = 500; // fetch.max.wait.ms of Kafka's consumer

export interface FetchOptions {
  readonly address: BrokerAddress;
  readonly topic: string;
  readonly partitions: number;
  /** Each reads everything, at the same time, over connections of its own. */
  readonly readers: number;
  /** Of one reader. Partition p is read over connection p modulo this; each has one request in flight. */
  readonly connections: number;
  readonly maxBytes: number;
  readonly partitionMaxBytes: number;
  readonly checkCrc: boolean;
}

export interface FetchResult {
  readonly records: number;
  readonly batches: number;
  /** Of the answers, as received. */
  readonly wireBytes: number;
  readonly requests: number;
  readonly seconds: number;
  readonly latency: LatencySummary;
}

export async function fetchAll(options: FetchOptions): Promise<FetchResult> {
  const histogram = new LatencyHistogram();
  const lanesOfReader = Math.min(options.connections, options.partitions);
  const lanes = Array.from(
    { length: options.readers * lanesOfReader },
    (_, index) => new Lane(index % lanesOfReader, options, histogram),
  );
  const startMs = performance.now();
  await Promise.all(lanes.map((lane) => lane.readAll()));
  const total = (pick: (lane: Lane) => number): number => lanes.reduce((sum, lane) => sum + pick(lane), 0);
  return {
    records: total((lane) => lane.records),
    batches: total((lane) => lane.batches),
    wireBytes: total((lane) => lane.wireBytes),
    requests: total((lane) => lane.requests),
    seconds: (performance.now() - startMs) / 1000,
    latency: histogram.summary(),
  };
}

/** One connection and the partitions read over it. */
class Lane {
  records = 0;
  batches = 0;
  wireBytes = 0;
  requests = 0;
  readonly #options: FetchOptions;
  readonly #histogram: LatencyHistogram;
  /** The next offset of each partition that is not yet read to its end. */
  readonly #nextOffsets = new Map<number, number>();
  #sessionId = 0;
  #sentMs = 0;

  constructor(index: number, options: FetchOptions, histogram: LatencyHistogram) {
    this.#options = options;
    this.#histogram = histogram;
    for (let partition = index; partition < options.partitions; partition += options.connections) {
      this.#nextOffsets.set(partition, 0);
    }
  }

  async readAll(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const connection = await Connection.open(this.#options.address, {
      onFrame: (frame, start, end) => {
        const moved = this.#answer(frame, start, end);
        if (this.#nextOffsets.size === 0) resolve();
        else this.#ask(connection, moved);
      },
      onFailure: reject,
    });
    this.#ask(connection, []);
    try {
      await promise;
    } finally {
      connection.close();
    }
  }

  /** `moved`: the partitions whose position is another than in the request before. The session knows the rest. */
  #ask(connection: Connection, moved: readonly FetchPosition[]): void {
    // A broker without room for a session gives the id 0: then every request is a first one and names all partitions.
    const inSession = this.#sessionId !== 0;
    const session = inSession ? { id: this.#sessionId, epoch: this.requests } : NEW_SESSION;
    const positions = inSession ? moved : [...this.#nextOffsets].map(([partition, offset]) => ({ partition, offset }));
    const limits = { ...this.#options, maxWaitMs: MAX_WAIT_MS };
    this.requests++;
    this.#sentMs = performance.now();
    connection.send(encodeFetch(this.#options.topic, positions, session, limits));
  }

  /** Counts what came, and returns the partitions that moved. */
  #answer(frame: Buffer, start: number, end: number): FetchPosition[] {
    this.#histogram.record(performance.now() - this.#sentMs);
    this.wireBytes += end - start;
    const moved: FetchPosition[] = [];
    this.#sessionId = visitFetch(frame, start, end, ({ partition, highWatermark, from, to }) => {
      const expectedOffset = this.#nextOffsets.get(partition);
      if (expectedOffset === undefined) return; // read to its end before
      const run = walkBatches(frame, { from, to, expectedOffset, checkCrc: this.#options.checkCrc });
      this.records += run.recordCount;
      this.batches += run.batchCount;
      if (run.nextOffset >= highWatermark) this.#nextOffsets.delete(partition);
      else this.#nextOffsets.set(partition, run.nextOffset);
      if (run.nextOffset > expectedOffset) moved.push({ partition, offset: run.nextOffset });
    });
    return moved;
  }
}
