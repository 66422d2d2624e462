/**
 * State records of groups: what of a group survives the broker. `src/coordinator/group-fold.ts` applies them.
 *
 * A group is stored whole when a rebalance of it is complete; what happens on the way there (who has joined, who is
 * silent for how long) is not, and begins anew after a restart. Offsets are stored with every commit, one record for each
 * request. Topics are named by their id, so that a topic of the same name created later finds no offsets of the old one.
 */
import { array, arrayOf, bytes, int8, int32, int64, string, struct, uuid } from "../protocol/codec/schema.ts";
import { record } from "./record-schema.ts";

/** `offset` is the client's own choice, so it is kept as it came. */
const committed = {
  partition: int32(),
  offset: int64(),
  leaderEpoch: int32({ default: -1 }),
  metadata: string(),
};

/** `commitTimestamp` and `expireTimestamp` are wall clock; -1: as the retention of the broker says. */
export const offsetsCommitted = record("OffsetsCommitted", {
  groupId: string(),
  commitTimestamp: int64(),
  expireTimestamp: int64({ default: -1 }),
  topics: array()({ topicId: uuid(), partitions: array()(committed) }),
});

export const offsetsDeleted = record("OffsetsDeleted", {
  groupId: string(),
  topics: array()({ topicId: uuid(), partitions: arrayOf(int32()) }),
});

/** The group is gone, with all its offsets. */
export const groupDeleted = record("GroupDeleted", { groupId: string() });

/** A group of the classic protocol, as a completed rebalance has left it. */
const classicGroup = {
  generation: int32(),
  /** "" while no member has ever joined. */
  protocolType: string(),
  /** null without members. */
  protocolName: string({ nullable: "0+", default: null }),
  leader: string({ nullable: "0+", default: null }),
  /** When it came into this state, wall clock. */
  stateTimestamp: int64(),
  members: array()({
    memberId: string(),
    instanceId: string({ nullable: "0+", default: null }),
    clientId: string(),
    clientHost: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32(),
    protocols: array()({ name: string(), metadata: bytes() }),
    assignment: bytes(),
  }),
};

export const classicGroupStored = record("ClassicGroupStored", { groupId: string(), ...classicGroup });

/**
 * Members were told that `generation` has begun. If the broker ends before its assignment is there, the group goes on with
 * what was stored before, and the number is not given out again.
 */
export const generationBegun = record("GenerationBegun", { groupId: string(), generation: int32() });

/** Partitions of several topics, which are named by id. */
const topicPartitions = { topicId: uuid(), partitions: arrayOf(int32()) };

/** A member of a group of the consumer protocol (KIP-848). */
const consumerMember = {
  memberId: string(),
  instanceId: string({ nullable: "0+", default: null }),
  rackId: string({ nullable: "0+", default: null }),
  clientId: string(),
  clientHost: string(),
  rebalanceTimeoutMs: int32(),
  serverAssignor: string({ nullable: "0+", default: null }),
  subscribedTopicNames: arrayOf(string()),
  subscribedTopicRegex: string({ nullable: "0+", default: null }),
  /** Of a member that speaks the classic protocol: what it joined with. */
  classic: struct({ nullable: "0+", default: null })({
    sessionTimeoutMs: int32(),
    protocols: array()({ name: string(), metadata: bytes() }),
  }),
  /** -2: a static member that is away for a while. */
  memberEpoch: int32(),
  previousMemberEpoch: int32(),
  /** `MemberState` of `src/coordinator/consumer-member.ts`. */
  state: int8(),
  assigned: array()(topicPartitions),
  pendingRevocation: array()(topicPartitions),
};

const targets = array()({ memberId: string(), partitions: array()(topicPartitions) });

/** A member came, or is another than it was. */
export const consumerMemberStored = record("ConsumerMemberStored", { groupId: string(), ...consumerMember });

/** Members are gone, with what was meant for them. */
export const consumerMembersRemoved = record("ConsumerMembersRemoved", {
  groupId: string(),
  memberIds: arrayOf(string()),
});

/**
 * The group is at `epoch`, and the assignment that its members are led to is of `assignmentEpoch`. `targets` are those
 * members whose target is another than before. It makes the group one of the consumer protocol if it is not yet.
 */
export const consumerGroupAssigned = record("ConsumerGroupAssigned", {
  groupId: string(),
  epoch: int32(),
  assignmentEpoch: int32(),
  targets,
});

/**
 * A slice with one group and its offsets. `classic` and `consumer` have one element at most, and both none for a group
 * that only commits.
 */
export const groupSlice = record(
  "GroupSlice",
  {
    groupId: string(),
    lastGeneration: int32(),
    classic: array()(classicGroup),
    consumer: array({ versions: "1+" })({
      epoch: int32(),
      assignmentEpoch: int32(),
      targets,
      members: array()(consumerMember),
    }),
    offsets: array()({
      topicId: uuid(),
      partitions: array()({ ...committed, commitTimestamp: int64(), expireTimestamp: int64({ default: -1 }) }),
    }),
    stampedAt: int64(),
  },
  "0-1",
);
