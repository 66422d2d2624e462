import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  commit,
  committed,
  GROUP,
  heartbeat,
  join,
  leave,
  stableGroup,
  TOPIC_ID,
} from "../../test/coordinator/classic-calls.ts";
import { GroupWorld } from "../../test/coordinator/group-world.ts";
import { toPosition } from "../base/brands.ts";
import type { Uuid } from "../base/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";

const MINUTE_MS = 60_000;
const OTHER_ID = "other-other-othe" as Uuid;

function createTopic(world: GroupWorld, name: string, topicId: Uuid): void {
  world.append({ type: 3, value: { topicId, name, partitions: 3, configs: [] } });
}

function expireOffsets(world: GroupWorld): void {
  world.decide((coordinator, now, effects) => coordinator.expireOffsets(now, effects));
}

function deleteOffsets(world: GroupWorld, name: string, topicId: Uuid): ErrorCode[] | ErrorCode {
  return world.decide((coordinator, _now, effects) =>
    coordinator.deleteOffsets(GROUP, [{ name, topicId, partitions: [0, 2] }], effects),
  );
}

suite("offsets", () => {
  test("hazard: a group that only commits (assign) is there, is listed, and survives a restart", () => {
    const world = new GroupWorld();
    assert.equal(commit(world, { offset: 42 }), ErrorCode.NONE);
    for (const when of ["before", "after"]) {
      assert.equal(committed(world), 42, when);
      assert.deepEqual(
        [...world.coordinator.groups()].map(({ groupId, state, protocolType }) => [groupId, state, protocolType]),
        [[GROUP, "Empty", ""]],
      );
      world.restart();
    }
  });

  test("a commit for a generation of a group that there is not: the answer depends on the version", () => {
    const world = new GroupWorld();
    assert.equal(commit(world, { generation: 1, version: 8, offset: 1 }), ErrorCode.ILLEGAL_GENERATION);
    assert.equal(commit(world, { generation: 1, version: 9, offset: 1 }), ErrorCode.GROUP_ID_NOT_FOUND);
    assert.equal(world.fold.groupCount, 0);
  });

  test("offsets beyond 2^53, and below 0, come back as they were committed", () => {
    const world = new GroupWorld();
    for (const offset of [9_223_372_036_854_775_807n, -7, 0]) {
      commit(world, { offset });
      world.restart();
      assert.equal(committed(world), offset);
    }
  });

  test("hazard: a topic that is deleted takes its offsets along, and one of the same name finds none", () => {
    const world = new GroupWorld();
    createTopic(world, "topic", TOPIC_ID);
    commit(world, { offset: 5 });
    world.append({ type: 4, value: { topicId: TOPIC_ID } });
    createTopic(world, "topic", OTHER_ID);
    for (const when of ["live", "after a restart"]) {
      assert.equal(committed(world), undefined, when);
      assert.equal(committed(world, GROUP, OTHER_ID), undefined, when);
      world.restart();
    }
  });

  test("OffsetDelete: not of topics that are subscribed to, and of a group that is no consumers' only when it is empty", () => {
    const world = new GroupWorld();
    assert.equal(deleteOffsets(world, "topic", TOPIC_ID), ErrorCode.GROUP_ID_NOT_FOUND);
    const [member] = stableGroup(world, 1) as [string];
    commit(world, { memberId: member, generation: 1, offset: 5 });
    commit(world, { memberId: member, generation: 1, offset: 5, topicId: OTHER_ID });
    assert.deepEqual(deleteOffsets(world, "topic", TOPIC_ID), [ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]);
    assert.deepEqual(deleteOffsets(world, "other", OTHER_ID), [ErrorCode.NONE]);
    assert.equal(committed(world), 5);
    assert.equal(committed(world, GROUP, OTHER_ID), undefined);
    leave(world, member);
    assert.deepEqual(deleteOffsets(world, "topic", TOPIC_ID), [ErrorCode.NONE]);
    assert.equal(committed(world), undefined);
    const connect = new GroupWorld();
    stableGroup(connect, 1, { protocolType: "connect" });
    assert.equal(deleteOffsets(connect, "topic", TOPIC_ID), ErrorCode.NON_EMPTY_GROUP);
  });
});

suite("deleting groups", () => {
  test("only without members; offsets go along, and a restart does not bring it back", () => {
    const world = new GroupWorld();
    const remove = (): ErrorCode => world.decide((coordinator, _, effects) => coordinator.deleteGroup(GROUP, effects));
    assert.equal(remove(), ErrorCode.GROUP_ID_NOT_FOUND);
    const [member] = stableGroup(world, 1) as [string];
    commit(world, { memberId: member, generation: 1, offset: 5 });
    assert.equal(remove(), ErrorCode.NON_EMPTY_GROUP);
    leave(world, member);
    assert.equal(remove(), ErrorCode.NONE);
    world.restart();
    assert.deepEqual([...world.coordinator.groups()], []);
    assert.equal(committed(world), undefined);
    assert.equal(world.coordinator.nextDeadlineMs, undefined);
  });
});

suite("offsets.retention.minutes", () => {
  const settings = { "offsets.retention.minutes": "10" };

  test("of a group that only commits: since each commit; then the group is gone", () => {
    const world = new GroupWorld({ settings });
    commit(world, { offset: 5 });
    world.advance(5 * MINUTE_MS);
    commit(world, { offset: 6, partition: 1 });
    world.advance(5 * MINUTE_MS);
    expireOffsets(world);
    assert.equal(committed(world), undefined);
    assert.equal(committed(world, GROUP, TOPIC_ID, 1), 6);
    world.advance(5 * MINUTE_MS);
    expireOffsets(world);
    assert.equal(world.coordinator.group(GROUP), undefined);
    assert.equal(world.fold.groupCount, 0);
  });

  test("of a group with members: never for topics it reads; since it is empty for all, over a restart", () => {
    const world = new GroupWorld({ settings });
    createTopic(world, "topic", TOPIC_ID);
    createTopic(world, "other", OTHER_ID);
    const [member] = stableGroup(world, 1, { sessionTimeoutMs: 1_800_000 }) as [string];
    commit(world, { memberId: member, generation: 1, offset: 5 });
    commit(world, { memberId: member, generation: 1, offset: 7, topicId: OTHER_ID });
    world.advance(20 * MINUTE_MS);
    expireOffsets(world);
    assert.equal(committed(world), 5);
    assert.equal(committed(world, GROUP, OTHER_ID), undefined, "nobody reads it any more");
    leave(world, member);
    world.advance(9 * MINUTE_MS);
    world.restart();
    expireOffsets(world);
    assert.equal(committed(world), 5);
    world.advance(MINUTE_MS);
    expireOffsets(world);
    assert.equal(world.coordinator.group(GROUP), undefined);
  });

  test("a retention time that an old client gives counts for its commit", () => {
    const world = new GroupWorld({ settings });
    commit(world, { offset: 5, version: 4, retentionMs: 2 * MINUTE_MS });
    commit(world, { offset: 6, partition: 1 });
    world.advance(2 * MINUTE_MS);
    expireOffsets(world);
    assert.equal(committed(world), undefined);
    assert.equal(committed(world, GROUP, TOPIC_ID, 1), 6);
  });
});

test("after an accepted loss of records no generation begins that may have begun before", () => {
  const world = new GroupWorld();
  const [member] = stableGroup(world, 1) as [string];
  world.fold.skipLost();
  const restored = new GroupWorld();
  for (const slice of world.fold.slices(() => toPosition(0))) restored.fold.restore(slice);
  restored.decide((coordinator, now, effects) => coordinator.restore(now, effects));
  assert.equal(heartbeat(restored, member, 1), ErrorCode.NONE);
  assert.ok(join(restored, { memberId: member }).reply!.generationId! > 1_000_000);
});
