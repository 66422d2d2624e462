import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  commit,
  committed,
  GROUP,
  heartbeat,
  join,
  leave,
  SESSION_MS,
  sync,
} from "../../test/coordinator/classic-calls.ts";
import {
  addPartitions,
  assignedBy,
  beat,
  createTopic,
  deleteTopic,
  enterConsumer,
  idOf,
  owning,
  subscriptionWith,
} from "../../test/coordinator/consumer-calls.ts";
import { GroupWorld, type GroupWorldOptions, type JoinCall } from "../../test/coordinator/group-world.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import { readAssignment } from "./consumer-protocol.ts";

const CONSUMER_SESSION_MS = 45_000;

function worldWith(topics: Readonly<Record<string, number>>, options: GroupWorldOptions = {}): GroupWorld {
  const world = new GroupWorld(options);
  for (const [name, partitions] of Object.entries(topics)) createTopic(world, name, partitions);
  return world;
}

function groupOf(world: GroupWorld): ConsumerGroup {
  return world.coordinator.consumerGroup(GROUP)!;
}

function epochs(world: GroupWorld): unknown {
  const { epoch, assignmentEpoch, state } = groupOf(world);
  return [epoch, assignmentEpoch, state];
}

/** Joins as a member of the classic protocol, and takes what it is given. */
function enterClassic(world: GroupWorld, owned: readonly number[] = [], instanceId: string | null = null): JoinCall {
  const protocols = [
    { name: "range", metadata: subscriptionWith(["a"], owned.length > 0 ? [{ topic: "a", partitions: owned }] : []) },
  ];
  const first = join(world, { protocols, instanceId });
  if (first.reply?.errorCode !== ErrorCode.MEMBER_ID_REQUIRED) return first;
  return join(world, { protocols, memberId: first.reply.memberId! });
}

function syncAs(world: GroupWorld, memberId: string, generation: number): unknown {
  const { reply } = sync(world, { memberId, generation });
  if (reply?.errorCode) return reply.errorCode;
  return readAssignment(Buffer.from(reply!.assignment!))!.flatMap(({ partitions }) => partitions);
}

suite("a member of the consumer protocol", () => {
  test("gets everything when it is alone, and nothing new while nothing changes", () => {
    const world = worldWith({ a: 3, b: 1 });
    const joined = enterConsumer(world, "m1", ["b", "a", "none"]);
    assert.deepEqual([joined.memberEpoch, joined.heartbeatIntervalMs], [1, 5000]);
    assert.deepEqual(assignedBy(joined), { a: [0, 1, 2], b: [0] });
    const before = world.log.length;
    assert.deepEqual(assignedBy(beat(world, "m1", 1)), undefined);
    assert.equal(world.log.length, before, "a heartbeat without news is not written down");
    assert.deepEqual(epochs(world), [1, 1, "Stable"]);
  });

  test("is told all again with a full request", () => {
    const world = worldWith({ a: 1 });
    enterConsumer(world, "m1", ["a"]);
    const full = { rebalanceTimeoutMs: 60_000, subscribedTopicNames: ["a"], topicPartitions: owning({ a: [0] }) };
    assert.deepEqual(assignedBy(beat(world, "m1", 1, full)), { a: [0] });
  });

  test("hazard: no partition is given out before the member that had it has given it up", () => {
    const world = worldWith({ a: 4 });
    enterConsumer(world, "m1", ["a"]);
    assert.deepEqual(assignedBy(enterConsumer(world, "m2", ["a"])), {}, "all is in use");
    const told = beat(world, "m1", 1);
    assert.deepEqual([told.memberEpoch, assignedBy(told)], [1, { a: [0, 1] }]);
    assert.deepEqual(assignedBy(beat(world, "m2", 2)), undefined, "not yet");
    const still = beat(world, "m1", 1, { topicPartitions: owning({ a: [0, 1, 3] }) });
    assert.equal(still.memberEpoch, 1, "it has one of them still");
    assert.equal(beat(world, "m1", 1, { topicPartitions: owning({ a: [0, 1] }) }).memberEpoch, 2);
    assert.deepEqual(assignedBy(beat(world, "m2", 2)), { a: [2, 3] });
    assert.deepEqual(epochs(world), [2, 2, "Stable"]);
  });

  test("loses its place when it does not give up partitions in time", () => {
    const world = worldWith({ a: 2 });
    enterConsumer(world, "m1", ["a"], { rebalanceTimeoutMs: 7_000 });
    enterConsumer(world, "m2", ["a"]);
    beat(world, "m1", 1);
    world.advance(6_999);
    assert.equal(beat(world, "m1", 1).errorCode ?? 0, ErrorCode.NONE);
    world.advance(1);
    assert.equal(beat(world, "m1", 1).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
    assert.deepEqual(assignedBy(beat(world, "m2", 2)), { a: [0, 1] });
  });

  test("is out when it is silent for its session, and its work goes to the others with their next heartbeat", () => {
    const world = worldWith({ a: 2 });
    enterConsumer(world, "m1", ["a"]);
    enterConsumer(world, "m2", ["a"]);
    beat(world, "m1", 1);
    beat(world, "m1", 1, { topicPartitions: owning({ a: [0] }) });
    world.advance(CONSUMER_SESSION_MS - 1);
    beat(world, "m1", 2);
    world.advance(1);
    assert.deepEqual(epochs(world), [3, 2, "Assigning"]);
    const more = beat(world, "m1", 2);
    assert.deepEqual([more.memberEpoch, assignedBy(more)], [3, { a: [0, 1] }]);
  });

  test("a session can be made shorter for one group", () => {
    const world = worldWith({ a: 1 });
    const entries = [{ key: "consumer.session.timeout.ms", value: "50000" }];
    world.append({ type: 6, value: { type: 32, name: GROUP, entries } });
    enterConsumer(world, "m1", ["a"]);
    world.advance(49_999);
    assert.equal(groupOf(world).state, "Stable");
    world.advance(1);
    assert.equal(groupOf(world).state, "Empty");
  });

  test("is fenced with an epoch that is not its own, but not when the answer with the newest was lost", () => {
    const world = worldWith({ a: 2 });
    enterConsumer(world, "m1", ["a"]);
    enterConsumer(world, "m2", ["a"]);
    beat(world, "m1", 1);
    beat(world, "m1", 1, { topicPartitions: owning({ a: [0] }) });
    assert.equal(beat(world, "m1", 3).errorCode, ErrorCode.FENCED_MEMBER_EPOCH);
    assert.equal(beat(world, "m1", 1).errorCode, ErrorCode.FENCED_MEMBER_EPOCH);
    const tooMuch = { topicPartitions: owning({ a: [0, 1] }) };
    assert.equal(beat(world, "m1", 1, tooMuch).errorCode, ErrorCode.FENCED_MEMBER_EPOCH);
    assert.equal(beat(world, "m1", 1, { topicPartitions: owning({ a: [0] }) }).memberEpoch, 2);
  });

  test("joins again with nothing after it was fenced", () => {
    const world = worldWith({ a: 2 });
    enterConsumer(world, "m1", ["a"]);
    enterConsumer(world, "m2", ["a"]);
    assert.equal(beat(world, "m1", 9).errorCode, ErrorCode.FENCED_MEMBER_EPOCH);
    const again = enterConsumer(world, "m1", ["a"]);
    assert.deepEqual([again.memberEpoch, assignedBy(again)], [2, { a: [0] }]);
    assert.deepEqual(assignedBy(beat(world, "m2", 2)), { a: [1] });
  });

  test("leaves, and the group that is empty may be deleted", () => {
    const world = worldWith({ a: 1 });
    enterConsumer(world, "m1", ["a"]);
    const remove = (): ErrorCode =>
      world.decide((coordinator, _now, effects) => coordinator.deleteGroup(GROUP, effects));
    assert.equal(remove(), ErrorCode.NON_EMPTY_GROUP);
    assert.deepEqual(beat(world, "m1", -1), { memberId: "m1", memberEpoch: -1 });
    assert.deepEqual(epochs(world), [2, 1, "Empty"]);
    assert.equal(remove(), ErrorCode.NONE);
    assert.equal(world.fold.groupCount, 0);
  });

  test("is refused in a group that is full", () => {
    const world = worldWith({ a: 1 }, { settings: { "group.consumer.max.size": "1" } });
    enterConsumer(world, "m1", ["a"]);
    assert.equal(enterConsumer(world, "m2", ["a"]).errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED);
    assert.equal(enterConsumer(world, "m1", ["a"]).errorCode ?? 0, ErrorCode.NONE);
  });

  test("is refused when members together say more than a group may", () => {
    const world = worldWith({ a: 1 });
    const names = (count: number): string[] => Array.from({ length: count }, (_, at) => String(at).padStart(100, "x"));
    assert.equal(enterConsumer(world, "m1", names(40_000)).errorCode ?? 0, ErrorCode.NONE);
    assert.equal(enterConsumer(world, "m2", names(50_000)).errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED);
    assert.equal([...groupOf(world).members()].length, 1);
  });

  test("finds no group where there is none", () => {
    const world = worldWith({ a: 1 });
    for (const epoch of [1, -1]) assert.equal(beat(world, "m1", epoch).errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
    assert.equal(world.log.length, 1);
  });

  test("is not served when the broker is told not to", () => {
    const world = worldWith({ a: 1 }, { settings: { "group.coordinator.rebalance.protocols": "classic" } });
    assert.equal(enterConsumer(world, "m1", ["a"]).errorCode, ErrorCode.UNSUPPORTED_VERSION);
  });
});

suite("static members", () => {
  test("one that leaves for a while gets its work back under a new id, and nobody else is disturbed", () => {
    const world = worldWith({ a: 2 });
    enterConsumer(world, "s1", ["a"], { instanceId: "i" });
    enterConsumer(world, "m2", ["a"]);
    beat(world, "s1", 1, { instanceId: "i", topicPartitions: owning({ a: [0, 1] }) });
    beat(world, "s1", 1, { instanceId: "i", topicPartitions: owning({ a: [0] }) });
    beat(world, "m2", 2);
    assert.equal(enterConsumer(world, "s2", ["a"], { instanceId: "i" }).errorCode, ErrorCode.UNRELEASED_INSTANCE_ID);
    assert.equal(beat(world, "s1", -2, { instanceId: "i" }).memberEpoch, -2);
    world.restart();
    const back = enterConsumer(world, "s2", ["a"], { instanceId: "i" });
    assert.deepEqual([back.memberEpoch, assignedBy(back)], [2, { a: [0] }]);
    assert.deepEqual(epochs(world), [2, 2, "Stable"]);
    assert.equal(beat(world, "s1", 2, { instanceId: "i" }).errorCode, ErrorCode.FENCED_INSTANCE_ID);
    assert.equal(beat(world, "s1", 2).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("one that stays away is out after its session", () => {
    const world = worldWith({ a: 2 });
    enterConsumer(world, "s1", ["a"], { instanceId: "i" });
    beat(world, "s1", -2, { instanceId: "i" });
    world.advance(CONSUMER_SESSION_MS);
    assert.equal(groupOf(world).state, "Empty");
  });
});

suite("topics", () => {
  test("that appear, grow and go change the work with the next heartbeat, others do not", () => {
    const world = worldWith({ a: 1 });
    enterConsumer(world, "m1", ["a", "b"]);
    createTopic(world, "c", 5);
    assert.equal(beat(world, "m1", 1).memberEpoch, 1);
    createTopic(world, "b", 1);
    assert.deepEqual(assignedBy(beat(world, "m1", 1)), { a: [0], b: [0] });
    addPartitions(world, "b", 3);
    assert.deepEqual(assignedBy(beat(world, "m1", 2)), { a: [0], b: [0, 1, 2] });
    deleteTopic(world, "a");
    assert.deepEqual(assignedBy(beat(world, "m1", 3)), { b: [0, 1, 2] });
    assert.equal(beat(world, "m1", 3, { topicPartitions: owning({ b: [0, 1, 2] }) }).memberEpoch, 4);
    world.restart();
    assert.equal(beat(world, "m1", 4).memberEpoch, 4, "a restart is not taken for a change");
  });

  test("can be subscribed to by regular expression, whole names only", () => {
    const world = worldWith({ ab: 1, abc: 1 });
    const regex = { subscribedTopicNames: null, subscribedTopicRegex: "a.|x.*" };
    assert.deepEqual(assignedBy(enterConsumer(world, "m1", [], regex)), { ab: [0] });
    createTopic(world, "xyz", 1);
    assert.deepEqual(assignedBy(beat(world, "m1", 1)), { ab: [0], xyz: [0] });
    assert.ok(groupOf(world).isSubscribedTo("xyz"));
    assert.ok(!groupOf(world).isSubscribedTo("abc"));
    const gone = beat(world, "m1", 2, { subscribedTopicNames: ["abc"], subscribedTopicRegex: "" });
    assert.deepEqual(assignedBy(gone), {});
  });

  test("hazard: an expression that takes other engines for ever is done at once", () => {
    const world = worldWith({});
    createTopic(world, `${"a".repeat(200)}!`, 1, idOf("long"));
    const regex = { subscribedTopicNames: null, subscribedTopicRegex: "(a*)*(a*)*(a*)*(a|aa)+$" };
    assert.deepEqual(assignedBy(enterConsumer(world, "m1", [], regex)), {});
  });

  test("an expression that is none is refused, and nothing is made of it", () => {
    const world = worldWith({ a: 1 });
    const refused = enterConsumer(world, "m1", [], { subscribedTopicNames: null, subscribedTopicRegex: "a[" });
    assert.equal(refused.errorCode, ErrorCode.INVALID_REGULAR_EXPRESSION);
    assert.match(
      refused.errorMessage!,
      /^SubscribedTopicRegex `a\[` is not a valid regular expression: missing closing \]/,
    );
    assert.equal(world.coordinator.group(GROUP), undefined);
  });
});

suite("offsets of a consumer group", () => {
  test("are committed and read at the epoch of the member", () => {
    const world = worldWith({ a: 1 });
    enterConsumer(world, "m1", ["a"]);
    const at = (memberId: string, generation: number, version = 9): ErrorCode =>
      commit(world, { memberId, generation, version, offset: 5 });
    assert.equal(at("m1", 0), ErrorCode.STALE_MEMBER_EPOCH);
    assert.equal(at("m1", 1, 8), ErrorCode.UNSUPPORTED_VERSION);
    assert.equal(at("m2", 1), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(at("", -1), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(at("m1", 1), ErrorCode.NONE);
    assert.equal(committed(world), 5);
    const read = (memberId: string | null, epoch: number): ErrorCode =>
      world.coordinator.fetchProblem(GROUP, memberId, epoch);
    assert.deepEqual(
      [read(null, -1), read("m1", 1), read("m1", 2), read("m2", 1)],
      [ErrorCode.NONE, ErrorCode.NONE, ErrorCode.STALE_MEMBER_EPOCH, ErrorCode.UNKNOWN_MEMBER_ID],
    );
  });

  test("stay when an empty group becomes one of the other protocol", () => {
    const world = worldWith({ a: 1 });
    commit(world, { offset: 7 });
    enterConsumer(world, "m1", ["a"]);
    beat(world, "m1", -1);
    enterClassic(world);
    assert.equal(world.coordinator.group(GROUP)?.type, "classic");
    world.restart();
    assert.equal(committed(world), 7);
    assert.equal(world.coordinator.group(GROUP)?.type, "classic");
  });
});

suite("a group of both protocols", () => {
  /** A classic group of one stable member, which has both partitions. */
  function classicGroup(options: GroupWorldOptions = {}): { readonly world: GroupWorld; readonly memberId: string } {
    const world = worldWith({ a: 2 }, options);
    const joined = enterClassic(world);
    world.advance(0);
    const { memberId, generationId } = joined.reply!;
    const assignment = Buffer.from([
      0, 1, 0, 0, 0, 1, 0, 1, 97, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 255, 255, 255, 255,
    ]);
    sync(world, { memberId: memberId!, generation: generationId!, assignments: [{ memberId: memberId!, assignment }] });
    return { world, memberId: memberId! };
  }

  test("members of the classic protocol give up, and get, as they join again", () => {
    const { world, memberId } = classicGroup();
    assert.deepEqual(assignedBy(enterConsumer(world, "m2", ["a"])), {});
    assert.deepEqual(epochs(world), [2, 2, "Reconciling"]);
    assert.equal(heartbeat(world, memberId, 1), ErrorCode.REBALANCE_IN_PROGRESS);
    const protocols = (owned: number[]): { name: string; metadata: Buffer }[] => [
      { name: "range", metadata: subscriptionWith(["a"], [{ topic: "a", partitions: owned }]) },
    ];
    const told = join(world, { memberId, protocols: protocols([0, 1]) }).reply!;
    assert.deepEqual([told.generationId, told.leader, told.protocolName], [1, "", "range"]);
    assert.deepEqual(syncAs(world, memberId, 1), [0]);
    assert.deepEqual(assignedBy(beat(world, "m2", 2)), undefined, "it may use the other still");
    assert.equal(heartbeat(world, memberId, 1), ErrorCode.REBALANCE_IN_PROGRESS);
    assert.equal(join(world, { memberId, protocols: protocols([0]) }).reply!.generationId, 2);
    assert.deepEqual(syncAs(world, memberId, 2), [0]);
    assert.equal(heartbeat(world, memberId, 2), ErrorCode.NONE);
    assert.deepEqual(assignedBy(beat(world, "m2", 2)), { a: [1] });
    assert.equal(commit(world, { memberId, generation: 2, version: 5, offset: 1 }), ErrorCode.NONE);
    assert.equal(commit(world, { memberId, generation: 1, version: 5, offset: 1 }), ErrorCode.ILLEGAL_GENERATION);
    world.restart();
    assert.equal(heartbeat(world, memberId, 2), ErrorCode.NONE);
    assert.deepEqual(epochs(world), [2, 2, "Stable"]);
  });

  test("becomes a classic one when the last member of the other protocol is gone, which rebalances", () => {
    const { world, memberId } = classicGroup();
    enterConsumer(world, "m2", ["a"]);
    assert.equal(world.coordinator.group(GROUP)?.type, "consumer");
    beat(world, "m2", -1);
    assert.equal(world.coordinator.group(GROUP)?.type, "classic");
    assert.equal(world.coordinator.group(GROUP)?.state, "PreparingRebalance");
    const protocols = [{ name: "range", metadata: subscriptionWith(["a"], []) }];
    const joined = join(world, { memberId, protocols }).reply!;
    assert.deepEqual([joined.errorCode ?? 0, joined.leader], [ErrorCode.NONE, memberId]);
    assert.ok(joined.generationId! > 2);
    world.restart();
    assert.equal(world.coordinator.group(GROUP)?.type, "classic");
  });

  test("one that has to join again and does not is out after its rebalance timeout", () => {
    const { world, memberId } = classicGroup();
    enterConsumer(world, "m2", ["a"]);
    for (let elapsedMs = 0; elapsedMs < 60_000; elapsedMs += SESSION_MS / 2) {
      assert.equal(heartbeat(world, memberId, 1), ErrorCode.REBALANCE_IN_PROGRESS);
      beat(world, "m2", 2);
      world.advance(SESSION_MS / 2);
    }
    assert.equal(heartbeat(world, memberId, 1), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.deepEqual(assignedBy(beat(world, "m2", 2)), { a: [0, 1] });
  });

  test("hazard: one that is out and does not know may not come back with what it had", () => {
    const { world, memberId } = classicGroup();
    enterConsumer(world, "m2", ["a"]);
    world.advance(SESSION_MS);
    const back = (owned: readonly number[]): JoinCall => {
      const metadata = subscriptionWith(["a"], owned.length > 0 ? [{ topic: "a", partitions: owned }] : []);
      return join(world, { memberId, protocols: [{ name: "range", metadata }] });
    };
    assert.equal(back([0, 1]).reply!.errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(back([]).reply!.errorCode ?? 0, ErrorCode.NONE);
  });

  test("whoever waits in a classic group is told to come again when it is taken over", () => {
    const { world, memberId } = classicGroup();
    const waiting = enterClassic(world);
    assert.equal(waiting.reply, undefined);
    enterConsumer(world, "m2", ["a"]);
    assert.equal(waiting.reply!.errorCode, ErrorCode.REBALANCE_IN_PROGRESS);
    assert.equal(heartbeat(world, memberId, 1), ErrorCode.REBALANCE_IN_PROGRESS);
  });

  test("is not made when the policy is against it", () => {
    const { world } = classicGroup({ settings: { "group.consumer.migration.policy": "downgrade" } });
    const refused = enterConsumer(world, "m2", ["a"]);
    assert.equal(refused.errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
    assert.equal(refused.errorMessage, `Group ${GROUP} is not a consumer group.`);
    assert.equal(world.coordinator.group(GROUP)?.type, "classic");
  });

  test("stays as it is when the policy is against going back", () => {
    const { world } = classicGroup({ settings: { "group.consumer.migration.policy": "upgrade" } });
    enterConsumer(world, "m2", ["a"]);
    beat(world, "m2", -1);
    assert.equal(world.coordinator.group(GROUP)?.type, "consumer");
  });

  test("is not made of a group whose members are no consumers", () => {
    const world = worldWith({ a: 1 });
    const protocols = [{ name: "connect", metadata: Buffer.from("x") }];
    const first = join(world, { protocolType: "connect", protocols }).reply!;
    join(world, { protocolType: "connect", protocols, memberId: first.memberId! });
    assert.equal(enterConsumer(world, "m2", ["a"]).errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
  });

  test("a static member that comes with the other protocol takes its own place", () => {
    const world = worldWith({ a: 2 });
    enterConsumer(world, "m1", ["a"], { instanceId: "i" });
    const joined = enterClassic(world, [], "i").reply!;
    assert.equal(joined.errorCode ?? 0, ErrorCode.NONE);
    const group = world.coordinator.classicGroup(GROUP)!;
    assert.deepEqual([group.state, [...group.members.keys()]], ["Stable", [joined.memberId]]);
    assert.deepEqual(syncAs(world, joined.memberId!, joined.generationId!), [0, 1]);
    assert.equal(beat(world, "m1", 1, { instanceId: "i" }).errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
  });

  test("LeaveGroup takes out members of both protocols", () => {
    const { world, memberId } = classicGroup();
    enterConsumer(world, "m2", ["a"]);
    enterConsumer(world, "m3", ["a"], { instanceId: "i3" });
    assert.equal(leave(world, "m2"), ErrorCode.NONE);
    assert.equal(leave(world, "", "i3"), ErrorCode.NONE);
    assert.equal(leave(world, "m2"), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(leave(world, memberId), ErrorCode.NONE);
    assert.equal(world.coordinator.group(GROUP)?.isEmpty, true);
  });
});

test("hazard: after a restart members go on, at their epochs, with what they have", () => {
  const world = worldWith({ a: 4 });
  enterConsumer(world, "m1", ["a"]);
  enterConsumer(world, "m2", ["a"]);
  beat(world, "m1", 1);
  for (const owned of [
    [0, 1, 2],
    [0, 1],
  ]) {
    world.restart();
    assert.equal(beat(world, "m1", 1, { topicPartitions: owning({ a: owned }) }).errorCode ?? 0, ErrorCode.NONE);
  }
  world.restart();
  assert.deepEqual(assignedBy(beat(world, "m2", 2)), { a: [2, 3] });
  world.restart();
  assert.deepEqual(epochs(world), [2, 2, "Stable"]);
  assert.equal(beat(world, "m1", 2).memberEpoch, 2);
  assert.deepEqual(groupOf(world).target("m1"), new Map([[idOf("a"), [0, 1]]]));
});
