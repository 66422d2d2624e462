/**
 * Thousands of connections, and peers that hold back, send nonsense or never read: the broker serves all others, and its
 * memory stays within what its settings allow.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { SimRandom } from "../../sim/random.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { createTopic, fetch, produce, recordsOf } from "../broker/broker-simulation.ts";
import { requestBytes } from "../broker/raw-client.ts";
import { type BrokerProcess, startProcess } from "./broker-process.ts";

const MIB = 1024 * 1024;
const T = { topic: "t" };
/** Of a broker that has a little to do, everything included: code, heap, the tail cache below. */
const ORDINARY_BYTES = 200 * MIB;
const SETTINGS = ["--set", `wal.tail.cache.bytes=${16 * MIB}`, "--set", `queued.max.request.bytes=${100 * MIB}`];

const root = mkdtempSync(path.join(tmpdir(), "chronik-hostile-"));
after(() => rmSync(root, { recursive: true }));

class Peers {
  readonly #port: number;
  readonly sockets: Socket[] = [];
  closed = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** One more connection. It reads nothing unless told to. */
  async add(halfOpen = false): Promise<Socket> {
    const socket = connect({ host: "127.0.0.1", port: this.#port, allowHalfOpen: halfOpen });
    socket.pause();
    socket.on("error", () => undefined); // "close" follows
    socket.on("close", () => (this.closed += 1));
    await once(socket, "connect");
    this.sockets.push(socket);
    return socket;
  }

  leave(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

function frame(sizeBytes: number, ...parts: readonly Uint8Array[]): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(sizeBytes);
  return Buffer.concat([size, ...parts]);
}

/** The most memory that the process ever held; undefined where the system does not tell. */
function peakBytes(broker: BrokerProcess): number | undefined {
  if (process.platform !== "linux") return undefined;
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${broker.pid}/status`, "latin1"))![1]) * 1024;
}

async function assertServes(broker: BrokerProcess, value: string): Promise<void> {
  const client = broker.connect();
  const { errorCode, baseOffset } = await produce(client, T, [{ value }]);
  assert.equal(errorCode, 0);
  assert.deepEqual(recordsOf(await fetch(client, T, { offset: Number(baseOffset) })), [[Number(baseOffset), value]]);
  client.close();
}

async function withBroker(
  scenario: (broker: BrokerProcess, peers: Peers) => Promise<void>,
  allowedBytes = ORDINARY_BYTES,
): Promise<void> {
  const broker = await startProcess(mkdtempSync(path.join(root, "data-")), SETTINGS);
  const peers = new Peers(broker.port);
  try {
    const client = broker.connect();
    await createTopic(client, T.topic);
    client.close();
    await scenario(broker, peers);
    await assertServes(broker, "in the end");
    const peak = peakBytes(broker);
    assert.ok(peak === undefined || peak < allowedBytes, `it took ${peak} bytes`);
  } catch (error) {
    broker.kill("SIGKILL");
    throw error;
  } finally {
    peers.leave();
  }
  assert.equal((await broker.stop()).code, 0);
}

test("canary: a broker with more memory than it is allowed is found out", async (context) => {
  if (process.platform !== "linux") return context.skip("the system does not tell");
  await assert.rejects(
    withBroker(async () => undefined, 20 * MIB),
    /it took \d+ bytes/,
  );
});

test("2,000 connections: all are served, and 2,000 idle ones in the way of nobody", async () => {
  await withBroker(async (broker, peers) => {
    for (let count = 0; count < 2000; count += 1) await peers.add();
    await assertServes(broker, "among idle ones");
    const answers = peers.sockets.map((socket) => once(socket.resume(), "data"));
    const request = requestBytes(APIS.apiVersions, 3, { clientSoftwareName: "test", clientSoftwareVersion: "1" });
    for (const socket of peers.sockets) socket.write(request);
    await Promise.all(answers);
    assert.equal(peers.closed, 0);
  });
});

test("slow senders of large requests: nothing is held on their word, and small requests pass", async () => {
  await withBroker(async (broker, peers) => {
    for (let count = 0; count < 300; count += 1) {
      const socket = await peers.add();
      socket.write(frame(50 * MIB, Buffer.alloc(count % 200)));
    }
    await assertServes(broker, "past the slow");
    for (const socket of peers.sockets) socket.write(Buffer.of(0)); // a byte more, as they do
    await assertServes(broker, "and again");
  });
});

test("half-open connections are taken for gone", async () => {
  await withBroker(async (broker, peers) => {
    const closed: Promise<unknown>[] = [];
    for (let count = 0; count < 300; count += 1) {
      const socket = await peers.add(true);
      closed.push(once(socket.resume(), "close"));
      if (count % 2 === 0) socket.write(frame(100, Buffer.alloc(10)));
      socket.end();
    }
    await assertServes(broker, "beside them");
    await Promise.all(closed);
  });
});

test("readers that never read: what waits for them is bounded, however much they ask for", async () => {
  const value = Buffer.alloc(900_000, "v");
  await withBroker(
    async (broker, peers) => {
      const client = broker.connect();
      for (let count = 0; count < 40; count += 1) await produce(client, T, [{ value }]);
      client.close();
      const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 50 * MIB }];
      const body = { minBytes: 1, maxBytes: 50 * MIB, topics: [{ topic: T.topic, partitions }] };
      const ask = requestBytes(APIS.fetch, 11, body);
      for (let count = 0; count < 50; count += 1) {
        const socket = await peers.add();
        for (let times = 0; times < 20; times += 1) socket.write(ask);
      }
      for (let count = 0; count < 20; count += 1) await assertServes(broker, `${count}`);
    },
    ORDINARY_BYTES + 100 * MIB,
  );
});

test("any bytes on any connection: the sender is cut off at most, others are served", async () => {
  const random = new SimRandom(1, "nonsense");
  await withBroker(async (broker, peers) => {
    const apis = Object.values(APIS);
    for (let count = 0; count < 1000; count += 1) {
      const socket = await peers.add();
      socket.resume();
      const body = Buffer.from(random.bytes(random.between(0, 300)));
      // Half of them begin like a request of some API.
      if (random.chance(0.5) && body.length > 4) {
        body.writeInt16BE(random.pick(apis).key, 0);
        body.writeInt16BE(random.between(-1, 20), 2);
      }
      const size = random.chance(0.8) ? body.length : random.pick([-1, 2 ** 31 - 1, 0, body.length + 1, 200 * MIB]);
      socket.write(frame(size, body));
      if (count % 100 === 0) await assertServes(broker, `${count}`);
    }
  });
});
