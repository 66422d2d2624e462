import assert from "node:assert/strict";
import { test } from "node:test";
import { type BrokerSettings, loadSettings, type Sources } from "./load.ts";

interface Given {
  readonly file?: string;
  readonly set?: readonly string[];
  readonly flags?: Sources["flags"];
}

function load({ file, set = [], flags = {} }: Given) {
  return loadSettings({ ...(file === undefined ? {} : { file: { name: "my.properties", text: file } }), set, flags });
}

function settings(given: Given): BrokerSettings {
  const loaded = load(given);
  assert.ok("settings" in loaded, JSON.stringify(loaded));
  return loaded.settings;
}

function errors(given: Given): readonly string[] {
  const loaded = load(given);
  assert.ok("errors" in loaded);
  return loaded.errors;
}

test("nothing given is a broker on loopback, with its data below the current folder", () => {
  const { config, dataFolder, listeners, notices } = settings({});
  assert.equal(dataFolder, "./data");
  assert.deepEqual(listeners, [
    { name: "PLAINTEXT", host: "127.0.0.1", port: 9092, advertised: { host: "127.0.0.1", port: 9092 } },
  ]);
  assert.equal(config["node.id"], 1);
  assert.equal(config["wal.sync"], "always");
  assert.deepEqual(notices, []);
});

test("flags count more than --set, --set more than the file, the file more than the default", () => {
  const file = "num.partitions=2\nlog.dirs=from-file\nlisteners=PLAINTEXT://10.0.0.1:1";
  const set = ["num.partitions=3", "log.dirs=from-set", "listeners=PLAINTEXT://10.0.0.2:2"];
  const flags = { dataDir: "from-flag", host: "10.0.0.3" };
  assert.equal(settings({ file }).config["num.partitions"], 2);
  assert.equal(settings({ file, set }).config["num.partitions"], 3);
  assert.equal(settings({ file, set }).dataFolder, "from-set");
  const all = settings({ file, set, flags });
  assert.equal(all.dataFolder, "from-flag");
  assert.deepEqual(all.config.listeners, ["PLAINTEXT://10.0.0.3:2"]);
  assert.equal(all.layers.atStart.get("listeners"), "PLAINTEXT://10.0.0.3:2");
});

test("every mistake is told at once, with its place and what to do", () => {
  assert.deepEqual(
    errors({
      file: "log.retentoin.ms=1\n# fine\nnum.partitions=none\nretention.ms=5\nremote.storage.enable=false\nx=\\u1\n=1",
      set: ["nonsense", "wal.sync=never", "zookeeper.connect=localhost"],
    }),
    [
      "my.properties:6: \\u must be followed by four hexadecimal digits",
      "--set nonsense: give key=value",
      "my.properties:1: unknown setting log.retentoin.ms: did you mean log.retention.ms?",
      "my.properties:3: num.partitions=none is not valid: give a whole number, at least 1 (int)",
      "my.properties:4: retention.ms is a setting of topics, not of the broker: " +
        "set it on topics, or log.retention.ms for all of them",
      "my.properties:5: remote.storage.enable is a setting of topics, not of the broker: set it on topics",
      "my.properties:7: unknown setting : docs/configuration.md lists all there are",
      "--set: wal.sync=never is not valid: give one of always, interval (string)",
      "--set: unknown setting zookeeper.connect: docs/configuration.md lists all there are",
    ],
  );
});

test("settings that are right one by one can be wrong together", () => {
  const set = [
    "node.id=1",
    "broker.id=2",
    "log.dirs=a,b",
    "socket.request.max.bytes=200000000",
    "wal.group.max.bytes=8388608",
    "wal.segment.bytes=4194304",
    "log.retention.ms=0",
    "log.cleaner.min.compaction.lag.ms=2",
    "log.cleaner.max.compaction.lag.ms=1",
    "listeners=PLAINTEXT://0.0.0.0:1",
  ];
  assert.deepEqual(errors({ set }), [
    "node.id=1 and broker.id=2 are one setting: give one of them",
    "socket.request.max.bytes (200000000) is more than queued.max.request.bytes (134217728): raise the latter",
    "wal.group.max.bytes (8388608) is more than wal.segment.bytes (4194304): raise the latter",
    "conflict topic config setting min.compaction.lag.ms (2) > max.compaction.lag.ms (1)",
    "log.retention.ms is 0: give -1 (no limit) or at least 1",
    "log.dirs: all data lies in one folder: give one",
    "listener PLAINTEXT://0.0.0.0:1 takes connections on every address of this machine: say which address clients " +
      "can reach, for example --advertised-addr HOST or advertised.listeners=PLAINTEXT://HOST:1",
  ]);
});

test("a setting without meaning here is said once", () => {
  const file = "num.io.threads=8\nnum.network.threads=3\nssl.key.password=hunter2\nnum.partitions=1\nnum.partitions=2";
  const { notices, config } = settings({ file, set: ["num.io.threads=9", "listener.name.plaintext.ssl.protocol=x"] });
  assert.deepEqual(notices, [
    "my.properties:5: num.partitions counts, not the one of line 4",
    "no effect here: num.io.threads, num.network.threads (one thread serves all connections and requests)",
    "no effect here: ssl.key.password, listener.name.plaintext.ssl.protocol " +
      "(security is not part of this version yet: listeners are plaintext)",
  ]);
  assert.equal(config["num.partitions"], 2);
});

test("the file that Kafka comes with starts a broker", () => {
  const file = `
    process.roles=broker,controller
    node.id=1
    controller.quorum.bootstrap.servers=localhost:9093
    listeners=PLAINTEXT://:9092,CONTROLLER://:9093
    inter.broker.listener.name=PLAINTEXT
    advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
    controller.listener.names=CONTROLLER
    listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT
    num.network.threads=3
    num.io.threads=8
    socket.send.buffer.bytes=102400
    socket.receive.buffer.bytes=102400
    socket.request.max.bytes=104857600
    log.dirs=/tmp/kraft-combined-logs
    num.partitions=1
    num.recovery.threads.per.data.dir=1
    offsets.topic.replication.factor=1
    share.coordinator.state.topic.replication.factor=1
    share.coordinator.state.topic.min.isr=1
    transaction.state.log.replication.factor=1
    transaction.state.log.min.isr=1
    log.retention.hours=168
    log.segment.bytes=1073741824
    log.retention.check.interval.ms=300000`;
  const { listeners, dataFolder } = settings({ file });
  assert.deepEqual(listeners, [
    { name: "PLAINTEXT", host: "", port: 9092, advertised: { host: "localhost", port: 9092 } },
  ]);
  assert.equal(dataFolder, "/tmp/kraft-combined-logs");
});

test("the id has two names", () => {
  for (const set of [["node.id=7"], ["broker.id=7"], ["node.id=7", "broker.id=07"]]) {
    const { config } = settings({ set });
    assert.deepEqual([config["node.id"], config["broker.id"]], [7, 7]);
  }
});

test("sealing by age has older names", () => {
  const interval = (...set: string[]): number => settings({ set }).config["wal.indexing.interval.ms"];
  assert.equal(interval(), 30000);
  assert.equal(interval("wal_indexing_interval_secs=5"), 5000);
  assert.equal(interval("enable_wal_indexing=true"), 30000);
  assert.equal(interval("enable_wal_indexing=FALSE"), -1);
  assert.equal(interval("wal_indexing_interval_secs=5", "wal.indexing.interval.ms=7"), 7);
  assert.deepEqual(errors({ set: ["wal_indexing_interval_secs=0"] }), [
    "--set: wal_indexing_interval_secs=0 is not valid: give a whole number, at least 1 (int)",
  ]);
});

test("--host and --port change the listener", () => {
  const listeners = (flags: Sources["flags"], set: readonly string[] = []) => settings({ flags, set }).config.listeners;
  assert.deepEqual(listeners({ port: "0" }), ["PLAINTEXT://127.0.0.1:0"]);
  assert.deepEqual(listeners({ host: "::1", port: "1" }), ["PLAINTEXT://[::1]:1"]);
  assert.deepEqual(listeners({ host: "[::1]" }), ["PLAINTEXT://[::1]:9092"]);
  assert.deepEqual(listeners({ host: "0.0.0.0", advertisedAddr: "a" }, ["listeners=PLAINTEXT://b:1"]), [
    "PLAINTEXT://0.0.0.0:1",
  ]);
  assert.deepEqual(errors({ flags: { port: "x" } }), ["--port x is not valid: give a number between 0 and 65535"]);
  assert.deepEqual(errors({ flags: { host: "a b" } }), ["--host a b is not valid: give a host name or an address"]);
  assert.deepEqual(errors({ flags: { host: "" } }), ["--host  is not valid: give a host name or an address"]);
  assert.deepEqual(errors({ set: ["listeners=PLAINTEXT://a:1,OTHER://b:2"], flags: { port: "3" } }), [
    "--host and --port are for one listener: change listeners in their place",
    "listener OTHER has no protocol: add OTHER:PLAINTEXT to listener.security.protocol.map",
  ]);
});
