/** Frames in, answers out: their order, their bounds, and what a peer can do wrong without harm to others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KafkaClient } from "../../sim/kafka-client.ts";
import { OFFERED } from "../../src/broker/handlers.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { type BrokerWorld, createTopic, fetch, produce, recordsOf, withBroker } from "./broker-simulation.ts";
import { frameOf, headerBytes, RawClient, requestBytes } from "./raw-client.ts";

const UNKNOWN_API = 999;
const NO_TAGS = Buffer.of(0);

/** What every connection may be asked for. */
async function assertAnswers(client: KafkaClient): Promise<void> {
  const { errorCode } = await client.request(APIS.apiVersions, 0, {});
  assert.equal(errorCode, ErrorCode.NONE);
}

/** Sends `bytes` on a connection of their own, and sees that the broker ends that one only, with one line that matches. */
async function assertRefused(world: BrokerWorld, bytes: Buffer, line: RegExp): Promise<void> {
  const bystander = world.connect();
  await assertAnswers(bystander);
  const before = world.lines.length;
  const client = new RawClient(world.connectRaw());
  client.send(bytes);
  await world.until(() => client.closed);
  assert.equal(client.receivedBytes, 0);
  assert.equal(world.lines.length, before + 1, world.lines.slice(before).join("\n"));
  assert.match(world.lines.at(-1)!, line);
  assert.equal(world.broker.requestBytes, 0);
  await assertAnswers(bystander);
}

test("hazard: answers come in the order of their requests, also behind a fetch that waits", async () => {
  await withBroker(async ({ connect, until, broker }) => {
    const client = connect();
    await createTopic(client, "t");
    const order: string[] = [];
    const note = (name: string) => () => void order.push(name);
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }];
    const body = { maxWaitMs: 60_000, minBytes: 1, topics: [{ topic: "t", partitions }] };
    const waiting = client.request(APIS.fetch, 12, body).then(note("fetch"));
    const others = [
      client.request(APIS.metadata, 13, { topics: [] }).then(note("metadata")),
      client.request(APIS.listOffsets, 1, { topics: [] }).then(note("list offsets")),
      client.request(APIS.apiVersions, 0, {}).then(note("versions")),
    ];
    await until(() => broker.parkedFetches.size === 1);
    await produce(connect(), { topic: "t" }, [{ value: "wakes" }]);
    await Promise.all([waiting, ...others]);
    assert.deepEqual(order, ["fetch", "metadata", "list offsets", "versions"]);
  });
});

test("hundreds of pipelined requests of all kinds are answered, in their order", async () => {
  for (let seed = 1; seed <= 5; seed += 1) {
    await withBroker(
      async ({ connect, simulation }) => {
        const client = connect();
        await createTopic(client, "t");
        const asked: Promise<unknown>[] = [];
        for (let number = 0; number < 300; number += 1) {
          const ask = simulation.random.pick([
            () => client.request(APIS.metadata, 9, { topics: null }),
            () => client.request(APIS.apiVersions, 3, { clientSoftwareName: "a", clientSoftwareVersion: "1" }),
            () => client.request(APIS.listOffsets, 7, { topics: [] }),
            () => fetch(client, { topic: "t" }, { maxWaitMs: simulation.random.between(0, 20) }),
            () => produce(client, { topic: "t" }, [{ value: Buffer.alloc(simulation.random.between(0, 3000)) }]),
          ]);
          asked.push(ask());
        }
        await Promise.all(asked);
      },
      { seed },
    );
  }
});

test("a request is the same in one piece, in single bytes, and with others in one piece", async () => {
  await withBroker(async ({ connectRaw, until, pass }) => {
    const client = new RawClient(connectRaw());
    const one = requestBytes(APIS.apiVersions, 0, {}, 1);
    for (const byte of one) {
      client.send(Buffer.of(byte));
      await pass(3);
    }
    client.send(
      Buffer.concat(Array.from({ length: 20 }, (_, index) => requestBytes(APIS.apiVersions, 0, {}, 2 + index))),
    );
    await until(() => client.frames().length === 21);
    for (let frame = 0; frame < 21; frame += 1) {
      const { correlationId, body } = client.answer(APIS.apiVersions, 0, frame);
      assert.equal(correlationId, 1 + frame);
      assert.deepEqual(body.apiKeys, OFFERED);
    }
  });
});

test("hazard: an ApiVersions version that is unknown is answered in version 0 with error 35 and its correlation id", async () => {
  await withBroker(async ({ connectRaw, until }) => {
    const client = new RawClient(connectRaw());
    const body = Buffer.from("\x09librdkafka"); // some body of a version to come
    const asked = [5, 99, 0x7fff].map((version, index) =>
      headerBytes(18, version, 100 + index, Buffer.concat([NO_TAGS, body])),
    );
    client.send(...asked.map((bytes) => frameOf(bytes)), frameOf(headerBytes(18, -1, 103)));
    client.send(requestBytes(APIS.apiVersions, 0, {}, 104));
    await until(() => client.frames().length === 5);
    for (let frame = 0; frame < 4; frame += 1) {
      const answer = client.answer(APIS.apiVersions, 0, frame);
      assert.equal(answer.correlationId, 100 + frame);
      assert.equal(answer.body.errorCode, ErrorCode.UNSUPPORTED_VERSION);
      assert.deepEqual(answer.body.apiKeys, OFFERED, "so that the client can ask again");
    }
    assert.equal(client.answer(APIS.apiVersions, 0, 4).body.errorCode, ErrorCode.NONE);
    assert.equal(client.closed, false);
  });
});

test("versions that are not offered end the connection, with one line", async () => {
  await withBroker(async (world) => {
    for (const { apiKey, minVersion, maxVersion } of OFFERED) {
      if (apiKey === APIS.apiVersions.key) continue;
      // Produce is listed from 0 on for the sake of librdkafka, see handlers.ts.
      const tooOld = apiKey === APIS.produce.key ? 2 : minVersion - 1;
      for (const version of [tooOld, maxVersion + 1, -1, 0x7fff]) {
        await assertRefused(world, frameOf(headerBytes(apiKey, version, 1, NO_TAGS)), /version -?\d+ is not offered/);
      }
    }
  });
});

test("APIs that are not offered end the connection, with one line", async () => {
  await withBroker(async (world) => {
    for (const apiKey of [4, 7, UNKNOWN_API, -1]) {
      await assertRefused(world, frameOf(headerBytes(apiKey, 0, 1)), new RegExp(`API key ${apiKey} is not offered`));
    }
  });
});

test("hazard: a frame that is too large, or of a negative size, ends its connection, and nothing is allocated for it", async () => {
  const options = { settings: { "socket.request.max.bytes": "1000" } };
  await withBroker(async (world) => {
    for (const size of [1001, 2 ** 31 - 1, -1, -(2 ** 31), 0x47455420 /* "GET " */]) {
      await assertRefused(world, frameOf(Buffer.from("anything"), size), /a frame of -?\d+ bytes .* \(1000\)/);
    }
    const client = new RawClient(world.connectRaw());
    const largest = frameOf(headerBytes(18, 99, 7, Buffer.concat([NO_TAGS, Buffer.alloc(1000 - 11)])));
    client.send(largest);
    await world.until(() => client.frames().length === 1);
  }, options);
});

test("nonsense in a frame of good size ends its connection", async () => {
  await withBroker(async (world) => {
    const good = requestBytes(APIS.metadata, 9, { topics: [{ name: "t" }] }).subarray(4);
    const wrongs: Readonly<Record<string, Buffer>> = {
      nothing: Buffer.alloc(0),
      "half a header": good.subarray(0, 3),
      "a header without its end": good.subarray(0, 9),
      "a body without its end": good.subarray(0, -1),
      "bytes behind the body": Buffer.concat([good, Buffer.of(0)]),
      "a client id longer than the frame": Buffer.concat([headerBytes(3, 1, 1).subarray(0, 8), Buffer.of(0x7f, 0xff)]),
      "an array longer than the frame": Buffer.concat([headerBytes(3, 1, 1), Buffer.of(0x7f, 0xff, 0xff, 0xff)]),
    };
    for (const bytes of Object.values(wrongs)) await assertRefused(world, frameOf(bytes), /malformed request/);
  });
});

test("what comes behind nonsense is not done any more, although it has arrived", async () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    await withBroker(
      async ({ broker, connectRaw, until }) => {
        const client = new RawClient(connectRaw());
        const topics = [{ name: "t", numPartitions: 1, replicationFactor: 1 }];
        client.send(Buffer.concat([frameOf(Buffer.alloc(3)), requestBytes(APIS.createTopics, 7, { topics })]));
        await until(() => client.closed);
        assert.equal(broker.store.state.topicCount, 0);
      },
      { seed },
    );
  }
});

test("a peer that ends in the middle of a frame is forgotten, with its memory", async () => {
  await withBroker(async ({ broker, connect, connectRaw, until }) => {
    for (const bytes of [Buffer.of(0, 0), frameOf(Buffer.alloc(50), 100), frameOf(Buffer.alloc(70_000), 90_000)]) {
      const client = new RawClient(connectRaw());
      client.send(bytes);
      client.connection.shutdown();
      await until(() => client.closed);
      assert.equal(broker.requestBytes, 0);
    }
    await assertAnswers(connect());
  });
});

test("a request that does not come to its end is given up, with one line", async () => {
  await withBroker(async ({ broker, connectRaw, lines, until, pass }) => {
    const client = new RawClient(connectRaw());
    client.send(frameOf(Buffer.alloc(10), 1000));
    await until(() => broker.requestBytes === 1000);
    await pass(20_000);
    client.send(Buffer.alloc(10));
    await until(() => client.closed);
    assert.equal(broker.requestBytes, 0);
    assert.deepEqual(lines.length, 1);
    assert.match(lines[0]!, /a request of 1000 bytes did not arrive/);
  });
});

test("a request that stops coming makes room within seconds when others wait for memory", async () => {
  const settings = { "queued.max.request.bytes": "262144", "socket.request.max.bytes": "262144" };
  await withBroker(
    async ({ broker, connect, connectRaw, until, simulation, lines }) => {
      await createTopic(connect(), "t");
      const stalled = new RawClient(connectRaw());
      stalled.send(frameOf(Buffer.alloc(10), 200_000));
      await until(() => broker.requestBytes === 262_144);
      const began = simulation.nowMs;
      await produce(connect(), { topic: "t" }, [{ value: Buffer.alloc(150_000) }]);
      assert.ok(simulation.nowMs - began < 12_000, `${simulation.nowMs - began} ms`);
      assert.match(lines[0]!, /a request of 200000 bytes did not arrive within 5000 ms/);
    },
    { settings },
  );
});

test("large requests share their memory in order of arrival, and all are answered", async () => {
  const settings = { "queued.max.request.bytes": "262144", "socket.request.max.bytes": "262144" };
  for (let seed = 1; seed <= 5; seed += 1) {
    await withBroker(
      async ({ broker, connect, pass }) => {
        await createTopic(connect(), "t", { partitions: 8 });
        let most = 0;
        let done = false;
        const watch = async (): Promise<void> => {
          while (!done) {
            most = Math.max(most, broker.requestBytes);
            await pass(0.1);
          }
        };
        const produced = Array.from({ length: 8 }, (_, partition) =>
          produce(connect(), { topic: "t", partition }, [{ value: Buffer.alloc(150_000, partition) }]),
        );
        const watching = watch();
        for (const { errorCode } of await Promise.all(produced)) assert.equal(errorCode, ErrorCode.NONE);
        done = true;
        await watching;
        assert.ok(most === 262_144, `${most} bytes`);
      },
      { seed, settings },
    );
  }
});

test("a large request that does not come holds up other large ones until it is given up, and no small one", async () => {
  const settings = { "queued.max.request.bytes": "262144", "socket.request.max.bytes": "262144" };
  await withBroker(
    async ({ broker, connect, connectRaw, until, simulation }) => {
      await createTopic(connect(), "t");
      const stalled = new RawClient(connectRaw());
      stalled.send(frameOf(Buffer.alloc(10), 200_000));
      await until(() => broker.requestBytes === 262_144);
      const waiting = produce(connect(), { topic: "t" }, [{ value: Buffer.alloc(150_000) }]);
      const began = simulation.nowMs;
      // In whatever pieces they come: the simulation cuts them anywhere.
      for (let number = 0; number < 50; number += 1) await assertAnswers(connect());
      await produce(connect(), { topic: "t" }, [{ value: Buffer.alloc(500) }]);
      assert.ok(simulation.nowMs - began < 5000, `${simulation.nowMs - began} ms`);
      assert.equal((await waiting).errorCode, ErrorCode.NONE);
      assert.equal(stalled.closed, true);
    },
    { settings },
  );
});

test("whoever leaves while its request waits for memory makes room for the next", async () => {
  const settings = { "queued.max.request.bytes": "262144", "socket.request.max.bytes": "262144" };
  await withBroker(
    async ({ broker, connect, connectRaw, until, pass }) => {
      await createTopic(connect(), "t");
      const first = new RawClient(connectRaw());
      first.send(frameOf(Buffer.alloc(10), 150_000));
      await until(() => broker.requestBytes === 262_144);
      const second = new RawClient(connectRaw());
      second.send(frameOf(Buffer.alloc(10), 150_000));
      await pass(20);
      second.connection.reset();
      await pass(20);
      first.connection.reset();
      await until(() => broker.requestBytes === 0);
      assert.equal((await produce(connect(), { topic: "t" }, [{ value: Buffer.alloc(150_000) }])).errorCode, 0);
    },
    { settings },
  );
});

test("acks=0 has no answer; its records are there, and what is asked behind it is answered", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    const partitionData = [{ index: 0, records: [encodeBatch([{ value: "unheard" }])] }];
    client.post(APIS.produce, 9, { acks: 0, timeoutMs: 0, topicData: [{ name: "t", partitionData }] });
    await assertAnswers(client);
    assert.deepEqual(recordsOf(await fetch(client, { topic: "t" }, { maxWaitMs: 1000 })), [[0, "unheard"]]);
  });
});

test("acks=0 that fails ends the connection, the only sign there can be; what was asked before is answered", async () => {
  await withBroker(async ({ connect, lines, until }) => {
    const client = connect();
    const answered = assertAnswers(client);
    const partitionData = [{ index: 0, records: [encodeBatch([{ value: "lost" }])] }];
    client.post(APIS.produce, 9, { acks: 0, timeoutMs: 0, topicData: [{ name: "unknown", partitionData }] });
    await answered.catch(() => undefined);
    await until(() => !client.isOpen);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /a produce request with acks=0 failed/);
  });
});

test("a client that takes no answers is not read from any more, and given up in the end", async () => {
  await withBroker(async ({ broker, connect, connectRaw, lines, until, pass }) => {
    const other = connect();
    await createTopic(other, "t");
    await produce(other, { topic: "t" }, [{ value: Buffer.alloc(500_000) }]);
    const client = new RawClient(connectRaw());
    client.connection.pause();
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }];
    const body = { maxWaitMs: 0, minBytes: 1, topics: [{ topic: "t", partitions }] };
    for (let number = 0; number < 20_000; number += 1) client.send(requestBytes(APIS.fetch, 12, body, number));
    await pass(5000);
    assert.ok(client.connection.unsentBytes > 0, "the broker has stopped reading");
    await assertAnswers(other);
    await until(() => client.closed || broker.connectionCount === 1);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /it took no answer/);
  });
});

test("hazard: thousands of requests in one piece are handled as fast as their answers are taken, and no faster", async () => {
  await withBroker(async ({ broker, connect, connectRaw, until, pass }) => {
    await createTopic(connect(), "t", { partitions: 200 });
    const client = new RawClient(connectRaw());
    client.connection.pause();
    let handled = 0;
    const whenCommitted = broker.store.whenCommitted.bind(broker.store);
    broker.store.whenCommitted = (position, release) => {
      handled += 1;
      whenCommitted(position, release);
    };
    const count = 500;
    const requests = Array.from({ length: count }, (_, id) => requestBytes(APIS.metadata, 1, { topics: null }, id));
    client.send(Buffer.concat(requests));
    await pass(1000);
    assert.ok(handled > 0 && handled <= 128, `${handled} were handled for a client that takes nothing`);
    client.connection.resume();
    await until(() => client.frames().length === count);
    client.frames().forEach((frame, id) => assert.equal(frame.readInt32BE(0), id));
  });
});

test("a connection that nobody uses is closed after connections.max.idle.ms, one with a waiting fetch is not", async () => {
  const settings = { "connections.max.idle.ms": "20000" };
  await withBroker(
    async ({ connect, until, pass, lines }) => {
      const busy = connect();
      const idle = connect();
      await createTopic(busy, "t");
      await assertAnswers(idle);
      const waiting = fetch(busy, { topic: "t" }, { maxWaitMs: 60_000 });
      await until(() => !idle.isOpen);
      await pass(20_000);
      assert.equal(busy.isOpen, true);
      await waiting;
      assert.deepEqual(lines, []);
    },
    { settings },
  );
});

test("connections over max.connections are closed as they come, and there is room again when others leave", async () => {
  await withBroker(
    async ({ connect, connectRaw, lines, until, broker }) => {
      const first = connect();
      const second = connect();
      await assertAnswers(first);
      await assertAnswers(second);
      const third = new RawClient(connectRaw());
      await until(() => third.closed);
      assert.equal(lines.length, 1);
      assert.match(lines[0]!, /max\.connections \(2\)/);
      first.close();
      await until(() => broker.connectionCount === 1);
      await assertAnswers(connect());
    },
    { settings: { "max.connections": "2" } },
  );
});

test("what waits to be synced is bounded: beyond wal.max.pending.bytes producers are not read from", async () => {
  const settings = { "wal.max.pending.bytes": "1048576" };
  for (let seed = 1; seed <= 2; seed += 1) {
    await withBroker(
      async ({ broker, connect, pass }) => {
        await createTopic(connect(), "t");
        let most = 0;
        let done = false;
        const watch = async (): Promise<void> => {
          while (!done) {
            most = Math.max(most, broker.store.wal.pendingBytes);
            await pass(0.1);
          }
        };
        const value = Buffer.alloc(900_000);
        const clients = Array.from({ length: 8 }, () => connect());
        const produced = Array.from({ length: 32 }, (_, number) =>
          produce(clients[number % clients.length]!, { topic: "t" }, [{ value }]),
        );
        const watching = watch();
        await Promise.all(produced);
        done = true;
        await watching;
        // Each connection is held back behind the request that went beyond.
        assert.ok(most > 1_048_576 && most < 1_048_576 + clients.length * 901_000, `${most} bytes`);
      },
      { seed, settings, quickWrites: false },
    );
  }
});

test("a broker that stops answers what it was asked, the waiting fetch too, and closes the connections", async () => {
  await withBroker(async ({ connect, running, broker, until, simulation }) => {
    const client = connect();
    await createTopic(client, "t");
    const producer = connect();
    await assertAnswers(producer);
    const waiting = fetch(client, { topic: "t" }, { maxWaitMs: 60_000 });
    await until(() => broker.parkedFetches.size === 1);
    const produced = produce(producer, { topic: "t" }, [{ value: "last" }]);
    await until(() => broker.store.wal.pendingBytes > 0);
    const began = simulation.nowMs;
    await running.stop();
    assert.equal((await produced).errorCode, ErrorCode.NONE);
    assert.equal((await waiting).errorCode, ErrorCode.NONE);
    await until(() => !client.isOpen && !producer.isOpen);
    assert.ok(simulation.nowMs - began < 1000, `${simulation.nowMs - began} ms`);
  });
});
