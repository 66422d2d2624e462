/**
 * Requests about groups. A group has one member at a time, which joins, leaves, and is sometimes taken for another: with
 * two, a join would wait for the other member. Several members are in group-scenario.ts.
 */

import type { TopicPartitions } from "../../src/coordinator/assignment.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { subscription } from "../coordinator/classic-calls.ts";
import { type Draw, drawTopic, type Generator, generator, topicIn } from "./generator.ts";
import type { Side } from "./side.ts";

interface Member {
  readonly groupId: string;
  readonly memberId: string;
  readonly generationId: number;
}

/** The member of a group, its id or its generation wrong now and then. */
function drawMember({ random, prefix }: Draw): (side: Side) => Member {
  const groupId = prefix + random.pick(["group", "group", "never"]);
  const [stranger, off] = [random.chance(0.1), random.pick([0, 0, 0, 0, 1, -1])];
  return (side) => ({
    groupId,
    memberId: stranger ? "stranger" : side.kept(`member ${groupId}`, ""),
    generationId: side.kept(`generation ${groupId}`, -1) + off,
  });
}

/** Members of the consumer protocol, which choose their own ids: two share the name of a static member. */
const CONSUMERS: readonly (readonly [memberId: string, instanceId: string | null])[] = [
  ["one", null],
  ["two", null],
  ["three", null],
  ["four", "static"],
  ["five", "static"],
];

export const GROUP_GENERATORS: readonly Generator[] = [
  generator({
    api: APIS.joinGroup,
    request: (draw) => {
      const groupId = `${draw.prefix}group`;
      const protocolType = draw.random.pick(["consumer", "consumer", "consumer", "connect", ""]);
      const sessionTimeoutMs = draw.random.pick([1_000_000, 1_000_000, 1_000_000, 1]);
      const protocols = [{ name: "range", metadata: subscription(`${draw.prefix}kept`) }];
      const rebalance = draw.version >= 1 ? { rebalanceTimeoutMs: 1_000_000 } : {};
      return (side) => {
        // A first join from version 4 on gets an id, and comes again with it: see `learn`.
        const memberId = side.kept(`member ${groupId}`, "");
        return { groupId, memberId, sessionTimeoutMs, ...rebalance, protocolType, protocols };
      };
    },
    learn: ({ errorCode, memberId, generationId }, side, { groupId }) => {
      if (memberId !== "") side.keep(`member ${groupId}`, memberId);
      if (errorCode === 0) side.keep(`generation ${groupId}`, generationId);
    },
  }),
  generator({
    api: APIS.syncGroup,
    request: (draw) => {
      const member = drawMember(draw);
      const protocolName = draw.random.pick(["range", "range", "other"]);
      const named = draw.version >= 5 ? { protocolType: "consumer", protocolName } : {};
      const assignment = Buffer.from("work");
      return (side) => {
        const fields = member(side);
        return { ...fields, ...named, assignments: [{ memberId: fields.memberId, assignment }] };
      };
    },
  }),
  generator({ api: APIS.heartbeat, request: (draw) => drawMember(draw) }),
  generator({
    api: APIS.leaveGroup,
    request: (draw) => {
      const member = drawMember(draw);
      return (side) => {
        const { groupId, memberId } = member(side);
        return draw.version >= 3 ? { groupId, members: [{ memberId }] } : { groupId, memberId };
      };
    },
    learn: ({ errorCode, members }, side, { groupId, memberId, members: asked }) => {
      if (errorCode !== 0 || members.some((each) => each.errorCode !== 0)) return;
      if ((memberId ?? asked?.[0]?.memberId) === side.kept(`member ${groupId}`, "")) side.keep(`member ${groupId}`, "");
    },
  }),
  generator({
    api: APIS.offsetCommit,
    request: (draw) => {
      const { random, version } = draw;
      const [member, topic, simple] = [drawMember(draw), topicIn(draw, 10), random.chance(0.3)];
      const partition = {
        partitionIndex: random.pick([0, 1, 9]),
        committedOffset: random.between(0, 5),
        committedMetadata: random.pick([null, "", "note", "x".repeat(5000)]),
      };
      return (side) => {
        const { groupId, memberId, generationId } = member(side);
        const who = simple
          ? { groupId }
          : { groupId, ...(version >= 1 ? { memberId, generationIdOrMemberEpoch: generationId } : {}) };
        // A group that a refused commit has made stays in Kafka's memory, half there: so none is made that way.
        const mayMake = simple || generationId < 0;
        const { committedMetadata } = partition;
        const metadata = mayMake && committedMetadata !== null ? committedMetadata.slice(0, 4) : committedMetadata;
        return { ...who, topics: [{ ...topic(side), partitions: [{ ...partition, committedMetadata: metadata }] }] };
      };
    },
  }),
  generator({
    api: APIS.offsetFetch,
    request: (draw) => {
      const { random, version, prefix } = draw;
      const groupId = prefix + random.pick(["group", "group", "never"]);
      const [topic, all] = [topicIn(draw, 10), version >= 2 && random.chance(0.4)];
      const requireStable = version >= 7 ? { requireStable: random.chance(0.5) } : {};
      return (side) => {
        const topics = all ? null : [{ ...topic(side), partitionIndexes: [0, 1] }];
        return version >= 8
          ? { groups: [{ groupId, topics }], ...requireStable }
          : { groupId, topics, ...requireStable };
      };
    },
  }),
  generator({
    api: APIS.findCoordinator,
    request: ({ random, version, prefix }) => {
      const key = random.pick([`${prefix}group`, ""]);
      const keyType = version >= 1 ? { keyType: random.pick([0, 0, 7]) } : {};
      return () => (version >= 4 ? { coordinatorKeys: [key], ...keyType } : { key, ...keyType });
    },
  }),
  generator({
    api: APIS.describeGroups,
    request: ({ random, version, prefix }) => {
      const groups = random.pick([[`${prefix}group`], [`${prefix}never`, `${prefix}group`], [""]]);
      const authorized = version >= 3 ? { includeAuthorizedOperations: random.chance(0.5) } : {};
      return () => ({ groups, ...authorized });
    },
  }),
  generator({
    api: APIS.listGroups,
    request: ({ random, version }) => {
      const states = version >= 4 ? { statesFilter: random.pick([[], ["Stable"], ["empty"], ["nonsense"]]) } : {};
      const types = version >= 5 ? { typesFilter: random.pick([[], ["Classic"], ["consumer"], ["nonsense"]]) } : {};
      return () => ({ ...states, ...types });
    },
  }),
  generator({
    api: APIS.deleteGroups,
    request: ({ random, prefix }) => {
      const groupsNames = random.pick([[`${prefix}group`], [`${prefix}never`], [""]]);
      return () => ({ groupsNames });
    },
  }),
  generator({
    api: APIS.offsetDelete,
    request: (draw) => {
      const groupId = draw.prefix + draw.random.pick(["group", "never"]);
      const topics = [{ name: drawTopic(draw), partitions: [{ partitionIndex: draw.random.pick([0, 9]) }] }];
      return () => ({ groupId, topics });
    },
  }),
  generator({
    api: APIS.consumerGroupHeartbeat,
    request: (draw) => {
      const { random, version, prefix } = draw;
      const groupId = prefix + random.pick(["consumers", "consumers", "consumers", "consumers", "group", "never", ""]);
      const [memberId, instanceId] = random.pick(CONSUMERS);
      const key = `${groupId} ${memberId}`;
      const [joins, leaves, off] = [random.chance(0.3), random.chance(0.1), random.pick([0, 0, 0, 0, 0, 1, -1, -5])];
      const names = random.pick([["kept"], ["kept", "other"], ["kept", "never"], ["other"], []]);
      const subscribedTopicNames = random.chance(0.05) ? null : names.map((name) => prefix + name);
      const regex = version >= 1 && random.chance(0.05) ? { subscribedTopicRegex: "kept[" } : {};
      const serverAssignor = random.pick([null, null, null, "uniform", "range", "nonsense"]);
      const profile = { rebalanceTimeoutMs: random.pick([1_000_000, 1_000_000, -1]), subscribedTopicNames, ...regex };
      const gone = random.pick([-1, instanceId === null ? -1 : -2, -2, -3]);
      const [full, silent] = [random.chance(0.5), random.chance(0.3)];
      return (side) => {
        const epoch = side.kept(`epoch ${key}`, 0);
        const memberEpoch = leaves ? gone : joins ? 0 : epoch + off;
        const who = { groupId, memberId, instanceId, memberEpoch };
        if (memberEpoch < 0) return who;
        const owned = side.kept<readonly TopicPartitions[]>(`owned ${key}`, []);
        if (memberEpoch === 0) return { ...who, ...profile, serverAssignor, topicPartitions: [] };
        return { ...who, ...(full ? profile : {}), topicPartitions: silent ? null : owned };
      };
    },
    learn: ({ errorCode, memberEpoch, assignment }, side, { groupId, memberId }) => {
      const key = `${groupId} ${memberId}`;
      if (errorCode === 110 || errorCode === 25 || memberEpoch < 0) side.keep(`epoch ${key}`, 0);
      if (errorCode !== 0) return;
      side.keep(`epoch ${key}`, Math.max(memberEpoch, 0));
      if (assignment !== null) side.keep(`owned ${key}`, assignment.topicPartitions);
    },
  }),
  generator({
    api: APIS.consumerGroupDescribe,
    request: ({ random, prefix }) => {
      const groupIds = random.pick([[`${prefix}consumers`], [`${prefix}group`, `${prefix}never`], [""]]);
      const includeAuthorizedOperations = random.chance(0.5);
      return () => ({ groupIds, includeAuthorizedOperations });
    },
  }),
];
