import assert from "node:assert/strict";
import { test } from "node:test";
import { Simulation } from "../../sim/simulation.ts";
import { ZERO_UUID } from "../base/uuid.ts";
import { FetchPartitions } from "./fetch-partitions.ts";
import { FetchSessions, MAX_SESSION_PARTITIONS } from "./fetch-sessions.ts";

function sessionsWith(slots: number, maxPartitions?: number) {
  const simulation = new Simulation({ seed: 1 });
  const { clock, random } = simulation.process;
  const sessions = new FetchSessions({
    slots,
    clock,
    random,
    ...(maxPartitions === undefined ? {} : { maxPartitions }),
  });
  return { sessions, pass: (delayMs: number) => simulation.stall(delayMs) };
}

function partitionsOf(count: number, topic = "t"): FetchPartitions {
  const partitions = new FetchPartitions(false);
  add(partitions, { from: 0, to: count }, topic);
  return partitions;
}

function add(partitions: FetchPartitions, { from, to }: { from: number; to: number }, topic = "t"): void {
  const asked = { fetchOffset: 0, maxBytes: 1, currentLeaderEpoch: -1, lastFetchedEpoch: -1 };
  for (let partition = from; partition < to; partition += 1) {
    partitions.set(partitions.topic(topic, ZERO_UUID), { partition, ...asked });
  }
}

test("the first epoch that is waited for is 1, and after 2^31-1 it is 1 again: 0 asks for a new session", () => {
  const { sessions } = sessionsWith(1);
  const session = sessions.create(partitionsOf(1), false)!;
  assert.equal(session.epoch, 1);
  sessions.advance(session);
  assert.equal(session.epoch, 2);
  session.epoch = 0x7fff_ffff;
  sessions.advance(session);
  assert.equal(session.epoch, 1);
});

test("ids are positive, and all different", () => {
  const { sessions } = sessionsWith(5000);
  const ids = Array.from({ length: 5000 }, () => sessions.create(partitionsOf(1), false)!.id);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(ids.every((id) => id > 0 && id <= 0x7fff_ffff));
});

test("the longest unused makes room, and only when it was not used for two minutes", () => {
  const { sessions, pass } = sessionsWith(2);
  const [first, second] = [sessions.create(partitionsOf(1), false)!, sessions.create(partitionsOf(1), false)!];
  pass(119_999);
  assert.equal(sessions.create(partitionsOf(1), false), undefined);
  sessions.advance(first);
  pass(1);
  const third = sessions.create(partitionsOf(1), false)!;
  assert.equal(sessions.get(second.id), undefined);
  assert.equal(sessions.get(first.id), first);
  assert.equal(sessions.get(third.id), third);
  assert.equal(sessions.count, 2);
});

test("a session follows so many partitions, and another only when it begins anew with fewer", () => {
  const { sessions } = sessionsWith(10);
  assert.equal(sessions.create(partitionsOf(MAX_SESSION_PARTITIONS + 1), false), undefined);
  const session = sessions.create(partitionsOf(MAX_SESSION_PARTITIONS), false)!;
  assert.equal(sessions.advance(session), true);
  add(session.partitions, { from: 0, to: MAX_SESSION_PARTITIONS + 1 });
  assert.equal(sessions.advance(session), false);
  assert.equal(sessions.get(session.id), undefined);
  assert.deepEqual([sessions.count, sessions.partitionCount], [0, 0]);
});

test("all sessions together follow so many partitions; the longest unused make room, as many as it takes", () => {
  const { sessions, pass } = sessionsWith(10, 30);
  const [first, second, third] = [10, 10, 10].map((count) => sessions.create(partitionsOf(count), false)!);
  assert.equal(sessions.create(partitionsOf(1), false), undefined);
  first!.partitions.forget("t", ZERO_UUID, 0);
  assert.equal(sessions.advance(first!), true);
  assert.equal(sessions.partitionCount, 29);
  assert.notEqual(sessions.create(partitionsOf(1), false), undefined);
  add(first!.partitions, { from: 0, to: 10 });
  assert.equal(sessions.advance(first!), false, "its place was taken");
  assert.equal(sessions.partitionCount, 21);
  pass(120_000);
  assert.notEqual(sessions.create(partitionsOf(25), false), undefined);
  assert.deepEqual(
    [second, third].map((session) => sessions.get(session!.id)),
    [undefined, undefined],
  );
  assert.equal(sessions.partitionCount, 26);
});

test("a name that no topic can have is not remembered", () => {
  const { sessions } = sessionsWith(10);
  assert.equal(sessions.create(partitionsOf(1, "n".repeat(250)), false), undefined);
  const session = sessions.create(partitionsOf(1, "n".repeat(249)), false)!;
  add(session.partitions, { from: 0, to: 1 }, "n".repeat(250));
  assert.equal(sessions.advance(session), false);
});

test("a partition is followed once, in its first place, with what was said last; one that is given data goes to the end", () => {
  const partitions = partitionsOf(3);
  const inOrder = (): number[][] => {
    const order: number[][] = [];
    for (let each = partitions.first; each !== undefined; each = each.next) order.push([each.partition, each.maxBytes]);
    return order;
  };
  const asked = { partition: 0, fetchOffset: 0, maxBytes: 7, currentLeaderEpoch: -1, lastFetchedEpoch: -1 };
  partitions.set(partitions.topic("t", ZERO_UUID), asked);
  assert.deepEqual(
    [partitions.count, inOrder()],
    [
      3,
      [
        [0, 7],
        [1, 1],
        [2, 1],
      ],
    ],
  );
  const { first } = partitions;
  partitions.moveToEnd(first!);
  assert.deepEqual(inOrder(), [
    [1, 1],
    [2, 1],
    [0, 7],
  ]);
  partitions.forget("t", ZERO_UUID, 2);
  partitions.forget("t", ZERO_UUID, 2);
  partitions.forget("t", ZERO_UUID, 0);
  partitions.moveToEnd(first!);
  assert.deepEqual([partitions.count, inOrder()], [1, [[1, 1]]], "what is forgotten does not come back");
  partitions.forget("t", ZERO_UUID, 1);
  assert.deepEqual([partitions.count, inOrder()], [0, []]);
  partitions.set(partitions.topic("t", ZERO_UUID), asked);
  assert.deepEqual(inOrder(), [[0, 7]]);
});
