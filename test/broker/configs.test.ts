/** DescribeConfigs: which settings, where each comes from, what they mean. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KafkaClient } from "../../sim/kafka-client.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { errorName } from "../../src/protocol/errors.ts";
import { createTopic, withBroker } from "./broker-simulation.ts";

const TOPIC = 2;
const BROKER = 4;
const DYNAMIC_TOPIC = 1;
const STATIC_BROKER = 4;
const DEFAULT = 5;

interface Asked {
  readonly type: number;
  readonly name: string;
  readonly keys?: readonly string[] | null;
  readonly version?: number;
  readonly synonyms?: boolean;
  readonly documentation?: boolean;
}

async function describe(client: KafkaClient, asked: Asked) {
  const { type, name, keys = null, version = 4, synonyms = false, documentation = false } = asked;
  const { results } = await client.request(APIS.describeConfigs, version, {
    resources: [{ resourceType: type, resourceName: name, configurationKeys: keys }],
    includeSynonyms: synonyms,
    ...(documentation ? { includeDocumentation: true } : {}),
  });
  assert.equal(results.length, 1);
  assert.equal(results[0]!.resourceType, type);
  assert.equal(results[0]!.resourceName, name);
  return results[0]!;
}

test("all keys, some, and none that is known", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    const all = await describe(client, { type: TOPIC, name: "t" });
    assert.ok(all.configs.length > 30, `${all.configs.length} settings`);
    const everyName = all.configs.map(({ name }) => name);
    const none = await describe(client, { type: TOPIC, name: "t", keys: [] });
    assert.deepEqual(none.configs, all.configs, "no keys are all keys, as in Kafka");
    const some = await describe(client, {
      type: TOPIC,
      name: "t",
      keys: ["retention.ms", "no.such", "cleanup.policy"],
    });
    assert.deepEqual(
      some.configs,
      all.configs.filter(({ name }) => ["retention.ms", "cleanup.policy"].includes(name)),
    );
    assert.deepEqual((await describe(client, { type: TOPIC, name: "t", keys: ["no.such"] })).configs, []);
    assert.equal(new Set(everyName).size, everyName.length);
  });
});

test("where a value comes from: the topic, the broker's start, or nowhere", async () => {
  await withBroker(
    async ({ connect }) => {
      const client = connect();
      await createTopic(client, "t", { configs: { "retention.bytes": "77" } });
      const keys = ["retention.bytes", "max.message.bytes", "cleanup.policy"];
      const { configs } = await describe(client, { type: TOPIC, name: "t", keys, synonyms: true });
      const told = configs.map(({ name, value, configSource, synonyms }) => [name, value, configSource, synonyms]);
      const byName = new Map(told.map(([name, ...rest]) => [name, rest]));
      assert.deepEqual(byName.get("retention.bytes"), [
        "77",
        DYNAMIC_TOPIC,
        [
          { name: "retention.bytes", value: "77", source: DYNAMIC_TOPIC },
          { name: "log.retention.bytes", value: "-1", source: DEFAULT },
        ],
      ]);
      assert.deepEqual(byName.get("max.message.bytes"), [
        "5000",
        STATIC_BROKER,
        [
          { name: "message.max.bytes", value: "5000", source: STATIC_BROKER },
          { name: "message.max.bytes", value: "1048588", source: DEFAULT },
        ],
      ]);
      assert.deepEqual(byName.get("cleanup.policy"), [
        "delete",
        DEFAULT,
        [{ name: "log.cleanup.policy", value: "delete", source: DEFAULT }],
      ]);
      const plain = await describe(client, { type: TOPIC, name: "t", keys });
      for (const { synonyms } of plain.configs) assert.deepEqual(synonyms, [], "only when asked for");
    },
    { settings: { "message.max.bytes": "5000" } },
  );
});

test("documentation is given when asked for, types always, from version 3 on", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    const asked = { type: TOPIC, name: "t", keys: ["retention.ms"] };
    const [documented] = (await describe(client, { ...asked, version: 3, documentation: true })).configs;
    assert.ok(documented!.documentation!.length > 10);
    assert.equal(documented!.configType, 5, "a long");
    const [plain] = (await describe(client, { ...asked, version: 3 })).configs;
    assert.equal(plain!.documentation, null);
    const [old] = (await describe(client, { ...asked, version: 2 })).configs;
    assert.equal(old!.configType, 0);
  });
});

test("every setting has its documentation, for topics and for the broker", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    for (const [type, name] of [
      [TOPIC, "t"],
      [BROKER, "1"],
    ] as const) {
      const { configs } = await describe(client, { type, name, documentation: true });
      assert.deepEqual(
        configs.filter(({ documentation }) => !documentation).map((config) => config.name),
        [],
      );
    }
  });
});

test("the broker's own settings, by its id; those of all brokers, by no name", async () => {
  await withBroker(
    async ({ connect }) => {
      const client = connect();
      const own = await describe(client, { type: BROKER, name: "1", keys: ["num.partitions", "wal.sync", "node.id"] });
      assert.deepEqual(
        own.configs.map(({ name, value, configSource, readOnly }) => [name, value, configSource, readOnly]),
        [
          ["node.id", "1", DEFAULT, true],
          ["num.partitions", "7", STATIC_BROKER, true],
          ["wal.sync", "always", DEFAULT, true],
        ],
      );
      assert.deepEqual((await describe(client, { type: BROKER, name: "" })).configs, [], "none is set");
    },
    { settings: { "num.partitions": "7" } },
  );
});

test("what is not there, and what cannot be described, has an error of its own", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    const resources = [
      [TOPIC, "unknown", "UNKNOWN_TOPIC_OR_PARTITION"],
      [TOPIC, "", "INVALID_TOPIC_EXCEPTION"],
      [TOPIC, "a b", "INVALID_TOPIC_EXCEPTION"],
      [BROKER, "2", "INVALID_REQUEST"],
      [BROKER, "one", "INVALID_REQUEST"],
      [0, "t", "INVALID_REQUEST"],
      [127, "t", "INVALID_REQUEST"],
    ] as const;
    for (const [type, name, expected] of resources) {
      const result = await describe(client, { type, name });
      assert.equal(errorName(result.errorCode), expected, `${type} ${name}`);
      // Kafka has no message for a topic that is not there.
      assert.equal(result.errorMessage === "", expected === "UNKNOWN_TOPIC_OR_PARTITION");
      assert.deepEqual(result.configs, []);
    }
  });
});

test("hazard: a short request for the same settings over and over has no answer of gigabytes", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    const again = Array.from({ length: 50_000 }, () => ({ resourceType: TOPIC, resourceName: "t" }));
    const groups = Array.from({ length: 10_000 }, (_, index) => ({ resourceType: 32, resourceName: `${index}` }));
    const { results } = await client.request(APIS.describeConfigs, 4, { resources: [...again, ...groups] });
    assert.equal(results.length, 60_000);
    const described = results.filter(({ configs }) => configs.length > 0);
    assert.equal(described.length, 5_000);
    assert.equal(described[0]!.resourceName, "t");
    assert.deepEqual(
      new Set(results.map(({ errorCode }) => errorName(errorCode))),
      new Set(["NONE", "INVALID_REQUEST"]),
    );
  });
});
