import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BrokerLayers,
  describeBroker,
  describeClusterWide,
  layersAtStart,
  resolveBroker,
} from "./broker-config.ts";

const LAYERS: BrokerLayers = {
  perBroker: new Map([["message.max.bytes", "3"]]),
  clusterWide: new Map([
    ["message.max.bytes", "2"],
    ["log.retention.ms", "0500"],
  ]),
  atStart: new Map([
    ["message.max.bytes", "1"],
    ["num.partitions", "+6"],
    ["log.retention.hours", "24"],
    ["ssl.key.password", "hunter2"],
  ]),
};

function described(name: string) {
  return describeBroker(LAYERS).find((config) => config.name === name)!;
}

test("the strongest layer that says something counts", () => {
  const config = resolveBroker(LAYERS);
  assert.equal(config["message.max.bytes"], 3);
  assert.equal(config["log.retention.ms"], 500);
  assert.equal(config["num.partitions"], 6);
  assert.equal(config["fetch.max.bytes"], 57671680);
  assert.equal(config["log.retention.minutes"], null);
});

test("a setting is described with every place that sets it, strongest first", () => {
  const { value, source, readOnly, type, sensitive, synonyms } = described("message.max.bytes");
  assert.deepEqual(
    { value, source, readOnly, type, sensitive },
    {
      value: "3",
      source: 2,
      readOnly: false,
      type: 3,
      sensitive: false,
    },
  );
  assert.deepEqual(
    synonyms.map((synonym) => [synonym.source, synonym.value]),
    [
      [2, "3"],
      [3, "2"],
      [4, "1"],
      [5, "1048588"],
    ],
  );
});

test("values are described in Kafka's notation, synonyms as they were given", () => {
  assert.equal(described("num.partitions").value, "6");
  assert.equal(described("num.partitions").synonyms[0]!.value, "+6");
  assert.equal(described("num.partitions").readOnly, true);
});

test("settings in other units are synonyms", () => {
  const names = (name: string): string[] => described(name).synonyms.map((synonym) => synonym.name);
  assert.deepEqual(names("log.retention.ms"), ["log.retention.ms", "log.retention.hours", "log.retention.hours"]);
  assert.deepEqual(names("log.retention.hours"), ["log.retention.hours", "log.retention.hours"]);
  assert.deepEqual(names("log.retention.minutes"), []);
  assert.equal(described("log.retention.minutes").value, null);
});

test("a secret is never described", () => {
  const secret = described("ssl.key.password");
  assert.deepEqual([secret.value, secret.sensitive], [null, true]);
  assert.equal(JSON.stringify(describeBroker(LAYERS)).includes("hunter2"), false);
});

test("what is set for all brokers is described alone", () => {
  assert.deepEqual(
    describeClusterWide(LAYERS).map(({ name, value, synonyms }) => [name, value, synonyms.length]),
    [
      ["message.max.bytes", "2", 1],
      ["log.retention.ms", "0500", 1],
    ],
  );
  assert.deepEqual(describeClusterWide(layersAtStart(new Map())), []);
});
