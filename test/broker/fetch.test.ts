/** Fetch: what is given out, how much of it, and when. Sessions have a file of their own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KafkaClient } from "../../sim/kafka-client.ts";
import { newUuid } from "../../src/base/uuid.ts";
import { MAX_PARKED_OF_CONNECTION } from "../../src/broker/parked-fetches.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { errorName } from "../../src/protocol/errors.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import {
  BrokerLives,
  batchesOf,
  createTopic,
  fetch,
  produce,
  readAll,
  recordsOf,
  withBroker,
} from "./broker-simulation.ts";

const T = { topic: "t" };
const VALUE = Buffer.alloc(1000, 7);
const BATCH_BYTES = encodeBatch([{ value: VALUE }]).length;

async function produceMany(
  client: KafkaClient,
  place: { topic: string; partition?: number },
  batches: number,
): Promise<void> {
  for (let batch = 0; batch < batches; batch += 1) await produce(client, place, [{ value: VALUE }]);
}

/** Bytes of each partition in the answer to a fetch of several partitions, all from offset 0 on. */
async function fetchSizes(
  client: KafkaClient,
  partitions: readonly number[],
  bounds: { readonly maxBytes: number; readonly partitionMaxBytes?: number; readonly minBytes?: number },
): Promise<number[]> {
  const { maxBytes, partitionMaxBytes = 1_000_000, minBytes = 0 } = bounds;
  const asked = partitions.map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes }));
  const body = { maxWaitMs: 0, minBytes, maxBytes, topics: [{ topic: "t", partitions: asked }] };
  const { responses } = await client.request(APIS.fetch, 12, body);
  return responses[0]!.partitions.map(({ records }) => Buffer.concat(records ?? []).length);
}

test("a fetch at the end waits, and is answered as soon as a record is durable", async () => {
  await withBroker(async ({ connect, broker, until, simulation }) => {
    const client = connect();
    await createTopic(client, "t");
    await produce(client, T, [{ value: "old" }]);
    let answered = false;
    const began = simulation.nowMs;
    const waiting = fetch(client, T, { offset: 1, maxWaitMs: 60_000 }).finally(() => (answered = true));
    await until(() => broker.parkedFetches.size === 1);
    const produced = produce(connect(), T, [{ value: "new" }]);
    await until(() => broker.store.state.topic("t")!.partitions[0]!.endOffset === 2);
    assert.equal(answered, false, "it is appended, and not durable");
    assert.deepEqual(recordsOf(await waiting), [[1, "new"]]);
    await produced;
    assert.ok(simulation.nowMs - began < 1000, `${simulation.nowMs - began} ms`);
  });
});

test("a fetch that nothing comes for is answered after its time, with nothing", async () => {
  await withBroker(async ({ connect, simulation }) => {
    const client = connect();
    await createTopic(client, "t");
    const began = simulation.nowMs;
    const answer = await fetch(client, T, { maxWaitMs: 500 });
    assert.deepEqual(recordsOf(answer), []);
    assert.equal(answer.highWatermark, 0);
    const waitedMs = simulation.nowMs - began;
    assert.ok(waitedMs >= 500 && waitedMs < 520, `${waitedMs} ms`);
  });
});

test("a fetch waits for as many bytes as it asked for, over all its partitions", async () => {
  await withBroker(async ({ connect, broker, until, simulation }) => {
    const client = connect();
    await createTopic(client, "t", { partitions: 2 });
    const partitions = [0, 1].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1_000_000 }));
    const body = { maxWaitMs: 60_000, minBytes: 3 * BATCH_BYTES, topics: [{ ...T, partitions }] };
    let answered = false;
    const waiting = client.request(APIS.fetch, 12, body).finally(() => (answered = true));
    await until(() => broker.parkedFetches.size === 1);
    await produceMany(connect(), { ...T, partition: 0 }, 1);
    await produceMany(connect(), { ...T, partition: 1 }, 1);
    await until(() => simulation.nowMs > 1000);
    assert.equal(answered, false);
    await produceMany(connect(), { ...T, partition: 1 }, 1);
    const { responses } = await waiting;
    assert.deepEqual(
      responses[0]!.partitions.map((partition) => batchesOf(partition).length),
      [1, 2],
    );
  });
});

test("hazard: a fetch that waits for many bytes does not read its partitions again for every batch that comes", async () => {
  await withBroker(async ({ connect, broker, until }) => {
    const [client, producer] = [connect(), connect()];
    await createTopic(client, "t", { partitions: 50 });
    const partitions = Array.from({ length: 50 }, (_, index) => ({ partition: index, partitionMaxBytes: 1_000_000 }));
    const asked = { maxWaitMs: 60_000, minBytes: 20 * BATCH_BYTES, topics: [{ ...T, partitions }] };
    const waiting = client.request(APIS.fetch, 12, asked);
    await until(() => broker.parkedFetches.size === 1);
    let reads = 0;
    const readNow = broker.reader.readNow.bind(broker.reader);
    broker.reader.readNow = (query) => {
      reads += 1;
      return readNow(query);
    };
    for (let partition = 0; partition < 19; partition += 1) await produceMany(producer, { ...T, partition }, 1);
    assert.equal(reads, 0);
    await produceMany(producer, { ...T, partition: 40 }, 1);
    const { responses } = await waiting;
    assert.equal(
      responses[0]!.partitions.reduce((sum, partition) => sum + batchesOf(partition).length, 0),
      20,
    );
    assert.equal(reads, 20, "once each partition that has records");
  });
});

test("hazard: fetches that wait are bounded by their partitions; above that they are answered at once", async () => {
  await withBroker(async ({ connect, broker, until, simulation }) => {
    const [client, other] = [connect(), connect()];
    const count = MAX_PARKED_OF_CONNECTION / 10;
    await createTopic(client, "t", { partitions: count });
    const partitions = Array.from({ length: count }, (_, partition) => ({ partition, partitionMaxBytes: 1000 }));
    const asked = { maxWaitMs: 60_000, minBytes: 1, topics: [{ ...T, partitions }] };
    const waiting = Array.from({ length: 10 }, () => client.request(APIS.fetch, 12, asked));
    await until(() => broker.parkedFetches.size === 10);
    assert.equal(broker.parkedFetches.partitions, MAX_PARKED_OF_CONNECTION);
    const one = { ...asked, topics: [{ ...T, partitions: partitions.slice(0, 1) }] };
    const late = client.request(APIS.fetch, 12, one);
    const fromElsewhere = other.request(APIS.fetch, 12, one);
    await until(() => broker.parkedFetches.size === 11);
    const began = simulation.nowMs;
    await produce(connect(), T, [{ value: "v" }]);
    assert.equal((await Promise.all(waiting)).length, 10);
    assert.equal((await fromElsewhere).responses[0]!.partitions[0]!.highWatermark, 1);
    assert.equal(
      (await late).responses[0]!.partitions[0]!.highWatermark,
      0,
      "it was answered before there was a record",
    );
    assert.ok(simulation.nowMs - began < asked.maxWaitMs, `${simulation.nowMs - began} ms`);
    assert.equal(broker.parkedFetches.partitions, 0);
  });
});

test("with enough there, with no patience, or with an error, a fetch does not wait", async () => {
  await withBroker(async ({ connect, simulation }) => {
    const client = connect();
    await createTopic(client, "t");
    await produce(client, T, [{ value: "v" }]);
    const began = simulation.nowMs;
    for (const options of [
      { offset: 0, maxWaitMs: 60_000, minBytes: 1 },
      { offset: 0, maxWaitMs: 60_000, minBytes: 0 },
      { offset: 1, maxWaitMs: 60_000, minBytes: 0 },
      { offset: 1, maxWaitMs: 0, minBytes: 1 },
      { offset: 1, maxWaitMs: -1, minBytes: 1 },
      { offset: 9, maxWaitMs: 60_000, minBytes: 1 },
    ]) {
      await fetch(client, T, options);
    }
    await client.request(APIS.fetch, 12, { maxWaitMs: 60_000, minBytes: 1, topics: [] });
    assert.ok(simulation.nowMs - began < 1000, `${simulation.nowMs - began} ms`);
  });
});

test("a topic that is deleted ends the waiting for it", async () => {
  await withBroker(async ({ connect, broker, until }) => {
    const client = connect();
    await createTopic(client, "t");
    const waiting = fetch(client, T, { maxWaitMs: 60_000 });
    await until(() => broker.parkedFetches.size === 1);
    await connect().request(APIS.deleteTopics, 6, { topics: [{ name: "t" }] });
    assert.equal(errorName((await waiting).errorCode), "UNKNOWN_TOPIC_OR_PARTITION");
  });
});

test("a topic that is recreated at once is waited for anew, by name", async () => {
  await withBroker(async ({ connect, broker, until, simulation }) => {
    const client = connect();
    const topicId = await createTopic(client, "t");
    const began = simulation.nowMs;
    const waiting = fetch(client, T, { maxWaitMs: 60_000 });
    await until(() => broker.parkedFetches.size === 1);
    broker.store.append({ type: 4, value: { topicId } });
    const newId = newUuid(simulation.random);
    broker.store.append({ type: 3, value: { topicId: newId, name: "t", partitions: 1, configs: [] } });
    await produce(connect(), T, [{ value: "new" }]);
    assert.deepEqual(recordsOf(await waiting), [[0, "new"]]);
    assert.ok(simulation.nowMs - began < 1000, `${simulation.nowMs - began} ms`);
  });
});

test("one record wakes everybody who waits for it, and nobody else", async () => {
  await withBroker(async ({ connect, broker, until }) => {
    await createTopic(connect(), "t", { partitions: 2 });
    const waiting = Array.from({ length: 50 }, () => fetch(connect(), T, { maxWaitMs: 60_000 }));
    const other = fetch(connect(), { ...T, partition: 1 }, { maxWaitMs: 60_000 });
    await until(() => broker.parkedFetches.size === 51);
    await produce(connect(), T, [{ value: "v" }]);
    for (const answer of await Promise.all(waiting)) assert.deepEqual(recordsOf(answer), [[0, "v"]]);
    assert.equal(broker.parkedFetches.size, 1);
    await produce(connect(), { ...T, partition: 1 }, [{ value: "w" }]);
    assert.deepEqual(recordsOf(await other), [[0, "w"]]);
  });
});

test("a client that leaves is not waited for any more", async () => {
  await withBroker(async ({ connect, broker, until }) => {
    const client = connect();
    await createTopic(client, "t");
    const lost = assert.rejects(fetch(client, T, { maxWaitMs: 60_000 }), { name: "ConnectionLost" });
    await until(() => broker.parkedFetches.size === 1);
    client.reset();
    await lost;
    await until(() => broker.parkedFetches.size === 0);
    assert.equal(broker.store.state.topic("t")!.partitions[0]!.waiters.size, 0);
  });
});

test("the answer begins with the batch that holds the offset", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    for (const first of ["a", "d"]) {
      const values = [0, 1, 2].map((step) => String.fromCharCode(first.charCodeAt(0) + step));
      await produce(
        client,
        T,
        values.map((value) => ({ value })),
      );
    }
    assert.deepEqual(
      recordsOf(await fetch(client, T, { offset: 1 })).map(([offset]) => offset),
      [0, 1, 2, 3, 4, 5],
    );
    assert.deepEqual(
      recordsOf(await fetch(client, T, { offset: 3 })).map(([offset]) => offset),
      [3, 4, 5],
    );
    assert.deepEqual(
      recordsOf(await fetch(client, T, { offset: 5 })).map(([offset]) => offset),
      [3, 4, 5],
    );
  });
});

test("an offset below the log start or above the high watermark is out of range", async () => {
  await withBroker(async ({ connect, broker }) => {
    const client = connect();
    const topicId = await createTopic(client, "t");
    await produceMany(client, T, 5);
    broker.store.append({ type: 8, value: { topicId, partition: 0, offset: 2 } });
    for (const [offset, expected] of [
      [-1, "OFFSET_OUT_OF_RANGE"],
      [1, "OFFSET_OUT_OF_RANGE"],
      [2, "NONE"],
      [5, "NONE"],
      [6, "OFFSET_OUT_OF_RANGE"],
      [Number.MAX_SAFE_INTEGER, "OFFSET_OUT_OF_RANGE"],
    ] as const) {
      assert.equal(errorName((await fetch(client, T, { offset })).errorCode), expected, `offset ${offset}`);
    }
    const partitions = [2n ** 63n - 1n, -(2n ** 63n)].map((fetchOffset) => ({
      partition: 0,
      fetchOffset,
      partitionMaxBytes: 1,
    }));
    const { responses } = await client.request(APIS.fetch, 12, { topics: [{ ...T, partitions }] });
    for (const { errorCode } of responses[0]!.partitions) assert.equal(errorName(errorCode), "OFFSET_OUT_OF_RANGE");
  });
});

test("hazard: max bytes smaller than one batch still gets on, batch by batch", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    await produceMany(client, T, 5);
    for (const bounds of [
      { maxBytes: 1 },
      { partitionMaxBytes: 1 },
      { maxBytes: 0, partitionMaxBytes: 0 },
      { maxBytes: -1 },
    ]) {
      for (let offset = 0; offset < 5; offset += 1) {
        const records = recordsOf(await fetch(client, T, { offset, ...bounds }));
        assert.deepEqual(
          records.map(([at]) => at),
          [offset],
          JSON.stringify(bounds),
        );
      }
    }
  });
});

test("max bytes bounds the whole answer, partition max bytes each part of it", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t", { partitions: 3 });
    for (const partition of [1, 2]) await produceMany(client, { ...T, partition }, 4);
    const all = [0, 1, 2];
    assert.deepEqual(await fetchSizes(client, all, { maxBytes: 1_000_000 }), [0, 4 * BATCH_BYTES, 4 * BATCH_BYTES]);
    assert.deepEqual(await fetchSizes(client, all, { maxBytes: 6 * BATCH_BYTES }), [
      0,
      4 * BATCH_BYTES,
      2 * BATCH_BYTES,
    ]);
    assert.deepEqual(await fetchSizes(client, all, { maxBytes: 2 * BATCH_BYTES }), [0, 2 * BATCH_BYTES, 0]);
    const partitionMaxBytes = 2 * BATCH_BYTES + 1;
    assert.deepEqual(await fetchSizes(client, all, { maxBytes: 1_000_000, partitionMaxBytes }), [
      0,
      2 * BATCH_BYTES,
      2 * BATCH_BYTES,
    ]);
    // At least one batch comes, of the first partition that has any; the bound holds for the others.
    assert.deepEqual(await fetchSizes(client, all, { maxBytes: 1 }), [0, BATCH_BYTES, 0]);
    assert.deepEqual(await fetchSizes(client, [2, 1], { maxBytes: 1_000_000, partitionMaxBytes: 1 }), [BATCH_BYTES, 0]);
  });
});

test("the broker's own fetch.max.bytes counts too", async () => {
  await withBroker(
    async ({ connect }) => {
      const client = connect();
      await createTopic(client, "t");
      await produceMany(client, T, 5);
      assert.deepEqual(await fetchSizes(client, [0], { maxBytes: 1_000_000 }), [3 * BATCH_BYTES]);
    },
    { settings: { "fetch.max.bytes": String(3 * BATCH_BYTES + 1) } },
  );
});

test("isolation levels see the same as long as there are no transactions; only read_committed is told of aborted ones", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    await produceMany(client, T, 2);
    const [uncommitted, committed] = [await fetch(client, T), await fetch(client, T, { isolationLevel: 1 })];
    assert.deepEqual(recordsOf(committed), recordsOf(uncommitted));
    assert.equal(committed.lastStableOffset, 2);
    assert.equal(uncommitted.abortedTransactions, null);
    assert.deepEqual(committed.abortedTransactions, []);
  });
});

test("what a client believes to be the leader epoch is checked (KIP-320)", async () => {
  const lives = new BrokerLives();
  await lives.live(async ({ connect }) => {
    await createTopic(connect(), "t");
  });
  await lives.live(async ({ connect }) => {
    const client = connect();
    for (const [currentLeaderEpoch, expected] of [
      [-1, "NONE"],
      [0, "FENCED_LEADER_EPOCH"],
      [1, "NONE"],
      [2, "UNKNOWN_LEADER_EPOCH"],
    ] as const) {
      const partitions = [{ partition: 0, currentLeaderEpoch, fetchOffset: 0, partitionMaxBytes: 1000 }];
      const { responses } = await client.request(APIS.fetch, 12, { topics: [{ ...T, partitions }] });
      assert.equal(errorName(responses[0]!.partitions[0]!.errorCode), expected, `epoch ${currentLeaderEpoch}`);
    }
  });
});

test("a consumer whose log went another way is told where they part (KIP-595)", async () => {
  const lives = new BrokerLives();
  await lives.live(async ({ connect }) => {
    await createTopic(connect(), "t");
    await produceMany(connect(), T, 3);
  });
  await lives.live(async ({ connect }) => {
    const client = connect();
    await produceMany(client, T, 3);
    const ask = async (fetchOffset: number, lastFetchedEpoch: number) => {
      const partitions = [{ partition: 0, fetchOffset, lastFetchedEpoch, partitionMaxBytes: 1_000_000 }];
      const { responses } = await client.request(APIS.fetch, 12, { maxWaitMs: 5000, topics: [{ ...T, partitions }] });
      return responses[0]!.partitions[0]!;
    };
    for (const [offset, epoch] of [
      [2, 0],
      [3, 0],
      [4, 1],
    ] as const) {
      const answer = await ask(offset, epoch);
      assert.deepEqual(answer.divergingEpoch, { epoch: -1, endOffset: -1 });
      assert.ok(batchesOf(answer).length > 0);
    }
    const parted = await ask(5, 0);
    assert.deepEqual(parted.divergingEpoch, { epoch: 0, endOffset: 3 });
    assert.deepEqual(batchesOf(parted), []);
  });
});

test("hazard: records over many files, with others between them, are read without a gap", async () => {
  const lives = new BrokerLives({ settings: { "wal.indexing.interval.ms": "20", "wal.tail.cache.bytes": "1048576" } });
  const expected: [number, string][] = [];
  for (let life = 0; life < 3; life += 1) {
    await lives.live(
      async ({ connect, pass, broker }) => {
        const client = connect();
        if (life === 0) await createTopic(client, "t", { partitions: 3 });
        for (let batch = 0; batch < 20; batch += 1) {
          for (const partition of [0, 1, 2])
            await produce(client, { ...T, partition }, [{ value: `${life}/${batch}` }]);
          expected.push([expected.length, `${life}/${batch}`]);
          await pass(5);
        }
        assert.ok(broker.store.files.closed.length > 2, `${broker.store.files.closed.length} files`);
        for (const partition of [0, 1, 2]) {
          assert.deepEqual(await readAll(client, { ...T, partition }), expected);
          assert.deepEqual(await readAll(client, { ...T, partition }, { maxBytes: 1 }), expected);
        }
        assert.deepEqual(await readAll(client, T, { offset: 7 }), expected.slice(7));
      },
      life === 1 ? "stop" : "power",
    );
  }
});

test("damage in a file is an error of the partition that it hits, and of no other", async () => {
  await withBroker(async ({ connect, broker, process, lines }) => {
    const client = connect();
    await createTopic(client, "t", { partitions: 2 });
    for (const partition of [0, 1]) await produceMany(client, { ...T, partition }, 1);
    const [damaged] = broker.store.state.topic("t")!.partitions;
    broker.store.wal.roll();
    await produceMany(client, T, 1);
    await broker.store.files.idle();
    const { file } = damaged!.ranges[0]!;
    const index = await broker.reader.index(damaged!.ranges[0]!);
    process.disk.flipBit(file.name, index.positionAt(0) - file.base + 500);
    const partitions = [0, 1].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1_000_000 }));
    const { responses } = await client.request(APIS.fetch, 12, { topics: [{ ...T, partitions }] });
    assert.deepEqual(
      responses[0]!.partitions.map(({ errorCode }) => errorName(errorCode)),
      ["KAFKA_STORAGE_ERROR", "NONE"],
    );
    assert.equal(batchesOf(responses[0]!.partitions[1]!).length, 1);
    assert.ok(
      lines.some((line) => line.includes(file.name) && line.includes("damaged")),
      lines.join("\n"),
    );
    assert.deepEqual(
      recordsOf(await fetch(client, T, { offset: 1 })).map(([offset]) => offset),
      [1],
    );
  });
});

test("a disk that cannot read is an error of the fetch, and the next one succeeds", async () => {
  await withBroker(async ({ connect, broker, process }) => {
    const client = connect();
    await createTopic(client, "t");
    await produceMany(client, T, 1);
    broker.store.wal.roll();
    await produceMany(client, T, 1);
    await broker.store.files.idle();
    process.disk.faults = { ...process.disk.faults, readErrorRate: 1 };
    assert.equal(errorName((await fetch(client, T)).errorCode), "KAFKA_STORAGE_ERROR");
    process.disk.faults = { ...process.disk.faults, readErrorRate: 0 };
    assert.deepEqual(
      recordsOf(await fetch(client, T)).map(([offset]) => offset),
      [0],
    );
  });
});
