import assert from "node:assert/strict";
import { test } from "node:test";
import { BROKER_SETTINGS, GROUP_SETTINGS, TOPIC_SETTINGS } from "./tables.ts";

/** What Kafka 4.2 makes of each text: `= text` as it describes the value, else its message behind the usual start. */
const KAFKA: readonly (readonly [key: string, text: string, outcome: string])[] = [
  ["retention.ms", "9223372036854775807", "= 9223372036854775807"],
  ["retention.ms", "9223372036854775808", "Not a number of type LONG"],
  ["retention.ms", "-1", "= -1"],
  ["retention.ms", "-2", "Value must be at least -1"],
  ["retention.ms", " +5 ", "= 5"],
  ["retention.ms", "007", "= 7"],
  ["retention.ms", "-0", "= 0"],
  ["retention.ms", "--1", "Not a number of type LONG"],
  ["retention.ms", "+-1", "Not a number of type LONG"],
  ["retention.ms", "", "Not a number of type LONG"],
  ["retention.ms", "1_000", "Not a number of type LONG"],
  ["retention.ms", "1.5", "Not a number of type LONG"],
  ["retention.ms", "0x10", "Not a number of type LONG"],
  ["retention.bytes", "-5", "= -5"],
  ["max.message.bytes", "2147483648", "Not a number of type INT"],
  ["max.message.bytes", "-1", "Value must be at least 0"],
  ["segment.bytes", "100", "Value must be at least 1048576"],
  ["compression.gzip.level", "0", "Value must be between 1 and 9 or equal to -1"],
  ["compression.gzip.level", "-1", "= -1"],
  ["compression.lz4.level", "18", "Value must be no more than 17"],
  ["cleanup.policy", "compact, delete", "= compact,delete"],
  ["cleanup.policy", "compact,compact", "= compact"],
  ["cleanup.policy", "", "= "],
  ["cleanup.policy", "Compact", "String must be one of: compact, delete"],
  ["preallocate", "TRUE", "= true"],
  ["preallocate", "yes", "Expected value to be either true or false"],
  ["compression.type", " gzip ", "= gzip"],
  ["compression.type", "foo", "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer"],
  ["message.timestamp.type", "createtime", "String must be one of: CreateTime, LogAppendTime"],
  ["min.cleanable.dirty.ratio", "1e-3", "= 0.001"],
  ["min.cleanable.dirty.ratio", "0.50", "= 0.5"],
  ["min.cleanable.dirty.ratio", ".5", "= 0.5"],
  ["min.cleanable.dirty.ratio", "0.5f", "= 0.5"],
  ["min.cleanable.dirty.ratio", "1", "= 1.0"],
  ["min.cleanable.dirty.ratio", "1e-10", "= 1.0E-10"],
  ["min.cleanable.dirty.ratio", "1.1", "Value must be no more than 1"],
  ["min.cleanable.dirty.ratio", "half", "Not a number of type DOUBLE"],
  ["leader.replication.throttled.replicas", "*", "= *"],
  ["leader.replication.throttled.replicas", "1:2,1:2", "= 1:2,1:2"],
  ["sasl.login.refresh.buffer.seconds", "70000", "Not a number of type SHORT"],
  ["sasl.oauthbearer.assertion.algorithm", "es256", "= es256"],
  ["sasl.oauthbearer.assertion.algorithm", "x", "String must be one of (case insensitive): ES256, RS256"],
  ["remote.log.storage.manager.class.name", "", "String must be non-empty"],
  ["share.auto.offset.reset", "by_duration:PT1H", "= by_duration:PT1H"],
];

function setting(key: string) {
  return (TOPIC_SETTINGS.get(key) ?? BROKER_SETTINGS.get(key) ?? GROUP_SETTINGS.get(key))!;
}

for (const [key, text, outcome] of KAFKA) {
  test(`${key}=${text} is taken as Kafka takes it`, () => {
    const checked = setting(key).check(key, text);
    if (outcome.startsWith("= ")) {
      assert.ok(!("error" in checked), JSON.stringify(checked));
      assert.equal(checked.text, outcome.slice(2));
    } else {
      assert.ok("error" in checked, JSON.stringify(checked));
      const shown = text === " +5 " ? "5" : text;
      assert.equal(checked.error, `Invalid value ${shown} for configuration ${key}: ${outcome}`);
    }
  });
}

test("messages about lists are Kafka's", () => {
  const message = (key: string, text: string): unknown => setting(key).check(key, text);
  assert.deepEqual(message("cleanup.policy", "delete,foo"), {
    error: "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete",
  });
  assert.deepEqual(message("cleanup.policy", "compact,"), {
    error: "Configuration 'cleanup.policy' values must not be empty.",
  });
  assert.deepEqual(message("log.dirs", ""), {
    error: "Configuration 'log.dirs' must not be empty. Valid values include: any non-empty value",
  });
  assert.deepEqual(message("process.roles", ""), {
    error: "Configuration 'process.roles' must not be empty. Valid values include: [broker, controller]",
  });
  assert.deepEqual(message("leader.replication.throttled.replicas", "a,b"), {
    error:
      "Invalid value [a, b] for configuration leader.replication.throttled.replicas: " +
      "leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: " +
      "[partitionId]:[brokerId],[partitionId]:[brokerId],...",
  });
});

test("a number beyond 2^53-1 is the nearest safe one, and its text keeps every digit", () => {
  const check = (text: string): unknown => setting("retention.bytes").check("retention.bytes", text);
  assert.deepEqual(check("9223372036854775807"), { value: Number.MAX_SAFE_INTEGER, text: "9223372036854775807" });
  assert.deepEqual(check("-9223372036854775808"), { value: Number.MIN_SAFE_INTEGER, text: "-9223372036854775808" });
  assert.deepEqual(check("9007199254740991"), { value: 9007199254740991, text: "9007199254740991" });
  assert.deepEqual(check("9007199254740993"), { value: 9007199254740991, text: "9007199254740993" });
});

test("the largest doubles and the smallest print as Java prints them", () => {
  assert.equal(setting("log.cleaner.io.max.bytes.per.second").default.text, "1.7976931348623157E308");
  const check = (text: string): unknown =>
    setting("log.cleaner.io.max.bytes.per.second").check("log.cleaner.io.max.bytes.per.second", text);
  assert.deepEqual(check("10000000"), { value: 1e7, text: "1.0E7" });
  assert.deepEqual(check("9999999"), { value: 9999999, text: "9999999.0" });
  assert.deepEqual(check("1234567890.5"), { value: 1234567890.5, text: "1.2345678905E9" });
});
