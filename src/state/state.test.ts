/** The fold: what each state record does, live and when a log is replayed over a snapshot that knows some of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toPosition } from "../base/brands.ts";
import { type Uuid, uuidFromBytes } from "../base/uuid.ts";
import { WalFile } from "../log/wal-file.ts";
import { RESOURCE_BROKER, RESOURCE_CLIENT_METRICS, RESOURCE_GROUP, RESOURCE_TOPIC, State } from "./state.ts";
import type { StateRecord } from "./state-record.ts";

const FILE = new WalFile(toPosition(0), 1);

function idOf(number: number): Uuid {
  return uuidFromBytes(Buffer.alloc(16, number), 0);
}

/** Applies records one behind the other, from `position` on. */
function applyAll(state: State, records: readonly StateRecord[], position = 0): State {
  records.forEach((record, index) => state.apply(record, position + index));
  return state;
}

function fresh(atStart: Readonly<Record<string, string>> = {}): State {
  return new State(1, new Map(Object.entries(atStart)), []);
}

function created(
  id: number,
  name: string,
  partitions = 1,
  configs: Readonly<Record<string, string>> = {},
): StateRecord {
  const entries = Object.entries(configs).map(([key, value]) => ({ key, value }));
  return { type: 3, value: { topicId: idOf(id), name, partitions, configs: entries } };
}

function deleted(id: number): StateRecord {
  return { type: 4, value: { topicId: idOf(id) } };
}

function started(): StateRecord {
  return { type: 2, value: { brokerId: 1, incarnation: 1 } };
}

function changed(
  type: number,
  name: string,
  entries: Readonly<Record<string, string | null>>,
): Extract<StateRecord, { type: 6 }> {
  const list = Object.entries(entries).map(([key, value]) => ({ key, value }));
  return { type: 6, value: { type, name, entries: list } };
}

test("topics are found by name and by id, and listed in the order of their creation", () => {
  const state = applyAll(fresh(), [created(1, "b", 3), created(2, "a")]);
  assert.equal(state.topic("b"), state.topicById(idOf(1)));
  assert.equal(state.topic("b")!.partitions.length, 3);
  assert.deepEqual(
    state.topic("b")!.partitions.map(({ topicId, partition }) => [topicId, partition]),
    [0, 1, 2].map((partition) => [idOf(1), partition]),
  );
  assert.deepEqual(
    [...state.topics()].map(({ name }) => name),
    ["b", "a"],
  );
});

test("hazard: a topic that is created anew has nothing of the one before", () => {
  const state = applyAll(fresh(), [created(1, "t", 1, { "retention.ms": "5" })]);
  const before = state.topic("t")!;
  before.partitions[0]!.skipTo(100);
  applyAll(state, [deleted(1), created(2, "t", 2)], 10);
  const after = state.topic("t")!;
  assert.equal(state.topicById(idOf(1)), undefined);
  assert.equal(before.partitions[0]!.deleted, true);
  assert.equal(after.id, idOf(2));
  assert.equal(after.partitions[0]!.endOffset, 0);
  assert.equal(after.overrides.size, 0);
  assert.equal(state.topicCount, 1);
});

test("partitions are added, never taken away", () => {
  const add = (partitions: number): StateRecord => ({ type: 5, value: { topicId: idOf(1), partitions } });
  const state = applyAll(fresh(), [created(1, "t", 2), add(5)]);
  const [first] = state.topic("t")!.partitions;
  applyAll(state, [add(3)], 10);
  assert.equal(state.topic("t")!.partitions.length, 5);
  assert.equal(state.topic("t")!.partitions[0], first);
});

test("a topic's leader epoch is the number of starts since its creation", () => {
  const state = applyAll(fresh(), [started(), created(1, "old"), started(), created(2, "new"), started()]);
  assert.equal(state.leaderEpoch(state.topic("old")!), 2);
  assert.equal(state.leaderEpoch(state.topic("new")!), 1);
});

test("a topic's settings are its own, then those of the broker as they are now", () => {
  const state = applyAll(fresh({ "log.retention.ms": "1000" }), [created(1, "own", 1, { "retention.ms": "5" })]);
  applyAll(state, [created(2, "plain")], 1);
  const retention = (name: string): number => state.topic(name)!.config["retention.ms"];
  assert.deepEqual([retention("own"), retention("plain")], [5, 1000]);

  applyAll(state, [changed(RESOURCE_BROKER, "", { "log.retention.ms": "2000" })], 2);
  assert.deepEqual([retention("own"), retention("plain")], [5, 2000]);
  applyAll(state, [changed(RESOURCE_BROKER, "1", { "log.retention.ms": "3000" })], 3);
  applyAll(state, [changed(RESOURCE_BROKER, "2", { "log.retention.ms": "9000" })], 4);
  assert.deepEqual([retention("own"), retention("plain")], [5, 3000], "another broker's setting is not ours");
  assert.equal(state.broker["log.retention.ms"], 3000);

  applyAll(state, [changed(RESOURCE_TOPIC, "own", { "retention.ms": null, "max.message.bytes": "77" })], 5);
  assert.equal(retention("own"), 3000);
  assert.equal(state.topic("own")!.config["max.message.bytes"], 77);
  applyAll(state, [changed(RESOURCE_BROKER, "1", { "log.retention.ms": null })], 6);
  assert.deepEqual([retention("own"), retention("plain")], [2000, 2000]);
});

test("records about topics and partitions that are gone change nothing", () => {
  const state = fresh();
  const place = { topicId: idOf(1), partition: 0 };
  const gone: readonly StateRecord[] = [
    deleted(1),
    { type: 5, value: { topicId: idOf(1), partitions: 3 } },
    changed(RESOURCE_TOPIC, "t", { "retention.ms": "1" }),
    { type: 8, value: { ...place, offset: 10 } },
    { type: 9, value: { ...place, producerIds: [1] } },
  ];
  applyAll(state, gone);
  applyAll(state, [created(1, "t"), { type: 8, value: { ...place, partition: 7, offset: 10 } }], 10);
  assert.equal(state.topic("t")!.partitions[0]!.logStartOffset, 0);
});

test("the state's position lies behind its newest record: an answer that waits for it waits for the whole of it", () => {
  const state = applyAll(fresh(), [started()], 500);
  assert.equal(state.position, 501);
});

test("expired producers are forgotten in their partition only", () => {
  const state = applyAll(fresh(), [created(1, "t", 2)]);
  const place = { baseOffset: 0, endOffset: 1, timestamp: 0, nowMs: 0 };
  for (const { producers } of state.topic("t")!.partitions) {
    for (const producerId of [7, 2n ** 62n]) {
      producers.record({ producerId, epoch: 0, firstSequence: 0, recordCount: 1 }, place);
    }
  }
  applyAll(state, [{ type: 9, value: { topicId: idOf(1), partition: 1, producerIds: [2n ** 62n] } }], 1);
  const [first, second] = state.topic("t")!.partitions;
  assert.deepEqual([first!.producers.count, second!.producers.count], [2, 1]);
  assert.notEqual(second!.producers.get(7), undefined);
});

test("groups and subscriptions keep their settings apart, and are forgotten with the last of them", () => {
  const state = fresh();
  applyAll(state, [
    changed(RESOURCE_GROUP, "x", { a: "1", b: "2" }),
    changed(RESOURCE_CLIENT_METRICS, "x", { a: "3" }),
    changed(RESOURCE_GROUP, "x", { a: null }),
  ]);
  assert.deepEqual(state.overridesOf(RESOURCE_GROUP), new Map([["x", new Map([["b", "2"]])]]));
  assert.deepEqual(state.overrides(RESOURCE_CLIENT_METRICS, "x"), new Map([["a", "3"]]));
  applyAll(state, [changed(RESOURCE_GROUP, "x", { b: null })], 3);
  assert.equal(state.overridesOf(RESOURCE_GROUP).size, 0);
  assert.equal(state.overrides(RESOURCE_GROUP, "x").size, 0);
  assert.equal(state.overridesOf(RESOURCE_CLIENT_METRICS).size, 1);
});

test("settings of what nobody knows cannot be in the log", () => {
  assert.throws(() => applyAll(fresh(), [changed(99, "x", { a: "1" })]), /resource type 99/);
});

/** A state as a snapshot gives it: everything stamped with 100, complete at 200. */
function fromSnapshot(): State {
  const state = fresh();
  state.stampedAt = 100;
  state.snapshotEnd = 200;
  state.starts = 3;
  state.nextProducerId = 5000;
  state.clusterId = "cluster";
  return state;
}

test("replayed over a snapshot: what is in it already does not count twice", () => {
  const state = fromSnapshot();
  state.restoreTopic({
    id: idOf(1),
    name: "t",
    createdAtStart: 2,
    stampedAt: 100,
    partitions: 3,
    overrides: new Map([["retention.ms", "9"]]),
  });
  state.restoreOverrides(RESOURCE_BROKER, "1", new Map([["log.retention.ms", "8"]]));
  const replayed: readonly StateRecord[] = [
    { type: 1, value: { clusterId: "older" } },
    started(),
    created(1, "t", 1),
    changed(RESOURCE_TOPIC, "t", { "retention.ms": "1" }),
    changed(RESOURCE_BROKER, "1", { "log.retention.ms": "1" }),
    { type: 5, value: { topicId: idOf(1), partitions: 2 } },
    { type: 7, value: { next: 1000 } },
  ];
  applyAll(state, replayed, 100 - replayed.length);
  assert.equal(state.clusterId, "cluster");
  assert.equal(state.starts, 3);
  assert.equal(state.nextProducerId, 5000);
  assert.equal(state.topic("t")!.partitions.length, 3);
  assert.equal(state.topic("t")!.createdAtStart, 2);
  assert.equal(state.topic("t")!.config["retention.ms"], 9);
  assert.equal(state.broker["log.retention.ms"], 8);

  applyAll(state, replayed.slice(1, 2), 100);
  applyAll(state, replayed.slice(3), 101);
  assert.equal(state.starts, 4);
  assert.equal(state.nextProducerId, 1000);
  assert.equal(state.topic("t")!.config["retention.ms"], 1);
  assert.equal(state.broker["log.retention.ms"], 1);
});

test("replayed over a snapshot: a topic that was deleted while it was taken is met again, and goes again", () => {
  const state = fromSnapshot();
  applyAll(state, [created(1, "t")], 50);
  assert.notEqual(state.topic("t"), undefined);
  applyAll(state, [deleted(1)], 150);
  assert.equal(state.topicCount, 0);
});

test("replayed over a snapshot: a name that was created anew before its slice belongs to the new topic", () => {
  const state = fromSnapshot();
  state.restoreTopic({
    id: idOf(2),
    name: "t",
    createdAtStart: 3,
    stampedAt: 160,
    partitions: 1,
    overrides: new Map(),
  });
  const old: readonly StateRecord[] = [
    created(1, "t"),
    changed(RESOURCE_TOPIC, "t", { "retention.ms": "1" }),
    deleted(1),
  ];
  applyAll(state, old, 50);
  applyAll(state, [created(2, "t")], 150);
  assert.equal(state.topic("t")!.id, idOf(2));
  assert.equal(state.topic("t")!.overrides.size, 0);
});

test("replayed over a snapshot: a topic in it that was deleted later and created anew", () => {
  const state = fromSnapshot();
  state.restoreTopic({
    id: idOf(1),
    name: "t",
    createdAtStart: 0,
    stampedAt: 110,
    partitions: 1,
    overrides: new Map(),
  });
  applyAll(state, [created(1, "t")], 50);
  applyAll(state, [deleted(1), created(2, "t")], 120);
  assert.equal(state.topic("t")!.id, idOf(2));
  assert.equal(state.topicCount, 1);
});

test("expired producers before a partition's stamp stay: the slice was taken without them", () => {
  const state = fromSnapshot();
  const fields = { id: idOf(1), name: "t", createdAtStart: 0, stampedAt: 100, partitions: 1, overrides: new Map() };
  const [partition] = state.restoreTopic(fields).partitions;
  partition!.restore({
    logStartOffset: 0,
    endOffset: 4,
    stampedAt: 110,
    epochs: [],
    ranges: [],
    cleanedTo: 0,
    horizonMs: -1,
  });
  const batch = { position: 120, file: FILE, baseOffset: 4, endOffset: 5, sizeBytes: 1, leaderEpoch: 0 };
  const producer = { producerId: 7, producerEpoch: 0, firstSequence: 0, maxTimestamp: 0, nowMs: 0 };
  partition!.applyBatch({ ...batch, ...producer });
  const expired: StateRecord = { type: 9, value: { topicId: idOf(1), partition: 0, producerIds: [7] } };
  applyAll(state, [expired], 109);
  assert.equal(partition!.producers.count, 1);
  applyAll(state, [expired], 130);
  assert.equal(partition!.producers.count, 0);
});

test("topics whose names collide are known without a look at all of them, until they are deleted", () => {
  const state = applyAll(fresh(), [created(1, "a.b"), created(2, "c")]);
  assert.equal(state.topicColliding("a_b"), state.topicById(idOf(1)));
  assert.equal(state.topicColliding("a-b"), undefined);
  state.apply(deleted(1), 10);
  assert.equal(state.topicColliding("a_b"), undefined);
});
