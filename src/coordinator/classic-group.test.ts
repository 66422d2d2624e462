import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  commit,
  committed,
  enter,
  GROUP,
  heartbeat,
  join,
  leave,
  offered,
  REBALANCE_MS,
  SESSION_MS,
  stableGroup,
  subscription,
  sync,
} from "../../test/coordinator/classic-calls.ts";
import { GroupWorld } from "../../test/coordinator/group-world.ts";
import { ErrorCode } from "../protocol/errors.ts";

const work = (memberId: string, text: string): { memberId: string; assignment: Buffer } => ({
  memberId,
  assignment: Buffer.from(text),
});

suite("a group forms", () => {
  test("one member: joins with the id it is told, leads, and learns its own assignment", () => {
    const world = new GroupWorld();
    const first = join(world);
    assert.equal(first.reply?.errorCode, ErrorCode.MEMBER_ID_REQUIRED);
    const memberId = first.reply.memberId!;
    assert.match(memberId, /^client-/);
    const call = join(world, { memberId });
    world.advance(0);
    assert.equal(call.reply?.leader, memberId);
    assert.equal(call.reply.generationId, 1);
    assert.equal(call.reply.protocolName, "range");
    assert.deepEqual(
      call.reply.members?.map((member) => member.memberId),
      [memberId],
    );
    const synced = sync(world, { memberId, assignments: [work(memberId, "all")] });
    assert.equal(String(synced.reply?.assignment), "all");
    assert.equal(world.coordinator.group(GROUP)?.state, "Stable");
  });

  test("before version 4 a member need not know its id", () => {
    const world = new GroupWorld();
    const call = join(world, { version: 3 });
    world.advance(0);
    assert.equal(call.reply?.generationId, 1);
  });

  test("hazard: an early join answer starves later members: the first rebalance waits, and waits on while more come", () => {
    const world = new GroupWorld({ settings: { "group.initial.rebalance.delay.ms": "3000" } });
    const first = join(world, { version: 3, rebalanceTimeoutMs: 8000 });
    world.advance(2900);
    const second = join(world, { version: 3, rebalanceTimeoutMs: 8000 });
    world.advance(2900);
    assert.equal(first.reply, undefined, "another 3 s, because a member came");
    world.advance(200);
    assert.equal(second.reply?.generationId, 1);
    assert.equal(first.reply!.generationId, 1);
    assert.equal(first.reply!.members?.length, 2);
  });

  test("the first rebalance waits no longer than the rebalance timeout, however many come", () => {
    const world = new GroupWorld({ settings: { "group.initial.rebalance.delay.ms": "3000" } });
    const first = join(world, { version: 3, rebalanceTimeoutMs: 7000 });
    let waitedMs = 0;
    for (; first.reply === undefined; waitedMs += 500) {
      join(world, { version: 3, rebalanceTimeoutMs: 7000 });
      world.advance(500);
    }
    assert.ok(waitedMs >= 6500 && waitedMs <= 7500, `${waitedMs} ms`);
  });

  test("hazard: followers synced before the leader wait for it, and each learns its own part", () => {
    const world = new GroupWorld();
    const calls = [1, 2, 3].map(() => join(world, { version: 3 }));
    world.advance(0);
    const ids = calls.map(({ reply }) => reply!.memberId!);
    const followers = ids.slice(1).map((memberId) => sync(world, { memberId }));
    assert.deepEqual(
      followers.map(({ reply }) => reply),
      [undefined, undefined],
    );
    const assignments = ids.map((id, index) => work(id, `part ${index}`));
    const leader = sync(world, { memberId: ids[0]!, assignments });
    assert.equal(String(leader.reply?.assignment), "part 0");
    assert.deepEqual(
      followers.map(({ reply }) => String(reply?.assignment)),
      ["part 1", "part 2"],
    );
  });

  test("only the leader is told the members, and what they offered", () => {
    const world = new GroupWorld();
    const calls = [1, 2].map(() => join(world, { version: 3 }));
    world.advance(0);
    assert.equal(calls[0]!.reply?.members?.length, 2);
    assert.equal(calls[1]!.reply?.members?.length, 0);
    assert.deepEqual(calls[0]!.reply.members[1]?.metadata, subscription("topic"));
  });

  test("the assignor that most prefer among those that all have is chosen", () => {
    const world = new GroupWorld();
    const preferences = [
      ["a", "b", "c"],
      ["c", "b"],
      ["c", "d", "b"],
    ];
    const calls = preferences.map((names) => join(world, { version: 3, protocols: offered(...names) }));
    world.advance(0);
    assert.equal(calls[0]!.reply?.protocolName, "c");
    const stranger = join(world, { version: 3, protocols: offered("a", "d") });
    assert.equal(stranger.reply?.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  });
});

suite("a group changes", () => {
  test("a new member makes the others rejoin; heartbeats tell them; commits still count until they do", () => {
    const world = new GroupWorld();
    const [first] = stableGroup(world, 1) as [string];
    const second = enter(world);
    assert.equal(second.reply, undefined);
    assert.equal(heartbeat(world, first, 1), ErrorCode.REBALANCE_IN_PROGRESS);
    assert.equal(commit(world, { memberId: first, generation: 1, offset: 5 }), ErrorCode.NONE);
    const again = join(world, { memberId: first });
    assert.equal(second.reply!.generationId, 2);
    assert.equal(again.reply?.leader, first);
    assert.equal(commit(world, { memberId: first, generation: 2, offset: 6 }), ErrorCode.REBALANCE_IN_PROGRESS);
  });

  test("hazard: a commit with a stale generation is refused, and so is one of a stranger or of nobody", () => {
    const world = new GroupWorld();
    const [first] = stableGroup(world, 2) as [string];
    assert.equal(commit(world, { memberId: first, generation: 2, offset: 7 }), ErrorCode.NONE);
    assert.equal(commit(world, { memberId: first, generation: 1, offset: 3 }), ErrorCode.ILLEGAL_GENERATION);
    assert.equal(commit(world, { memberId: first, generation: -1, offset: 3 }), ErrorCode.ILLEGAL_GENERATION);
    assert.equal(commit(world, { memberId: "stranger", generation: 2, offset: 3 }), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(commit(world, { offset: 3 }), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(committed(world), 7);
  });

  test("hazard: a leader that never syncs does not hang the rest: it is out when the rebalance timeout is over", () => {
    const world = new GroupWorld();
    const calls = [1, 2].map(() => join(world, { version: 3, sessionTimeoutMs: 300_000 }));
    world.advance(0);
    const [leader, follower] = calls.map(({ reply }) => reply!.memberId!) as [string, string];
    const waiting = sync(world, { memberId: follower });
    world.advance(REBALANCE_MS - 1);
    assert.equal(waiting.reply, undefined);
    world.advance(1);
    assert.equal(waiting.reply!.errorCode, ErrorCode.REBALANCE_IN_PROGRESS);
    const again = join(world, { memberId: follower });
    assert.equal(again.reply?.leader, follower);
    assert.equal(heartbeat(world, leader, 2), ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("a leader that rejoins a stable group wants a rebalance; another member only asks where it stands", () => {
    const world = new GroupWorld();
    const [leader, follower] = stableGroup(world, 2) as [string, string];
    const asked = join(world, { memberId: follower });
    assert.equal(asked.reply?.generationId, 2);
    assert.equal(world.coordinator.group(GROUP)?.state, "Stable");
    const rejoined = join(world, { memberId: leader });
    assert.equal(rejoined.reply, undefined);
    assert.equal(heartbeat(world, follower, 2), ErrorCode.REBALANCE_IN_PROGRESS);
    join(world, { memberId: follower });
    assert.equal(rejoined.reply!.generationId, 3);
  });

  test("a member with other topics makes a rebalance", () => {
    const world = new GroupWorld();
    const [leader, follower] = stableGroup(world, 2) as [string, string];
    const protocols = [{ name: "range", metadata: subscription("other") }];
    const call = join(world, { memberId: follower, protocols });
    assert.equal(call.reply, undefined);
    join(world, { memberId: leader });
    assert.equal(call.reply!.generationId, 3);
  });

  test("a join answer that was lost is given again while the leader assigns", () => {
    const world = new GroupWorld();
    const first = enter(world);
    world.advance(0);
    assert.deepEqual(join(world, { memberId: first.memberId }).reply, first.reply);
  });

  test("a member that stays silent is out after its session timeout; heartbeats and commits keep it in", () => {
    const world = new GroupWorld();
    const [first, second] = stableGroup(world, 2) as [string, string];
    for (let beat = 0; beat < 3; beat++) {
      world.advance(SESSION_MS - 1);
      if (beat === 1) commit(world, { memberId: first, generation: 2, offset: beat });
      else heartbeat(world, first, 2);
    }
    assert.equal(heartbeat(world, second, 2), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(heartbeat(world, first, 2), ErrorCode.REBALANCE_IN_PROGRESS);
  });

  test("members that do not rejoin are out when the rebalance timeout is over; waiting ones have no session", () => {
    const world = new GroupWorld();
    const [first] = stableGroup(world, 1, { sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 30_000 }) as [string];
    const second = enter(world, { rebalanceTimeoutMs: 20_000 });
    world.advance(29_999);
    assert.equal(second.reply, undefined);
    world.advance(1);
    assert.equal(second.reply!.generationId, 2);
    assert.equal(second.reply!.leader, second.memberId);
    assert.equal(heartbeat(world, first, 1), ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("whoever leaves is out at once, and the last one leaves an empty group", () => {
    const world = new GroupWorld();
    const [first, second] = stableGroup(world, 2) as [string, string];
    assert.equal(leave(world, first), ErrorCode.NONE);
    assert.equal(leave(world, first), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(heartbeat(world, second, 2), ErrorCode.REBALANCE_IN_PROGRESS);
    assert.equal(leave(world, second), ErrorCode.NONE);
    assert.equal(world.coordinator.group(GROUP)?.state, "Empty");
    assert.equal(heartbeat(world, second, 2), ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("hazard: an id that was given out and never used does not hold up the others for ever", () => {
    const world = new GroupWorld();
    const [first] = stableGroup(world, 1) as [string];
    join(world); // is told its id, and never comes back
    const second = enter(world);
    const again = join(world, { memberId: first });
    assert.equal(again.reply, undefined);
    world.advance(SESSION_MS);
    assert.equal(again.reply!.generationId, 2);
    assert.equal(second.reply!.generationId, 2);
  });

  test("a request that is repeated while the first one waits: the first is answered, too", () => {
    const world = new GroupWorld();
    const [first] = stableGroup(world, 1) as [string];
    const second = enter(world);
    const repeated = join(world, { memberId: second.memberId });
    assert.equal(second.reply!.errorCode, ErrorCode.REBALANCE_IN_PROGRESS);
    join(world, { memberId: first });
    assert.equal(repeated.reply!.generationId, 2);
    const waiting = sync(world, { memberId: second.memberId, generation: 2 });
    const waitingToo = sync(world, { memberId: second.memberId, generation: 2 });
    assert.equal(waiting.reply!.errorCode, ErrorCode.REBALANCE_IN_PROGRESS);
    leave(world, second.memberId);
    assert.equal(waitingToo.reply!.errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  });
});

suite("bounds", () => {
  test("no more than group.max.size members", () => {
    const world = new GroupWorld({ settings: { "group.max.size": "2" } });
    const [first] = stableGroup(world, 2) as [string];
    assert.equal(join(world).reply?.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED);
    assert.equal(heartbeat(world, first, 2), ErrorCode.NONE);
  });

  test("session timeouts within group.min/max.session.timeout.ms", () => {
    const world = new GroupWorld();
    assert.equal(join(world, { sessionTimeoutMs: 5_999 }).reply?.errorCode, ErrorCode.INVALID_SESSION_TIMEOUT);
    assert.equal(join(world, { sessionTimeoutMs: 1_800_001 }).reply?.errorCode, ErrorCode.INVALID_SESSION_TIMEOUT);
    assert.equal(world.coordinator.group(GROUP), undefined);
  });

  test("what members say of themselves is bounded, all together", () => {
    const world = new GroupWorld();
    const big = [{ name: "range", metadata: Buffer.alloc(5 * 1024 * 1024) }];
    enter(world, { protocols: big });
    assert.equal(join(world, { protocols: big }).reply?.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED);
  });

  test("an assignment that is too large is refused, and the group goes on", () => {
    const world = new GroupWorld();
    const { memberId } = enter(world);
    world.advance(0);
    const assignments = [{ memberId, assignment: Buffer.alloc(9 * 1024 * 1024) }];
    assert.equal(sync(world, { memberId, assignments }).reply?.errorCode, ErrorCode.UNKNOWN_SERVER_ERROR);
    const again = join(world, { memberId });
    assert.equal(again.reply?.generationId, 2);
  });
});

suite("static members (KIP-345)", () => {
  const staticGroup = (world: GroupWorld): string => {
    const call = join(world, { instanceId: "one" });
    world.advance(0);
    const memberId = call.reply!.memberId!;
    sync(world, { memberId, instanceId: "one", assignments: [work(memberId, "all")] });
    return memberId;
  };

  test("one that starts again takes its place, without a rebalance, and the old one is fenced", () => {
    const world = new GroupWorld();
    const old = staticGroup(world);
    const call = join(world, { instanceId: "one" });
    const { memberId, generationId, skipAssignment, leader } = call.reply!;
    assert.notEqual(memberId, old);
    assert.deepEqual(
      { generationId, skipAssignment, leader },
      { generationId: 1, skipAssignment: true, leader: memberId },
    );
    assert.equal(heartbeat(world, old, 1, "one"), ErrorCode.FENCED_INSTANCE_ID);
    const stale = { memberId: old, instanceId: "one", generation: 1, offset: 1 };
    assert.equal(commit(world, stale), ErrorCode.FENCED_INSTANCE_ID);
    assert.equal(leave(world, old, "one"), ErrorCode.FENCED_INSTANCE_ID);
    const synced = sync(world, { memberId: memberId!, instanceId: "one" });
    assert.equal(String(synced.reply?.assignment), "all");
    world.restart();
    assert.equal(heartbeat(world, memberId!, 1, "one"), ErrorCode.NONE);
    assert.equal(heartbeat(world, old, 1, "one"), ErrorCode.FENCED_INSTANCE_ID);
  });

  test("before version 9 it is told its old id as leader, so that it does not assign (KIP-814)", () => {
    const world = new GroupWorld();
    const old = staticGroup(world);
    const { leader, skipAssignment, members } = join(world, { instanceId: "one", version: 8 }).reply!;
    assert.deepEqual({ leader, skipAssignment, members }, { leader: old, skipAssignment: undefined, members: [] });
  });

  test("one that does not rejoin stays in until its session is over", () => {
    const world = new GroupWorld();
    const still = staticGroup(world);
    const second = enter(world, { rebalanceTimeoutMs: 5_000 });
    world.advance(REBALANCE_MS);
    assert.equal(second.reply?.generationId, 2);
    assert.equal(heartbeat(world, still, 2, "one"), ErrorCode.UNKNOWN_MEMBER_ID, "its session was over long ago");
  });

  test("an administrator takes one out by its name", () => {
    const world = new GroupWorld();
    staticGroup(world);
    assert.equal(leave(world, "", "two"), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(leave(world, "", "one"), ErrorCode.NONE);
    assert.equal(world.coordinator.group(GROUP)?.state, "Empty");
  });

  test("one that comes back while the leader assigns makes a new rebalance: the leader knows only its old id", () => {
    const world = new GroupWorld();
    const [leader] = stableGroup(world, 1) as [string];
    const old = join(world, { instanceId: "one" });
    join(world, { memberId: leader });
    assert.equal(old.reply?.generationId, 2);
    const waiting = sync(world, { memberId: old.reply.memberId!, instanceId: "one", generation: 2 });
    const back = join(world, { instanceId: "one" });
    assert.equal(waiting.reply?.errorCode, ErrorCode.FENCED_INSTANCE_ID);
    assert.equal(back.reply, undefined);
    join(world, { memberId: leader });
    assert.equal(back.reply!.generationId, 3);
  });
});

suite("after a restart", () => {
  test("a stable group goes on: same generation, assignments and leader, full session timeouts", () => {
    const world = new GroupWorld();
    const [first, second] = stableGroup(world, 2, { protocols: offered("range", "sticky") }) as [string, string];
    world.advance(SESSION_MS - 1);
    world.restart();
    world.advance(SESSION_MS - 1);
    assert.equal(heartbeat(world, first, 2), ErrorCode.NONE);
    assert.equal(heartbeat(world, second, 2), ErrorCode.NONE);
    assert.equal(world.coordinator.classicGroup(GROUP)?.leader, first);
    assert.equal(String(sync(world, { memberId: second, generation: 2 }).reply?.assignment), `work of ${second}`);
    const asked = join(world, { memberId: second, protocols: offered("range", "sticky") });
    assert.equal(asked.reply?.generationId, 2, "nothing has changed, so nothing is rebalanced");
  });

  test("hazard: a generation that members were told of is never given out again", () => {
    const world = new GroupWorld();
    const [first] = stableGroup(world, 1) as [string];
    const second = enter(world);
    assert.equal(join(world, { memberId: first }).reply?.generationId, 2);
    assert.equal(second.reply?.generationId, 2);
    world.restart(); // the leader has not assigned
    assert.equal(heartbeat(world, first, 1), ErrorCode.NONE);
    assert.equal(heartbeat(world, first, 2), ErrorCode.ILLEGAL_GENERATION);
    assert.equal(join(world, { memberId: first }).reply?.generationId, 3);
  });

  test("a group over group.max.size rebalances, and those who come last are out", () => {
    const settings = { "group.max.size": "3" };
    const world = new GroupWorld({ settings });
    const [first, second, third] = stableGroup(world, 3) as [string, string, string];
    const smaller = new GroupWorld({ settings: { "group.max.size": "2" } });
    smaller.log.push(...world.log);
    smaller.restart();
    assert.equal(heartbeat(smaller, first, 3), ErrorCode.REBALANCE_IN_PROGRESS);
    join(smaller, { memberId: third });
    const call = join(smaller, { memberId: first });
    assert.equal(join(smaller, { memberId: second }).reply?.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED);
    assert.equal(call.reply?.generationId, 4);
  });
});
