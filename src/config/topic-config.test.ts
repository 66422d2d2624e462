import assert from "node:assert/strict";
import { test } from "node:test";
import { type BrokerLayers, layersAtStart, resolveBroker } from "./broker-config.ts";
import { describeTopic, resolveTopic, topicConfigProblem, topicDefaults } from "./topic-config.ts";

const NOTHING_SET = layersAtStart(new Map());

function layers(texts: { [K in keyof BrokerLayers]?: Readonly<Record<string, string>> }): BrokerLayers {
  const map = (name: keyof BrokerLayers): ReadonlyMap<string, string> => new Map(Object.entries(texts[name] ?? {}));
  return { perBroker: map("perBroker"), clusterWide: map("clusterWide"), atStart: map("atStart") };
}

function overrides(texts: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(texts));
}

/** As kafka-configs prints a setting: `name=value synonyms={SOURCE:name=value, …}`. */
function printed(name: string, own: ReadonlyMap<string, string>, broker: BrokerLayers): string {
  const sources = ["", "TOPIC", "BROKER", "DEFAULT_BROKER", "STATIC", "DEFAULT"];
  const entry = describeTopic(own, broker).find((config) => config.name === name)!;
  const synonyms = entry.synonyms.map((synonym) => `${sources[synonym.source]}:${synonym.name}=${synonym.value}`);
  assert.equal(entry.source, entry.synonyms[0]?.source ?? 5);
  return `${entry.value} {${synonyms.join(", ")}}`;
}

test("what a topic does not set comes from the broker: this one's, all brokers', the file's, the default", () => {
  const retentionMs = (broker: BrokerLayers): number => topicDefaults(broker)["retention.ms"];
  const atStart = { "log.retention.hours": "1" };
  assert.equal(retentionMs(NOTHING_SET), 604_800_000);
  assert.equal(retentionMs(layers({ atStart })), 3_600_000);
  assert.equal(retentionMs(layers({ atStart: { ...atStart, "log.retention.minutes": "2" } })), 120_000);
  assert.equal(retentionMs(layers({ atStart, clusterWide: { "log.retention.ms": "3" } })), 3);
  const dynamic = { clusterWide: { "log.retention.ms": "3" }, perBroker: { "log.retention.ms": "4" } };
  assert.equal(retentionMs(layers(dynamic)), 4);
  assert.equal(resolveTopic(overrides({ "retention.ms": "5" }), topicDefaults(layers(dynamic)))["retention.ms"], 5);
});

test("a negative retention is no limit, in every unit", () => {
  for (const key of ["log.retention.ms", "log.retention.minutes", "log.retention.hours"]) {
    const broker = layers({ atStart: { [key]: "-7" } });
    assert.equal(topicDefaults(broker)["retention.ms"], -1, key);
    assert.match(printed("retention.ms", overrides({}), broker), /^-1 /, key);
  }
});

test("values beyond 2^53-1 are described with every digit", () => {
  const own = overrides({ "retention.ms": "9223372036854775807" });
  assert.equal(resolveTopic(own, topicDefaults(NOTHING_SET))["retention.ms"], Number.MAX_SAFE_INTEGER);
  assert.equal(
    printed("retention.ms", own, NOTHING_SET),
    "9223372036854775807 {TOPIC:retention.ms=9223372036854775807}",
  );
});

test("topics without settings of their own share one object", () => {
  const defaults = topicDefaults(NOTHING_SET);
  assert.equal(resolveTopic(new Map(), defaults), defaults);
  assert.notEqual(resolveTopic(overrides({ "retention.ms": "1" }), defaults), defaults);
  assert.equal(defaults["retention.ms"], 604_800_000);
});

// The answers of a Kafka 4.2 that was given the same settings.
test("settings are described as Kafka does", () => {
  const atStart = {
    "log.retention.hours": "24",
    "log.roll.ms": "3600000",
    "log.cleaner.min.cleanable.ratio": "0.70",
    "log.segment.delete.delay.ms": "060000",
  };
  const own = overrides({ "retention.bytes": "007", "cleanup.policy": "compact, delete", "segment.ms": "600000" });
  const print = (name: string): string => printed(name, own, layers({ atStart }));
  assert.equal(
    print("cleanup.policy"),
    "compact,delete {TOPIC:cleanup.policy=compact,delete, DEFAULT:log.cleanup.policy=delete}",
  );
  assert.equal(
    print("file.delete.delay.ms"),
    "60000 {STATIC:log.segment.delete.delay.ms=060000, DEFAULT:log.segment.delete.delay.ms=60000}",
  );
  assert.equal(
    print("min.cleanable.dirty.ratio"),
    "0.7 {STATIC:log.cleaner.min.cleanable.ratio=0.70, DEFAULT:log.cleaner.min.cleanable.ratio=0.5}",
  );
  assert.equal(print("retention.bytes"), "7 {TOPIC:retention.bytes=7, DEFAULT:log.retention.bytes=-1}");
  assert.equal(print("retention.ms"), "86400000 {}");
  assert.equal(
    print("segment.ms"),
    "600000 {TOPIC:segment.ms=600000, STATIC:log.roll.ms=3600000, DEFAULT:log.roll.hours=168}",
  );
  assert.equal(print("flush.ms"), "9223372036854775807 {}");
  assert.equal(print("remote.storage.enable"), "false {}");

  const clusterWide = { "log.retention.ms": "500000000", "log.flush.interval.ms": "1000" };
  const dynamic = layers({ atStart, clusterWide, perBroker: { "message.max.bytes": "2000000" } });
  assert.equal(
    printed("retention.ms", own, dynamic),
    "500000000 {DEFAULT_BROKER:log.retention.ms=500000000, STATIC:log.retention.hours=24, DEFAULT:log.retention.hours=168}",
  );
  assert.equal(
    printed("flush.ms", own, dynamic),
    "1000 {DEFAULT_BROKER:log.flush.interval.ms=1000, DEFAULT:log.flush.scheduler.interval.ms=9223372036854775807}",
  );
  assert.equal(
    printed("max.message.bytes", own, dynamic),
    "2000000 {BROKER:message.max.bytes=2000000, DEFAULT:message.max.bytes=1048588}",
  );
});

test("settings are refused with Kafka's messages", () => {
  const problem = (texts: Readonly<Record<string, string | null>>, broker = NOTHING_SET): string | null =>
    topicConfigProblem(new Map(Object.entries(texts)), broker);
  assert.equal(problem({ "retention.ms": "-1", "cleanup.policy": "compact" }), null);
  assert.equal(problem({ "retention.ms": "x", foo: "1" }), "Unknown topic config name: foo");
  assert.equal(
    problem({ "retention.ms": "x" }),
    "Invalid value x for configuration retention.ms: Not a number of type LONG",
  );
  assert.equal(
    problem({ "retention.ms": null, "segment.ms": null, "flush.ms": "1" }),
    "Null value not supported for topic configs: retention.ms,segment.ms",
  );
  assert.equal(
    problem({ "remote.storage.enable": "true" }),
    "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
  );
  const conflict = "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)";
  assert.equal(problem({ "min.compaction.lag.ms": "10", "max.compaction.lag.ms": "5" }), conflict);
  const broker = layers({ atStart: { "log.cleaner.max.compaction.lag.ms": "5" } });
  assert.equal(problem({ "min.compaction.lag.ms": "10" }, broker), conflict);
});

test("times that differ beyond 2^53-1 are compared exactly", () => {
  const lags = { "min.compaction.lag.ms": "9223372036854775807", "max.compaction.lag.ms": "9223372036854775806" };
  assert.match(topicConfigProblem(overrides(lags), NOTHING_SET)!, /^conflict topic config setting/);
});

test("a stored text that is refused today does not count", () => {
  const own = overrides({ "retention.ms": "-5", gone: "1" });
  assert.equal(resolveTopic(own, topicDefaults(NOTHING_SET))["retention.ms"], 604_800_000);
  assert.equal(printed("retention.ms", own, NOTHING_SET), "604800000 {}");
  assert.equal(resolveBroker(layers({ perBroker: { "message.max.bytes": "-5" } }))["message.max.bytes"], 1048588);
});
