/**
 * OffsetCommit 2-10: stores how far a group has come. All that a request commits is one record of the log.
 *
 * Versions: 2 to 4 bring a retention time, which overrides the broker's · 7 static members · 9 says that there is no such
 * group · 10 names topics by id.
 */
import type { Uuid } from "../../base/uuid.ts";
import type { OffsetToCommit } from "../../coordinator/group-coordinator.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Exchange } from "../exchange.ts";

type OffsetCommit = (typeof APIS)["offsetCommit"];
type Topic = Exchange<OffsetCommit>["request"]["topics"][number];
type TopicAnswer = NonNullable<MessageInput<OffsetCommit["response"]>["topics"]>[number];
type PartitionAnswer = NonNullable<TopicAnswer["partitions"]>[number];

const TOPIC_IDS_SINCE = 10;

export function handleOffsetCommit(exchange: Exchange<OffsetCommit>): void {
  const { broker, request, version } = exchange;
  const { state } = broker.store;
  const byId = version >= TOPIC_IDS_SINCE;
  const maxMetadata = state.broker["offset.metadata.max.bytes"];
  const answers: (TopicAnswer & { partitions: PartitionAnswer[] })[] = [];
  const topics: { topicId: Uuid; partitions: OffsetToCommit[] }[] = [];
  let known = 0;
  for (const asked of request.topics) {
    const topic = byId ? state.topicById(asked.topicId) : state.topic(asked.name);
    const answer = { name: asked.name, topicId: asked.topicId, partitions: [] as PartitionAnswer[] };
    answers.push(answer);
    if (topic === undefined) {
      const errorCode = byId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      for (const { partitionIndex } of asked.partitions) answer.partitions.push({ partitionIndex, errorCode });
      continue;
    }
    known += 1;
    const partitions = offsetsToCommit(asked, topic.partitions.length, maxMetadata, answer.partitions);
    if (partitions.length > 0) topics.push({ topicId: topic.id, partitions });
  }
  if (known === 0) return exchange.answer({ topics: answers });
  const problem = broker.groups.decide((coordinator, now, effects) =>
    coordinator.commit(
      {
        version,
        groupId: request.groupId,
        committer: {
          memberId: request.memberId,
          instanceId: request.groupInstanceId,
          generation: request.generationIdOrMemberEpoch,
        },
        retentionMs: Number(request.retentionTimeMs),
        topics,
      },
      now,
      effects,
    ),
  );
  if (problem !== ErrorCode.NONE) refuseAll(answers, problem);
  exchange.answer({ topics: answers });
}

/** Takes out what can be committed, and puts down an answer for each partition. */
function offsetsToCommit(
  { partitions }: Topic,
  partitionCount: number,
  maxMetadata: number,
  answers: PartitionAnswer[],
): OffsetToCommit[] {
  const offsets: OffsetToCommit[] = [];
  for (const { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata } of partitions) {
    const metadata = committedMetadata ?? "";
    if (partitionIndex < 0 || partitionIndex >= partitionCount) {
      answers.push({ partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
    } else if (metadata.length > maxMetadata) {
      answers.push({ partitionIndex, errorCode: ErrorCode.OFFSET_METADATA_TOO_LARGE });
    } else {
      answers.push({ partitionIndex });
      offsets.push({
        partition: partitionIndex,
        offset: committedOffset,
        leaderEpoch: committedLeaderEpoch,
        metadata,
      });
    }
  }
  return offsets;
}

/** The group refuses the commit: that goes before what was wrong with single partitions, unknown topics excepted. */
function refuseAll(answers: readonly { partitions: PartitionAnswer[] }[], errorCode: ErrorCode): void {
  for (const answer of answers) {
    answer.partitions = answer.partitions.map((each) =>
      each.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION || each.errorCode === ErrorCode.UNKNOWN_TOPIC_ID
        ? each
        : { partitionIndex: each.partitionIndex ?? 0, errorCode },
    );
  }
}
