import assert from "node:assert/strict";
import { test } from "node:test";
import { describeSubscription, subscriptionProblem } from "./client-metrics.ts";

function problem(texts: Readonly<Record<string, string>>): string | null {
  const found = subscriptionProblem(new Map(Object.entries(texts)));
  return found === null ? null : `${found.invalidRequest ? "request" : "config"}: ${found.message}`;
}

test("a subscription may say how often, what and who", () => {
  assert.equal(problem({}), null);
  const match = "client_id=a.*, client_software_version=1\\.[0-9]+";
  assert.equal(problem({ "interval.ms": "100", metrics: "org.apache.kafka.producer.,x", match }), null);
  assert.equal(problem({ "interval.ms": "3600000", metrics: "", match: "" }), null);
});

test("what is wrong with a subscription is said as Kafka does", () => {
  assert.equal(problem({ nope: "1" }), "request: Unknown client metrics configuration: nope");
  assert.equal(
    problem({ "interval.ms": "z" }),
    "config: Invalid value z for configuration interval.ms: Not a number of type INT",
  );
  for (const interval of ["99", "3600001", "-1"]) {
    assert.equal(
      problem({ "interval.ms": interval }),
      `request: Invalid value ${interval} for interval.ms, interval must be between 100 and 3600000 (1 hour)`,
    );
  }
  for (const match of ["z", "foo=z", "client_id=[", "client_id=", "client_id=a=b"]) {
    assert.equal(problem({ match }), `config: Illegal client matching pattern: ${match}`);
  }
});

test("a subscription is described with what is set, and defaults", () => {
  const described = describeSubscription(new Map([["metrics", "a, b"]])).map((config) => [
    config.name,
    config.value,
    config.source,
    config.synonyms,
  ]);
  assert.deepEqual(described, [
    ["interval.ms", "300000", 5, []],
    ["match", "", 5, []],
    ["metrics", "a,b", 7, [{ name: "metrics", value: "a,b", source: 7 }]],
  ]);
});
