import assert from "node:assert/strict";
import { test } from "node:test";
import { layersAtStart } from "./broker-config.ts";
import { describeGroup, groupConfigProblem } from "./group-config.ts";

type Given = Readonly<Record<string, string>>;

function problem(texts: Given, atStart: Given = {}): string | null {
  return groupConfigProblem(new Map(Object.entries(texts)), layersAtStart(new Map(Object.entries(atStart))));
}

test("a group may choose within the bounds of the broker", () => {
  assert.equal(problem({}), null);
  assert.equal(problem({ "consumer.session.timeout.ms": "60000", "consumer.heartbeat.interval.ms": "15000" }), null);
  assert.equal(problem({ nope: "1" }), "Unknown group config name: nope");
  assert.equal(
    problem({ "consumer.session.timeout.ms": "b" }),
    "Invalid value b for configuration consumer.session.timeout.ms: Not a number of type INT",
  );
  assert.equal(
    problem({ "streams.initial.rebalance.delay.ms": "-1" }),
    "Invalid value -1 for configuration streams.initial.rebalance.delay.ms: Value must be at least 0",
  );
});

test("every bound of the broker holds", () => {
  for (const [key, min, max] of [
    ["consumer.heartbeat.interval.ms", 5000, 15_000],
    ["consumer.session.timeout.ms", 45_000, 60_000],
    ["share.heartbeat.interval.ms", 5000, 15_000],
    ["share.session.timeout.ms", 45_000, 60_000],
    ["share.record.lock.duration.ms", 15_000, 60_000],
    ["streams.heartbeat.interval.ms", 5000, 15_000],
    ["streams.session.timeout.ms", 45_000, 60_000],
  ] as const) {
    const [kind, name] = [key.slice(0, key.indexOf(".")), key.slice(key.indexOf(".") + 1)];
    assert.equal(problem({ [key]: String(min) }), null);
    assert.equal(problem({ [key]: String(max) }), null);
    const less = `${key} must be greater than or equal to group.${kind}.min.${name}`;
    assert.equal(problem({ [key]: String(min - 1) }), less);
    const more = `${key} must be less than or equal to group.${kind}.max.${name}`;
    assert.equal(problem({ [key]: String(max + 1) }), more);
  }
  assert.equal(
    problem({ "streams.num.standby.replicas": "3" }),
    "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas",
  );
});

test("a session must outlast a heartbeat", () => {
  for (const kind of ["consumer", "share", "streams"]) {
    const atStart = { [`group.${kind}.max.heartbeat.interval.ms`]: "50000" };
    assert.equal(
      problem({ [`${kind}.heartbeat.interval.ms`]: "45000" }, atStart),
      `${kind}.session.timeout.ms must be greater than ${kind}.heartbeat.interval.ms`,
    );
  }
});

test("a group is described with its own settings, else with the broker's", () => {
  const layers = layersAtStart(new Map([["group.consumer.session.timeout.ms", "50000"]]));
  const described = describeGroup(new Map([["share.isolation.level", "read_committed"]]), layers);
  const shown = (name: string) => {
    const { value, source, synonyms } = described.find((config) => config.name === name)!;
    return [value, source, synonyms];
  };
  assert.deepEqual(shown("share.isolation.level"), [
    "read_committed",
    8,
    [{ name: "share.isolation.level", value: "read_committed", source: 8 }],
  ]);
  assert.deepEqual(shown("consumer.session.timeout.ms"), [
    "50000",
    5,
    [{ name: "consumer.session.timeout.ms", value: "50000", source: 5 }],
  ]);
  assert.deepEqual(shown("share.auto.offset.reset").slice(0, 2), ["latest", 5]);
});
