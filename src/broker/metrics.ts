/**
 * What the broker counts of its requests, connections and records, since it started. Plain numbers: `src/http/metrics/`
 * reads them when somebody asks for them.
 *
 * The clock is read once for each request, when it is answered. When it came the connection knows already, and when the
 * log was committed is known once for all answers that waited for it (`Store.committedMs`).
 */
import { DURATION_BOUNDS_MS, Histogram } from "../base/histogram.ts";
import type { Api } from "../protocol/apis.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { Topic } from "../state/state.ts";
import { countErrors, ErrorCounts, type ErrorPlaces, errorPlaces } from "./error-places.ts";

/** Requests of one API. */
export class RequestMetrics {
  /** Kafka's name of the API. */
  readonly name: string;
  /** Requests by their version. */
  readonly byVersion: number[] = [];
  /** Error codes in answers, NONE included: of each partition, topic or group that the answer tells of. */
  readonly errors = new ErrorCounts();
  /** From when a request was read to when its answer may leave. */
  readonly totalMs = new Histogram(DURATION_BOUNDS_MS);
  /** How long of it the answer was there and waited for the log. */
  readonly durabilityMs = new Histogram(DURATION_BOUNDS_MS);
  readonly #places: ErrorPlaces;

  constructor(api: Api) {
    this.name = api.name;
    this.#places = errorPlaces(api.response.fields);
  }

  /** How many partitions, topics or groups were answered for. */
  get answers(): number {
    return this.failures + this.errors.of(ErrorCode.NONE);
  }

  /** With an error, whichever. */
  get failures(): number {
    let failures = 0;
    for (const [code, count] of this.errors.entries()) if (code !== ErrorCode.NONE) failures += count;
    return failures;
  }

  received(version: number): void {
    this.byVersion[version] = (this.byVersion[version] ?? 0) + 1;
  }

  /** Counts the error codes in an answer. */
  answered(body: object): void {
    countErrors(this.#places, body, this.errors);
  }

  /** The answer may leave. */
  released(receivedMs: number, answeredMs: number, releasedMs: number): void {
    this.totalMs.observe(releasedMs - receivedMs);
    this.durabilityMs.observe(releasedMs - answeredMs);
  }
}

/** Records of one topic, or of all. */
export class RecordMetrics {
  messagesIn = 0;
  bytesIn = 0;
  bytesOut = 0;
}

export class BrokerMetrics {
  connectionsOpened = 0;
  /** Ended because of what the peer did, or because there were too many. */
  connectionsRefused = 0;
  receivedBytes = 0;
  sentBytes = 0;
  batchesIn = 0;
  /** Partitions that fetches have read, each as often as it was. */
  partitionsRead = 0;
  readonly allTopics = new RecordMetrics();
  /** Those that had records in or out. A topic that is gone takes its numbers with it. */
  readonly #topics = new WeakMap<Topic, RecordMetrics>();
  /** By API key. */
  readonly #requests: RequestMetrics[] = [];

  /** By API, those that were asked for. */
  get requests(): readonly RequestMetrics[] {
    return this.#requests.filter((each) => each !== undefined);
  }

  of(api: Api): RequestMetrics {
    return (this.#requests[api.key] ??= new RequestMetrics(api));
  }

  topic(topic: Topic): RecordMetrics | undefined {
    return this.#topics.get(topic);
  }

  /** Counts a batch that was appended. */
  produced(topic: Topic, messages: number, sizeBytes: number): void {
    this.batchesIn += 1;
    for (const records of [this.allTopics, this.#of(topic)]) {
      records.messagesIn += messages;
      records.bytesIn += sizeBytes;
    }
  }

  /** Counts batches that are sent. Without `topic`: it is gone by now. */
  fetched(topic: Topic | undefined, sizeBytes: number): void {
    this.allTopics.bytesOut += sizeBytes;
    if (topic !== undefined) this.#of(topic).bytesOut += sizeBytes;
  }

  #of(topic: Topic): RecordMetrics {
    let records = this.#topics.get(topic);
    if (records === undefined) this.#topics.set(topic, (records = new RecordMetrics()));
    return records;
  }
}
