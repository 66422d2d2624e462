/** InitProducerId, and idempotent producers: nothing twice, nothing out of order, over restarts too. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KafkaClient } from "../../sim/kafka-client.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { errorName } from "../../src/protocol/errors.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { BrokerLives, createTopic, produce, produceBytes, readAll, withBroker } from "./broker-simulation.ts";

const T = { topic: "t" };

async function initProducer(client: KafkaClient): Promise<number> {
  const answer = await client.request(APIS.initProducerId, 5, { transactionalId: null });
  assert.equal(answer.errorCode, 0);
  assert.equal(answer.producerEpoch, 0);
  return Number(answer.producerId);
}

/** Produces one batch of an idempotent producer; answers error and base offset. */
async function produceNext(
  client: KafkaClient,
  producer: {
    readonly id: number;
    readonly epoch?: number;
    readonly sequence: number;
    readonly values: readonly string[];
  },
): Promise<[string, number]> {
  const options = { producerId: producer.id, producerEpoch: producer.epoch ?? 0, baseSequence: producer.sequence };
  const records = producer.values.map((value) => ({ value }));
  const { errorCode, baseOffset } = await produce(client, T, records, options);
  return [errorName(errorCode), baseOffset];
}

test("each producer has an id of its own, whichever connection and life of the broker it asks", async () => {
  const lives = new BrokerLives();
  const given = new Set<number>();
  let asked = 0;
  for (const end of ["stop", "kill", "power", "stop"] as const) {
    await lives.live(async ({ connect }) => {
      const clients = [connect(), connect()];
      // A block of ids is 1000: more than one of them.
      for (let number = 0; number < 1100; number += 1) {
        given.add(await initProducer(clients[number % 2]!));
        asked += 1;
      }
    }, end);
  }
  assert.equal(given.size, asked);
});

test("transactional producers are refused, as there are no transactions", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    for (let version = 0; version <= 5; version += 1) {
      for (const [transactionalId, expected] of [
        ["tx", "UNSUPPORTED_VERSION"],
        ["", "INVALID_REQUEST"],
      ] as const) {
        const answer = await client.request(APIS.initProducerId, version, {
          transactionalId,
          transactionTimeoutMs: 1000,
        });
        assert.equal(errorName(answer.errorCode), expected);
        assert.equal(answer.producerId, -1);
        assert.equal(answer.producerEpoch, -1);
      }
    }
    await createTopic(client, "t");
    const partitionData = [{ index: 0, records: [encodeBatch([{ value: "v" }])] }];
    const body = { transactionalId: "tx", acks: -1, topicData: [{ name: "t", partitionData }] };
    const { responses } = await client.request(APIS.produce, 11, body);
    assert.equal(errorName(responses[0]!.partitionResponses[0]!.errorCode), "INVALID_TXN_STATE");
  });
});

test("a retry is answered with the offset of the first, and adds nothing", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    const id = await initProducer(client);
    for (let sequence = 0; sequence < 5; sequence += 1) {
      assert.deepEqual(await produceNext(client, { id, sequence, values: [`${sequence}`] }), ["NONE", sequence]);
    }
    for (let sequence = 0; sequence < 5; sequence += 1) {
      assert.deepEqual(await produceNext(connect(), { id, sequence, values: [`${sequence}`] }), ["NONE", sequence]);
    }
    assert.deepEqual(
      await readAll(client, T),
      [0, 1, 2, 3, 4].map((offset) => [offset, `${offset}`]),
    );
  });
});

test("a retry is told the log append time of the first", async () => {
  await withBroker(async ({ connect, pass }) => {
    const client = connect();
    await createTopic(client, "t", { configs: { "message.timestamp.type": "LogAppendTime" } });
    await createTopic(client, "u");
    const options = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    const first = await produce(client, T, [{ value: "a", timestamp: 5 }], options);
    await pass(1000);
    const retry = await produce(client, T, [{ value: "a", timestamp: 5 }], options);
    assert.ok(first.logAppendTimeMs > 0);
    assert.deepEqual(retry, first);
    for (let time = 0; time < 2; time += 1) {
      const { logAppendTimeMs } = await produce(client, { topic: "u" }, [{ value: "a", timestamp: 5 }], options);
      assert.equal(logAppendTimeMs, -1);
    }
  });
});

test("hazard: reordered requests in flight are not appended in the wrong order", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    const id = await initProducer(client);
    assert.deepEqual(await produceNext(client, { id, sequence: 0, values: ["a"] }), ["NONE", 0]);
    assert.deepEqual(await produceNext(client, { id, sequence: 2, values: ["c"] }), [
      "OUT_OF_ORDER_SEQUENCE_NUMBER",
      -1,
    ]);
    assert.deepEqual(await produceNext(client, { id, sequence: 1, values: ["b"] }), ["NONE", 1]);
    assert.deepEqual(await produceNext(client, { id, sequence: 2, values: ["c"] }), ["NONE", 2]);
  });
});

test("hazard: a retry after a restart is a retry still; a zombie of an older epoch is fenced still", async () => {
  for (const end of ["stop", "kill", "power"] as const) {
    const lives = new BrokerLives();
    let id = -1;
    await lives.live(async ({ connect }) => {
      const client = connect();
      await createTopic(client, "t");
      id = await initProducer(client);
      assert.deepEqual(await produceNext(client, { id, sequence: 0, values: ["old epoch"] }), ["NONE", 0]);
      assert.deepEqual(await produceNext(client, { id, epoch: 1, sequence: 0, values: ["a", "b"] }), ["NONE", 1]);
      assert.deepEqual(await produceNext(client, { id, epoch: 1, sequence: 2, values: ["c"] }), ["NONE", 3]);
    }, end);
    await lives.live(async ({ connect }) => {
      const client = connect();
      assert.deepEqual(await produceNext(client, { id, epoch: 1, sequence: 0, values: ["a", "b"] }), ["NONE", 1]);
      assert.deepEqual(await produceNext(client, { id, epoch: 1, sequence: 2, values: ["c"] }), ["NONE", 3]);
      const zombie = await produceNext(client, { id, epoch: 0, sequence: 1, values: ["z"] });
      assert.deepEqual(zombie, ["INVALID_PRODUCER_EPOCH", -1]);
      assert.deepEqual(await produceNext(client, { id, epoch: 1, sequence: 3, values: ["d"] }), ["NONE", 4]);
      assert.equal((await readAll(client, T)).length, 5, end);
    });
  }
});

test("hazard: a retry is not acknowledged before its first is durable", async () => {
  let retriedBefore = 0;
  for (let seed = 1; seed <= 10; seed += 1) {
    await withBroker(
      async ({ connect, broker }) => {
        await createTopic(connect(), "t");
        const id = await initProducer(connect());
        const batch = encodeBatch([{ value: "a" }], { producerId: id, producerEpoch: 0, baseSequence: 0 });
        const partition = broker.store.state.topic("t")!.partitions[0]!;
        const { producers } = partition;
        const check = producers.check.bind(producers);
        producers.check = (batch) => {
          const verdict = check(batch);
          if (verdict.kind === "duplicate" && partition.highWatermark === 0) retriedBefore += 1;
          return verdict;
        };
        const note = (): void => assert.equal(partition.highWatermark, 1);
        const both = [produceBytes(connect(), T, batch), produceBytes(connect(), T, batch)];
        await Promise.all(both.map((answer) => answer.then(note)));
      },
      { seed },
    );
  }
  assert.ok(retriedBefore > 0, "a retry came before the first was durable");
});

test("producers unheard for producer.id.expiration.ms are forgotten, also after a restart", async () => {
  const lives = new BrokerLives({ settings: { "producer.id.expiration.ms": "1000" } });
  await lives.live(async ({ connect, broker, pass }) => {
    const client = connect();
    await createTopic(client, "t");
    await produceNext(client, { id: 7, sequence: 0, values: ["a"] });
    const { producers } = broker.store.state.topic("t")!.partitions[0]!;
    assert.equal(producers.count, 1);
    await pass(2 * 600_000);
    assert.equal(producers.count, 0);
    // What is not remembered may begin anywhere (KIP-360).
    assert.deepEqual(await produceNext(connect(), { id: 7, sequence: 55, values: ["b"] }), ["NONE", 1]);
  }, "kill");
  await lives.live(async ({ broker, connect }) => {
    const { producers } = broker.store.state.topic("t")!.partitions[0]!;
    assert.deepEqual(
      [...producers.entries()].map(([id, { batches }]) => [id, batches[0]!.firstSequence]),
      [[7, 55]],
    );
    assert.deepEqual(await produceNext(connect(), { id: 7, sequence: 56, values: ["c"] }), ["NONE", 2]);
  });
});
