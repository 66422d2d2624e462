/** The broker as a process: how it starts, stops, is killed, and says what is wrong. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { ConnectionLost } from "../../sim/kafka-client.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { createTopic, fetch, produce, readAll, recordsOf } from "../broker/broker-simulation.ts";
import { type BrokerProcess, runToExit, startProcess } from "./broker-process.ts";

const T = { topic: "t" };
const root = mkdtempSync(path.join(tmpdir(), "chronik-system-"));
after(() => rmSync(root, { recursive: true }));

let folders = 0;
function newFolder(): string {
  folders += 1;
  return path.join(root, String(folders));
}

/** What a start after a kill may say: that it removes a segment that was being written, and how far it is when it takes a while. */
const RECOVERY =
  /^(?:segments\/\S+ belongs to nothing, an interrupted job left it: it is removed|recovering: \d+ of \d+ MiB of log read)\n/gm;

async function stops(broker: BrokerProcess): Promise<void> {
  const { code, signal, stderr } = await broker.stop();
  assert.deepEqual([code, signal, stderr.replaceAll(RECOVERY, "")], [0, null, ""]);
}

test("it says where it listens, where the data is, and how to send a first record; and all of it is so", async () => {
  const folder = newFolder();
  const broker = await startProcess(folder);
  const [, bootstrap] = await broker.said(/^send a record: .* kcat -b (\S+) -t events -P$/m);
  assert.equal(bootstrap, `127.0.0.1:${broker.port}`);
  assert.match(broker.stdout, new RegExp(`^data is in ${folder}$`, "m"));
  const client = broker.connect();
  const { brokers } = await client.request(APIS.metadata, 13, { topics: [{ name: "events" }] });
  assert.deepEqual(brokers, [{ nodeId: 1, host: "127.0.0.1", port: broker.port, rack: null }]);
  await produce(client, { topic: "events" }, [{ value: "hello" }]);
  assert.deepEqual(recordsOf(await fetch(client, { topic: "events" })), [[0, "hello"]]);
  client.close();
  await stops(broker);
});

test("/healthz and /readyz answer, anything else is not found", async () => {
  const broker = await startProcess(newFolder());
  for (const [name, status] of [
    ["healthz", 200],
    ["readyz", 200],
    ["other", 404],
  ] as const) {
    const response = await globalThis.fetch(`${broker.healthUrl}/${name}`);
    assert.equal(response.status, status, name);
    await response.text();
  }
  await stops(broker);
});

test("SIGTERM answers what was asked, a waiting fetch too, and ends with 0", async () => {
  const folder = newFolder();
  const broker = await startProcess(folder);
  const [idle, waiting, producer] = [broker.connect(), broker.connect(), broker.connect()];
  for (const name of ["t", "empty"]) await createTopic(idle, name);
  const longPoll = fetch(waiting, { topic: "empty" }, { maxWaitMs: 60_000 });
  const acknowledged: number[] = [];
  const busy = Promise.withResolvers<void>();
  const traffic = (async () => {
    for (;;) {
      acknowledged.push((await produce(producer, T, [{ value: `${acknowledged.length}` }])).baseOffset);
      if (acknowledged.length === 50) busy.resolve(); // by now the fetch is waiting too
    }
  })();
  const lost = assert.rejects(traffic, { name: "ConnectionLost" });
  await busy.promise;
  await stops(broker);
  assert.deepEqual(recordsOf(await longPoll), []);
  await lost;

  const next = await startProcess(folder);
  const records = await readAll(next.connect(), T);
  assert.deepEqual(
    records.slice(0, acknowledged.length),
    acknowledged.map((offset, index) => [offset, `${index}`]),
  );
  await stops(next);
});

test("SIGINT ends it in good order too", async () => {
  const broker = await startProcess(newFolder());
  broker.kill("SIGINT");
  assert.equal((await broker.exit).code, 0);
});

test("hazard: a second broker on a data folder is refused, and let in when the first was killed", async () => {
  const folder = newFolder();
  const first = await startProcess(folder);
  const refused = await runToExit(["--data-dir", folder, "--port", "0", "--set", "http.port=-1"]);
  assert.equal(refused.code, 1);
  assert.equal(refused.stdout, "");
  assert.match(
    refused.stderr,
    /^chronik: data folder .* is in use by another process: stop that one, or give .*--data-dir\n$/,
  );
  await createTopic(first.connect(), "t");
  first.kill("SIGKILL");
  assert.equal((await first.exit).signal, "SIGKILL");

  const second = await startProcess(folder);
  const { topics } = await second.connect().request(APIS.metadata, 13, { topics: null });
  assert.deepEqual(
    topics.map(({ name }) => name),
    ["t"],
  );
  const again = await runToExit(["--data-dir", folder, "--port", "0", "--set", "http.port=-1"]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /in use by another process/);
  await stops(second);
});

test("a port that is in use is named, with what to do; so is that of HTTP", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise<void>((resolve) => void server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  for (const args of [
    ["--port", String(port), "--set", "http.port=-1"],
    ["--port", "0", "--set", `http.port=${port}`],
  ]) {
    const { code, stderr } = await runToExit(["--data-dir", newFolder(), ...args]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      new RegExp(`^chronik: cannot .* 127\\.0\\.0\\.1:${port}.*: the address is in use .*another port\\n$`),
    );
  }
  server.close();
});

test("data that cannot be used is named, with what to do", async () => {
  const file = newFolder();
  writeFileSync(file, "not a folder");
  const noFolder = await runToExit(["--data-dir", file, "--port", "0"]);
  assert.equal(noFolder.code, 1);
  assert.match(
    noFolder.stderr,
    new RegExp(
      `^chronik: cannot use data folder ${file}: it is a file .*: give a folder, or move that file out of the way\n$`,
    ),
  );
  const inTheWay = newFolder();
  await (await startProcess(inTheWay)).stop();
  rmSync(path.join(inTheWay, "wal"), { recursive: true });
  writeFileSync(path.join(inTheWay, "wal"), "not a folder");
  const noLog = await runToExit(["--data-dir", inTheWay, "--port", "0"]);
  assert.equal(noLog.code, 1);
  assert.match(noLog.stderr, /^chronik: cannot .*wal.*\n$/);
});

test("hazard: kill -9 in the middle of traffic loses nothing that was acknowledged, and doubles nothing", async () => {
  const folder = newFolder();
  const acknowledged = new Map<number, string>();
  let id = 0;
  for (let life = 0; life < 3; life += 1) {
    const broker = await startProcess(folder);
    const clients = Array.from({ length: 4 }, () => broker.connect());
    if (life === 0) await createTopic(clients[0]!, "t");
    const traffic = clients.map(async (client) => {
      for (;;) {
        const value = `${id++}`;
        const { errorCode, baseOffset } = await produce(client, T, [{ value }]);
        assert.equal(errorCode, 0);
        assert.equal(acknowledged.has(baseOffset), false, `offset ${baseOffset} was given out twice`);
        acknowledged.set(baseOffset, value);
        if (acknowledged.size === (life + 1) * 200) broker.kill("SIGKILL");
      }
    });
    for (const ended of await Promise.allSettled(traffic)) {
      assert.equal(ended.status === "rejected" && ended.reason instanceof ConnectionLost, true, String(ended.status));
    }
    assert.equal((await broker.exit).signal, "SIGKILL");
  }
  const broker = await startProcess(folder);
  const records = await readAll(broker.connect(), T);
  assert.deepEqual(
    records.map(([offset]) => offset),
    records.map((_, index) => index),
    "no hole",
  );
  assert.equal(new Set(records.map(([, value]) => value)).size, records.length, "nothing twice");
  for (const [offset, value] of acknowledged) assert.deepEqual(records[offset], [offset, value]);
  await stops(broker);
});
