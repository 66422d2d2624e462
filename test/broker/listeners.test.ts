/** Several listeners on real sockets: each sends its clients to its own address. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { KafkaClient } from "../../sim/kafka-client.ts";
import { type RunningBroker, startBroker } from "../../src/broker/start.ts";
import { loadSettings } from "../../src/config/load.ts";
import { createNodeClock } from "../../src/io/node-clock.ts";
import { createNodeDisk } from "../../src/io/node-disk.ts";
import { createNodeNetwork } from "../../src/io/node-network.ts";
import { createNodeRandom } from "../../src/io/node-random.ts";
import type { Address } from "../../src/ports/network.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { versionsOf } from "./admin-broker.ts";

const LISTENERS = {
  listeners: "INSIDE://127.0.0.1:0,HOST://127.0.0.1:0,BOTH://[::1]:0",
  "advertised.listeners": "INSIDE://chronik:29092,HOST://localhost:0",
  "listener.security.protocol.map": "INSIDE:PLAINTEXT,HOST:PLAINTEXT,BOTH:PLAINTEXT",
};

/** What clients of each listener are told, port 0 being that of the listener. */
const TOLD = [
  { host: "chronik", port: 29092 },
  { host: "localhost", port: 0 },
  { host: "::1", port: 0 },
];

async function withBroker(body: (running: RunningBroker) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "chronik-listeners-"));
  const set = Object.entries(LISTENERS).map(([key, value]) => `${key}=${value}`);
  const loaded = loadSettings({ set, flags: { dataDir: folder } });
  if ("errors" in loaded) throw new Error(loaded.errors.join("\n"));
  const running = await startBroker({
    ports: {
      clock: createNodeClock(),
      random: createNodeRandom(),
      disk: createNodeDisk(folder),
      network: createNodeNetwork(),
      storageWorker: { launch: () => assert.fail("there is nothing to store") },
    },
    settings: loaded.settings,
    log: () => undefined,
    fail: (error) => {
      throw error;
    },
  });
  try {
    await body(running);
  } finally {
    await running.stop();
    rmSync(folder, { recursive: true });
  }
}

function ignore(): void {}

function connectTo({ host, port }: Address): KafkaClient {
  const socket = connect(port, host);
  const connection = {
    onData: ignore as (bytes: Uint8Array) => void,
    onClosed: ignore,
    unsentBytes: 0,
    send: (bytes: Uint8Array): void => void socket.write(bytes),
    pause: (): void => void socket.pause(),
    resume: (): void => void socket.resume(),
    shutdown: (): void => void socket.end(),
    close: (): void => void socket.end(),
    reset: (): void => void socket.destroy(),
  };
  socket.on("data", (bytes: Buffer) => connection.onData(bytes));
  socket.on("close", () => connection.onClosed());
  return new KafkaClient(connection);
}

test("each listener answers with its own address, in every version", async () => {
  await withBroker(async ({ addresses }) => {
    for (const [index, address] of addresses.entries()) {
      const told = TOLD[index]!;
      const expected = { host: told.host, port: told.port === 0 ? address.port : told.port };
      const client = connectTo(address);
      for (const version of versionsOf(APIS.metadata)) {
        const { brokers } = await client.request(APIS.metadata, version, { topics: [] });
        assert.deepEqual(
          brokers.map(({ host, port }) => ({ host, port })),
          [expected],
        );
      }
      for (const version of versionsOf(APIS.describeCluster)) {
        const { brokers } = await client.request(APIS.describeCluster, version, {});
        assert.deepEqual(
          brokers.map(({ host, port }) => ({ host, port })),
          [expected],
        );
      }
      client.close();
    }
  });
});

test("what one listener's client writes, another's sees", async () => {
  await withBroker(async ({ addresses }) => {
    const [inside, host] = [connectTo(addresses[0]!), connectTo(addresses[1]!)];
    const topics = [{ name: "t", numPartitions: 1, replicationFactor: 1 }];
    await inside.request(APIS.createTopics, 7, { topics, timeoutMs: 1000 });
    const { topics: seen } = await host.request(APIS.metadata, 1, { topics: null });
    assert.deepEqual(
      seen.map(({ name }) => name),
      ["t"],
    );
    inside.close();
    host.close();
  });
});
