/** AlterConfigs, IncrementalAlterConfigs, DescribeConfigs, ListConfigResources: over the wire, and over restarts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_NAMED_RESOURCES } from "../../src/broker/config-changes.ts";
import { MAX_VALUE_BYTES } from "../../src/config/texts-check.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { RESOURCE_BROKER, RESOURCE_CLIENT_METRICS, RESOURCE_GROUP, RESOURCE_TOPIC } from "../../src/state/state.ts";
import { AdminBroker, versionsOf } from "./admin-broker.ts";

const LOGGER = 8;
const OPERATIONS = { set: 0, delete: 1, append: 2, subtract: 3, unknown: 9 } as const;

/** [key, operation, value] */
type Change = readonly [string, keyof typeof OPERATIONS, (string | null)?];
type Resource = readonly [type: number, name: string];

const { INVALID_REQUEST, INVALID_CONFIG, INVALID_TOPIC_EXCEPTION, NONE } = ErrorCode;

function changesOf([resourceType, resourceName]: Resource, changes: readonly Change[]) {
  const configs = changes.map(([name, operation, value = null]) => {
    return { name, configOperation: OPERATIONS[operation], value };
  });
  return { resourceType, resourceName, configs };
}

/** Changes one resource; answers error code and message. */
async function change(broker: AdminBroker, resource: Resource, changes: readonly Change[], validateOnly = false) {
  const resources = [changesOf(resource, changes)];
  const { responses } = await broker.ask(APIS.incrementalAlterConfigs, 1, { resources, validateOnly });
  assert.deepEqual([responses[0]!.resourceType, responses[0]!.resourceName], resource);
  return [responses[0]!.errorCode, responses[0]!.errorMessage] as const;
}

async function replace(
  broker: AdminBroker,
  [resourceType, resourceName]: Resource,
  values: Readonly<Record<string, string | null>>,
  version = 2,
) {
  const configs = Object.entries(values).map(([name, value]) => ({ name, value }));
  const resources = [{ resourceType, resourceName, configs }];
  const { responses } = await broker.ask(APIS.alterConfigs, version, { resources });
  return [responses[0]!.errorCode, responses[0]!.errorMessage] as const;
}

/** `value @ source` of one setting. */
async function shown(broker: AdminBroker, [resourceType, resourceName]: Resource, name: string): Promise<string> {
  const resources = [{ resourceType, resourceName, configurationKeys: [name] }];
  const { results } = await broker.ask(APIS.describeConfigs, 4, { resources, includeSynonyms: true });
  assert.equal(results[0]!.errorCode, 0);
  const [config] = results[0]!.configs;
  return config === undefined ? "nothing" : `${config.value} @ ${config.configSource}`;
}

const T: Resource = [RESOURCE_TOPIC, "t"];
const ONE: Resource = [RESOURCE_BROKER, "1"];
const ALL: Resource = [RESOURCE_BROKER, ""];
const G: Resource = [RESOURCE_GROUP, "g"];
const S: Resource = [RESOURCE_CLIENT_METRICS, "s"];
const OK = [NONE, null] as const;

test("single settings are set, deleted, appended to and subtracted from", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t", { "retention.ms": "1", "max.message.bytes": "2" });
  assert.deepEqual(
    await change(broker, T, [
      ["retention.ms", "set", "5"],
      ["max.message.bytes", "delete"],
    ]),
    OK,
  );
  assert.equal(await shown(broker, T, "retention.ms"), "5 @ 1");
  assert.equal(await shown(broker, T, "max.message.bytes"), "1048588 @ 5");
  assert.deepEqual(await change(broker, T, [["cleanup.policy", "append", "compact,delete"]]), OK);
  assert.equal(await shown(broker, T, "cleanup.policy"), "delete,compact @ 1");
  assert.deepEqual(await change(broker, T, [["cleanup.policy", "subtract", "delete,x"]]), OK);
  assert.equal(await shown(broker, T, "cleanup.policy"), "compact @ 1");
  assert.deepEqual(await change(broker, T, [["cleanup.policy", "subtract", "compact"]]), OK);
  assert.equal(await shown(broker, T, "cleanup.policy"), " @ 1");
  assert.deepEqual(
    await change(broker, T, [
      ["segment.bytes", "delete"],
      ["nope", "delete"],
    ]),
    OK,
  );
});

test("a list does not grow beyond what can be described", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t");
  const key = "leader.replication.throttled.replicas";
  const replicas = (from: number): string => Array.from({ length: 4000 }, (_, index) => `${from + index}:1`).join();
  const [first, second] = [replicas(1000), replicas(6000)];
  assert.deepEqual(await change(broker, T, [[key, "set", first]]), OK);
  const sizeBytes = first.length + 1 + second.length;
  assert.deepEqual(await change(broker, T, [[key, "append", second]]), [
    INVALID_CONFIG,
    `Invalid value for configuration ${key}: ${sizeBytes} bytes are more than ${MAX_VALUE_BYTES}`,
  ]);
  assert.equal(await shown(broker, T, key), `${first} @ 1`);
});

test("what is not changed makes no record, and nothing is changed when it is only checked", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t", { "retention.ms": "1" });
  const { position } = broker.state;
  assert.deepEqual(
    await change(broker, T, [
      ["retention.ms", "set", "1"],
      ["segment.ms", "delete"],
    ]),
    OK,
  );
  assert.deepEqual(await change(broker, T, []), OK);
  assert.deepEqual(await change(broker, T, [["retention.ms", "set", "2"]], true), OK);
  assert.equal((await change(broker, T, [["retention.ms", "set", "x"]], true))[0], INVALID_CONFIG);
  assert.equal(broker.state.position, position);
});

test("all settings of a resource are replaced, in every version", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t", { "retention.ms": "1", "max.message.bytes": "2" });
  for (const version of versionsOf(APIS.alterConfigs)) {
    const value = String(10 + version);
    assert.deepEqual(await replace(broker, T, { "max.message.bytes": value }, version), OK);
    assert.equal(await shown(broker, T, "max.message.bytes"), `${value} @ 1`);
    assert.equal(await shown(broker, T, "retention.ms"), "604800000 @ 5");
  }
  assert.deepEqual(await replace(broker, T, {}), OK);
  assert.equal(broker.state.topic("t")!.overrides.size, 0);
});

test("single settings are changed in every version", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t");
  for (const version of versionsOf(APIS.incrementalAlterConfigs)) {
    const value = String(10 + version);
    const resources = [changesOf(T, [["retention.ms", "set", value]])];
    const { responses } = await broker.ask(APIS.incrementalAlterConfigs, version, { resources });
    assert.deepEqual(responses, [{ errorCode: 0, errorMessage: null, resourceType: 2, resourceName: "t" }]);
    assert.equal(await shown(broker, T, "retention.ms"), `${value} @ 1`);
  }
});

test("every mistake is refused as Kafka refuses it", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t");
  const cases: readonly (readonly [Resource, readonly Change[], number, string])[] = [
    [T, [["retention.ms", "set"]], INVALID_REQUEST, "Null value not supported for : retention.ms"],
    [
      T,
      [
        ["a", "append"],
        ["b", "set"],
      ],
      INVALID_REQUEST,
      "Null value not supported for : a, b",
    ],
    [
      T,
      [
        ["a", "set", "1"],
        ["a", "delete"],
      ],
      INVALID_REQUEST,
      "Error due to duplicate config keys",
    ],
    [T, [["retention.ms", "unknown", "1"]], INVALID_REQUEST, "Unknown operations type 9"],
    [T, [["nope", "set", "1"]], INVALID_CONFIG, "Unknown topic config name: nope"],
    [
      T,
      [["retention.ms", "set", "abc"]],
      INVALID_CONFIG,
      "Invalid value abc for configuration retention.ms: Not a number of type LONG",
    ],
    [
      T,
      [["retention.ms", "append", "1"]],
      INVALID_CONFIG,
      "Can't APPEND to key retention.ms because its type is not LIST.",
    ],
    [T, [["nope", "subtract", "1"]], INVALID_CONFIG, "Can't SUBTRACT to key nope because its type is not LIST."],
    [[RESOURCE_TOPIC, ""], [], INVALID_REQUEST, "Default topic resources are not allowed."],
    [
      [RESOURCE_TOPIC, "a b"],
      [],
      INVALID_TOPIC_EXCEPTION,
      "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
    ],
    [[RESOURCE_TOPIC, "u"], [], ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "The topic 'u' does not exist."],
    [ONE, [["node.id", "set", "2"]], INVALID_REQUEST, "Cannot update these configs dynamically: Set(node.id)"],
    [ONE, [["nope", "set", "2"]], INVALID_REQUEST, "Unknown broker config names: Set(nope)"],
    [
      ONE,
      [["log.retention.ms", "append", "2"]],
      INVALID_CONFIG,
      "Config value append is not allowed for config key: log.retention.ms",
    ],
    [[RESOURCE_BROKER, "2"], [], INVALID_REQUEST, "Unexpected broker id, expected 1, but received 2"],
    [[RESOURCE_BROKER, "x"], [], INVALID_REQUEST, "Node id must be an integer, but it is: x"],
    [[LOGGER, "1"], [["kafka", "set", "INFO"]], INVALID_CONFIG, "Logger kafka does not exist!"],
    [[LOGGER, "2"], [], INVALID_REQUEST, "Unexpected broker id, expected 1, but received 2"],
    [[RESOURCE_CLIENT_METRICS, ""], [], INVALID_REQUEST, "Subscription name can't be empty"],
    [S, [["nope", "set", "1"]], INVALID_REQUEST, "Unknown client metrics configuration: nope"],
    [S, [["match", "set", "x"]], INVALID_CONFIG, "Illegal client matching pattern: x"],
    [S, [["metrics", "append", "1"]], INVALID_CONFIG, "Can't APPEND to key metrics because its type is not LIST."],
    [[RESOURCE_GROUP, ""], [], INVALID_REQUEST, "Default group resources are not allowed."],
    [G, [["nope", "set", "1"]], INVALID_CONFIG, "Unknown group config name: nope"],
    [[0, "t"], [], INVALID_REQUEST, "Unknown resource type 0"],
    [[99, "t"], [], INVALID_REQUEST, "Unknown resource type 99"],
  ];
  const { position } = broker.state;
  for (const [resource, changes, code, message] of cases) {
    assert.deepEqual(await change(broker, resource, changes), [code, message], message);
  }
  assert.deepEqual(await replace(broker, T, { "retention.ms": null }), [
    INVALID_REQUEST,
    "Null value not supported for : retention.ms",
  ]);
  assert.deepEqual(await replace(broker, [LOGGER, "1"], {}), [INVALID_REQUEST, "Unknown resource type 8"]);
  assert.equal(broker.state.position, position);
});

test("each resource fails for itself; one that comes twice fails twice", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t");
  await broker.createTopic("u");
  const resources = [
    changesOf(T, [["retention.ms", "set", "1"]]),
    changesOf(T, [["retention.ms", "set", "2"]]),
    changesOf([RESOURCE_TOPIC, "u"], [["retention.ms", "set", "3"]]),
    changesOf([RESOURCE_TOPIC, "v"], [["retention.ms", "set", "4"]]),
  ];
  const { responses } = await broker.ask(APIS.incrementalAlterConfigs, 1, { resources });
  assert.deepEqual(
    responses.map(({ errorCode }) => errorCode),
    [INVALID_REQUEST, INVALID_REQUEST, NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  );
  assert.equal(responses[0]!.errorMessage, "Each resource must appear at most once.");
  assert.equal(await shown(broker, T, "retention.ms"), "604800000 @ 5");
  assert.equal(await shown(broker, [RESOURCE_TOPIC, "u"], "retention.ms"), "3 @ 1");
});

test("a broker's settings take effect at once, one broker's before all brokers'", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t");
  const value = "x".repeat(1000);
  assert.equal((await broker.produce("t", [{ value }])).errorCode, 0);
  assert.deepEqual(await change(broker, ALL, [["message.max.bytes", "set", "500"]]), OK);
  assert.equal((await broker.produce("t", [{ value }])).errorCode, ErrorCode.MESSAGE_TOO_LARGE);
  assert.equal(await shown(broker, T, "max.message.bytes"), "500 @ 3");
  assert.deepEqual(await change(broker, ONE, [["message.max.bytes", "set", "5000"]]), OK);
  assert.equal((await broker.produce("t", [{ value }])).errorCode, 0);
  assert.equal(await shown(broker, ONE, "message.max.bytes"), "5000 @ 2");
  assert.equal(await shown(broker, ALL, "message.max.bytes"), "500 @ 3");
  assert.deepEqual(await change(broker, ONE, [["message.max.bytes", "delete"]]), OK);
  assert.equal((await broker.produce("t", [{ value }])).errorCode, ErrorCode.MESSAGE_TOO_LARGE);
  assert.deepEqual(await replace(broker, ALL, {}), OK);
  assert.equal((await broker.produce("t", [{ value }])).errorCode, 0);
});

test("max.connections counts for the next connection", async () => {
  const broker = await AdminBroker.start();
  assert.deepEqual(await change(broker, ALL, [["max.connections", "set", "1"]]), OK);
  const second = broker.world.connect();
  await assert.rejects(broker.world.simulation.settle(second.request(APIS.apiVersions, 0, {})));
});

test("retention of a running broker is shortened: old records go with the next check", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t");
  await broker.produce("t", [{ timestamp: 1, value: "old" }]);
  assert.deepEqual(await change(broker, T, [["retention.ms", "set", "1000"]]), OK);
  await broker.world.pass(500); // until the file is sealed and retention has looked at it
  const { batches, logStartOffset } = await broker.fetch("t", 1);
  assert.deepEqual([batches.length, logStartOffset], [0, 1]);
});

test("settings are there after a restart, however the broker ended", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t");
  for (const how of ["power", "stop"] as const) {
    const [value, session] = how === "power" ? ["7000", "46000"] : ["8000", "47000"];
    assert.deepEqual(await change(broker, T, [["retention.ms", "set", value]]), OK);
    assert.deepEqual(await change(broker, ALL, [["log.retention.bytes", "set", value]]), OK);
    assert.deepEqual(await change(broker, ONE, [["producer.id.expiration.ms", "set", value]]), OK);
    assert.deepEqual(await change(broker, G, [["consumer.session.timeout.ms", "set", session]]), OK);
    assert.deepEqual(await change(broker, S, [["interval.ms", "set", value]]), OK);
    await broker.restart(how);
    assert.equal(await shown(broker, T, "retention.ms"), `${value} @ 1`);
    assert.equal(await shown(broker, T, "retention.bytes"), `${value} @ 3`);
    assert.equal(await shown(broker, ONE, "producer.id.expiration.ms"), `${value} @ 2`);
    assert.equal(await shown(broker, G, "consumer.session.timeout.ms"), `${session} @ 8`);
    assert.equal(await shown(broker, S, "interval.ms"), `${value} @ 7`);
    assert.equal(broker.state.broker["producer.id.expiration.ms"], Number(value));
  }
  assert.deepEqual(await replace(broker, G, {}), OK);
  assert.deepEqual(await replace(broker, S, {}), OK);
  await broker.restart("stop");
  assert.equal(broker.state.overridesOf(RESOURCE_GROUP).size, 0);
  assert.equal(broker.state.overridesOf(RESOURCE_CLIENT_METRICS).size, 0);
});

test("the settings of a deleted topic are gone when it is there again", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t", { "retention.ms": "5" });
  await broker.ask(APIS.deleteTopics, 5, { topicNames: ["t"], timeoutMs: 1000 });
  await broker.createTopic("t");
  await broker.restart("power");
  assert.equal(await shown(broker, T, "retention.ms"), "604800000 @ 5");
});

test("groups with settings are bounded", async () => {
  const broker = await AdminBroker.start({}, { withoutJournal: true });
  const resources = Array.from({ length: MAX_NAMED_RESOURCES + 1 }, (_, index) =>
    changesOf([RESOURCE_GROUP, `g${index}`], [["share.isolation.level", "set", "read_committed"]]),
  );
  const { responses } = await broker.ask(APIS.incrementalAlterConfigs, 1, { resources });
  assert.equal(responses.filter(({ errorCode }) => errorCode === NONE).length, MAX_NAMED_RESOURCES);
  assert.equal(responses.at(-1)!.errorCode, ErrorCode.POLICY_VIOLATION);
  assert.deepEqual(await replace(broker, [RESOURCE_GROUP, "g7"], {}), OK);
  assert.deepEqual(await change(broker, G, [["share.isolation.level", "set", "read_committed"]]), OK);
});

test("what has settings is listed, by type", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t");
  await change(broker, G, [["share.isolation.level", "set", "read_committed"]]);
  await change(broker, S, [["metrics", "set", "*"]]);
  const listed = async (version: number, resourceTypes: number[]) => {
    const body = version === 0 ? {} : { resourceTypes };
    const { errorCode, configResources } = await broker.ask(APIS.listConfigResources, version, body);
    return [errorCode, configResources.map(({ resourceType, resourceName }) => `${resourceType} ${resourceName}`)];
  };
  assert.deepEqual(versionsOf(APIS.listConfigResources), [0, 1]);
  assert.deepEqual(await listed(0, []), [NONE, ["16 s"]]);
  assert.deepEqual(await listed(1, []), [NONE, ["32 g", "16 s", "8 1", "4 1", "2 t"]]);
  assert.deepEqual(await listed(1, [RESOURCE_TOPIC, RESOURCE_GROUP, RESOURCE_TOPIC]), [NONE, ["32 g", "2 t"]]);
  assert.deepEqual(await listed(1, [RESOURCE_TOPIC, 99]), [ErrorCode.UNSUPPORTED_VERSION, []]);
});

test("every kind of resource is described, in every version", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t");
  const keys = { configurationKeys: [] };
  for (const version of versionsOf(APIS.describeConfigs)) {
    const resources = [T, ONE, ALL, G, S, [LOGGER, "1"] as const].map(([resourceType, resourceName]) => {
      return { resourceType, resourceName, ...keys };
    });
    const { results } = await broker.ask(APIS.describeConfigs, version, { resources });
    assert.deepEqual(
      results.map(({ errorCode, errorMessage, configs }) => [errorCode, errorMessage, configs.length > 0]),
      [true, true, false, true, true, false].map((isThere) => [NONE, "", isThere]),
    );
  }
});

test("what cannot be described is refused as Kafka refuses it", async () => {
  const broker = await AdminBroker.start();
  const cases: readonly (readonly [Resource, number, string])[] = [
    [[RESOURCE_TOPIC, "u"], ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ""],
    [[RESOURCE_TOPIC, ""], INVALID_TOPIC_EXCEPTION, "Topic name is invalid: the empty string is not allowed"],
    [[RESOURCE_BROKER, "7"], INVALID_REQUEST, "Unexpected broker id, expected 1 or empty string, but received 7"],
    [[RESOURCE_BROKER, "x"], INVALID_REQUEST, "Broker id must be an integer, but it is: x"],
    [[LOGGER, ""], INVALID_REQUEST, "Broker id must not be empty"],
    [[LOGGER, "7"], INVALID_REQUEST, "Unexpected broker id, expected 1 but received 7"],
    [[RESOURCE_CLIENT_METRICS, ""], INVALID_REQUEST, "Client metrics subscription name must not be empty"],
    [[RESOURCE_GROUP, ""], INVALID_REQUEST, "Group name must not be empty"],
    [[7, "x"], INVALID_REQUEST, "Unsupported resource type: 7"],
  ];
  for (const [[resourceType, resourceName], code, message] of cases) {
    const resources = [{ resourceType, resourceName, configurationKeys: null }];
    const { results } = await broker.ask(APIS.describeConfigs, 4, { resources });
    assert.deepEqual([results[0]!.errorCode, results[0]!.errorMessage, results[0]!.configs], [code, message, []]);
  }
});
