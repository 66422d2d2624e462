/** /metrics says exactly what happened, stays bounded, and answers whatever the log is doing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { httpRoutes } from "../../src/http/server.ts";
import type { Disk, SyncedFile } from "../../src/ports/disk.ts";
import { wrapped } from "../../src/ports/wrapped-disk.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { batchesOf, createTopic, fetch, produce, produceBytes, withBroker } from "../broker/broker-simulation.ts";
import { requestBytes } from "../broker/raw-client.ts";
import type { Exposition } from "./exposition.ts";
import { scrape, scrapeOf } from "./scrape.ts";

const MESSAGES_IN = "kafka_server_brokertopicmetrics_messagesin_total";
const BYTES_IN = "kafka_server_brokertopicmetrics_bytesin_total";
const BYTES_OUT = "kafka_server_brokertopicmetrics_bytesout_total";
const REQUESTS = "kafka_network_requestmetrics_requests_total";
const ERRORS = "kafka_network_requestmetrics_errors_total";
const LAG = "kafka_consumergroup_lag_sum";

test("records, their bytes and batches are counted as they were produced and fetched", async () => {
  await withBroker(async ({ connect, running }) => {
    const client = connect();
    await createTopic(client, "orders", { partitions: 2 });
    await createTopic(client, "payments");
    const three = encodeBatch([{ value: "a" }, { value: "b" }, { value: "c" }]);
    const one = encodeBatch([{ value: "d".repeat(1000) }]);
    await produceBytes(client, { topic: "orders" }, Buffer.concat([three, one]));
    await produceBytes(client, { topic: "orders", partition: 1 }, three);
    await produceBytes(client, { topic: "payments" }, one);
    const fetched = batchesOf(await fetch(client, { topic: "orders" }));
    await fetch(client, { topic: "orders" });
    const all = await scrape(running);
    const orders = { topic: "orders" };
    const payments = { topic: "payments" };
    assert.deepEqual(
      [all.value(MESSAGES_IN), all.value(MESSAGES_IN, orders), all.value(MESSAGES_IN, payments)],
      [8, 7, 1],
    );
    assert.equal(all.value(BYTES_IN), 2 * three.length + 2 * one.length);
    assert.equal(all.value(BYTES_IN, orders), 2 * three.length + one.length);
    assert.equal(all.value(BYTES_IN, payments), one.length);
    assert.equal(Buffer.concat(fetched).length, three.length + one.length);
    assert.equal(all.value(BYTES_OUT, orders), 2 * (three.length + one.length));
    assert.equal(all.value(BYTES_OUT), 2 * (three.length + one.length));
    assert.equal(all.value(BYTES_OUT, payments), 0);
    assert.equal(all.value("chronik_produced_batches_total"), 4);
    assert.equal(all.value("kafka_server_brokertopicmetrics_totalproducerequests_total"), 3);
    assert.equal(all.value("kafka_server_brokertopicmetrics_failedproducerequests_total"), 0);
    assert.equal(all.value("kafka_server_brokertopicmetrics_totalfetchrequests_total"), 2);
  });
});

test("requests are counted by API and version, errors by their code, also those that nobody is told of", async () => {
  await withBroker(async ({ connect, connectRaw, running, until }) => {
    const client = connect();
    await createTopic(client, "t");
    for (const version of [4, 12, 12]) {
      const topics = [{ name: "t" }, { name: "unknown" }];
      await client.request(APIS.metadata, version, { topics, allowAutoTopicCreation: false });
    }
    await produce(client, { topic: "unknown" }, [{ value: "v" }]);
    const partitionData = [{ index: 5, records: [encodeBatch([{ value: "v" }])] }];
    const unanswered = { acks: 0, timeoutMs: 100, topicData: [{ name: "t", partitionData }] };
    connectRaw().send(requestBytes(APIS.produce, 9, unanswered));
    await until(() => running.broker.metrics.connectionsRefused === 1);
    const all = await scrape(running);
    assert.equal(all.value(REQUESTS, { request: "Metadata", version: "4" }), 1);
    assert.equal(all.value(REQUESTS, { request: "Metadata", version: "12" }), 2);
    assert.equal(all.value(REQUESTS, { request: "Produce", version: "9" }), 1);
    assert.equal(all.value(REQUESTS, { request: "Fetch", version: "12" }), undefined);
    assert.equal(all.value(ERRORS, { request: "Metadata", error: "UNKNOWN_TOPIC_OR_PARTITION" }), 3);
    assert.equal(all.value(ERRORS, { request: "Produce", error: "UNKNOWN_TOPIC_OR_PARTITION" }), 2);
    assert.equal(all.value(ERRORS, { request: "Produce", error: "NONE" }), undefined);
    assert.equal(all.value(ERRORS, { request: "CreateTopics", error: "NONE" }), 1);
    assert.equal(all.value("kafka_server_brokertopicmetrics_failedproducerequests_total"), 2);
    assert.equal(all.value("kafka_server_socket_server_metrics_connection_creation_total"), 2);
    assert.equal(all.value("kafka_server_socket_server_metrics_connection_close_total"), 1);
    assert.equal(all.value("chronik_connections_refused_total"), 1);
    assert.equal(all.value("chronik_request_duration_seconds_count", { request: "Metadata" }), 3);
  });
});

test("bytes of connections are those of the frames", async () => {
  await withBroker(async ({ connectRaw, running, until }) => {
    const connection = connectRaw();
    let received = 0;
    connection.onData = (bytes) => void (received += bytes.length);
    const request = requestBytes(APIS.apiVersions, 3, {});
    connection.send(request);
    await until(() => received > 0);
    const all = await scrape(running);
    assert.equal(all.value("kafka_server_socket_server_metrics_incoming_byte_total"), request.length);
    assert.equal(all.value("kafka_server_socket_server_metrics_outgoing_byte_total"), received);
  });
});

/** A disk on which synced writes stop, and go on. */
class HeldDisk {
  #held: PromiseWithResolvers<void> | undefined;

  hold(): void {
    this.#held = Promise.withResolvers();
  }

  letGo(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  wrap(disk: Disk): Disk {
    return wrapped(disk, {
      syncedWrites: async (folder) => {
        const writes = await disk.syncedWrites(folder);
        const holding = (file: SyncedFile): SyncedFile => ({
          write: async (parts, position) => {
            await this.#held?.promise;
            await file.write(parts, position);
          },
          close: () => file.close(),
        });
        return {
          ...writes,
          create: async (name) => holding(await writes.create(name)),
          reuse: async (from, name) => holding(await writes.reuse(from, name)),
        };
      },
    });
  }
}

test("hazard: metrics are answered while the log hangs, and say so", async () => {
  const held = new HeldDisk();
  await withBroker(
    async ({ connect, running, pass }) => {
      const client = connect();
      await createTopic(client, "t");
      const before = await scrape(running);
      assert.equal(before.value("chronik_wal_undurable_bytes"), 0);
      held.hold();
      const answers = Array.from({ length: 20 }, (_, index) =>
        produce(client, { topic: "t" }, [{ value: `${index}` }]),
      );
      const waiting = client.request(APIS.fetch, 12, {
        maxWaitMs: 60_000,
        minBytes: 1,
        topics: [{ topic: "t", partitions: [{ partition: 0, partitionMaxBytes: 1000 }] }],
      });
      await pass(10_000);
      const during = await scrape(running);
      assert.ok(during.value("chronik_wal_undurable_bytes")! > 0);
      assert.equal(during.value("chronik_wal_waiting"), 40, "20 answers, and 20 moves of the high watermark");
      assert.equal(during.value("chronik_memory_used_bytes", { budget: "wal_pending" }), pendingBytes(during));
      assert.equal(during.value(MESSAGES_IN), 20, "appended");
      assert.equal(during.value("chronik_request_duration_seconds_count", { request: "Produce" }), 0);
      const parked = { delayedOperation: "Fetch" };
      assert.equal(during.value("kafka_server_delayedoperationpurgatory_purgatorysize", parked), 1);
      held.letGo();
      await Promise.all([...answers, waiting]);
      const after = await scrape(running);
      assert.equal(after.value("chronik_wal_undurable_bytes"), 0);
      assert.equal(after.value("chronik_wal_waiting"), 0);
      const produced = { request: "Produce" };
      assert.equal(after.value("chronik_request_duration_seconds_count", produced), 20);
      const [total, durability] = ["duration", "durability_wait"].map(
        (what) => after.value(`chronik_request_${what}_seconds_sum`, produced)!,
      );
      assert.ok(durability! >= 20 * 9.9, `${durability} s: each has waited for the log for nearly 10 s`);
      assert.ok(total! >= durability!);
      assert.equal(after.value("chronik_request_durability_wait_seconds_bucket", { ...produced, le: "5" }), 0);
      assert.ok(after.value("chronik_request_duration_seconds_sum", { request: "Fetch" })! >= 9.9);
      const writes = after.value("chronik_wal_write_duration_seconds_count")!;
      assert.equal(after.value("chronik_wal_group_bytes_count"), writes);
      assert.equal(after.value("chronik_wal_group_bytes_sum"), after.value("chronik_wal_appended_bytes_total"));
      assert.ok(after.value("chronik_wal_write_duration_seconds_sum")! >= 9.9);
    },
    { wrapDisk: (disk) => held.wrap(disk) },
  );
});

function pendingBytes(exposition: Exposition): number | undefined {
  return exposition.value("chronik_wal_undurable_bytes"); // the same, where every acknowledgement waits for the disk
}

test("with wal.sync=interval syncs are measured by themselves", async () => {
  await withBroker(
    async ({ connect, running, pass }) => {
      const client = connect();
      await createTopic(client, "t");
      await produce(client, { topic: "t" }, [{ value: "v" }]);
      await pass(1000);
      const all = await scrape(running);
      assert.ok(all.value("chronik_wal_sync_duration_seconds_count")! >= 2, "of the topic, and of the record later");
      assert.equal(all.value("chronik_wal_undurable_bytes"), 0);
    },
    { settings: { "wal.sync": "interval" } },
  );
});

test("topics beyond metrics.max.topics have no numbers of their own, until older ones are gone", async () => {
  await withBroker(
    async ({ connect, running }) => {
      const client = connect();
      for (const name of ["first", "second", "third"]) {
        await createTopic(client, name);
        await produce(client, { topic: name }, [{ value: name }]);
      }
      const named = async (): Promise<(string | undefined)[]> =>
        (await scrape(running)).series(MESSAGES_IN).map(({ labels }) => labels["topic"]);
      assert.deepEqual(await named(), [undefined, "first", "second"]);
      await client.request(APIS.deleteTopics, 6, { topics: [{ name: "first" }], timeoutMs: 1000 });
      assert.deepEqual(await named(), [undefined, "second", "third"]);
      assert.equal((await scrape(running)).value(MESSAGES_IN), 3, "of all topics, gone or not");
      const configs = [{ name: "metrics.max.topics", configOperation: 0, value: "0" }];
      const broker = { resourceType: 4, resourceName: "", configs };
      await client.request(APIS.incrementalAlterConfigs, 1, { resources: [broker] });
      assert.deepEqual(await named(), [undefined]);
    },
    { settings: { "metrics.max.topics": "2" } },
  );
});

test("the number of lines does not grow with partitions", async () => {
  await withBroker(async ({ connect, running }) => {
    const client = connect();
    await createTopic(client, "few");
    const few = await scrape(running);
    for (const name of ["many", "more"]) await createTopic(client, name, { partitions: 5000 });
    const many = await scrape(running);
    assert.equal(many.samples.length, few.samples.length);
    assert.equal(many.value("kafka_controller_kafkacontroller_globalpartitioncount"), 10_001);
    assert.equal(many.value("kafka_controller_kafkacontroller_globaltopiccount"), 3);
  });
});

const GROUP = 'a "group"\\ of\nmany';

test("lags are shown when they are asked for; a group's name can be anything", async () => {
  for (const limit of ["0", "1", "2"]) {
    await withBroker(
      async ({ connect, running }) => {
        const client = connect();
        for (const name of ["t", "u"]) {
          await createTopic(client, name, { partitions: 2 });
          for (const partition of [0, 1])
            await produce(client, { topic: name, partition }, [{ value: "a" }, { value: "b" }]);
        }
        const partitions = [
          { partitionIndex: 0, committedOffset: 2 },
          { partitionIndex: 1, committedOffset: 1 },
        ];
        const ahead = [{ partitionIndex: 0, committedOffset: 9 }];
        const topics = [
          { name: "t", partitions },
          { name: "u", partitions: ahead },
        ];
        await client.request(APIS.offsetCommit, 8, { groupId: GROUP, topics });
        const all = await scrape(running);
        const lags = all.series(LAG).map(({ labels, value }) => [labels, value]);
        const expected = [
          [{ consumergroup: GROUP, topic: "t" }, 1],
          [{ consumergroup: GROUP, topic: "u" }, 0],
        ];
        assert.deepEqual(lags, expected.slice(0, Number(limit)));
        assert.equal(all.value("kafka_coordinator_group_groupmetadatamanager_numgroups"), 1);
        assert.equal(all.value("chronik_groups", { protocol: "classic", state: "Empty" }), 1);
      },
      { settings: { "metrics.max.group.lags": limit } },
    );
  }
});

test("a scrape that fails is logged, and fails nobody else", async () => {
  await withBroker(async ({ connect, running }) => {
    const lines: string[] = [];
    let broken = true;
    const routes = httpRoutes({
      ready: () => true,
      scrape: () => {
        if (broken) throw new Error("no numbers today");
        return scrapeOf(running);
      },
      log: (line) => void lines.push(line),
    });
    assert.equal((await routes.request("/metrics")).status, 500);
    assert.deepEqual(lines, ["error: GET /metrics failed: no numbers today"]);
    assert.equal((await routes.request("/healthz")).status, 200);
    await createTopic(connect(), "t");
    broken = false;
    assert.equal((await routes.request("/metrics")).status, 200);
  });
});
