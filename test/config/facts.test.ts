/**
 * Compares the tables of settings with what a running Kafka 4.2 said of its own: every key, with its type, default,
 * whether it can change while the broker runs, whether it is a secret, and what a topic's setting falls back to.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { isSensitive, type Setting } from "../../src/config/setting.ts";
import { BROKER_FOR_TOPIC } from "../../src/config/synonyms.ts";
import { BROKER_SETTINGS, GROUP_SETTINGS, TOPIC_SETTINGS, type TopicKey } from "../../src/config/tables.ts";

interface Fact {
  readonly name: string;
  readonly type: string;
  /** null: there is no default, or the Kafka that was asked had another value and did not tell. */
  readonly default: string | null;
  readonly readOnly?: boolean;
  readonly sensitive?: boolean;
  /** Only those with another name. */
  readonly synonyms?: readonly string[];
}

const FACTS = new URL("../../../shared/kafka/facts/", import.meta.url);
const skip = existsSync(FACTS) ? false : `${FACTS.pathname} is not there: the tables were not compared with Kafka`;

/** Set in the Kafka that was asked; the defaults are from Kafka's documentation. */
const DOCUMENTED: Readonly<Record<string, string>> = {
  "group.initial.rebalance.delay.ms": "3000",
  "listener.security.protocol.map": "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
  "controller.quorum.voters": "",
  "offsets.topic.replication.factor": "3",
  "transaction.state.log.min.isr": "2",
  "transaction.state.log.replication.factor": "3",
};

/** Where the default is another one on purpose. */
const ON_PURPOSE: Readonly<Record<string, string>> = {
  "broker.id": "1: a broker needs no file to start",
  "node.id": "1: a broker needs no file to start",
  "log.dir": "./data: nobody looks for data in /tmp",
  listeners: "loopback: nothing is open to the network that was not asked for",
  "max.connections": "10000: everything has a bound",
  "queued.max.request.bytes": "128 MiB: everything has a bound",
  "socket.send.buffer.bytes": "256 KiB: faster, see docs/decisions/0017",
  "socket.receive.buffer.bytes": "-1: as large as the producer's distance makes it",
};

/** Can change at a start only, where Kafka's can change before. */
const AT_START: ReadonlySet<string> = new Set(["listeners", "listener.security.protocol.map"]);

/** Every difference between what Kafka says and the table, in words. */
function differences(facts: readonly Fact[], settings: ReadonlyMap<string, Setting>): string[] {
  return facts.flatMap((fact) => {
    const { name } = fact;
    const setting = settings.get(name);
    if (setting === undefined) return [`${name} is missing`];
    const kafka = fact.default ?? DOCUMENTED[name] ?? null;
    return [
      ...differs(`${name}: type`, fact.type, setting.type),
      ...(name in ON_PURPOSE ? [] : differs(`${name}: default`, kafka, setting.default.text)),
      ...(settings === BROKER_SETTINGS && !AT_START.has(name)
        ? differs(`${name}: read-only`, fact.readOnly ?? false, setting.scope === "read-only")
        : []),
      ...differs(`${name}: secret`, fact.sensitive ?? false, isSensitive(setting)),
      ...(settings === TOPIC_SETTINGS ? synonymDifferences(fact) : []),
    ];
  });
}

/** Kafka names a synonym only where it has a value: not `log.retention.ms`, which is null by default. */
function synonymDifferences({ name, synonyms = [] }: Fact): string[] {
  const [broker] = BROKER_FOR_TOPIC[name as TopicKey] ?? [];
  const isNamed = broker !== undefined && broker !== name && BROKER_SETTINGS.get(broker)!.default.text !== null;
  return differs(`${name}: synonyms`, synonyms.join(), isNamed ? broker : "");
}

function differs<T>(what: string, kafka: T, table: T): string[] {
  return kafka === table ? [] : [`${what} is ${String(kafka)} in Kafka and ${String(table)} here`];
}

function read(file: string): readonly Fact[] {
  return JSON.parse(readFileSync(new URL(file, FACTS), "utf8")) as readonly Fact[];
}

for (const [file, settings, count] of [
  ["broker-configs.json", BROKER_SETTINGS, 320],
  ["topic-configs.json", TOPIC_SETTINGS, 33],
  ["group-configs.json", GROUP_SETTINGS, 11],
] as const) {
  test(`${file} and the table are the same`, { skip }, () => {
    const facts = read(file);
    assert.equal(facts.length, count);
    assert.deepEqual(differences(facts, settings), []);
  });
}

test("topics and groups have no settings that Kafka lacks", { skip }, () => {
  for (const [file, settings] of [
    ["topic-configs.json", TOPIC_SETTINGS],
    ["group-configs.json", GROUP_SETTINGS],
  ] as const) {
    const known = new Set(read(file).map(({ name }) => name));
    assert.deepEqual(
      [...settings.keys()].filter((key) => !known.has(key)),
      [],
    );
  }
});

test("the comparison finds each kind of difference (canary)", () => {
  const right: Fact = { name: "message.max.bytes", type: "INT", default: "1048588" };
  const topic: Fact = { name: "segment.bytes", type: "INT", default: "1073741824", synonyms: ["log.segment.bytes"] };
  assert.deepEqual(differences([right], BROKER_SETTINGS), []);
  assert.deepEqual(differences([topic], TOPIC_SETTINGS), []);
  assert.deepEqual(
    [
      { ...right, name: "message.max.byte" },
      { ...right, type: "LONG" },
      { ...right, default: "1048589" },
      { ...right, default: null },
      { ...right, readOnly: true },
      { ...right, sensitive: true },
    ].flatMap((fact) => differences([fact], BROKER_SETTINGS)),
    [
      "message.max.byte is missing",
      "message.max.bytes: type is LONG in Kafka and INT here",
      "message.max.bytes: default is 1048589 in Kafka and 1048588 here",
      "message.max.bytes: default is null in Kafka and 1048588 here",
      "message.max.bytes: read-only is true in Kafka and false here",
      "message.max.bytes: secret is true in Kafka and false here",
    ],
  );
  assert.deepEqual(differences([{ ...topic, synonyms: [] }], TOPIC_SETTINGS), [
    "segment.bytes: synonyms is  in Kafka and log.segment.bytes here",
  ]);
});
