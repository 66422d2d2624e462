/**
 * ListOffsets 1-11: the offset at a timestamp, or at a special one.
 *
 * Special timestamps, with the first version that may ask for them: -1 latest, -2 earliest, -3 the record with the largest
 * timestamp (7), -4 earliest in local storage (8), -5 newest in tiered storage (9), -6 earliest not yet uploaded (11). There
 * are no tiers yet, so the last three answer as Kafka does without tiered storage: the log start, and nothing twice.
 */

import type { Int64 } from "../../base/int64.ts";
import { isReadFailure } from "../../log/corruption.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { MalformedMessage } from "../../protocol/codec/reader.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Topic } from "../../state/state.ts";
import type { Exchange } from "../exchange.ts";
import { leaderEpochProblem } from "../leader-epoch.ts";
import {
  findLargestTimestamp,
  findTimestamp,
  MAX_FALSE_BATCHES,
  type Patience,
  type TimestampSearch,
} from "../timestamp-search.ts";

type ListOffsets = (typeof APIS)["listOffsets"];
type ListOffsetsExchange = Exchange<ListOffsets>;
type TopicAnswer = NonNullable<MessageInput<ListOffsets["response"]>["topics"]>[number];
type PartitionAnswer = NonNullable<TopicAnswer["partitions"]>[number];
type PartitionRequest = ListOffsetsExchange["request"]["topics"][number]["partitions"][number];

const LATEST = -1;
const EARLIEST = -2;
const LARGEST_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
const EARLIEST_PENDING_UPLOAD = -6;

/** The first version in which a special timestamp may be asked for. */
const SINCE: ReadonlyMap<Int64, number> = new Map([
  [LARGEST_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
  [EARLIEST_PENDING_UPLOAD, 11],
]);

/** The first version that is told a leader epoch. */
const LEADER_EPOCH_SINCE = 4;
const READ_COMMITTED = 1;

/** Searches of one request that go on side by side: while one reads another one unpacks. */
const SEARCHES_AT_ONCE = 4;

/** A timestamp that has to be looked for. */
interface Search extends TimestampSearch {
  readonly timestamp: Int64;
  readonly currentEpoch: number;
  /** Where its answer belongs. */
  readonly answers: PartitionAnswer[];
  readonly at: number;
}

export function handleListOffsets(exchange: ListOffsetsExchange): void {
  const { broker, request } = exchange;
  // Each partition is answered once, and one that is asked for twice with an error, as in Kafka.
  const asked = new Map<string, Map<number, PartitionRequest | undefined>>();
  for (const { name, partitions } of request.topics) {
    const known = asked.get(name) ?? new Map<number, PartitionRequest | undefined>();
    for (const each of partitions) known.set(each.partitionIndex, known.has(each.partitionIndex) ? undefined : each);
    asked.set(name, known);
  }
  const searches: Search[] = [];
  const topics = [...asked].map(([name, partitions]): TopicAnswer => {
    const topic = broker.store.state.topic(name);
    const answers: PartitionAnswer[] = [];
    for (const [partitionIndex, each] of partitions) {
      const answer =
        each === undefined
          ? { partitionIndex, errorCode: ErrorCode.INVALID_REQUEST }
          : listOffset(exchange, topic, each, (search) => searches.push({ ...search, answers, at: answers.length }));
      answers.push(answer);
    }
    return { name, partitions: answers };
  });
  if (searches.length === 0) return exchange.answer({ topics });
  searchAll(exchange, searches).then(
    () => exchange.answer({ topics }),
    (error: unknown) => broker.fail(error),
  );
}

/** What can be said at once. A timestamp that has to be looked for is handed to `look`, and what is found comes later. */
function listOffset(
  { broker, request, version }: ListOffsetsExchange,
  topic: Topic | undefined,
  asked: PartitionRequest,
  look: (search: Omit<Search, "answers" | "at">) => void,
): PartitionAnswer {
  const { partitionIndex, timestamp } = asked;
  if (version < (SINCE.get(timestamp) ?? 0) || timestamp < EARLIEST_PENDING_UPLOAD) {
    return { partitionIndex, errorCode: ErrorCode.UNSUPPORTED_VERSION };
  }
  const partition = topic?.partitions[partitionIndex];
  if (topic === undefined || partition === undefined) {
    return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
  }
  const currentEpoch = broker.store.state.leaderEpoch(topic);
  const epochProblem = leaderEpochProblem(asked.currentLeaderEpoch, currentEpoch);
  if (epochProblem !== ErrorCode.NONE) return { partitionIndex, errorCode: epochProblem };
  const limitOffset = request.isolationLevel === READ_COMMITTED ? partition.lastStableOffset : partition.highWatermark;
  const { logStartOffset } = partition;
  switch (timestamp) {
    case LATEST:
      return { partitionIndex, offset: limitOffset, ...epochAt(partition, limitOffset, currentEpoch, version) };
    case EARLIEST:
    case EARLIEST_LOCAL:
      return { partitionIndex, offset: logStartOffset, ...epochAt(partition, logStartOffset, currentEpoch, version) };
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      return { partitionIndex };
    default: {
      const topicBytes = topic.target.nameBytes.length;
      look({ reader: broker.reader, partition, topicBytes, limitOffset, timestamp, currentEpoch });
      return { partitionIndex };
    }
  }
}

async function searchAll(exchange: ListOffsetsExchange, searches: readonly Search[]): Promise<void> {
  const patience = { falseBatches: MAX_FALSE_BATCHES };
  const left = searches.values();
  const work = async (): Promise<void> => {
    for (const search of left) {
      if (exchange.connection.isClosed) return;
      const partitionIndex = search.partition.partition;
      search.answers[search.at] = { partitionIndex, ...(await find(exchange, search, patience)) };
    }
  };
  await Promise.all(Array.from({ length: SEARCHES_AT_ONCE }, work));
}

async function find(
  { broker, version }: ListOffsetsExchange,
  search: Search,
  patience: Patience,
): Promise<PartitionAnswer> {
  const { partition, timestamp, currentEpoch } = search;
  try {
    const isLargest = timestamp === LARGEST_TIMESTAMP;
    const found = await (isLargest ? findLargestTimestamp(search) : findTimestamp(search, timestamp, patience));
    return found === undefined ? {} : { ...found, ...epochAt(partition, found.offset, currentEpoch, version) };
  } catch (error) {
    // A producer can have put nonsense into a batch whose CRC is right: nobody has opened it before.
    if (error instanceof MalformedMessage) return { errorCode: ErrorCode.CORRUPT_MESSAGE };
    if (!isReadFailure(error)) throw error;
    broker.log(`error: ${error.message}`);
    return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR };
  }
}

/** The epoch of the batch at `offset`; the newest one at the end; `current` when nothing was ever written. */
function epochAt(partition: PartitionLog, offset: number, current: number, version: number): { leaderEpoch?: number } {
  if (version < LEADER_EPOCH_SINCE) return {};
  return { leaderEpoch: partition.epochs.findLast(({ startOffset }) => startOffset <= offset)?.epoch ?? current };
}
