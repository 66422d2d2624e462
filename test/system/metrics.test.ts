/** The metrics of a real broker, over HTTP, while requests are under way and after them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { encodeBatch } from "../../src/protocol/record.ts";
import { createTopic, fetch, produceBytes } from "../broker/broker-simulation.ts";
import { Exposition } from "../http/exposition.ts";
import { type BrokerProcess, startProcess } from "./broker-process.ts";

const CLIENTS = 8;
const REQUESTS_OF_EACH = 100;
const T = { topic: "t" };

const root = mkdtempSync(path.join(tmpdir(), "chronik-metrics-"));
after(() => rmSync(root, { recursive: true }));

async function scrape(broker: BrokerProcess): Promise<Exposition> {
  const response = await globalThis.fetch(`${broker.healthUrl}/metrics`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  return new Exposition(await response.text());
}

test("hazard: metrics are answered while requests are under way, and say exactly what happened", async () => {
  const broker = await startProcess(path.join(root, "data"));
  assert.match(broker.stdout, /^health is on \S+ and \/readyz, metrics are on \/metrics$/m);
  const clients = Array.from({ length: CLIENTS }, () => broker.connect());
  await createTopic(clients[0]!, "t", { partitions: CLIENTS });
  const batch = encodeBatch([{ value: "a" }, { value: "b" }, { value: "c" }]);
  let isDone = false;
  const traffic = Promise.all(
    clients.map(async (client, partition) => {
      for (let request = 0; request < REQUESTS_OF_EACH; request += 1) {
        const { errorCode } = await produceBytes(client, { ...T, partition }, batch);
        assert.equal(errorCode, 0);
      }
    }),
  ).then(() => {
    isDone = true;
  });
  let scraped = await scrape(broker);
  for (let scrapes = 0; scrapes < 10 || !isDone; scrapes += 1) {
    const next = await scrape(broker);
    assert.deepEqual(next.shrunkSince(scraped), []);
    scraped = next;
  }
  await traffic;
  let fetchedBytes = 0;
  for (const [partition, client] of clients.entries()) {
    const { records } = await fetch(client, { ...T, partition });
    fetchedBytes += Buffer.concat(records ?? []).length;
  }
  const all = await scrape(broker);
  assert.deepEqual(all.shrunkSince(scraped), []);
  const requests = CLIENTS * REQUESTS_OF_EACH;
  const records = "kafka_server_brokertopicmetrics";
  assert.equal(all.value(`${records}_messagesin_total`), 3 * requests);
  assert.equal(all.value(`${records}_messagesin_total`, T), 3 * requests);
  assert.equal(all.value(`${records}_bytesin_total`, T), batch.length * requests);
  assert.equal(all.value(`${records}_bytesout_total`, T), fetchedBytes);
  assert.equal(fetchedBytes, batch.length * requests, "all of it was fetched");
  const produce = { request: "Produce" };
  assert.equal(all.value("kafka_network_requestmetrics_requests_total", { ...produce, version: "12" }), requests);
  assert.equal(all.value("kafka_network_requestmetrics_errors_total", { ...produce, error: "NONE" }), requests);
  assert.equal(all.value("chronik_request_duration_seconds_count", produce), requests);
  assert.equal(all.value("chronik_request_durability_wait_seconds_count", produce), requests);
  assert.equal(all.value("kafka_server_socket_server_metrics_connection_count"), CLIENTS);
  assert.equal(all.value("chronik_wal_undurable_bytes"), 0);
  assert.equal(all.value("chronik_recovery_replayed_bytes"), 0);
  assert.equal(all.value("chronik_recovery_warnings"), 0);
  assert.ok(all.value("process_cpu_seconds_total")! > 0);
  assert.ok(all.value("process_resident_memory_bytes")! > 10e6);
  assert.notEqual(all.value("chronik_event_loop_delay_seconds_count"), undefined);
  assert.ok(all.series("nodejs_gc_duration_seconds_count").length > 0);
  const appended = all.value("chronik_wal_appended_bytes_total")!;
  broker.kill("SIGKILL");
  await broker.exit;

  const next = await startProcess(path.join(root, "data"));
  const recovered = await scrape(next);
  assert.equal(recovered.value("chronik_recovery_replayed_bytes"), appended);
  assert.ok(recovered.value("chronik_recovery_duration_seconds")! > 0);
  assert.equal(recovered.value(`${records}_messagesin_total`), 0, "counters begin anew");
  await next.stop();
});
