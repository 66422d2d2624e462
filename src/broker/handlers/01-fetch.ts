/**
 * Fetch 4-18: reads record batches, and waits for them when there are too few.
 *
 * A request that finds fewer than `min_bytes` is parked until that many should be there, or `max_wait_ms` is over; when too
 * many wait already it is answered with what there is. Whatever is read is durable already, so the answer itself waits only for the newest state record.
 * The partitions of a request are put together from its session (`fetch-sessions.ts`) and its own changes to it.
 */

import type { Place } from "../../base/linked-list.ts";
import { NOTHING_READ } from "../../log/batch-query.ts";
import type { PartitionLog, PartitionWaiter } from "../../log/partition-log.ts";
import type { Timer } from "../../ports/clock.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import type { Connection } from "../connection.ts";
import type { Exchange } from "../exchange.ts";
import { FetchPartitions, type FetchTopic } from "../fetch-partitions.ts";
import { type Fetched, type FetchedPartition, fetchedTopic, readFetch } from "../fetch-read.ts";
import type { FetchSession } from "../fetch-sessions.ts";
import type { ParkedFetch } from "../parked-fetches.ts";

type Fetch = (typeof APIS)["fetch"];
type FetchExchange = Exchange<Fetch>;
type TopicAnswer = NonNullable<MessageInput<Fetch["response"]>["responses"]>[number];
type PartitionAnswer = NonNullable<TopicAnswer["partitions"]>[number];

const TOPIC_IDS_SINCE = 13;
const READ_COMMITTED = 1;
/** The epoch of a request that is not part of a session, or ends one. */
const FINAL_EPOCH = -1;
const INITIAL_EPOCH = 0;

/** The partitions that a request reads, and the session that remembers them. */
interface FetchPlan {
  readonly partitions: FetchPartitions;
  readonly session: FetchSession | undefined;
  /** Only what changed is answered. */
  readonly incremental: boolean;
}

export function handleFetch(exchange: FetchExchange): void {
  const plan = planOf(exchange);
  if (typeof plan === "number") return exchange.answer({ errorCode: plan });
  new PendingFetch(exchange, plan).tryToAnswer();
}

/** One fetch from its arrival to its answer. */
class PendingFetch implements PartitionWaiter, ParkedFetch {
  readonly #exchange: FetchExchange;
  readonly #plan: FetchPlan;
  readonly #usesTopicIds: boolean;
  place: Place<ParkedFetch> | undefined;
  #watched: { readonly partition: PartitionLog; readonly place: Place<PartitionWaiter> }[] = [];
  #closePlace: Place<() => void> | undefined;
  #timer: Timer | undefined;
  #state: "reading" | "parked" | "woken" | "done" = "reading";
  #mayWait: boolean;
  /** While it waits: what there was when it was read last, and what has come since. */
  #readableBytes = 0;
  #partitionCount = 0;

  constructor(exchange: FetchExchange, plan: FetchPlan) {
    this.#exchange = exchange;
    this.#plan = plan;
    this.#usesTopicIds = exchange.version >= TOPIC_IDS_SINCE;
    this.#mayWait = exchange.request.maxWaitMs > 0 && plan.partitions.count > 0;
  }

  get connection(): Connection {
    return this.#exchange.connection;
  }

  get partitionCount(): number {
    return this.#partitionCount;
  }

  tryToAnswer(): void {
    if (this.#state === "done") return; // its connection is gone
    const { broker, request } = this.#exchange;
    const bounds = {
      maxBytes: Math.min(request.maxBytes, broker.store.state.broker["fetch.max.bytes"]),
      readCommitted: request.isolationLevel === READ_COMMITTED,
      mayReadFiles: this.#exchange.whenNext() === undefined,
    };
    this.#state = "reading";
    const fetched = readFetch(broker, this.#plan.partitions, bounds, this.#usesTopicIds);
    if (fetched === undefined) return void this.#exchange.whenNext()!.then(() => this.tryToAnswer());
    if (!(fetched instanceof Promise)) return this.#decide(fetched);
    fetched.then(
      (read) => this.#decide(read),
      (error: unknown) => broker.fail(error),
    );
  }

  /** Its partitions are not looked at for every batch that comes, but once there should be enough. */
  grew(sizeBytes: number): void {
    this.#readableBytes += sizeBytes;
    if (this.#readableBytes >= this.#exchange.request.minBytes) this.ended();
  }

  ended(): void {
    if (this.#state !== "parked") return;
    this.#state = "woken";
    this.#exchange.broker.parkedFetches.wake(this);
  }

  recheck(): void {
    if (this.#state === "woken") this.tryToAnswer();
  }

  #decide(fetched: Fetched): void {
    if (this.#state === "done") return releaseAll(fetched);
    const { request } = this.#exchange;
    if (!this.#mayWait || fetched.urgent || fetched.sizeBytes >= request.minBytes) return this.#answer(fetched);
    if (this.connection.isClosed) return releaseAll(fetched);
    if (this.#timer === undefined && !this.#park()) return this.#answer(fetched);
    releaseAll(fetched);
    // A topic can have been deleted, and created anew at once.
    if (this.#watched.some(({ partition }) => partition.deleted)) this.#watch();
    this.#readableBytes = fetched.sizeBytes;
    this.#state = "parked";
  }

  /** Waits from now on, unless too many do already. */
  #park(): boolean {
    const { broker, request } = this.#exchange;
    this.#partitionCount = this.#plan.partitions.count;
    if (!broker.parkedFetches.add(this)) return false;
    this.#exchange.request = { ...request, topics: [], forgottenTopicsData: [] }; // the plan has them, each once
    this.#timer = broker.clock.schedule(request.maxWaitMs, () => this.stopWaiting());
    this.#closePlace = this.connection.onClose(() => this.#finish());
    this.#watch();
    return true;
  }

  #watch(): void {
    this.#unwatch();
    for (let asked = this.#plan.partitions.first; asked !== undefined; asked = asked.next) {
      const topic = fetchedTopic(this.#exchange.broker, asked.topic, this.#usesTopicIds);
      const partition = topic?.partitions[asked.partition];
      if (partition === undefined) continue;
      this.#watched.push({ partition, place: partition.waiters.add(this) });
    }
  }

  /** Answers with what there is: the time is over, or the broker stops. */
  stopWaiting(): void {
    this.#mayWait = false;
    if (this.#state === "parked" || this.#state === "woken") this.tryToAnswer();
  }

  #answer(fetched: Fetched): void {
    this.#finish();
    const { session, incremental } = this.#plan;
    const changed = incremental ? fetched.partitions.filter(isChanged) : fetched.partitions;
    if (session !== undefined) for (const partition of changed) remember(session, partition);
    countRecords(this.#exchange.broker, changed, this.#usesTopicIds);
    this.#exchange.answer(
      { sessionId: session?.id ?? 0, responses: groupByTopic(changed, this.#exchange) },
      { sent: () => releaseAll(fetched) },
    );
  }

  #finish(): void {
    if (this.#state === "done") return;
    this.#state = "done";
    this.#timer?.cancel();
    if (this.#closePlace !== undefined) this.connection.offClose(this.#closePlace);
    this.#exchange.broker.parkedFetches.delete(this);
    this.#unwatch();
  }

  #unwatch(): void {
    for (const { partition, place } of this.#watched) partition.waiters.remove(place);
    this.#watched = [];
  }
}

/** What the request reads, or the error code that it is answered with. */
function planOf(exchange: FetchExchange): FetchPlan | ErrorCode {
  const { broker, request, version } = exchange;
  const usesTopicIds = version >= TOPIC_IDS_SINCE;
  const { sessionId, sessionEpoch } = request;
  if (sessionEpoch === FINAL_EPOCH || sessionEpoch === INITIAL_EPOCH) {
    if (sessionId !== 0) broker.fetchSessions.remove(sessionId);
    const partitions = new FetchPartitions(usesTopicIds);
    addAsked(partitions, exchange);
    const wanted = sessionEpoch === INITIAL_EPOCH && partitions.count > 0;
    const session = wanted ? broker.fetchSessions.create(partitions, usesTopicIds) : undefined;
    return { partitions, session, incremental: false };
  }
  const session = broker.fetchSessions.get(sessionId);
  if (session === undefined) return ErrorCode.FETCH_SESSION_ID_NOT_FOUND;
  if (session.epoch !== sessionEpoch) return ErrorCode.INVALID_FETCH_SESSION_EPOCH;
  if (session.usesTopicIds !== usesTopicIds) return ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR;
  for (const { topic, topicId, partitions } of request.forgottenTopicsData) {
    for (const partition of partitions) session.partitions.forget(topic, topicId, partition);
  }
  addAsked(session.partitions, exchange);
  if (!broker.fetchSessions.advance(session)) return ErrorCode.FETCH_SESSION_ID_NOT_FOUND;
  return { partitions: session.partitions, session, incremental: true };
}

/** Takes over what the request says of partitions. */
function addAsked(into: FetchPartitions, { request }: FetchExchange): void {
  for (const { topic: name, topicId, partitions } of request.topics) {
    if (partitions.length === 0) continue;
    const topic = into.topic(name, topicId);
    for (const { partition, fetchOffset, partitionMaxBytes, currentLeaderEpoch, lastFetchedEpoch } of partitions) {
      into.set(topic, {
        partition,
        // An offset beyond 2^53 is beyond every high watermark.
        fetchOffset: Number(fetchOffset),
        maxBytes: partitionMaxBytes,
        currentLeaderEpoch,
        lastFetchedEpoch,
      });
    }
  }
}

/** Whether an incremental answer has to mention the partition. */
function isChanged({
  asked,
  errorCode,
  divergingEpoch,
  result,
  highWatermark,
  logStartOffset,
}: FetchedPartition): boolean {
  return (
    result.sizeBytes > 0 ||
    errorCode !== ErrorCode.NONE ||
    divergingEpoch !== undefined ||
    highWatermark !== asked.sentHighWatermark ||
    logStartOffset !== asked.sentLogStart
  );
}

function remember(
  session: FetchSession,
  { asked, errorCode, result, highWatermark, logStartOffset }: FetchedPartition,
): void {
  asked.sentHighWatermark = errorCode === ErrorCode.NONE ? highWatermark : -1;
  asked.sentLogStart = logStartOffset;
  if (result.sizeBytes > 0) session.partitions.moveToEnd(asked);
}

/** As in Kafka what is not there comes last, and a topic as often as others come between its partitions. */
function groupByTopic(fetched: readonly FetchedPartition[], { request }: FetchExchange): TopicAnswer[] {
  const isThere = ({ errorCode }: FetchedPartition): boolean => !UNKNOWN.has(errorCode);
  const inOrder = fetched.every(isThere)
    ? fetched
    : [...fetched.filter(isThere), ...fetched.filter((each) => !isThere(each))];
  const topics: TopicAnswer[] = [];
  let current: FetchTopic | undefined;
  let partitions: PartitionAnswer[] = [];
  for (const each of inOrder) {
    const { topic } = each.asked;
    if (topic !== current) {
      current = topic;
      partitions = [];
      topics.push({ topic: topic.name, topicId: topic.id, partitions });
    }
    partitions.push(answerOf(each, request.isolationLevel === READ_COMMITTED));
  }
  return topics;
}

/** Of what is not there Kafka answers the field's default, as it does not read it; of all else that it does not read, null. */
const UNKNOWN: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.INCONSISTENT_TOPIC_ID,
]);

function answerOf(fetched: FetchedPartition, readCommitted: boolean): PartitionAnswer {
  const { asked, errorCode, highWatermark, lastStableOffset, logStartOffset, divergingEpoch, result } = fetched;
  const isRead = errorCode === ErrorCode.NONE && divergingEpoch === undefined;
  const answer = {
    partitionIndex: asked.partition,
    errorCode,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    abortedTransactions: UNKNOWN.has(errorCode) || (readCommitted && isRead) ? [] : null,
    records: result.parts,
  };
  return divergingEpoch === undefined ? answer : { ...answer, divergingEpoch };
}

function countRecords(broker: Broker, fetched: readonly FetchedPartition[], usesTopicIds: boolean): void {
  for (const { asked, result } of fetched) {
    if (result.sizeBytes === 0) continue;
    broker.metrics.fetched(fetchedTopic(broker, asked.topic, usesTopicIds), result.sizeBytes);
  }
}

function releaseAll({ partitions }: Fetched): void {
  for (const { result } of partitions) if (result !== NOTHING_READ) result.release();
}
