/**
 * State records of groups: what of a group survives the broker. `src/coordinator/group-fold.ts` applies them.
 *
 * A group is stored whole when a rebalance of it is complete; what happens on the way there (who has joined, who is
 * silent for how long) is not, and begins anew after a restart. Offsets are stored with every commit, one record for each
 * request. Topics are named by their id, so that a topic of the same name created later finds no offsets of the old one.
 */
import { array, arrayOf, bytes, int32, int64, string, uuid } from "../protocol/codec/schema.ts";
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

/** A slice with one group and its offsets. `classic` has one element, or none for a group that only commits. */
export const groupSlice = record("GroupSlice", {
  groupId: string(),
  lastGeneration: int32(),
  classic: array()(classicGroup),
  offsets: array()({
    topicId: uuid(),
    partitions: array()({ ...committed, commitTimestamp: int64(), expireTimestamp: int64({ default: -1 }) }),
  }),
  stampedAt: int64(),
});
