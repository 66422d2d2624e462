import assert from "node:assert/strict";
import { test } from "node:test";
import { layersAtStart } from "./broker-config.ts";
import { dynamicBrokerProblem } from "./dynamic-broker-config.ts";
import { BROKER_SETTINGS } from "./tables.ts";
import { MAX_VALUE_BYTES } from "./texts-check.ts";

function problem(texts: Readonly<Record<string, string>>, perBroker = false): string | null {
  const wanted = new Map(Object.entries(texts));
  const layers = { ...layersAtStart(new Map()), [perBroker ? "perBroker" : "clusterWide"]: wanted };
  return dynamicBrokerProblem(wanted, { perBroker, layers });
}

test("what changes at once can be changed", () => {
  assert.equal(problem({}), null);
  assert.equal(problem({ "log.retention.ms": "1", "message.max.bytes": "5", "num.io.threads": "9" }), null);
  assert.equal(problem({ "sasl.enabled.mechanisms": "PLAIN" }, true), null);
});

test("what changes with a restart only is refused, every key of it", () => {
  for (const [key, { scope, default: start }] of BROKER_SETTINGS) {
    if (scope !== "read-only") continue;
    assert.equal(problem({ [key]: start.text ?? "x" }, true), `Cannot update these configs dynamically: Set(${key})`);
  }
  assert.equal(
    problem({ "num.partitions": "1", "node.id": "2", "log.retention.ms": "x" }),
    "Cannot update these configs dynamically: Set(node.id, num.partitions)",
  );
});

test("what cannot be is refused", () => {
  assert.equal(
    problem({ nope: "1", "listener.name.a.b": "1" }),
    "Unknown broker config names: Set(listener.name.a.b, nope)",
  );
  assert.match(problem({ "ssl.keystore.location": "/x" }, true)!, /Set\(ssl.keystore.location\)$/);
  assert.equal(
    problem({ "sasl.enabled.mechanisms": "PLAIN" }),
    "Cannot update these configs at default cluster level, broker id must be specified: Set(sasl.enabled.mechanisms)",
  );
  assert.equal(
    problem({ "message.max.bytes": "-1" }),
    "Invalid value -1 for configuration message.max.bytes: Value must be at least 0",
  );
  assert.equal(
    problem({ "max.connections.per.ip.overrides": "x".repeat(MAX_VALUE_BYTES + 1) }),
    "Invalid value for configuration max.connections.per.ip.overrides: 32768 bytes are more than 32767",
  );
});

test("settings that would be wrong together as the defaults of topics are refused", () => {
  assert.equal(problem({ "log.retention.ms": "0" }), "log.retention.ms is 0: give -1 (no limit) or at least 1");
  assert.equal(
    problem({ "log.cleaner.min.compaction.lag.ms": "2", "log.cleaner.max.compaction.lag.ms": "1" }),
    "conflict topic config setting min.compaction.lag.ms (2) > max.compaction.lag.ms (1)",
  );
});
