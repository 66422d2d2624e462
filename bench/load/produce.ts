/**
 * Produces as fast as the broker acknowledges. Every request is encoded once, before the clock starts, and sent again and
 * again, so that this process needs a small part of the CPU time that the broker needs.
 *
 * The batches carry no producer id: the sequence numbers of an idempotent producer lie inside the CRC and would have to be
 * encoded anew each time.
 */
import { type BrokerAddress, Connection } from "./connection.ts";
import { LatencyHistogram, type LatencySummary } from "./histogram.ts";
import { encodeBatch } from "./record-batch.ts";
import { checkProduce, encodeProduceTopics, type PartitionBatch } from "./wire.ts";

const MAX_ENCODED_BYTES = 2 ** 30;

export interface ProduceOptions {
  readonly address: BrokerAddress;
  readonly topics: readonly string[];
  /** Of each topic. */
  readonly partitions: number;
  /** Rounded up to whole requests. */
  readonly recordCount: number;
  readonly recordSizeBytes: number;
  readonly batchSizeBytes: number;
  /** Counted over all topics, partition p is produced to over connection p modulo this. */
  readonly connections: number;
  /** Requests of one connection that may wait for their answer at once. */
  readonly inFlight: number;
  /** One request holds a batch for each of this many partitions. */
  readonly partitionsPerRequest: number;
}

export interface ProduceResult {
  readonly records: number;
  /** Of record values, as ProducerPerformance counts. */
  readonly valueBytes: number;
  readonly requests: number;
  readonly seconds: number;
  readonly latency: LatencySummary;
}

export async function produce(options: ProduceOptions): Promise<ProduceResult> {
  const { bytes: batch, recordCount: recordsPerBatch } = encodeBatch(options);
  const partitions = options.topics.length * options.partitions;
  if (batch.length * partitions > MAX_ENCODED_BYTES) {
    throw new RangeError(`${partitions} encoded batches of ${batch.length} bytes are more than 1 GiB: take less`);
  }
  const histogram = new LatencyHistogram();
  const run = new Run(Math.ceil(options.recordCount / recordsPerBatch));
  const lanes: Lane[] = [];
  for (let index = 0; index < Math.min(options.connections, partitions); index++) {
    lanes.push(await Lane.open(requestsOf(index, batch, options), { ...options, histogram, run }));
  }
  const startMs = performance.now();
  for (const lane of lanes) lane.fill();
  try {
    await run.finished;
  } finally {
    for (const lane of lanes) lane.close();
  }
  const records = run.batchesSent * recordsPerBatch;
  return {
    records,
    valueBytes: records * options.recordSizeBytes,
    requests: run.requestsSent,
    seconds: (performance.now() - startMs) / 1000,
    latency: histogram.summary(),
  };
}

interface EncodedRequest {
  readonly frame: Buffer;
  readonly batchCount: number;
}

/** The requests of one connection. Each has its place among them as its correlation id. */
function requestsOf(connection: number, batch: Buffer, options: ProduceOptions): EncodedRequest[] {
  const { topics, partitions, connections, partitionsPerRequest } = options;
  const requests: EncodedRequest[] = [];
  for (let from = connection; from < topics.length * partitions; from += connections * partitionsPerRequest) {
    const parts = new Map<string, PartitionBatch[]>();
    let batchCount = 0;
    for (let at = from; batchCount < partitionsPerRequest && at < topics.length * partitions; at += connections) {
      const topic = topics[Math.floor(at / partitions)] ?? "";
      const batches = parts.get(topic) ?? [];
      parts.set(topic, [...batches, { partition: at % partitions, batch }]);
      batchCount++;
    }
    const byTopic = [...parts].map(([topic, batches]) => ({ topic, batches }));
    requests.push({ frame: encodeProduceTopics(requests.length, byTopic), batchCount });
  }
  return requests;
}

/** What the connections share: how much is to be sent, and whether all of it is acknowledged. */
class Run {
  batchesSent = 0;
  requestsSent = 0;
  readonly finished: Promise<void>;
  readonly fail: (error: Error) => void;
  readonly #finish: () => void;
  readonly #batchTarget: number;
  #requestsAcknowledged = 0;

  constructor(batchTarget: number) {
    this.#batchTarget = batchTarget;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.finished = promise;
    this.#finish = resolve;
    this.fail = reject;
  }

  /** Whether one more request is wanted; if so it counts as sent. */
  take(batchCount: number): boolean {
    if (this.batchesSent >= this.#batchTarget) return false;
    this.batchesSent += batchCount;
    this.requestsSent++;
    return true;
  }

  acknowledge(): void {
    this.#requestsAcknowledged++;
    if (this.#requestsAcknowledged === this.requestsSent && this.batchesSent >= this.#batchTarget) this.#finish();
  }
}

/** One connection: keeps its window of requests in flight, going round its partitions. */
class Lane {
  readonly #requests: readonly EncodedRequest[];
  readonly #inFlight: number;
  readonly #histogram: LatencyHistogram;
  readonly #run: Run;
  /** When each request in flight was sent; a ring, the answers come in the same order. */
  readonly #sentMs: Float64Array;
  #connection!: Connection;
  #sent = 0;
  #answered = 0;

  static async open(
    requests: readonly EncodedRequest[],
    options: ProduceOptions & { readonly histogram: LatencyHistogram; readonly run: Run },
  ): Promise<Lane> {
    const lane = new Lane(requests, options);
    lane.#connection = await Connection.open(options.address, {
      onFrame: (frame, start, end) => lane.#answer(checkProduce(frame, start, end)),
      onFailure: options.run.fail,
    });
    return lane;
  }

  private constructor(
    requests: readonly EncodedRequest[],
    options: { readonly inFlight: number; readonly histogram: LatencyHistogram; readonly run: Run },
  ) {
    this.#requests = requests;
    this.#inFlight = options.inFlight;
    this.#histogram = options.histogram;
    this.#run = options.run;
    this.#sentMs = new Float64Array(options.inFlight);
  }

  fill(): void {
    while (this.#sent - this.#answered < this.#inFlight) {
      const request = this.#request(this.#sent);
      if (!this.#run.take(request.batchCount)) return;
      this.#sentMs[this.#sent % this.#inFlight] = performance.now();
      this.#sent++;
      this.#connection.send(request.frame);
    }
  }

  close(): void {
    this.#connection.close();
  }

  #answer(correlationId: number): void {
    const expected = this.#answered % this.#requests.length;
    if (correlationId !== expected) throw new Error(`answer ${correlationId} where ${expected} comes next`);
    this.#histogram.record(performance.now() - (this.#sentMs[this.#answered % this.#inFlight] ?? 0));
    this.#answered++;
    this.#run.acknowledge();
    this.fill();
  }

  #request(index: number): EncodedRequest {
    const request = this.#requests[index % this.#requests.length];
    if (request === undefined) throw new Error("a connection without requests");
    return request;
  }
}
