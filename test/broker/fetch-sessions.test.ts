/** Fetch sessions (KIP-227): only what changed is asked for, and answered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KafkaClient } from "../../sim/kafka-client.ts";
import type { Uuid } from "../../src/base/uuid.ts";
import { MAX_SESSION_PARTITIONS } from "../../src/broker/fetch-sessions.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { errorName } from "../../src/protocol/errors.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { createTopic, produce, recordsOf, withBroker } from "./broker-simulation.ts";

const T = { topic: "t" };
const BATCH_BYTES = encodeBatch([{ value: "v" }]).length;

interface Step {
  readonly sessionId?: number;
  readonly epoch: number;
  /** Partition and fetch offset of each that is new or changed. */
  readonly partitions?: readonly (readonly [partition: number, fetchOffset: number])[];
  readonly forgotten?: readonly number[];
  readonly maxWaitMs?: number;
  readonly maxBytes?: number;
  readonly version?: number;
  readonly topicId?: Uuid;
}

/** One request of a session: its error, its session's id, and partition → record values of what was answered. */
async function step(client: KafkaClient, asked: Step) {
  const { sessionId = 0, epoch, partitions = [], forgotten = [], maxWaitMs = 0, maxBytes = 1_000_000 } = asked;
  const { version = 12, topicId } = asked;
  const topic = topicId === undefined ? T : { topicId };
  const wanted = partitions.map(([partition, fetchOffset]) => ({
    partition,
    fetchOffset,
    partitionMaxBytes: 1_000_000,
  }));
  const body = {
    maxWaitMs,
    minBytes: 1,
    maxBytes,
    sessionId,
    sessionEpoch: epoch,
    topics: wanted.length === 0 ? [] : [{ ...topic, partitions: wanted }],
    forgottenTopicsData: forgotten.length === 0 ? [] : [{ ...topic, partitions: forgotten }],
  };
  const answer = await client.request(APIS.fetch, version, body);
  const answered = answer.responses.flatMap((each) => each.partitions);
  return {
    error: errorName(answer.errorCode),
    sessionId: answer.sessionId,
    answered: answered.map((each): [number, (string | null)[]] => [
      each.partitionIndex,
      recordsOf(each).map(([, value]) => value),
    ]),
    errors: answered.map(({ errorCode }) => errorName(errorCode)),
    highWatermarks: answered.map(({ highWatermark }) => highWatermark),
  };
}

async function topicWith(client: KafkaClient, partitions: number): Promise<Uuid> {
  return createTopic(client, "t", { partitions });
}

function put(client: KafkaClient, partition: number, value = "v"): Promise<unknown> {
  return produce(client, { ...T, partition }, [{ value }]);
}

test("the first answer has all partitions and a session, the next only those that changed", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await topicWith(client, 3);
    await put(client, 1, "a");
    const first = await step(client, {
      epoch: 0,
      partitions: [
        [0, 0],
        [1, 0],
        [2, 0],
      ],
    });
    assert.equal(first.error, "NONE");
    assert.ok(first.sessionId > 0);
    assert.deepEqual(first.answered, [
      [0, []],
      [1, ["a"]],
      [2, []],
    ]);
    const { sessionId } = first;
    assert.deepEqual((await step(client, { sessionId, epoch: 1, partitions: [[1, 1]] })).answered, []);
    await put(client, 2, "b");
    assert.deepEqual((await step(client, { sessionId, epoch: 2 })).answered, [[2, ["b"]]]);
    assert.deepEqual((await step(client, { sessionId, epoch: 3, partitions: [[2, 1]] })).answered, []);
  });
});

test("a partition whose high watermark or log start moved is answered although it has no records", async () => {
  await withBroker(async ({ connect, broker }) => {
    const client = connect();
    const topicId = await topicWith(client, 2);
    for (const partition of [0, 1]) await put(client, partition);
    const { sessionId } = await step(client, {
      epoch: 0,
      partitions: [
        [0, 1],
        [1, 1],
      ],
    });
    await put(client, 0);
    await put(client, 1);
    // Records of partition 0 come; of 1 no more fit, but its high watermark is told.
    const moved = await step(client, { sessionId, epoch: 1, maxBytes: 1 });
    assert.deepEqual(moved.answered, [
      [0, ["v"]],
      [1, []],
    ]);
    assert.deepEqual(moved.highWatermarks, [2, 2]);
    broker.store.append({ type: 8, value: { topicId, partition: 1, offset: 1 } });
    const next = await step(client, {
      sessionId,
      epoch: 2,
      partitions: [
        [0, 2],
        [1, 2],
      ],
    });
    assert.deepEqual(next.answered, [[1, []]]);
    assert.deepEqual((await step(client, { sessionId, epoch: 3 })).answered, []);
  });
});

test("a session waits for records like any fetch, and is answered what came", async () => {
  await withBroker(async ({ connect, broker, until }) => {
    const client = connect();
    await topicWith(client, 2);
    const { sessionId } = await step(client, {
      epoch: 0,
      partitions: [
        [0, 0],
        [1, 0],
      ],
    });
    const waiting = step(client, { sessionId, epoch: 1, maxWaitMs: 60_000 });
    await until(() => broker.parkedFetches.size === 1);
    await put(connect(), 1, "new");
    assert.deepEqual((await waiting).answered, [[1, ["new"]]]);
  });
});

test("forgotten partitions are not answered any more, added ones are", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await topicWith(client, 3);
    const { sessionId } = await step(client, {
      epoch: 0,
      partitions: [
        [0, 0],
        [1, 0],
      ],
    });
    await step(client, { sessionId, epoch: 1, forgotten: [0, 7], partitions: [[2, 0]] });
    for (const partition of [0, 1, 2]) await put(client, partition, `${partition}`);
    assert.deepEqual((await step(client, { sessionId, epoch: 2 })).answered, [
      [1, ["1"]],
      [2, ["2"]],
    ]);
    await step(client, { sessionId, epoch: 3, forgotten: [1, 2] });
    assert.deepEqual((await step(client, { sessionId, epoch: 4 })).answered, []);
  });
});

test("when not all fits, partitions take turns", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await topicWith(client, 3);
    for (const partition of [0, 1, 2]) for (let batch = 0; batch < 4; batch += 1) await put(client, partition);
    const first = await step(client, {
      epoch: 0,
      partitions: [
        [0, 0],
        [1, 0],
        [2, 0],
      ],
      maxBytes: BATCH_BYTES,
    });
    const { sessionId } = first;
    const withRecords = (answer: typeof first): number[] =>
      answer.answered.filter(([, values]) => values.length > 0).map(([partition]) => partition);
    const offsets = new Map([0, 1, 2].map((partition) => [partition, 0]));
    const turns = [...withRecords(first)];
    offsets.set(turns[0]!, 1);
    for (let epoch = 1; epoch <= 8; epoch += 1) {
      const [last] = turns.slice(-1);
      const partitions = [[last!, offsets.get(last!)!]] as const;
      const served = withRecords(await step(client, { sessionId, epoch, partitions, maxBytes: BATCH_BYTES }));
      assert.equal(served.length, 1);
      turns.push(served[0]!);
      offsets.set(served[0]!, offsets.get(served[0]!)! + 1);
    }
    assert.deepEqual(turns, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
  });
});

test("a partition with an error is answered each time, until it is forgotten", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await topicWith(client, 1);
    const first = await step(client, {
      epoch: 0,
      partitions: [
        [0, 0],
        [9, 0],
      ],
    });
    const { sessionId } = first;
    for (let epoch = 1; epoch < 4; epoch += 1) {
      const answer = await step(client, { sessionId, epoch });
      assert.deepEqual(answer.answered, [[9, []]]);
      assert.deepEqual(answer.errors, ["UNKNOWN_TOPIC_OR_PARTITION"]);
    }
    assert.deepEqual((await step(client, { sessionId, epoch: 4, forgotten: [9] })).answered, []);
  });
});

test("an epoch that is not the next, and a session that is not there, are errors; the session goes on", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await topicWith(client, 1);
    const { sessionId } = await step(client, { epoch: 0, partitions: [[0, 0]] });
    for (const epoch of [2, 7, -2]) {
      const wrong = await step(client, { sessionId, epoch });
      assert.deepEqual([wrong.error, wrong.sessionId, wrong.answered], ["INVALID_FETCH_SESSION_EPOCH", 0, []]);
    }
    assert.equal((await step(client, { sessionId, epoch: 1 })).error, "NONE");
    assert.equal((await step(client, { sessionId, epoch: 1 })).error, "INVALID_FETCH_SESSION_EPOCH", "again");
    assert.equal((await step(client, { sessionId: sessionId + 1, epoch: 1 })).error, "FETCH_SESSION_ID_NOT_FOUND");
    assert.equal((await step(client, { sessionId: 0, epoch: 1 })).error, "FETCH_SESSION_ID_NOT_FOUND");
    assert.equal((await step(connect(), { sessionId, epoch: 2 })).error, "NONE", "from any connection");
  });
});

test("epoch -1 ends the session and is answered in full; epoch 0 takes a new one in its place", async () => {
  await withBroker(async ({ connect, broker }) => {
    const client = connect();
    await topicWith(client, 2);
    const { sessionId } = await step(client, {
      epoch: 0,
      partitions: [
        [0, 0],
        [1, 0],
      ],
    });
    const renewed = await step(client, { sessionId, epoch: 0, partitions: [[1, 0]] });
    assert.notEqual(renewed.sessionId, sessionId);
    assert.equal(broker.fetchSessions.count, 1);
    const last = await step(client, { sessionId: renewed.sessionId, epoch: -1, partitions: [[0, 0]] });
    assert.equal(last.sessionId, 0);
    assert.deepEqual(last.answered, [[0, []]]);
    assert.equal(broker.fetchSessions.count, 0);
    assert.equal((await step(client, { sessionId: renewed.sessionId, epoch: 1 })).error, "FETCH_SESSION_ID_NOT_FOUND");
  });
});

test("sessions by name and by id are not mixed", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    const topicId = await topicWith(client, 1);
    const byName = await step(client, { epoch: 0, partitions: [[0, 0]], version: 12 });
    const mixed = await step(client, { sessionId: byName.sessionId, epoch: 1, version: 13, topicId });
    assert.equal(mixed.error, "FETCH_SESSION_TOPIC_ID_ERROR");
    const byId = await step(client, { epoch: 0, partitions: [[0, 0]], version: 13, topicId });
    await put(client, 0, "a");
    assert.deepEqual((await step(client, { sessionId: byId.sessionId, epoch: 1, version: 13 })).answered, [[0, ["a"]]]);
  });
});

test("a topic of a session that is recreated is an unknown id from then on", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    const topicId = await topicWith(client, 1);
    const { sessionId } = await step(client, { epoch: 0, partitions: [[0, 0]], version: 13, topicId });
    await client.request(APIS.deleteTopics, 6, { topics: [{ name: "t" }] });
    await topicWith(client, 1);
    const answer = await step(client, { sessionId, epoch: 1, version: 13 });
    assert.deepEqual(answer.errors, ["UNKNOWN_TOPIC_ID"]);
  });
});

test("sessions are bounded: there is none for whoever comes late, until another was not used for two minutes", async () => {
  await withBroker(
    async ({ connect, broker, pass }) => {
      const client = connect();
      await topicWith(client, 1);
      const open = () => step(client, { epoch: 0, partitions: [[0, 0]] });
      const [first, second] = [await open(), await open()];
      const late = await open();
      assert.equal(late.sessionId, 0);
      assert.deepEqual([late.error, late.answered], ["NONE", [[0, []]]], "it is answered all the same");
      await pass(119_000);
      assert.equal((await step(client, { sessionId: first.sessionId, epoch: 1 })).error, "NONE");
      await pass(2000);
      assert.notEqual((await open()).sessionId, 0);
      assert.equal((await step(client, { sessionId: second.sessionId, epoch: 1 })).error, "FETCH_SESSION_ID_NOT_FOUND");
      assert.equal((await step(client, { sessionId: first.sessionId, epoch: 2 })).error, "NONE");
      assert.equal(broker.fetchSessions.count, 2);
    },
    { settings: { "max.incremental.fetch.session.cache.slots": "2" } },
  );
});

test("more partitions than a session follows are answered without one, or begin anew", async () => {
  await withBroker(async ({ connect, broker }) => {
    const client = connect();
    await topicWith(client, 1);
    const upTo = (count: number) => Array.from({ length: count }, (_, partition) => [partition, 0] as const);
    const tooMany = await step(client, { epoch: 0, partitions: upTo(MAX_SESSION_PARTITIONS + 1) });
    assert.deepEqual([tooMany.error, tooMany.sessionId], ["NONE", 0]);
    assert.equal(tooMany.answered.length, MAX_SESSION_PARTITIONS + 1, "it is answered all the same");
    const repeated = [...upTo(MAX_SESSION_PARTITIONS), [0, 0], [1, 0]] as const;
    const { sessionId, answered } = await step(client, { epoch: 0, partitions: repeated });
    assert.notEqual(sessionId, 0, "a partition that is named twice counts once");
    assert.equal(answered.length, MAX_SESSION_PARTITIONS);
    const added = await step(client, { sessionId, epoch: 1, partitions: [[MAX_SESSION_PARTITIONS, 0]] });
    assert.equal(added.error, "FETCH_SESSION_ID_NOT_FOUND");
    assert.deepEqual([broker.fetchSessions.count, broker.fetchSessions.partitionCount], [0, 0]);
  });
});

test("with no room for sessions at all, everything is answered in full", async () => {
  await withBroker(
    async ({ connect }) => {
      const client = connect();
      await topicWith(client, 1);
      const answer = await step(client, { epoch: 0, partitions: [[0, 0]] });
      assert.deepEqual([answer.error, answer.sessionId, answer.answered], ["NONE", 0, [[0, []]]]);
    },
    { settings: { "max.incremental.fetch.session.cache.slots": "0" } },
  );
});
