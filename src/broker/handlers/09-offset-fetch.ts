/**
 * OffsetFetch 1-10: how far groups have come; -1 where nothing is committed, also for a group or topic that there is not.
 *
 * Versions: 2 all topics of the group (null) · 8 several groups · 9 members of consumer groups · 10 names topics by id.
 * `requireStable` asks to wait for open transactions that commit offsets; there are none yet.
 */
import { type Uuid, ZERO_UUID } from "../../base/uuid.ts";
import type { CommittedOffset, Offsets } from "../../coordinator/group-fold.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { State } from "../../state/state.ts";
import type { Exchange } from "../exchange.ts";

type OffsetFetch = (typeof APIS)["offsetFetch"];
type GroupAnswer = NonNullable<MessageInput<OffsetFetch["response"]>["groups"]>[number];
type TopicAnswer = NonNullable<GroupAnswer["topics"]>[number];
type PartitionAnswer = NonNullable<TopicAnswer["partitions"]>[number];

/** What is asked of one topic. Older versions know no ids, newer ones no names. */
interface AskedTopic {
  readonly name: string;
  readonly topicId: Uuid;
  readonly partitionIndexes: readonly number[];
}

const SEVERAL_GROUPS_SINCE = 8;
const TOPIC_IDS_SINCE = 10;

export function handleOffsetFetch(exchange: Exchange<OffsetFetch>): void {
  const { broker, request, version } = exchange;
  const { state } = broker.store;
  const { coordinator } = broker.groups;
  const byId = version >= TOPIC_IDS_SINCE;
  const fetch = (groupId: string, topics: readonly AskedTopic[] | null): TopicAnswer[] => {
    const offsets = coordinator.offsets(groupId);
    return topics === null
      ? allTopics(state, offsets)
      : eachOnce(topics, byId).map((asked) => askedTopic(state, offsets, asked, byId));
  };
  if (version >= SEVERAL_GROUPS_SINCE) {
    const answered = new Set<string>();
    const groups = request.groups.map(({ groupId, memberId, memberEpoch, topics }): GroupAnswer => {
      // All offsets of a group take far more bytes than its name, so they are not answered any number of times.
      if (answered.has(groupId)) return { groupId, errorCode: ErrorCode.INVALID_REQUEST };
      answered.add(groupId);
      const errorCode = coordinator.fetchProblem(groupId, memberId, memberEpoch);
      return errorCode === ErrorCode.NONE ? { groupId, topics: fetch(groupId, topics) } : { groupId, errorCode };
    });
    return exchange.answer({ groups });
  }
  const topics = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null;
  exchange.answer({ topics: fetch(request.groupId, topics) });
}

/** Each topic and partition once: what was committed with an offset can take thousands of bytes. */
function eachOnce(asked: readonly AskedTopic[], byId: boolean): AskedTopic[] {
  const topics = Map.groupBy(asked, ({ name, topicId }) => (byId ? topicId : name));
  return [...topics.values()].map((parts) => {
    const partitionIndexes = [...new Set(parts.flatMap((part) => part.partitionIndexes))];
    return { name: parts[0]!.name, topicId: parts[0]!.topicId, partitionIndexes };
  });
}

function askedTopic(state: State, offsets: Offsets, asked: AskedTopic, byId: boolean): TopicAnswer {
  const { name, topicId } = asked;
  const topic = byId ? state.topicById(topicId) : state.topic(name);
  const errorCode = byId && topic === undefined ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.NONE;
  const committed = topic === undefined ? undefined : offsets.get(topic.id);
  const partitions = asked.partitionIndexes.map((partitionIndex) => ({
    ...answerOf(partitionIndex, committed?.get(partitionIndex)),
    errorCode,
  }));
  return { name, topicId, partitions };
}

function allTopics(state: State, offsets: Offsets): TopicAnswer[] {
  const topics: TopicAnswer[] = [];
  for (const [topicId, committed] of offsets) {
    const name = state.topicById(topicId)?.name;
    if (name === undefined) continue; // its creation was lost with a damaged part of the log
    topics.push({ name, topicId, partitions: [...committed].map(([index, offset]) => answerOf(index, offset)) });
  }
  return topics;
}

function answerOf(partitionIndex: number, committed: CommittedOffset | undefined): PartitionAnswer {
  if (committed === undefined) return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1 };
  const { offset, leaderEpoch, metadata } = committed;
  return { partitionIndex, committedOffset: offset, committedLeaderEpoch: leaderEpoch, metadata };
}
